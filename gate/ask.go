package gate

import (
	"fmt"
	"io"
	"net/http"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// aboutTheBody are fields of a request that describe what an --ask does not send.
var aboutTheBody = []string{"Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Trailer", "Expect", "Upgrade"}

// ask asks the application whether this client may. done says that the exchange was answered: with the application's
// own 401 or 403, or a refusal where it did not say.
func (x *exchange) ask() (out request.Outcome, done bool) {
	r, err := http.NewRequestWithContext(x.r.Context(), http.MethodGet, x.up.url.Scheme+"://"+x.up.url.Host+x.up.cfg.Ask, nil)
	if err != nil {
		return x.refuse(reason.New(reason.AskFailed, err)), true
	}
	r.Host = x.r.Host
	r.Header = x.r.Header.Clone()
	dropHop(r.Header)
	for _, keys := range [][]string{conditions, aboutTheBody} {
		for _, key := range keys {
			delete(r.Header, key)
		}
	}
	x.up.dress(r.Header, x)
	r.Header.Set("X-Original-Method", x.f.Method)
	r.Header.Set("X-Original-Uri", x.f.Target)
	res, err := x.up.connections.RoundTrip(r)
	if err != nil {
		return x.refuse(reason.New(reason.AskFailed, upstreamReason(err))), true
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		x.cookies = res.Header["Set-Cookie"]
		return out, false
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return x.passOn(res), true
	}
	err = fmt.Errorf("%s answered %d", x.up.cfg.Ask, res.StatusCode)
	x.g.cfg.Log.Error("the application did not say whether a client may", "id", x.f.ID, "upstream", x.up.cfg.URL,
		"target", quoted(x.f.Target), "cause", quoted(err.Error()))
	return x.refuse(reason.New(reason.AskFailed, err)), true
}

// passOn gives the client the application's own no.
func (x *exchange) passOn(res *http.Response) request.Outcome {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeptRefusal))
	if err != nil {
		return x.refuse(reason.New(reason.AskFailed, err))
	}
	h := res.Header
	dropHop(h)
	dropSendfile(h)
	p := plan.Plan{Status: res.StatusCode, Segments: []plan.Segment{{Text: string(body)}}}
	to := x.w.Header()
	for key, values := range h {
		to[key] = values
	}
	to.Set("Content-Length", fmt.Sprint(len(body)))
	to.Set("Cache-Control", "no-store")
	_ = x.decided(request.Decision{}, reason.New(reason.AskRefused, nil)) // what is sent is a refusal
	n, err := x.w.plan(&p)
	out := request.Outcome{Status: res.StatusCode, Reason: reason.AskRefused, Bytes: n, Result: request.Sent}
	if err != nil {
		out.Result, out.Cause = request.Aborted, err
	}
	return out
}
