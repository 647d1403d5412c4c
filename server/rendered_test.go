package server

import (
	"net/http"
	"testing"
)

// TestHeaderName: the names that are known are as http.CanonicalHeaderKey has them, and so are the others.
func TestHeaderName(t *testing.T) {
	for _, name := range []string{
		"ETag", "Content-Type", "Content-Length", "Content-Range", "Content-Encoding", "Content-Disposition", "Last-Modified",
		"Accept-Ranges", "Cache-Control", "Vary", "X-Content-Type-Options", "Content-Security-Policy", "Repr-Digest", "Allow",
		"Cross-Origin-Resource-Policy", "Request-Id", "Referrer-Policy", "etag", "WWW-Authenticate", "Location",
	} {
		if got, want := headerName(name), http.CanonicalHeaderKey(name); got != want {
			t.Errorf("headerName(%q) = %q, want %q", name, got, want)
		}
	}
}
