package gate

import (
	"net/http"
	"net/netip"
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

// spelledAs is a header's name as an application may read it: CGI, WSGI and Rack make one of '-' and '_'.
func spelledAs(key string) string { return strings.ToLower(strings.ReplaceAll(key, "_", "-")) }

func hasAnyPrefix(key string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

func isSendfileHeader(key string) bool { return hasAnyPrefix(spelledAs(key), sendfileFamily) }

func isIdentityHeader(key string) bool {
	key = spelledAs(key)
	for _, h := range identityHeaders {
		if key == h || strings.HasSuffix(h, "-") && strings.HasPrefix(key, h) {
			return true
		}
	}
	return false
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
		case strings.HasPrefix(spelledAs(key), "x-original-"):
		default:
			continue
		}
		delete(h, key)
	}
}

// isProxyHeader knows what proxies in front may say.
func isProxyHeader(key string) bool {
	key = strings.ToLower(key)
	return key == "forwarded" || key == "x-real-ip" || strings.HasPrefix(key, "x-forwarded-")
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
