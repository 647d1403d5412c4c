package rootbound

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/request"
)

// RefusalOptions say how a refusal is presented. None of them depends on why.
type RefusalOptions struct {
	// Accept is the request's Accept field: HTML, JSON and text are at hand.
	Accept string
	// RequestID stands on the page, in the Request-Id header and in the log. Its length must be the same for all.
	RequestID string
	// Private says that the decision depended on who asked.
	Private bool
	// CrossOrigin leaves out Cross-Origin-Resource-Policy: same-origin.
	CrossOrigin bool
	// Challenge is the WWW-Authenticate field of a 401 (RFC 9110 11.6.1).
	Challenge string
	// SignIn is the address of a page to sign in on, "" is none: a 401 that is an HTML page leads there, and asks for a Bearer
	// token in place of Challenge, for which no browser opens a dialog of its own.
	SignIn string
	// RetryAfter is that of a 429, in whole seconds (RFC 9110 10.2.3); 0 is 2.
	RetryAfter int
}

// sentences are what clients read. They depend on the status alone.
var sentences = map[int]string{
	400: "The request does not hold a file name.",
	401: "Sign in first.",
	403: "Names of this kind are not served.",
	404: "There is nothing here under that name.",
	405: "That method is not served here.",
	408: "The rest of the request did not come.",
	409: "There is a file of that name already.",
	412: "A precondition of the request did not hold.",
	413: "That is more than is accepted.",
	416: "No requested range can be had.",
	421: "This server does not answer for that host.",
	429: "Too many requests. Wait a while and try again.",
	501: "That method is not known.",
	502: "The application behind this server gave no usable answer. Try again.",
	503: "The server cannot answer right now. Try again.",
	504: "The application behind this server did not answer in time. Try again.",
	507: "No space is left.",
}

const refusalStyle = `body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:12vh auto;padding:0 1em;color:#222;background:#fff}` +
	`small{color:#666}@media(prefers-color-scheme:dark){body{color:#ddd;background:#16181c}small{color:#999}}`

var refusalCSP = "default-src 'none'; style-src 'sha256-" + hash64(refusalStyle) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func hash64(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// RefusalPlan is the answer to an error: the same bytes and headers for every reason that shares a status. The
// body is one literal segment.
func RefusalPlan(err error, o RefusalOptions) plan.Plan {
	status := Status(err)
	kind := acceptKind(o.Accept)
	signIn, challenge := "", o.Challenge
	if status == http.StatusUnauthorized && kind == kindHTML && o.SignIn != "" {
		signIn, challenge = o.SignIn, request.BearerChallenge
	}
	body := refusalBody(kind, status, o.RequestID, signIn)
	p := plan.Plan{Status: status, Reason: ReasonOf(err), Length: int64(len(body))}
	add := func(n, v string) { p.Fields = append(p.Fields, plan.Field{Name: n, Value: v}) }
	add("Content-Type", kind)
	add("Content-Length", strconv.Itoa(len(body)))
	add("Cache-Control", "no-store")
	add("X-Content-Type-Options", "nosniff")
	add("Content-Security-Policy", refusalCSP)
	add("Referrer-Policy", "no-referrer")
	add("Vary", refusalVary(o.Private))
	if !o.CrossOrigin {
		add("Cross-Origin-Resource-Policy", "same-origin")
	}
	if o.RequestID != "" {
		add("Request-Id", o.RequestID)
	}
	switch status {
	case http.StatusMethodNotAllowed:
		add("Allow", plan.Allow)
	case http.StatusUnauthorized:
		if challenge != "" {
			add("WWW-Authenticate", challenge)
		}
	case http.StatusTooManyRequests:
		add("Retry-After", strconv.Itoa(max(2, o.RetryAfter)))
	case http.StatusServiceUnavailable:
		add("Retry-After", "2")
	}
	p.Segments = []plan.Segment{{Text: body}}
	return p
}

func refusalVary(private bool) string {
	if private {
		return "Accept, Authorization, Cookie"
	}
	return "Accept"
}

// Kinds of refusal pages.
const (
	kindHTML = "text/html; charset=utf-8"
	kindJSON = "application/problem+json"
	kindText = "text/plain; charset=utf-8"
)

func refusalBody(kind string, status int, id, signIn string) string {
	text, sentence := http.StatusText(status), sentences[status]
	code := strconv.Itoa(status)
	switch kind {
	case kindHTML:
		b := "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">" +
			"<title>" + code + " " + text + "</title><style>" + refusalStyle + "</style></head>\n<body><h1>" + text + "</h1><p>" + sentence + "</p>"
		if signIn != "" {
			b += `<p><a href="` + html.EscapeString(signIn) + `">Sign in</a></p>`
		}
		if id != "" {
			b += "<p><small>" + code + " &middot; request " + id + "</small></p>"
		}
		return b + "</body></html>\n"
	case kindJSON: // RFC 9457
		b := `{"status":` + code + `,"title":"` + text + `","detail":"` + sentence + `"`
		if id != "" {
			b += `,"request_id":"` + id + `"`
		}
		return b + "}\n"
	}
	b := code + " " + text + "\n" + sentence + "\n"
	if id != "" {
		b += "request " + id + "\n"
	}
	return b
}

// acceptKind picks the page by the Accept field (RFC 9110 12.5.1): the one with the highest weight, HTML before
// JSON before text where weights agree, text where only */* or nothing was said.
func acceptKind(accept string) string {
	best, kind := 0, kindText
	for _, c := range []struct{ media, kind string }{{"text/html", kindHTML}, {"application/json", kindJSON}, {"application/problem+json", kindJSON}, {"text/plain", kindText}} {
		if q := plan.MediaWeight(accept, c.media); q > best {
			best, kind = q, c.kind
		}
	}
	return kind
}

// Refuse answers a request with an error of this package: the status from the one table, a fixed body, and
// nothing of the error's own text. Use it for every refusal around Send, so that all of them look alike.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	refuse(w, r, err, RefusalOptions{})
}

func refuse(w http.ResponseWriter, r *http.Request, err error, o RefusalOptions) {
	o.Accept = strings.Join(r.Header.Values("Accept"), ", ")
	p := RefusalPlan(err, o)
	writeHeader(w, &p)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, p.Segments[0].Text) // a client that went away needs no answer
	}
}

// aboutFile are the fields that say something of a file. A handler may have set them in the hope of one.
var aboutFile = []string{"Accept-Ranges", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Range", "Etag", "Expires", "Last-Modified"}

// writeHeader hands status and headers of a plan to net/http. What a handler around has set stands where the plan
// says nothing about it, and its Vary stands beside the plan's.
func writeHeader(w http.ResponseWriter, p *plan.Plan) {
	h := w.Header()
	if p.Status >= 400 {
		for _, key := range aboutFile {
			delete(h, key)
		}
	}
	for _, f := range p.Fields {
		key := http.CanonicalHeaderKey(f.Name)
		switch {
		case key != "Vary":
			h[key] = []string{f.Value}
		case !slices.Contains(h[key], f.Value):
			h[key] = append(h[key], f.Value)
		}
	}
	w.WriteHeader(p.Status)
}
