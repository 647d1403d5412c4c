package server

import (
	"net/http"
	"strings"

	"github.com/rootbound/rootbound/internal/request"
)

// proxyWord takes from a header what a proxy says of who asks; nil where it says nothing. All spellings of the fields that some
// proxy or framework takes for one are looked at: what is not the one spelling is a twin, which the proxy did not write.
func (s *Server) proxyWord(h http.Header) *request.ProxyWord {
	if s.cfg.ProxyUserHeader == "" {
		return nil
	}
	var w *request.ProxyWord
	user, groups := http.CanonicalHeaderKey(s.cfg.ProxyUserHeader), http.CanonicalHeaderKey(s.cfg.ProxyGroupsHeader)
	for k, lines := range h {
		like := foldedField(k)
		if like != foldedField(user) && (groups == "" || like != foldedField(groups)) {
			continue
		}
		if w == nil {
			w = &request.ProxyWord{}
		}
		switch k {
		case user:
			w.User = lines
		case groups:
			w.Groups = lines
		default:
			w.Twin = true
		}
	}
	return w
}

// foldedField is one name for all spellings of a field that CGI would make one variable of (RFC 3875 4.1.18).
func foldedField(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }
