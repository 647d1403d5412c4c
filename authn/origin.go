package authn

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/rootbound/rootbound/internal/request"
)

// changing says whether a request may change something (RFC 9110 9.2.1).
func changing(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// sameOrigin says whether a page of this server asks. A browser says who does, in Sec-Fetch-Site or in Origin; whoever says
// neither has no page, and no business with a cookie. ours is the server's own origin, where that is known: "https://files.example".
func sameOrigin(f *request.Facts, ours string) bool {
	switch f.FetchSite {
	case "same-origin", "none": // none is the user, not a page
		return f.Origin == "" || f.FetchSite == "same-origin" || isOwn(f, ours)
	case "":
		return f.Origin != "" && isOwn(f, ours)
	}
	return false
}

// isOwn compares an Origin field (RFC 6454 7) with the server's origin, or with the host that was asked: a browser lets no page
// choose either.
func isOwn(f *request.Facts, ours string) bool {
	if ours != "" && f.Origin == ours {
		return true
	}
	u, err := url.Parse(f.Origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, f.Host)
}
