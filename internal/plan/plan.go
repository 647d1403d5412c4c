// Package plan is what HTTP answers for a file: a pure function from the facts of a request, the facts of a file
// and the caller's options to a status, header fields and byte segments. It does no I/O and reads no clock; writers
// carry a plan out. Section numbers are those of RFC 9110 unless another document is named.
package plan

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

// Request is what of a request decides. A header field that came in several lines is given as one value, joined by
// ", " (5.3); "" means absent. An empty conditional field is thus the same as none.
type Request struct {
	Method                                                            string
	IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince, IfRange string
	Range                                                             string
	AcceptEncoding                                                    string
	HasAcceptEncoding                                                 bool   // absent and empty differ (12.5.3)
	WantReprDigest                                                    string // RFC 9530

	// Now is when the request came. It decides the century of a two-digit year (5.6.7) and nothing else. Where it is
	// zero, 69 to 99 are the years before 2000.
	Now time.Time
}

// File is the facts of the selected representation, taken from the open descriptor. With a content coding they are
// those of the encoded bytes.
type File struct {
	Size int64 // bytes, not negative

	// ModTime must not be after the moment of the answer: 8.8.2.1 has the server replace a date in the future by that
	// of the answer, and only the caller has a clock. (The ETag is made from the time before that.) The zero time, and
	// a year that HTTP cannot write, mean that there is no modification date.
	ModTime time.Time

	// ETag is complete: quotes, and W/ where it is weak. "" means none.
	ETag string

	// WeakDate says that ModTime is too young for its date, with its one second, to be a strong validator (8.8.2.2).
	// A weak ETag implies it.
	WeakDate bool

	ContentType     string // "" sends none; a writer on net/http must then keep it from guessing
	ContentEncoding string
	SHA256          []byte // of the bytes as stored, nil unless the caller has it
}

// Options are what the caller wants beside what HTTP requires. Values are sent as they are: they must be valid field
// values.
type Options struct {
	Disposition           string
	CacheControl          string
	ContentSecurityPolicy string

	NoConditional  bool // ignore If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since
	NoRange        bool // ignore Range and offer none
	NoLastModified bool // as if the file had no modification date

	Vary  []string
	Extra []Field // further fields of 200, 206 and 304, such as Content-Location and Expires

	// Boundary gives the boundary of a multipart answer: 1 to 70 characters of RFC 2046 that do not occur in the file,
	// which whoever wrote the file must not be able to foresee. It is called only when one is needed. nil means 128
	// random bits, the one thing in a plan that its arguments do not determine.
	Boundary func() string
}

// Field is one header field.
type Field struct{ Name, Value string }

// Segment is a piece of the content: Text where that is not "", else Len bytes of the file from Off.
type Segment struct {
	Text     string
	Off, Len int64
}

// Plan is the answer, decided and not yet sent.
type Plan struct {
	Status int

	// Fields are in the order they are sent, each name at most once (but for what Extra adds):
	// Content-Type, Content-Length, Content-Range, Content-Encoding, Content-Disposition, ETag, Last-Modified,
	// Accept-Ranges, Cache-Control, Vary, X-Content-Type-Options, Content-Security-Policy, Repr-Digest, Extra.
	// Content-Length is among them in 200 and 206 only. A refusal has Allow or Content-Range where its status wants
	// it, Cache-Control: no-store, and no field about the representation.
	Fields []Field

	// Segments are the content, in order; nil for HEAD, for an empty file and for what has no content. The content of
	// a refusal is its writer's.
	Segments []Segment

	// Length is the bytes of content; for HEAD those that GET would send.
	Length int64

	// Reason is why the request was refused, "" where it was not.
	Reason reason.Code
}

// answer keeps what a plain answer needs in one allocation.
type answer struct {
	fields  [16]Field
	segment [1]Segment
}

// Make decides the answer. The order is that of 13.2.2: method, preconditions, range. The arguments are only read.
func Make(r *Request, f *File, o *Options) Plan {
	if ok, why := Method(r.Method); !ok {
		return refuseMethod(why)
	}
	if r.Method == "OPTIONS" {
		return OptionsPlan() // preconditions do not apply to it (13.2.1)
	}
	switch preconditions(r, f, o) {
	case 412:
		return refuse(412, reason.PreconditionFailed)
	case 304:
		return notModified(f, o)
	}
	if !rangeAsked(r, f, o) {
		return whole(r, f, o)
	}
	var buf [maxRanges]span
	spans, found := parseRange(r.Range, f.Size, buf[:0])
	switch {
	case found == unsatisfiable:
		size := "bytes */" + strconv.FormatInt(f.Size, 10)
		return refuse(416, reason.RangeUnsatisfiable, Field{"Content-Range", size}, Field{"Accept-Ranges", "bytes"})
	case found == ignored:
		return whole(r, f, o)
	case len(spans) == 1:
		return partial(r, f, o, spans[0])
	}
	return several(r, f, o, spans)
}

