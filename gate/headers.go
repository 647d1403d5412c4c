package gate

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/internal/request"
)

// The headers by which an application names a file.
const (
	headerSendfile  = "X-Sendfile"
	headerLighttpd  = "X-Lighttpd-Send-File"
	headerTemporary = "X-Sendfile-Temporary"
	headerAccel     = "X-Accel-Redirect"

	headerType    = "X-Sendfile-Type"
	headerMapping = "X-Accel-Mapping"
)

// sendfileFamily are the prefixes of headers between an application and what serves its files. No client may speak
// them, and none ever reads them.
var sendfileFamily = []string{"x-sendfile", "x-accel-", "x-lighttpd-"}

// identityHeaders say who a client is, where it comes from or what it asked for: they are the gate's, or those of a
// proxy in front of it, to say. A final hyphen makes a prefix.
var identityHeaders = []string{
	"forwarded", "x-forwarded-", "x-real-ip", "x-client-ip", "client-ip", "true-client-ip", "cf-connecting-ip", "x-cluster-client-ip",
	"x-original-", "x-rewrite-url", "request-id", "x-request-id", "proxy",
	"remote-user", "remote-addr", "remote-host", "x-remote-", "x-auth-request-", "x-authenticated-", "x-webauth-", "x-user", "auth-user", "auth-type",
	"x-ssl-", "ssl-client-", "x-client-cert", "client-cert", "x-tls-client-",
}

// hasPrefix compares a header's name as an application may read it: CGI, WSGI and Rack make one of '-' and '_', PHP of
// '.' too, lighttpd's CGI of all that is neither letter nor digit, and letters have no case. prefix is in lower case, with '-'.
func hasPrefix(key, prefix string) bool {
	if len(key) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := key[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		case (c < 'a' || c > 'z') && (c < '0' || c > '9'):
			c = '-'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

func isSendfileHeader(key string) bool {
	return slices.ContainsFunc(sendfileFamily, func(p string) bool { return hasPrefix(key, p) })
}

func isIdentityHeader(key string) bool {
	return slices.ContainsFunc(identityHeaders, func(h string) bool {
		return hasPrefix(key, h) && (len(key) == len(h) || h[len(h)-1] == '-')
	})
}

// dropSendfile takes away whatever is between the application and the gate, and the announcement of such trailers.
func dropSendfile(h http.Header) {
	for key := range h {
		if isSendfileHeader(strings.TrimPrefix(key, http.TrailerPrefix)) {
			delete(h, key)
		}
	}
}

// cleanRequest takes from a client's request what only the gate may say. What a trusted proxy says of the client is
// kept, in the one spelling that proxies use.
func cleanRequest(h http.Header, trusted bool) {
	for key := range h {
		switch {
		case isSendfileHeader(key):
		case isIdentityHeader(key) && !(trusted && isProxyHeader(key)):
		case hasPrefix(key, "x-original-"):
		default:
			continue
		}
		delete(h, key)
	}
}

// isProxyHeader knows what proxies in front may say, in the one spelling they have for it (net/http's canonical form).
func isProxyHeader(key string) bool {
	return key == "Forwarded" || key == "X-Real-Ip" || strings.HasPrefix(key, "X-Forwarded-")
}

// tellClient says who asks, by which name and how, as proxies do.
func tellClient(h http.Header, f *request.Facts, trusted bool) {
	if f.Peer.IsValid() {
		chain := f.Peer.String()
		if prior := h.Values("X-Forwarded-For"); trusted && len(prior) > 0 {
			chain = strings.Join(prior, ", ") + ", " + chain
		}
		h.Set("X-Forwarded-For", chain)
	}
	setUnlessTrusted := func(key, value string) {
		if !trusted || h.Get(key) == "" {
			h.Set(key, value)
		}
	}
	proto := "http"
	if f.TLS {
		proto = "https"
	}
	setUnlessTrusted("X-Forwarded-Proto", proto)
	setUnlessTrusted("X-Forwarded-Host", f.Host)
	h.Set("Request-Id", f.ID)
}

// contains says whether a peer is in one of the ranges. The peer of a Unix socket counts as 127.0.0.1.
func contains(ranges []netip.Prefix, peer netip.Addr) bool {
	if !peer.IsValid() {
		peer = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	for _, r := range ranges {
		if r.Contains(peer) {
			return true
		}
	}
	return false
}

// gatesOwn are fields of an answer that the plan decides where the answer is a file.
var gatesOwn = []string{
	"Accept-Ranges", "Content-Length", "Content-Range", "Content-Encoding", "Transfer-Encoding", "Trailer", "Etag", "Last-Modified",
	"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Date", "Connection", "Keep-Alive", "Request-Id",
}

// aboutTheFile are fields that describe a file, and belong to no refusal.
var aboutTheFile = []string{"Content-Type", "Content-Disposition", "Content-Language", "Content-Location", "Cache-Control", "Expires", "Link"}
