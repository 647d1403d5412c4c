package rootbound

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// SendOptions are what Flask's send_file takes as keywords, and a little more. The zero value is the safe one.
type SendOptions struct {
	// AsAttachment asks the browser to save the file, not to show it.
	AsAttachment bool
	// DownloadName is the name offered for saving; default the last element of the file's own name.
	DownloadName string
	// ContentType is sent as it is; default by extension, then by content, which never yields an active type.
	ContentType string
	// NoConditional ignores If-* and Range.
	NoConditional bool
	// ETag is a complete entity tag with its quotes, for instance made of a hash of the content; default File.ETag.
	// What is no entity tag is an error.
	ETag string
	// NoETag sends none.
	NoETag bool
	// LastModified replaces the file's own time.
	LastModified time.Time
	// NoLastModified sends none.
	NoLastModified bool
	// MaxAge lets caches keep the answer that long. Default 0: "no-cache", which is to ask again each time.
	MaxAge time.Duration
	// SHA256 of the content lets Repr-Digest be sent where it is asked for (RFC 9530).
	SHA256 []byte
	// Precompressed serves NAME.br, NAME.zst or NAME.gz beside the file to clients that accept the coding, unless
	// older than the file. Siblings are opened through the same containment and the same rules.
	Precompressed bool
	// Sibling, where set, is asked whether a precompressed sibling may be sent, by the name that it is opened under and, where
	// that is another, by its own. It may be asked at any time until the answer is made.
	Sibling func(Name) bool
	// Site sends active content (HTML, SVG, XML) without "Content-Security-Policy: sandbox". Set it only where the
	// directory holds a website of yours and nothing that strangers put there.
	Site bool
	// Private says that the answer depended on who asked: shared caches must not keep it.
	Private bool
	// CrossOrigin leaves out "Cross-Origin-Resource-Policy: same-origin".
	CrossOrigin bool
	// RequestID is sent as Request-Id where it is set.
	RequestID string
	// Accept is the request's Accept field, for the pages of 412 and 416.
	Accept string
}

// Answer is what HTTP says for an open file: decided, not yet sent. Close it.
type Answer struct {
	// Plan has status, headers and byte segments.
	Plan plan.Plan
	name Name
	// body is the file the segments are of: the file itself, or its precompressed sibling; nil where they are of
	// content.
	body    *File
	content []byte
	sibling *File // to close; nil where body is the caller's
}

// represented is what is sent of a file where no sibling is: its media type and entity tag.
type represented struct {
	ctype  string
	active bool
	etag   string
	inline string // the disposition without a download name of the caller's
}

