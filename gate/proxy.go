package gate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// exchangeKey finds the exchange in the context of a request to an application.
type exchangeKey struct{}

func exchangeOf(r *http.Request) *exchange {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	return x
}

// insteadOf are errors that end the passing on of an answer for another one of the gate's.
type insteadOf struct {
	named    *named // a file, where err is nil
	response *http.Response
	err      error
}

func (e *insteadOf) Error() string { return "the gate answers itself" }

var errClientGone = errors.New("the client went away")

// newProxy passes on everything that is not a file: net/http/httputil has streaming, upgrades, trailers and the rest.
func (up *upstream) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        up.rewrite,
		Transport:      up.transport,
		ModifyResponse: modifyResponse,
		ErrorHandler:   func(_ http.ResponseWriter, r *http.Request, err error) { exchangeOf(r).failed(err) },
		BufferPool:     buffers{},
		ErrorLog:       log.New(proxyLog{up.gate.cfg.Log}, "", 0),
	}
}

// rewrite makes the application's request of the client's. Hop-by-hop fields, and those that Connection names, are
// gone already, so that no client can have ours dropped.
func (up *upstream) rewrite(p *httputil.ProxyRequest) {
	x := exchangeOf(p.In)
	p.Out.URL.Scheme, p.Out.URL.Host = up.url.Scheme, up.url.Host
	p.Out.Host = p.In.Host
	p.Out.URL.RawQuery = p.In.URL.RawQuery // ReverseProxy drops what it cannot parse; nothing was decided by it here
	for _, key := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v := p.In.Header[key]; v != nil { // ReverseProxy has dropped them
			p.Out.Header[key] = v
		}
	}
	up.dress(p.Out.Header, x)
	if p.In.Trailer != nil { // its values come with the end of the body
		cleanRequest(p.In.Trailer, x.trusted)
		p.Out.Trailer = p.In.Trailer
		p.Out.Body = &trailed{p.Out.Body, x}
	}
}

// trailed is a body with trailers, of which a client may say as little as in its header.
type trailed struct {
	io.ReadCloser
	x *exchange
}

func (b *trailed) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		cleanRequest(b.x.r.Trailer, b.x.trusted)
	}
	return n, err
}

// dress gives a request to the application what the gate has to say, and takes what a client may not.
func (up *upstream) dress(h http.Header, x *exchange) {
	cleanRequest(h, x.trusted)
	tellClient(h, x.f, x.trusted)
	if up.cfg.Announce != "" {
		h.Set(headerType, up.cfg.Announce)
	}
	if up.cfg.Announce == AnnounceAccel {
		h.Set(headerMapping, up.mapping)
	}
}

// forward passes the request on, and what comes back.
func (x *exchange) forward() (out request.Outcome) {
	defer func() {
		switch v := recover(); {
		case v == nil:
		case v == http.ErrAbortHandler: // the answer ended early
			if x.w.err == nil && x.broken == nil {
				x.w.err = errClientGone
			}
			out = x.outcome()
		default:
			panic(v)
		}
	}()
	ctx := context.WithValue(x.r.Context(), exchangeKey{}, x)
	x.up.proxy.ServeHTTP(x.w, x.r.WithContext(ctx))
	dropSendfile(x.w.Header()) // trailers
	if x.answered != nil {
		return *x.answered
	}
	return x.outcome()
}

