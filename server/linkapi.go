package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/link"
)

// pageLinks is where users make links, list their own (GET) and take them back (DELETE pageLinks/KEY/ID). It is there on
// every address where users can authenticate.
const pageLinks = ownPrefix + "links"

const maxLinkRequest = 16 << 10 // bytes

func (s *Server) makesLinks() bool {
	return s.cfg.Links != nil && s.cfg.Authn != nil && s.cfg.App == nil
}

// linkAPI answers pageLinks; rest is what follows it in the path. What it is asked by is never sent unasked by a page of
// another site: a cookie is held to the origin (authn), and neither a JSON body nor DELETE goes across without CORS.
func (s *Server) linkAPI(x *exchange, rest string) {
	f := x.f
	f.Own, f.Shown = true, pageLinks+rest
	var p plan.Plan
	x.err = s.admit(f, x.at)
	if x.err == nil {
		x.who, x.err = s.asUser(f, true)
	}
	if x.err == nil {
		p, x.err = s.linkCall(x, rest)
	}
	s.decided(x)
	var told *apiError
	switch {
	case errors.As(x.err, &told):
		p = jsonPlan(told.status, map[string]string{"error": told.text})
		x.status = told.status
		x.out, _ = s.sendPlan(x, &p)
		x.out.Reason, x.out.Cause = reason.Of(x.err), x.err
	case x.err != nil:
		x.out = s.refuse(x)
	default:
		x.out, _ = s.sendPlan(x, &p)
	}
	s.recordDone(x)
}

// apiError says what is wrong with what a program asked for. It tells nothing of files.
type apiError struct {
	error
	status int
	text   string
}

func (e *apiError) Unwrap() error { return e.error }

func badLink(text string) error {
	return &apiError{reason.New(reason.FormMalformed, errors.New(text)), http.StatusBadRequest, text}
}

func jsonPlan(status int, v any) plan.Plan {
	b, err := json.Marshal(v)
	if err != nil { // nothing that is told here can fail to be written
		b = []byte("{}")
	}
	p := page("application/json", string(b)+"\n")
	p.Status = status
	p.Fields = append(p.Fields, plan.Field{Name: "Vary", Value: "Authorization, Cookie"}, plan.Field{Name: "Referrer-Policy", Value: "no-referrer"})
	return p
}

func (s *Server) linkCall(x *exchange, rest string) (plan.Plan, error) {
	ctx, cancel := context.WithTimeout(context.Background(), linkPatience)
	defer cancel()
	key, id, one := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	switch method := x.f.Method; {
	case rest == "" && method == http.MethodPost:
		return s.makeLink(ctx, x)
	case rest == "" && (method == http.MethodGet || method == http.MethodHead):
		return s.listLinks(ctx, x)
	case one && method == http.MethodDelete:
		return s.revokeLink(ctx, x, key, id)
	case rest == "" || one:
		return plan.Plan{}, linkMethods(method, rest)
	}
	return plan.Plan{}, reason.New(reason.Missing, nil)
}

func linkMethods(method, rest string) error {
	ok, code := plan.Method(method)
	if ok {
		code = reason.MethodNotAllowed
	}
	e := &planRefusal{error: reason.New(code, nil)}
	if code == reason.MethodNotAllowed {
		allow := "DELETE"
		if rest == "" {
			allow = "GET, HEAD, POST"
		}
		e.fields = []plan.Field{{Name: "Allow", Value: allow}}
	}
	return e
}

func (s *Server) listLinks(ctx context.Context, x *exchange) (plan.Plan, error) {
	out := struct {
		Links []link.Shown `json:"links"`
	}{[]link.Shown{}}
	if s.cfg.LinkRegister == nil {
		return plan.Plan{}, needsState("links are not kept")
	}
	all, err := s.cfg.LinkRegister.List(ctx, x.who.ID)
	if err != nil {
		return plan.Plan{}, err
	}
	for i := range all {
		if x.who.Limits.Allow(request.Share, all[i].Path) {
			out.Links = append(out.Links, link.Show(&all[i]))
		}
	}
	return jsonPlan(http.StatusOK, out), nil
}

func (s *Server) revokeLink(ctx context.Context, x *exchange, key, id string) (plan.Plan, error) {
	if s.cfg.LinkRegister == nil {
		return plan.Plan{}, needsState("links cannot be taken back")
	}
	mine := func(l state.Link) bool { return l.Issuer == x.who.ID && x.who.Limits.Allow(request.Share, l.Path) }
	if err := s.cfg.LinkRegister.Revoke(ctx, key, id, mine); err != nil {
		return plan.Plan{}, err
	}
	return plan.Plan{Status: http.StatusNoContent, Fields: []plan.Field{{Name: "Cache-Control", Value: "no-store"}}}, nil
}

func needsState(what string) error {
	text := what + " by this server: it has no state (--state)"
	return &apiError{reason.New(reason.LinkInvalid, errors.New(text)), http.StatusNotFound, text}
}

// readLinkRequest reads a JSON document, and nothing else.
func (x *exchange) readLinkRequest() (*linkRequest, error) {
	kind, _, err := mime.ParseMediaType(x.kind)
	if err != nil || kind != "application/json" || x.body == nil {
		return nil, badLink("the body must be of Content-Type: application/json")
	}
	b, err := io.ReadAll(io.LimitReader(x.body, maxLinkRequest+1))
	switch {
	case err != nil:
		return nil, reason.New(reason.BodySlow, nil)
	case len(b) > maxLinkRequest:
		return nil, badLink("the body is over " + strconv.Itoa(maxLinkRequest) + " bytes")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	out := new(linkRequest)
	if err := d.Decode(out); err != nil {
		return nil, badLink("the body is no such document: " + strings.TrimPrefix(err.Error(), "json: "))
	}
	if d.More() {
		return nil, badLink("the body is more than one document")
	}
	return out, nil
}
