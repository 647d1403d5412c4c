package server

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/listing"
	"github.com/rootbound/rootbound/internal/plan"
)

// httpReply carries answers out through net/http.
type httpReply struct {
	ctx  context.Context // ends when the client goes away
	w    *writer
	head bool
}

func (t *httpReply) started() bool { return t.w.started }

func (t *httpReply) setCookie(field string) { t.w.Header().Add("Set-Cookie", field) }

func (t *httpReply) plan(p *plan.Plan) (int64, error) {
	h := t.w.Header()
	for _, f := range p.Fields {
		h[http.CanonicalHeaderKey(f.Name)] = []string{f.Value}
	}
	t.w.WriteHeader(p.Status)
	if t.head {
		return 0, nil
	}
	var sent int64
	for _, seg := range p.Segments {
		n, err := io.WriteString(t.w, seg.Text)
		sent += int64(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (t *httpReply) file(a *rootbound.Answer) (int64, error) { return a.Send(t.w) }

func (t *httpReply) list(q listing.Request) (int, int64, error) {
	q.Ctx = t.ctx
	return listing.Serve(t.w, q)
}

// writer is net/http's, and knows whether the header was handed over. Over HTTP/2 it also holds each stretch of the
// body to the pace: there a client can stall one answer by flow control alone, while the connection moves.
type writer struct {
	http.ResponseWriter
	started bool
	pace    *streamPace // nil for HTTP/1, where the connection itself is watched
}

// Unwrap lets http.ResponseController find what the inner writer has.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(status int) {
	w.started = w.started || status >= 200 || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	w.started = true
	if w.pace == nil {
		return w.ResponseWriter.Write(b)
	}
	var sent int
	for len(b) > 0 {
		n, err := w.ResponseWriter.Write(b[:w.pace.next(len(b))])
		w.pace.written()
		sent += n
		if err != nil {
			return sent, err
		}
		b = b[n:]
	}
	return sent, nil
}

// ReadFrom hands the file itself to net/http where it can use sendfile(2).
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	w.started = true
	if rf, ok := w.ResponseWriter.(io.ReaderFrom); ok && w.pace == nil {
		return rf.ReadFrom(src)
	}
	return io.Copy(onlyWriter{w}, src)
}

// onlyWriter hides ReadFrom from io.Copy.
type onlyWriter struct{ w io.Writer }

func (o onlyWriter) Write(b []byte) (int, error) { return o.w.Write(b) }

// streamPace gives each stretch of quota bytes one window of time.
type streamPace struct {
	ctl    *http.ResponseController
	quota  int
	window time.Duration
	pauses bool // between writes, for as long as an application likes
	left   int  // of the stretch that has its deadline
}

// written ends the deadline of a stretch where the next write may be hours away: over HTTP/2 it would end the stream.
func (p *streamPace) written() {
	if p.pauses {
		p.left = 0
		_ = p.ctl.SetWriteDeadline(time.Time{}) // fails only on a stream that is gone
	}
}

// next returns how many of n bytes may be written now.
func (p *streamPace) next(n int) int {
	if p.left == 0 {
		p.left = p.quota
		_ = p.ctl.SetWriteDeadline(time.Now().Add(p.window)) // fails only on a stream that is gone
	}
	n = min(n, p.left)
	p.left -= n
	return n
}