// failed is told why nothing was passed on.
func (x *exchange) failed(err error) {
	var mine *insteadOf
	var out request.Outcome
	switch {
	case errors.As(err, &mine) && mine.err == nil:
		out = x.sendNamed(mine.named, mine.response)
	case errors.As(err, &mine) && mine.named != nil:
		out = x.refuseFile(mine.named, mine.err)
	case errors.As(err, &mine):
		out = x.refuse(mine.err)
	case x.r.Context().Err() != nil:
		out = request.Outcome{Status: http.StatusBadGateway, Result: request.Aborted, Cause: errClientGone}
	default:
		err = upstreamReason(err)
		x.g.cfg.Log.Warn("the application gave no answer", "id", x.f.ID, "upstream", x.up.cfg.URL, "method", quoted(x.f.Method),
			"target", quoted(x.f.Target), "reason", string(reason.Of(err)), "cause", quoted(err.Error()))
		out = x.refuse(err)
	}
	x.answered = &out
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// watched is the way to an application, and sees its answers first: before hop-by-hop fields are dropped from them.
type watched struct{ up *upstream }

func (t *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r)
	res, err := t.up.connections.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if t.wantsWhole(r, res) {
		if res, err = t.again(r, res); err != nil {
			return nil, err
		}
	}
	if namesFile(res.Header) && mayNameFile(res.StatusCode) {
		abandon(res)
		n, err := t.up.named(res.Header)
		return nil, &insteadOf{named: &n, response: res, err: err}
	}
	if x.uniform && res.StatusCode >= 400 {
		if !x.g.cfg.Watch {
			abandon(res)
			return nil, &insteadOf{err: reason.New(reason.UpstreamError, errors.New("status "+strconv.Itoa(res.StatusCode)))}
		}
		x.watch(request.WatchedUniform, "an error would have become the uniform 404", "status", res.StatusCode)
	}
	return res, nil
}

// mayNameFile says whether an answer of this status has room for a file. A 304 passes as it is.
func mayNameFile(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusResetContent && status != http.StatusNotModified
}

// wantsWhole says whether an application judged a range or a precondition before it could name the file: some give
// 416 to what the gate can answer.
func (t *watched) wantsWhole(r *http.Request, res *http.Response) bool {
	return (res.StatusCode == http.StatusRequestedRangeNotSatisfiable || res.StatusCode == http.StatusPreconditionFailed) &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) && len(t.up.roots)+len(t.up.accel) > 0 &&
		!namesFile(res.Header) && hasConditions(r.Header)
}

var conditions = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

func hasConditions(h http.Header) bool {
	for _, key := range conditions {
		if _, ok := h[key]; ok {
			return true
		}
	}
	return false
}

// again asks once more without conditions. Where the second answer names no file either, the first one stands.
func (t *watched) again(r *http.Request, first *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(first.Body, maxKeptRefusal+1))
	if err != nil || len(body) > maxKeptRefusal {
		first.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), first.Body), first.Body}
		return first, nil
	}
	_ = first.Body.Close()
	first.Body = io.NopCloser(bytes.NewReader(body))
	bare := r.Clone(r.Context())
	for _, key := range conditions {
		delete(bare.Header, key)
	}
	second, err := t.up.connections.RoundTrip(bare)
	if err != nil {
		return first, nil //nolint:nilerr // the first answer is one
	}
	if !namesFile(second.Header) || !mayNameFile(second.StatusCode) {
		abandon(second)
		return first, nil
	}
	return second, nil
}

// abandon ends an answer whose body nobody wants. It never waits for one: with X-Sendfile some applications announce a
// length and send nothing.
func abandon(res *http.Response) { _ = res.Body.Close() }

// modifyResponse looks at what is about to be passed on.
func modifyResponse(res *http.Response) error {
	x := exchangeOf(res.Request)
	if err := x.allowed(policyApp); err != nil {
		return &insteadOf{err: err}
	}
	dropSendfile(res.Header)
	dropSendfile(res.Trailer)
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.w.status = res.StatusCode
		return nil
	}
	res.Body = &upstreamBody{res.Body, x}
	return nil
}

// upstreamBody remembers that the application broke off, which is told from a client that went away by nothing else.
type upstreamBody struct {
	io.ReadCloser
	x *exchange
}

func (b *upstreamBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.x.r.Context().Err() == nil {
		b.x.broken = upstreamReason(err)
	}
	return n, err
}

// buffers are what bodies are copied through.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { b := make([]byte, copyBufferBytes); return &b }}

func (buffers) Get() []byte  { return *bufferPool.Get().(*[]byte) }
func (buffers) Put(b []byte) { bufferPool.Put(&b) }

// proxyLog takes what net/http/httputil has to say, which is the access log's to say with more.
type proxyLog struct{ log *slog.Logger }

func (l proxyLog) Write(b []byte) (int, error) {
	l.log.Debug("proxy", "text", quoted(strings.TrimSpace(string(b))))
	return len(b), nil
}
