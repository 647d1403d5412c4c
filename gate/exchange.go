package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// exchange is one request on its way through the gate. It belongs to one goroutine.
type exchange struct {
	g       *Gate
	up      *upstream
	f       *request.Facts
	r       *http.Request
	w       *writer
	trusted bool // the peer is a proxy that is believed
	uniform bool // an error of the application's here is the one 404

	// decided records what is about to be answered, before its first byte.
	decided func(request.Decision, error) error
	// broken is why the application's answer ended early.
	broken error
	// cookies are what an --ask set, for the answer that it allowed.
	cookies []string
	private bool
	// answered is what became of it, where the gate answered itself.
	answered *request.Outcome
	// watched are the rules that only looked on.
	watched request.Watched
}

// admit refuses what is no request for a file or a page.
func (x *exchange) admit() error {
	switch {
	case strings.Contains(x.f.Target, "#"): // never sent by an honest client (RFC 9112 3.2), and read in many ways
		return reason.New(reason.NameFragment, nil)
	case x.r.Method == http.MethodConnect, x.r.Method == http.MethodTrace: // a tunnel, and a mirror of credentials
		return reason.New(reason.MethodNotAllowed, nil)
	case x.f.Target == "*":
	case x.r.URL.Opaque != "" || !strings.HasPrefix(x.r.URL.Path, "/"):
		return reason.New(reason.NameEncoding, nil)
	}
	return nil
}

// refuse answers with an error, by the one table in the root package. Nothing that the application said is kept.
func (x *exchange) refuse(err error) request.Outcome {
	out := request.Outcome{Status: rootbound.Status(err), Reason: reason.Of(err), Cause: err, Result: request.Sent}
	if x.w.status != 0 { // too late for another answer
		out.Status, out.Result, out.Bytes = x.w.status, request.Aborted, x.w.bytes
		return out
	}
	_ = x.decided(request.Decision{}, err) // there is no other answer to give
	p := rootbound.RefusalPlan(err, rootbound.RefusalOptions{
		Accept: x.f.Accept, RequestID: x.f.ID, Private: x.private, CrossOrigin: x.g.cfg.CrossOrigin,
	})
	clear(x.w.Header())
	n, werr := x.w.plan(&p)
	if out.Bytes = n; werr != nil {
		out.Result = request.Aborted
	}
	return out
}

// allowed records that something is about to be sent; an error is the refusal to give instead.
func (x *exchange) allowed(policy string) error {
	return x.decided(request.Decision{Allowed: true, Policy: policy}, nil)
}

// Policies of the gate, for the record: who let the client have it.
const (
	policyApp   = "application" // it named the file, or answered itself
	policyAsked = "asked"       // it was asked by --ask
	policyTake  = "take"        // nobody: the route is open to all
)

// refuseFile is refuse for a file that the application named: the operator learns of it in every mode, since either
// the application or the gate's configuration is wrong.
func (x *exchange) refuseFile(n *named, err error) request.Outcome {
	level := x.g.cfg.Log.Warn
	if reason.Of(err) == reason.Missing {
		level = x.g.cfg.Log.Info
	}
	level("the application named a file that is not sent", "id", x.f.ID, "upstream", x.up.cfg.URL, "method", quoted(x.f.Method),
		"target", quoted(x.f.Target), "header", n.header, "value", quoted(n.value), "reason", string(reason.Of(err)), "cause", quoted(err.Error()))
	return x.refuse(err)
}

// watch notes what would have been done, and by which rule.
func (x *exchange) watch(by request.Watched, what string, args ...any) {
	x.watched |= by
	x.g.cfg.Log.Warn("watch: "+what, append([]any{"id", x.f.ID, "upstream", x.up.cfg.URL, "method", quoted(x.f.Method), "target", quoted(x.f.Target)}, args...)...)
}

// quoted is text of others' in the log, in one line of plain characters.
func quoted(s string) string {
	const most = 2048
	if len(s) > most {
		s = s[:most] + "..."
	}
	q := strconv.QuoteToASCII(s)
	return q[1 : len(q)-1]
}

// writer is the client's side of an exchange: nothing that passes it has a header that is between the application and
// the gate, be it in an interim answer or a trailer.
type writer struct {
	http.ResponseWriter
	x      *exchange
	status int // 0 until the answer was begun
	bytes  int64
	err    error
}

// Unwrap lets http.ResponseController find what the inner writer has.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) WriteHeader(status int) {
	dropSendfile(w.Header())
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.status = status
		w.Header()["Request-Id"] = []string{w.x.f.ID}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) begin() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
}

func (w *writer) Write(b []byte) (int, error) {
	w.begin()
	n, err := w.ResponseWriter.Write(b)
	return n, w.wrote(int64(n), err)
}

// ReadFrom keeps sendfile(2) within reach.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	if rf, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		n, err := rf.ReadFrom(src)
		return n, w.wrote(n, err)
	}
	return io.Copy(struct{ io.Writer }{w}, src)
}

// FlushError sends what was written so far.
func (w *writer) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *writer) wrote(n int64, err error) error {
	w.bytes += n
	if err != nil && w.err == nil {
		w.err = err
	}
	return err
}

// plan writes status, headers and literal segments.
func (w *writer) plan(p *plan.Plan) (int64, error) {
	h := w.Header()
	for _, f := range p.Fields {
		h[http.CanonicalHeaderKey(f.Name)] = []string{f.Value}
	}
	before := w.bytes
	w.WriteHeader(p.Status)
	if w.x.r.Method != http.MethodHead {
		for _, seg := range p.Segments {
			if _, err := io.WriteString(w, seg.Text); err != nil {
				return w.bytes - before, err
			}
		}
	}
	return w.bytes - before, nil
}

// outcome is what became of an answer that was passed on.
func (x *exchange) outcome() request.Outcome {
	out := request.Outcome{Status: x.w.status, Bytes: x.w.bytes, Result: request.Sent}
	switch {
	case x.broken != nil:
		out.Result, out.Cause, out.Reason = request.Aborted, x.broken, reason.Of(x.broken)
	case x.w.err != nil:
		out.Result, out.Cause = request.Aborted, x.w.err
	}
	return out
}

// upstreamReason says why an application gave no answer.
func upstreamReason(err error) error {
	var timeout interface{ Timeout() bool }
	var own *reason.Error
	switch {
	case errors.As(err, &own):
		return err
	case errors.Is(err, context.Canceled):
		return reason.New(reason.UpstreamDown, errClientGone)
	case isDial(err):
		return reason.New(reason.UpstreamDown, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return reason.New(reason.UpstreamSlow, err)
	}
	return reason.New(reason.UpstreamInvalid, fmt.Errorf("%w", err))
}
