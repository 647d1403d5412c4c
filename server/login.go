package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// The pages for signing in and out. They are there on every address, wherever there are sessions.
const (
	pageLogin  = ownPrefix + "login"
	pageLogout = ownPrefix + "logout"
)

// Bounds of what is posted, in bytes.
const (
	maxForm = 16 << 10
	maxNext = 4 << 10
)

// signInAt is where a 401 leads a browser: back to what it asked for once it has signed in.
func (s *Server) signInAt(x *exchange) string {
	if s.cfg.Sessions == nil || x.status != http.StatusUnauthorized {
		return ""
	}
	return signInFrom(x.f)
}

// signInFrom is the page for signing in and out, which leads back to what was asked for.
func signInFrom(f *request.Facts) string {
	next := "/"
	if f.Method == http.MethodGet {
		next = safeNext(f.Target)
	}
	return pageLogin + "?next=" + url.QueryEscape(next)
}

// safeNext is a path on this server, as it was sent, or "/" for what could lead anywhere else in any browser: those read
// "//host" and "/\host" as a host, and drop tabs and line breaks before they do. Nor does it lead back to the server's own pages.
func safeNext(text string) string {
	decoded, err := url.PathUnescape(text)
	for _, t := range []string{text, decoded} {
		if err != nil || len(t) > maxNext || !strings.HasPrefix(t, "/") || strings.HasPrefix(t, "//") || strings.HasPrefix(t, ownPrefix) ||
			strings.ContainsFunc(t, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }) {
			return "/"
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) {
		return "/"
	}
	if u, err := url.Parse(text); err != nil || u.IsAbs() || u.Host != "" || u.User != nil {
		return "/"
	}
	return text
}

// signing answers the pages for signing in and out.
func (s *Server) signing(x *exchange, path string) {
	f := x.f
	_, query := request.SplitTarget(f.Target)
	f.Own, f.Shown = true, path // the query may hold a signed link to come back to
	form, next := loginForm{next: "/"}, ""
	if v, err := url.ParseQuery(query); err == nil && len(v["next"]) == 1 {
		form.next = safeNext(v.Get("next"))
	}
	x.err = s.admit(f, x.at)
	switch {
	case x.err != nil:
	case f.Method == http.MethodPost:
		next, x.err = s.posted(x, path, &form)
	case f.Method == http.MethodGet, f.Method == http.MethodHead:
		x.err = s.signedIn(x, &form)
	case f.Method == http.MethodOptions:
	default:
		x.err = notAllowed(f.Method)
	}
	s.decided(x)
	x.out = s.answerSigning(x, next, &form)
	s.recordDone(x)
}

func (s *Server) answerSigning(x *exchange, next string, form *loginForm) (out request.Outcome) {
	var p plan.Plan
	x.status = http.StatusOK
	switch {
	case x.err != nil && form.complain(x.err):
		x.status = rootbound.Status(x.err)
		p = s.loginPage(x, form)
	case x.err != nil:
		return s.refuse(x)
	case next != "":
		p = leadTo(next)
	case x.f.Method == http.MethodOptions:
		p = plan.OptionsPlan()
		p.Fields = append(p.Fields, plan.Field{Name: "Allow", Value: loginAllow}, plan.Field{Name: "Cache-Control", Value: "no-store"})
	default:
		p = s.loginPage(x, form)
	}
	if x.f.SetCookie != "" {
		x.to.setCookie(x.f.SetCookie)
	}
	refusal := x.err
	out, x.err = s.sendPlan(x, &p)
	if refusal != nil {
		out.Reason, out.Cause = reason.Of(refusal), refusal
	}
	return out
}

const loginAllow = plan.Allow + ", POST"

func notAllowed(method string) error {
	ok, code := plan.Method(method)
	if ok {
		code = reason.MethodNotAllowed
	}
	e := &planRefusal{error: reason.New(code, nil)}
	if code == reason.MethodNotAllowed {
		e.fields = []plan.Field{{Name: "Allow", Value: loginAllow}}
	}
	return e
}

func leadTo(next string) plan.Plan {
	return plan.Plan{Status: http.StatusSeeOther, Fields: []plan.Field{
		{Name: "Location", Value: next},
		{Name: "Content-Length", Value: "0"},
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "Referrer-Policy", Value: "same-origin"},
	}}
}

// signedIn finds out who looks at the page.
func (s *Server) signedIn(x *exchange, form *loginForm) error {
	who, ok, err := s.cfg.Sessions.Who(x.f, true)
	if err != nil {
		return err
	}
	if ok {
		x.who, form.who = who, who.ID
	}
	return nil
}

// posted does what a form asks for, and says where that leads.
func (s *Server) posted(x *exchange, path string, form *loginForm) (next string, err error) {
	v, err := x.form()
	if err != nil {
		return "", err
	}
	form.next, form.name = safeNext(v.Get("next")), v.Get("name")
	if !s.cfg.Sessions.Posted(x.f, v.Get("form")) {
		return "", reason.New(reason.FormForeign, nil)
	}
	if path == pageLogout {
		return pageLogin, s.signOut(x, v.Get("everywhere") != "")
	}
	return form.next, s.signIn(x, form.name, v.Get("password"))
}

// signIn ends the session that the browser has, if any, and begins another: its cookie may be known to whoever put it there.
func (s *Server) signIn(x *exchange, name, password string) error {
	a, err := s.cfg.Authn.SignIn(name, password, x.f.Client)
	if err != nil {
		return err
	}
	ctx := context.Background()
	cookie, err := s.cfg.Sessions.SignIn(ctx, a)
	if err != nil {
		return err
	}
	_, _ = s.cfg.Sessions.End(ctx, x.f) // it ends by itself otherwise
	x.who = request.Subject{ID: a.Name, Groups: a.Groups, Method: authn.MethodSession}
	x.to.setCookie(cookie)
	return nil
}

func (s *Server) signOut(x *exchange, everywhere bool) error {
	ctx := context.Background()
	who, ok, err := s.cfg.Sessions.Who(x.f, true)
	if err != nil {
		return err
	}
	x.f.SetCookie = "" // there is no going on
	x.who = who
	if ok && everywhere {
		if _, err := s.cfg.Sessions.EndAll(ctx, who.ID); err != nil {
			return err
		}
	}
	gone, err := s.cfg.Sessions.End(ctx, x.f)
	if err == nil {
		x.to.setCookie(gone)
	}
	return err
}

// form reads what was posted: each field once, in the one encoding that browsers use for forms without files.
func (x *exchange) form() (url.Values, error) {
	kind, _, err := mime.ParseMediaType(x.kind)
	if err != nil || kind != "application/x-www-form-urlencoded" || x.body == nil {
		return nil, malformedForm("its type is not that of a form")
	}
	b, err := io.ReadAll(io.LimitReader(x.body, maxForm+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, reason.New(reason.BodySlow, nil)
	case err != nil:
		return nil, malformedForm("it broke off")
	case len(b) > maxForm:
		return nil, malformedForm("it is over " + strconv.Itoa(maxForm) + " bytes")
	}
	v, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, malformedForm("it cannot be read")
	}
	for _, values := range v {
		if len(values) != 1 {
			return nil, malformedForm("a field is there twice")
		}
	}
	return v, nil
}

func malformedForm(why string) error { return reason.New(reason.FormMalformed, errors.New(why)) }
