package gate

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// sendNamed answers with the file that the application named, and with what it said about it.
func (x *exchange) sendNamed(n *named, res *http.Response) request.Outcome {
	f, err := open(n.dir, n.name)
	if err != nil {
		return x.refuseFile(n, err)
	}
	defer func() { _ = f.Close() }()
	h := res.Header
	dropHop(h)
	dropSendfile(h)
	o := rootbound.SendOptions{
		ContentType: h.Get("Content-Type"), Site: x.g.cfg.Site || h.Get("Content-Security-Policy") != "",
		CrossOrigin: x.g.cfg.CrossOrigin, RequestID: x.f.ID, Accept: x.f.Accept,
		Private:       h.Get("Cache-Control") == "",
		NoConditional: n.remove,
	}
	status := res.StatusCode
	switch status { // ranges and preconditions are the gate's to judge
	case http.StatusPartialContent, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		status = http.StatusOK
	}
	o.NoConditional = o.NoConditional || status != http.StatusOK
	x.f.File = n.path
	out := x.sendFile(f, &o, status, h, policyApp)
	if n.remove && x.r.Method != http.MethodHead && out.Reason == "" {
		if err := f.Remove(); err != nil {
			x.g.cfg.Log.Error("a temporary file was sent and could not be removed", "id", x.f.ID, "upstream", x.up.cfg.URL,
				"value", quoted(n.value), "cause", quoted(err.Error()))
		}
	}
	return out
}

// open opens a regular file.
func open(dir *rootbound.Dir, n rootbound.Name) (*rootbound.File, error) {
	f, err := dir.OpenName(n)
	if err == nil && f.IsDir() {
		_ = f.Close()
		return nil, reason.New(reason.Directory, nil)
	}
	return f, err
}

// sendFile carries out what HTTP says for an open file. kept is what the application said beside it.
func (x *exchange) sendFile(f *rootbound.File, o *rootbound.SendOptions, status int, kept http.Header, policy string) request.Outcome {
	req := request.Plan(x.r)
	req.Now = x.f.Received
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		req.Method, o.NoConditional = http.MethodGet, true // the answer to a POST is the whole file
	}
	a, err := f.Answer(&req, o)
	if err != nil {
		return x.refuse(err)
	}
	defer func() { _ = a.Close() }()
	if a.Plan.Reason != "" {
		_ = x.decided(request.Decision{}, reason.New(a.Plan.Reason, nil)) // what is sent is a refusal
	} else if err := x.allowed(policy); err != nil {
		return x.refuse(err)
	}
	if a.Plan.Status == http.StatusOK {
		a.Plan.Status = status
	}
	x.keep(kept, &a.Plan)
	_, err = a.Send(x.w)
	out := request.Outcome{Status: a.Plan.Status, Bytes: x.w.bytes, Reason: a.Plan.Reason, Result: request.Sent}
	switch {
	case err == nil:
	case x.w.status == 0:
		return x.refuse(err)
	default:
		out.Result, out.Cause = request.Aborted, err
		if c := reason.Of(err); c != reason.Unforeseen {
			out.Reason = c
		}
	}
	return out
}

// keep makes one header of what the application said and what the plan says. What describes bytes is the plan's; about
// everything else the application has the last word. A refusal by the plan (412, 416) is described by nothing of the
// application's.
func (x *exchange) keep(h http.Header, p *plan.Plan) {
	for _, key := range gatesOwn {
		delete(h, key)
	}
	if p.Reason != "" {
		for _, key := range aboutTheFile {
			delete(h, key)
		}
	}
	if p.Status == http.StatusNotModified { // RFC 9110 15.4.5
		delete(h, "Content-Type")
	}
	p.Fields = slices.DeleteFunc(p.Fields, func(f plan.Field) bool {
		key := http.CanonicalHeaderKey(f.Name)
		_, said := h[key]
		return said && !plansOwn(key)
	})
	to := x.w.Header()
	for key, values := range h {
		to[key] = values
	}
	if len(x.cookies) > 0 {
		to["Set-Cookie"] = append(to["Set-Cookie"], x.cookies...)
	}
}

// plansOwn are the fields of a plan that no application replaces.
func plansOwn(key string) bool {
	return key == "Vary" || key == "X-Content-Type-Options" || slices.Contains(gatesOwn, key)
}

// dropHop takes away what is about the connection to the application (RFC 9110 7.6.1).
func dropHop(h http.Header) {
	for _, line := range h["Connection"] {
		for key := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(key))
		}
	}
	for _, key := range []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(h, key)
	}
}

// take answers a route that was taken over. Nothing of it reaches the application but what --ask asks.
func (x *exchange) take(rule *Rule, exact bool, path, query string) request.Outcome {
	if !exact {
		return x.refuse(reason.New(reason.RouteSpelling, errors.New(rule.text)))
	}
	dir := x.up.cfg.Roots[0].Dir
	n, nameErr := rule.name(dir, path, query)
	policy := policyTake
	if nameErr == nil {
		x.f.File = x.up.roots[0].path(n)
	} else if rule.field != "" {
		x.f.Asked = request.QueryText(query, rule.field)
	}
	if x.up.cfg.Ask != "" {
		x.private = true
		if out, done := x.ask(); done {
			return out
		}
		policy = policyAsked
	}
	if ok, code := plan.Method(x.r.Method); !ok {
		return x.refuse(reason.New(code, nil))
	}
	if nameErr != nil {
		return x.refuse(nameErr)
	}
	if x.r.Method == http.MethodOptions {
		if err := x.allowed(policy); err != nil {
			return x.refuse(err)
		}
		p := plan.OptionsPlan()
		n, err := x.w.plan(&p)
		return request.Outcome{Status: p.Status, Bytes: n, Cause: err, Result: request.Sent}
	}
	f, err := open(dir, n)
	if err != nil {
		return x.refuse(err)
	}
	defer func() { _ = f.Close() }()
	return x.sendFile(f, &rootbound.SendOptions{
		AsAttachment: rule.field != "", Private: x.private, Site: x.g.cfg.Site, CrossOrigin: x.g.cfg.CrossOrigin,
		RequestID: x.f.ID, Accept: x.f.Accept,
	}, http.StatusOK, http.Header{}, policy)
}
