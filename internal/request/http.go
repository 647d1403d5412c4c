package request

import (
	"net/http"
	"strings"

	"github.com/rootbound/rootbound/internal/plan"
)

// Plan takes from a request what the plan decides on. Repeated fields are joined, as RFC 9110 5.3 has it; where a
// field is no list, the joined value is malformed and the plan ignores it.
func Plan(r *http.Request) plan.Request {
	h := r.Header
	_, has := h["Accept-Encoding"]
	return plan.Request{
		Method:            r.Method,
		IfMatch:           joined(h, "If-Match"),
		IfNoneMatch:       joined(h, "If-None-Match"),
		IfModifiedSince:   joined(h, "If-Modified-Since"),
		IfUnmodifiedSince: joined(h, "If-Unmodified-Since"),
		IfRange:           joined(h, "If-Range"),
		Range:             joined(h, "Range"),
		AcceptEncoding:    joined(h, "Accept-Encoding"),
		HasAcceptEncoding: has,
		WantReprDigest:    joined(h, "Want-Repr-Digest"),
	}
}

func joined(h http.Header, key string) string {
	v := h[key]
	switch len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	}
	return strings.Join(v, ", ")
}
