// Package listing shows a directory: a page for people, or JSON for programs that ask for it.
//
// A page holds at most pageSize entries, in order, whatever the directory holds: a request reads the directory once
// and keeps no more than two pages of it. What is known of an entry is what (*rootbound.File).Entries says; nothing
// is opened or asked by path. Nothing of the query is ever repeated on the page.
package listing

import (
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"net/http"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/plan"
)

// pageSize is how many entries one page shows: what a phone still scrolls through without effort.
const pageSize = 1000

// Link is a directory that is shown above the entries, for instance a mount. It hides an entry of the same name.
type Link struct {
	// Name is one element.
	Name string
}

// Request is what is listed, and for whom.
type Request struct {
	// Ctx ends the reading of a large directory when the client goes away; nil is never.
	Ctx context.Context
	// Dir is the open directory; nil where there is nothing but Extra. The caller closes it.
	Dir *rootbound.File
	// Path has the decoded elements from the top to this directory; none at the top.
	Path []string
	// Query is the raw query: sort=name|size|time, order=asc|desc, and after= or before= as made by this package.
	// What is unknown, malformed or over-long is ignored.
	Query string
	// Accept is the request's Accept field: application/json where it is preferred over text/html, else a page.
	Accept string
	// Hide leaves out entries, and all beneath them, by their name beneath the base. They are served all the same.
	Hide []name.Glob
	// Beneath, where set, is what the base is called beneath the one that Hide is about, with a slash at its end.
	Beneath string
	// Shows, where set, says which of the other entries are shown and counted. Of a link it is asked about what that leads to too.
	Shows func(n rootbound.Name, dir bool) bool
	// Carry, where set, is a field of the query, FIELD=VALUE, that every reference goes on with.
	Carry string
	// RequestID is sent as Request-Id where it is set.
	RequestID string
	// Head sends the header alone. It reads no further than the first entry.
	Head bool
	// CrossOrigin leaves out Cross-Origin-Resource-Policy: same-origin.
	CrossOrigin bool
	// Private says that the answer depended on who asked: shared caches must not keep it.
	Private bool
	// SignInAt is where browsers sign in and out; "" shows no way there. It is a path on this server, escaped.
	SignInAt string
	// Account is who is signed in there; "" is nobody. A page with it is Private.
	Account string
	// Extra stands above the entries on the first page, in this order.
	Extra []Link
}

//go:embed style.css
var style string

var policy = "default-src 'none'; style-src 'sha256-" + hash64(style) +
	"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func hash64(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Serve answers with the listing. The directory is read before anything is written: with an error and status 0
// nothing was, and the caller refuses; with an error and a status the answer broke off, and the connection must too.
// Where the client went away while the directory was read, the error matches that of the context. bytes counts the
// body.
func Serve(w http.ResponseWriter, r Request) (status int, bytes int64, err error) {
	if r.Ctx == nil {
		r.Ctx = context.Background()
	}
	q := parseQuery(r.Query)
	var p *page
	if r.Head {
		err = r.readable()
	} else {
		p, err = r.collect(q)
	}
	if err != nil {
		return 0, 0, err
	}
	asJSON := prefersJSON(r.Accept)
	r.writeHeader(w.Header(), asJSON)
	w.WriteHeader(http.StatusOK)
	if r.Head {
		return http.StatusOK, 0, nil
	}
	c := &counter{w: w}
	b := bufio.NewWriterSize(c, 16<<10) // keeps the first error, so that only Flush need be asked
	if asJSON {
		writeJSON(b, &r, q, p)
	} else {
		writeHTML(b, &r, q, p)
	}
	err = b.Flush()
	return http.StatusOK, c.n, err
}

func (r *Request) writeHeader(h http.Header, asJSON bool) {
	kind, cache, vary := "text/html; charset=utf-8", "no-cache", "Accept"
	if asJSON {
		kind = "application/json"
	}
	if r.SignInAt != "" {
		vary = "Accept, Cookie"
	}
	if r.Private || r.Account != "" {
		cache, vary = "private, no-cache", "Accept, Authorization, Cookie"
	}
	set := func(k, v string) { h[k] = []string{v} }
	set("Content-Type", kind)
	set("Cache-Control", cache)
	set("Vary", vary)
	set("Content-Security-Policy", policy)
	set("X-Content-Type-Options", "nosniff")
	set("Referrer-Policy", "no-referrer")
	if !r.CrossOrigin {
		set("Cross-Origin-Resource-Policy", "same-origin")
	}
	if r.RequestID != "" {
		set("Request-Id", r.RequestID)
	}
}

// counter counts the bytes of the body.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// prefersJSON says whether the Accept field (RFC 9110 12.5.1) likes JSON better than HTML. Ranges with a wildcard do
// not count, so that curl and browsers get the page.
func prefersJSON(accept string) bool {
	return plan.MediaWeight(accept, "application/json") > plan.MediaWeight(accept, "text/html")
}
