package server

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

//go:embed login.css
var loginStyle string

// loginCSP allows the page its own style and its own form, and nothing else.
var loginCSP = func() string {
	sum := sha256.Sum256([]byte(loginStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// loginForm is what the page shows.
type loginForm struct {
	next string // where it leads, see safeNext
	who  string // signed in; "" is nobody
	name string // that was typed before
	said string // what is wrong
}

// complain says what is wrong, where that is something to try again on the page.
func (l *loginForm) complain(err error) bool {
	switch reason.Of(err) {
	case reason.CredentialInvalid:
		l.said = "That user name and password do not belong together."
	case reason.LockedOut:
		l.said = "That was tried too often. The next attempt is looked at in " + strconv.Itoa(retryAfter(err)) + " seconds."
	case reason.FormForeign:
		l.said = "This form was not from here, or it was out of date. Please try again."
	case reason.StateUnavailable, reason.ShortHashing:
		l.said = "Nobody can sign in right now. Please try again in a moment."
	default:
		return false
	}
	return true
}

// loginPage renders the form, or, for who is signed in, the way out. Nothing on it but what escapes is from outside.
func (s *Server) loginPage(x *exchange, l *loginForm) plan.Plan {
	token, setCookie := s.cfg.Sessions.Form(x.f)
	if setCookie != "" {
		x.to.setCookie(setCookie)
	}
	hidden := `<input type="hidden" name="form" value="` + token + `"><input type="hidden" name="next" value="` + html.EscapeString(l.next) + `">`
	var b strings.Builder
	raw := func(pieces ...string) {
		for _, p := range pieces {
			b.WriteString(p)
		}
	}
	title := "Sign in"
	if l.who != "" {
		title = "Signed in"
	}
	raw(`<!doctype html>`, "\n", `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`,
		`<meta name="color-scheme" content="light dark">`, "\n<title>", title, "</title>\n<style>", loginStyle, "</style></head>\n<body><main><h1>", title, "</h1>\n")
	if l.said != "" {
		raw(`<p class="said" role="alert">`, html.EscapeString(l.said), "</p>\n")
	}
	if l.who != "" {
		raw("<p>You are <bdi>", html.EscapeString(l.who), `</bdi>. <a href="`, html.EscapeString(l.next), `">Go on</a></p>`, "\n",
			`<form method="post" action="`, pageLogout, `">`, hidden, `<button class="second">Sign out</button>`,
			`<button class="second" name="everywhere" value="yes">Sign out everywhere</button></form>`)
	}
	if l.who == "" && (s.cfg.OIDC == nil || s.cfg.NoPasswords == nil || !s.cfg.NoPasswords()) {
		atName, atPassword := " autofocus", ""
		if l.name != "" { // typed already
			atName, atPassword = atPassword, atName
		}
		raw(`<form method="post" action="`, pageLogin, `">`, hidden,
			`<label>User name<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="128" required`, atName, ` value="`, html.EscapeString(strings.ToValidUTF8(l.name, "")), `"></label>`,
			`<label>Password<input name="password" type="password" autocomplete="current-password" maxlength="1024" required`, atPassword, `></label>`,
			`<button>Sign in</button></form>`)
	}
	if l.who == "" && s.cfg.OIDC != nil {
		raw(`<p><a class="elsewhere" href="`, pageOIDCStart, `?next=`, html.EscapeString(url.QueryEscape(l.next)), `">Sign in at <bdi>`, html.EscapeString(hostOf(s.cfg.OIDC.Issuer())), "</bdi></a></p>\n")
	}
	raw("\n</main></body></html>\n")
	return s.htmlPage(x, b.String())
}

// hostOf is what a provider is called on the page.
func hostOf(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer
	}
	return u.Hostname()
}

func (s *Server) htmlPage(x *exchange, body string) plan.Plan {
	p := plan.Plan{
		Status: x.status, Length: int64(len(body)), Segments: []plan.Segment{{Text: body}},
		Fields: []plan.Field{
			{Name: "Content-Type", Value: "text/html; charset=utf-8"},
			{Name: "Content-Length", Value: strconv.Itoa(len(body))},
			{Name: "Cache-Control", Value: "no-store"},
			{Name: "X-Content-Type-Options", Value: "nosniff"},
			{Name: "Content-Security-Policy", Value: loginCSP},
			{Name: "Referrer-Policy", Value: "same-origin"}, // with none at all browsers do not say where a form comes from
			{Name: "Cross-Origin-Opener-Policy", Value: "same-origin"},
			{Name: "Vary", Value: "Authorization, Cookie"},
		},
	}
	switch x.status {
	case http.StatusTooManyRequests:
		p.Fields = append(p.Fields, plan.Field{Name: "Retry-After", Value: strconv.Itoa(max(2, retryAfter(x.err)))})
	case http.StatusServiceUnavailable:
		p.Fields = append(p.Fields, plan.Field{Name: "Retry-After", Value: "2"})
	}
	return p
}
