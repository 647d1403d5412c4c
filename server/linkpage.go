package server

import (
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

// linkPage is answered in place of what a link is to: a form that asks for the password, and has the use counted. It has no
// address, and so goes to the page's own. Nothing on it but what escapes is from outside.
func (s *Server) linkPage(x *exchange, status int, wrong string) error {
	l := x.link
	name := html.EscapeString(l.Path[strings.LastIndexByte(l.Path, '/')+1:])
	if name == "" {
		name = "Files"
	}
	var b strings.Builder
	raw := func(pieces ...string) {
		for _, p := range pieces {
			b.WriteString(p)
		}
	}
	raw(`<!doctype html>`, "\n", `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`,
		`<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">`, "\n<title>", name, "</title>\n<style>", loginStyle,
		"</style></head>\n<body><main><h1><bdi>", name, "</bdi></h1>\n")
	if wrong != "" {
		raw(`<p class="said" role="alert">`, html.EscapeString(wrong), "</p>\n")
	}
	switch {
	case l.Uses == 1:
		raw("<p>This link works once. It is used up when you press the button.</p>\n")
	case l.Uses > 1:
		raw("<p>This link works ", strconv.Itoa(l.Uses), " times in all. One of them is used up when you press the button.</p>\n")
	}
	raw(`<form method="post">`)
	if l.Password {
		raw(`<label>Password<input name="`, passwordField, `" type="password" autocomplete="off" maxlength="1024" required autofocus></label>`)
	}
	label := "Get the file"
	if l.Dir {
		label = "Open"
	}
	raw("<button>", label, "</button></form>\n</main></body></html>\n")
	body, code := b.String(), reason.LinkAsks
	if status == http.StatusForbidden {
		code = reason.CredentialInvalid
	}
	return &linkAsks{reason.New(code, nil), plan.Plan{Status: status, Length: int64(len(body)), Segments: []plan.Segment{{Text: body}}, Fields: append([]plan.Field{
		{Name: "Content-Type", Value: "text/html; charset=utf-8"},
		{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		{Name: "Content-Security-Policy", Value: loginCSP},
		{Name: "X-Robots-Tag", Value: "noindex"},
	}, linkFields...)}}
}