// rangeAsked says whether the Range field counts at all: only GET has ranges (14.2), and If-Range may take it away.
func rangeAsked(r *Request, f *File, o *Options) bool {
	return r.Range != "" && r.Method == "GET" && !o.NoRange && ifRange(r, f, o)
}

// refuse is an answer that withholds.
func refuse(status int, why reason.Code, fields ...Field) Plan {
	fields = append(fields, Field{"Cache-Control", "no-store"}, Field{"X-Content-Type-Options", "nosniff"})
	return Plan{Status: status, Fields: fields, Reason: why}
}

// notModified is the 304. It has what a 200 would have had of the fields that 15.4.5 names, and Last-Modified only
// where there is no ETag: that section asks for no more than what guides a cache's update.
func notModified(f *File, o *Options) Plan {
	fields := make([]Field, 0, 5+len(o.Extra))
	if f.ETag != "" {
		fields = append(fields, Field{"ETag", f.ETag})
	} else if date, ok := lastModified(f, o); ok {
		fields = append(fields, Field{"Last-Modified", date.Format(imfFixdate)})
	}
	fields = appendSet(fields, "Cache-Control", o.CacheControl)
	fields = appendSet(fields, "Vary", strings.Join(o.Vary, ", "))
	fields = append(fields, Field{"X-Content-Type-Options", "nosniff"})
	return Plan{Status: 304, Fields: append(fields, o.Extra...)}
}

// whole is the 200.
func whole(r *Request, f *File, o *Options) Plan {
	a := new(answer)
	p := Plan{Status: 200, Length: f.Size}
	p.Fields = fileFields(a.fields[:0], r, f, o, f.ContentType, p.Length, nil)
	if r.Method != "HEAD" && f.Size > 0 {
		a.segment[0] = Segment{Len: f.Size}
		p.Segments = a.segment[:]
	}
	return p
}

// partial is the 206 of one range (15.3.7.1). It has all the fields of a 200, also after an If-Range, where 15.3.7
// would rather have fewer: an answer without its Content-Type would be one whose type is guessed.
func partial(r *Request, f *File, o *Options, s span) Plan {
	a := new(answer)
	p := Plan{Status: 206, Length: s.n}
	p.Fields = fileFields(a.fields[:0], r, f, o, f.ContentType, p.Length, &s)
	a.segment[0] = Segment{Off: s.off, Len: s.n}
	p.Segments = a.segment[:]
	return p
}

// fileFields appends the fields of a 200 or a 206. What must be formatted is formatted into one string.
func fileFields(fields []Field, r *Request, f *File, o *Options, ctype string, length int64, s *span) []Field {
	var buf [128]byte
	text := strconv.AppendInt(buf[:0], length, 10)
	endLength := len(text)
	if s != nil {
		text = s.appendContentRange(text, f.Size)
	}
	endRange := len(text)
	if date, ok := lastModified(f, o); ok {
		text = date.AppendFormat(text, imfFixdate)
	}
	all := string(text)

	fields = appendSet(fields, "Content-Type", ctype)
	fields = append(fields, Field{"Content-Length", all[:endLength]})
	fields = appendSet(fields, "Content-Range", all[endLength:endRange])
	fields = appendSet(fields, "Content-Encoding", f.ContentEncoding)
	fields = appendSet(fields, "Content-Disposition", o.Disposition)
	fields = appendSet(fields, "ETag", f.ETag)
	fields = appendSet(fields, "Last-Modified", all[endRange:])
	if !o.NoRange {
		fields = append(fields, Field{"Accept-Ranges", "bytes"})
	}
	fields = appendSet(fields, "Cache-Control", o.CacheControl)
	fields = appendSet(fields, "Vary", strings.Join(o.Vary, ", "))
	fields = append(fields, Field{"X-Content-Type-Options", "nosniff"})
	fields = appendSet(fields, "Content-Security-Policy", o.ContentSecurityPolicy)
	if len(f.SHA256) > 0 && WantsSHA256(r.WantReprDigest) {
		digest := base64.StdEncoding.EncodeToString(f.SHA256)
		fields = append(fields, Field{"Repr-Digest", "sha-256=:" + digest + ":"})
	}
	return append(fields, o.Extra...)
}

// appendSet appends a field that has a value.
func appendSet(fields []Field, name, value string) []Field {
	if value == "" {
		return fields
	}
	return append(fields, Field{name, value})
}
