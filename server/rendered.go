package server

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/hotcache"
	"github.com/rootbound/rootbound/internal/plan"
)

// rendered is what most answers for one file in memory begin with, worked out by the same plan as any answer, and
// kept with the file. It lacks what differs from one answer to the next: Request-Id, Date and Connection.
type rendered struct {
	etag        string
	whole       []byte // 200
	notModified []byte // 304 for the file's own entity tag

	named    sync.Once        // over the next two
	siblings []rootbound.Name // what precompressed siblings would be called
	judged   bool             // all of these names passed the rules as names of files
}

// renderings are those for everybody, and those that shared caches must not keep. The first of them lies beside its
// pointer: among many files each step to other memory is one that the processor waits for.
type renderings struct {
	shared, private atomic.Pointer[rendered]
	first           rendered
}

// of returns where the renderings for a request are kept.
func (b *renderings) of(x *exchange) *atomic.Pointer[rendered] {
	if x.may.Private {
		return &b.private
	}
	return &b.shared
}

// plainly says whether a request asks for no more than the whole file, or, with its entity tag, for nothing if it has
// not changed.
func plainly(p *plan.Request) bool {
	return p.IfMatch == "" && (p.IfModifiedSince == "" || p.IfNoneMatch != "") && // RFC 9110 13.1.3
		p.IfUnmodifiedSince == "" && p.IfRange == "" && p.Range == "" &&
		p.WantReprDigest == "" && (p.Method == http.MethodGet || p.Method == http.MethodHead)
}

// renderedOf returns what is kept with a file in memory; nil where answers for it are to be made one by one.
func (s *Server) renderedOf(x *exchange) *rendered {
	l := x.opened.file.loaded
	if l == nil || s.cache == nil || x.asked.download || x.link != nil {
		return nil
	}
	both, _ := l.Memo.Load().(*renderings)
	if both == nil {
		both = new(renderings)
		s.render(&both.first, x, l)
		both.of(x).Store(&both.first)
		if !l.Memo.CompareAndSwap(nil, both) {
			both = l.Memo.Load().(*renderings)
		}
	}
	kept := both.of(x)
	r := kept.Load()
	if r == nil {
		r = new(rendered)
		s.render(r, x, l)
		kept.Store(r)
	}
	return r
}

func (s *Server) render(r *rendered, x *exchange, l *rootbound.Loaded) {
	r.etag = l.ETag()
	head := func(req plan.Request) []byte {
		req.Method, req.HasAcceptEncoding, req.Now = http.MethodGet, true, x.f.Received
		o := s.sendOptions(x)
		o.RequestID = ""
		a, err := l.Answer(&req, o)
		if err != nil {
			return nil
		}
		return appendHead(nil, a.Plan.Status, a.Plan.Fields)
	}
	r.whole = head(plan.Request{})
	r.notModified = head(plan.Request{IfNoneMatch: r.etag})
}

// nameSiblings works out their names once.
func (r *rendered) nameSiblings(m *Mount, l *rootbound.Loaded) {
	r.named.Do(func() {
		r.judged = true
		for _, suffix := range []string{".br", ".zst", ".gz"} {
			n, err := m.Dir.Name(l.Name().String() + suffix)
			if err != nil {
				r.judged = false
				return
			}
			r.siblings = append(r.siblings, n.Clone())
		}
	})
}

// begin returns the start of the answer, "" in status where it must be made by the plan.
func (r *rendered) begin(p *plan.Request) (head []byte, status int) {
	switch {
	case r == nil || !plainly(p):
		return nil, 0
	case p.IfNoneMatch == "":
		return r.whole, http.StatusOK
	case p.IfNoneMatch == r.etag:
		return r.notModified, http.StatusNotModified
	}
	return nil, 0
}

// noSiblings says whether it is known that no precompressed sibling can take the place of a file in memory, without
// looking.
func (s *Server) noSiblings(x *exchange) bool {
	p := &x.f.Plan
	if !s.cfg.Precompressed || p.AcceptEncoding == "" {
		return true
	}
	r := s.renderedOf(x)
	if r == nil {
		return false
	}
	r.nameSiblings(x.asked.mount, x.opened.file.loaded)
	if !r.judged {
		return false
	}
	for _, n := range r.siblings {
		if _, state, _ := s.cache.Get(x.asked.mount.Dir, n, x.f.Received); state != hotcache.Missing {
			return false
		}
	}
	return true
}

// learnSiblings looks, for noSiblings to know for a moment.
func (s *Server) learnSiblings(x *exchange) {
	r := s.renderedOf(x)
	if r == nil || !s.cfg.Precompressed || x.f.Plan.AcceptEncoding == "" {
		return
	}
	r.nameSiblings(x.asked.mount, x.opened.file.loaded)
	for _, n := range r.siblings {
		if _, state, _ := s.cache.Get(x.asked.mount.Dir, n, x.f.Received); state == hotcache.None || state == hotcache.Stale {
			s.cache.Refresh(x.asked.mount.Dir, n)
		}
	}
}

// appendHead appends the status line and the fields, as net/http writes them but for their order.
func appendHead(b []byte, status int, fields []plan.Field) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\n"...)
	for i := range fields {
		b = append(b, headerName(fields[i].Name)...)
		b = append(b, ": "...)
		b = append(b, fields[i].Value...)
		b = append(b, "\r\n"...)
	}
	return b
}

// headerName is http.CanonicalHeaderKey, which takes its time, for the names that most answers have.
func headerName(name string) string {
	switch name {
	case "ETag":
		return "Etag"
	case "Content-Type", "Content-Length", "Content-Range", "Content-Disposition", "Last-Modified", "Accept-Ranges",
		"Cache-Control", "Vary", "X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Request-Id":
		return name
	}
	return http.CanonicalHeaderKey(name)
}