// codings are the precompressed siblings we know, best first.
var codings = []struct{ coding, suffix string }{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

// Answer decides what HTTP says for this file. It reads no more than the first bytes, where the type is not known
// from the name.
func (f *File) Answer(req *plan.Request, o *SendOptions) (*Answer, error) {
	if f.IsDir() {
		return nil, refusal("send", f.name.String(), reason.New(reason.Directory, nil))
	}
	if err := o.check(f.name); err != nil {
		return nil, err
	}
	d, err := f.describe(o)
	if err != nil {
		return nil, err
	}
	return f.answer(req, o, &d.rep, &Answer{body: f}), nil
}

// describe works out what every answer for this file says, once for each media type in a row.
func (f *File) describe(o *SendOptions) (*description, error) {
	if d := f.described.Load(); d != nil && d.asked == o.ContentType {
		return d, nil
	}
	d := &description{asked: o.ContentType, rep: represented{etag: f.tag(), inline: plan.Disposition(false, f.name.Last())}}
	if err := f.contentType(o, &d.rep); err != nil {
		return nil, err
	}
	f.described.Store(d)
	return d, nil
}

// answer is the one way from an opened file to an answer, whether its bytes are still in the file or in memory.
func (h *held) answer(req *plan.Request, o *SendOptions, rep *represented, a *Answer) *Answer {
	a.name = h.name
	facts := plan.File{Size: h.facts.size, ModTime: h.facts.modTime, ContentType: rep.ctype, SHA256: o.SHA256}
	etag := rep.etag
	if o.ETag != "" {
		etag = o.ETag
	}
	if o.Precompressed {
		if s, coding := h.openSibling(o.Sibling, req); s != nil {
			a.body, a.sibling, a.content, a.name = s, s, nil, s.name
			facts.Size, facts.ContentEncoding, facts.SHA256 = s.Size(), coding, nil
			if s.facts.modTime.After(facts.ModTime) {
				facts.ModTime = s.facts.modTime
			}
			if o.ETag == "" {
				etag = s.tag()
			}
			etag = suffixETag(etag, coding)
		}
	}
	if !o.NoETag {
		facts.ETag = etag
	}
	if !o.LastModified.IsZero() {
		facts.ModTime = o.LastModified
	}
	if facts.ModTime.After(h.opened) { // RFC 9110 8.8.2.1: never later than the message itself
		facts.ModTime = h.opened
	}
	// Of several representations that share a date the date is weak (RFC 9110 8.8.1).
	facts.WeakDate = o.Precompressed || h.young()
	opts := h.planOptions(o, rep)
	a.Plan = plan.Make(req, &facts, &opts)
	if a.Plan.Reason != "" {
		a.Plan = refusedPlan(a.Plan, o)
		if req.Method == http.MethodHead {
			a.Plan.Segments = nil
		}
	}
	return a
}

// errNoEntityTag is a mistake of the caller's, who finds it in the log.
var errNoEntityTag = errors.New("SendOptions.ETag is no entity tag: it needs its quotes")

// check finds what the caller set wrongly.
func (o *SendOptions) check(n Name) error {
	if o.ETag != "" && !plan.IsETag(o.ETag) {
		return refusal("send", n.String(), errNoEntityTag)
	}
	return nil
}

// refusedPlan gives a 412 or 416 the page of any refusal, and what the plan itself had to say (Content-Range).
func refusedPlan(p plan.Plan, o *SendOptions) plan.Plan {
	out := RefusalPlan(reason.New(p.Reason, nil), o.refusal())
	for i, f := range out.Fields {
		if f.Name == "Vary" && o.Precompressed {
			out.Fields[i].Value = "Accept-Encoding, " + f.Value
		}
	}
	for _, f := range p.Fields {
		if f.Name == "Content-Range" || f.Name == "Accept-Ranges" {
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

// refusal is how a refusal to send looks.
func (o *SendOptions) refusal() RefusalOptions {
	return RefusalOptions{Accept: o.Accept, RequestID: o.RequestID, Private: o.Private, CrossOrigin: o.CrossOrigin}
}

// suffixETag makes the tag of an encoded representation differ from that of the plain one (RFC 9110 8.8.3.3).
func suffixETag(etag, coding string) string {
	return strings.TrimSuffix(etag, `"`) + "-" + coding + `"`
}

func (h *held) planOptions(o *SendOptions, rep *represented) plan.Options {
	p := plan.Options{
		CacheControl:   cacheControl(o),
		NoConditional:  o.NoConditional,
		NoRange:        o.NoConditional,
		NoLastModified: o.NoLastModified,
		Disposition:    h.disposition(o, rep),
	}
	if rep.active && !o.Site {
		p.ContentSecurityPolicy = "sandbox"
	}
	if o.Precompressed {
		p.Vary = append(p.Vary, "Accept-Encoding")
	}
	if o.Private {
		p.Vary = append(p.Vary, "Authorization", "Cookie")
		p.Extra = append(p.Extra, plan.Field{Name: "Referrer-Policy", Value: "no-referrer"})
	}
	if !o.CrossOrigin {
		p.Extra = append(p.Extra, plan.Field{Name: "Cross-Origin-Resource-Policy", Value: "same-origin"})
	}
	if o.RequestID != "" {
		p.Extra = append(p.Extra, plan.Field{Name: "Request-Id", Value: o.RequestID})
	}
	return p
}

func (h *held) disposition(o *SendOptions, rep *represented) string {
	switch {
	case o.DownloadName != "":
		return plan.Disposition(o.AsAttachment, o.DownloadName)
	case !o.AsAttachment && rep.inline != "":
		return rep.inline
	}
	return plan.Disposition(o.AsAttachment, h.name.Last())
}

func cacheControl(o *SendOptions) string {
	s := "no-cache"
	if o.MaxAge > 0 {
		s = "max-age=" + itoa(int64(o.MaxAge/time.Second))
		if !o.Private {
			return "public, " + s
		}
	}
	if o.Private {
		return "private, " + s
	}
	return s
}

// Close closes what the answer opened; the File it was made from stays the caller's.
func (a *Answer) Close() error {
	if a.sibling == nil {
		return nil
	}
	return a.sibling.Close()
}

// openSibling opens the precompressed sibling the client likes best, nil where there is none worth sending.
func (h *held) openSibling(may func(Name) bool, req *plan.Request) (*File, string) {
	if req.AcceptEncoding == "" { // it accepts none by name
		return nil, ""
	}
	var available []string
	open := map[string]*File{}
	for _, c := range codings {
		if coding, _ := plan.Negotiate(req.AcceptEncoding, req.HasAcceptEncoding, []string{c.coding}); coding == "" {
			continue
		}
		n, err := h.dir.rules.FromDir(h.name.String() + c.suffix) // deny rules hold; allow rules are about the name asked for
		if err != nil {
			continue
		}
		if may != nil && !may(n.File()) {
			continue
		}
		s, err := h.dir.openName(n.File())
		if err != nil {
			continue
		}
		if s.IsDir() || may != nil && s.name.String() != n.String() && !may(s.name) || s.facts.modTime.Before(h.facts.modTime) {
			_ = s.Close()
			continue
		}
		open[c.coding] = s
		available = append(available, c.coding)
	}
	coding, _ := plan.Negotiate(req.AcceptEncoding, req.HasAcceptEncoding, available)
	for c, s := range open {
		if c != coding {
			_ = s.Close()
		}
	}
	if coding == "" {
		return nil, ""
	}
	return open[coding], coding
}

// headSize is how many of a file's first bytes tell its type.
const headSize = 512

// contentType is by the caller's word, the extension, or the first bytes, which also tell the character set.
func (f *File) contentType(o *SendOptions, rep *represented) error {
	if o.ContentType != "" {
		rep.ctype, rep.active = o.ContentType, plan.IsActive(o.ContentType)
		return nil
	}
	var buf [headSize]byte
	head := buf[:min(int64(len(buf)), f.Size())]
	n, err := f.readAt(readPatience, head, 0)
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return refusal("read", f.name.String(), systemReason(err))
	}
	rep.ctype, rep.active = plan.ContentType(f.name.Last(), head[:n])
	return nil
}

// Send answers with an open file: all of HTTP, as Flask's send_file. It never takes a path. An error says that
// the answer is not complete: the client went away, or the file changed or failed while it was sent; then panic
// with http.ErrAbortHandler, as Dir.Send does, so that the client cannot take it for complete.
//
// Sending moves the file's offset: a File is sent by one goroutine at a time.
func Send(w http.ResponseWriter, r *http.Request, f *File, o SendOptions) error {
	_, err := send(w, r, f, &o)
	return err
}

// send is Send. started says whether the header was handed over, after which no other answer can be given.
func send(w http.ResponseWriter, r *http.Request, f *File, o *SendOptions) (started bool, err error) {
	req := request.Plan(r)
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		req.Method, o.NoConditional = http.MethodGet, true // the answer to a POST is the whole file
	}
	o.Accept = strings.Join(r.Header.Values("Accept"), ", ")
	a, err := f.Answer(&req, o)
	if err != nil {
		return false, err
	}
	defer a.Close()
	_, started, err = a.send(w)
	return started, err
}

// Send answers with the named file, as Flask's send_from_directory: the name is checked and opened beneath d, and
// what is refused is answered as by Refuse. The returned error says why, for the log; the answer has been given.
// Where a file changed or failed after the answer began, Send panics with http.ErrAbortHandler after closing it.
func (d *Dir) Send(w http.ResponseWriter, r *http.Request, text string, o SendOptions) error {
	f, err := d.Open(text)
	if err != nil {
		refuse(w, r, err, o.refusal())
		return err
	}
	defer f.Close()
	started, err := send(w, r, f, &o)
	switch {
	case started && err != nil:
		panic(http.ErrAbortHandler)
	case err != nil:
		refuse(w, r, err, o.refusal())
	}
	return err
}
