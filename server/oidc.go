package server

import (
	"context"
	"net/http"
	"net/url"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// The pages between which browsers sign in at an OpenID provider.
const (
	pageOIDCStart    = ownPrefix + "oidc/start"
	pageOIDCCallback = ownPrefix + "oidc/callback"
)

// signingElsewhere answers the pages for signing in at a provider. Neither code nor state are for the log: the target is shown without
// its query.
func (s *Server) signingElsewhere(x *exchange, path string) {
	f := x.f
	_, query := request.SplitTarget(f.Target)
	f.Own, f.Shown = true, path
	x.err = s.admit(f, x.at)
	if x.err == nil && f.Method != http.MethodGet {
		x.err = onlyGet(f.Method)
	}
	to := ""
	if x.err == nil && path == pageOIDCStart {
		to, x.err = s.startElsewhere(x, query)
	} else if x.err == nil {
		to, x.err = s.finishElsewhere(x, query)
	}
	s.decided(x)
	if x.err != nil {
		x.out = s.refuse(x)
	} else {
		p := leadTo(to)
		x.out, x.err = s.sendPlan(x, &p)
	}
	s.recordDone(x)
}

// onlyGet refuses whatever has a browser do nothing: HEAD would begin a sign-in, or use one up, that nobody ends.
func onlyGet(method string) error {
	_, code := plan.Method(method)
	if code == "" {
		code = reason.MethodNotAllowed
	}
	e := &planRefusal{error: reason.New(code, nil)}
	if code == reason.MethodNotAllowed {
		e.fields = []plan.Field{{Name: "Allow", Value: http.MethodGet}}
	}
	return e
}

func (s *Server) startElsewhere(x *exchange, query string) (string, error) {
	next := "/"
	if v, err := url.ParseQuery(query); err == nil && len(v["next"]) == 1 {
		next = safeNext(v.Get("next"))
	}
	to, cookie, err := s.cfg.OIDC.Start(context.Background(), next)
	if err == nil {
		x.to.setCookie(cookie)
	}
	return to, err
}

// finishElsewhere ends the session that the browser has, if any: the new one has another cookie.
func (s *Server) finishElsewhere(x *exchange, query string) (string, error) {
	ctx := context.Background()
	who, next, cookies, err := s.cfg.OIDC.Finish(ctx, x.f, query)
	if err == nil {
		_, _ = s.cfg.Sessions.End(ctx, x.f) // it ends by itself otherwise
		x.who = who
	}
	for _, c := range cookies {
		x.to.setCookie(c)
	}
	return safeNext(next), err
}
