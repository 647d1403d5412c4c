package request

import "strings"

// SplitTarget cuts a request target (RFC 9112 3.2) into path and query as they were sent; nothing is decoded. What
// is no path is returned as it is, for the NAME stage to refuse.
func SplitTarget(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if strings.HasPrefix(path, "/") {
		return path, query
	}
	// The absolute form, which servers must accept (RFC 9112 3.2.2).
	scheme, rest, ok := strings.Cut(path, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return path, query
	}
	authority, after, slash := strings.Cut(rest, "/")
	switch {
	case authority == "":
		return path, query
	case !slash:
		return "/", query
	}
	return "/" + after, query
}

// QueryText returns the value of a field of a query as it was sent, the first where there are several: for records of
// what was no name. Nothing is decoded, and the other fields, which may hold secrets, are left out.
func QueryText(query, field string) string {
	for pair := range strings.SplitSeq(query, "&") {
		if k, v, _ := strings.Cut(pair, "="); k == field {
			return v
		}
	}
	return ""
}
