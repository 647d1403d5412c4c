// Package plan says what HTTP answers for a file.
package plan

import (
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

type Request struct {
	Method                                                                   string
	IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince, IfRange, Range string
	AcceptEncoding                                                           string
	HasAcceptEncoding                                                        bool
	WantReprDigest                                                           string
}
type File struct {
	Size                         int64
	ModTime                      time.Time
	ETag                         string
	ContentType, ContentEncoding string
	SHA256                       []byte
}
type Options struct {
	Disposition, CacheControl, ContentSecurityPolicy string
	NoConditional, NoRange, NoLastModified           bool
	Vary                                             []string
	Extra                                            []Field
}
type Field struct{ Name, Value string }
type Segment struct {
	Text     string
	Off, Len int64
}
type Plan struct {
	Status   int
	Fields   []Field
	Segments []Segment
	Length   int64
	Reason   reason.Code
}

func Make(r *Request, f *File, o *Options) Plan {
	return Plan{Status: 200, Segments: []Segment{{Len: f.Size}}, Length: f.Size}
}
func ETag(size int64, mtime time.Time, weak bool) string               { return `"x"` }
func Method(method string) (bool, reason.Code)                         { return true, "" }
func OptionsPlan() Plan                                                { return Plan{Status: 204} }
func Negotiate(ae string, has bool, available []string) (string, bool) { return "", true }

const Allow = "GET, HEAD, OPTIONS"

func NeedsHead(string) bool                               { return false }
func Active(string) bool                                  { return false }
func ContentType(name string, head []byte) (string, bool) { return "text/plain", false }
