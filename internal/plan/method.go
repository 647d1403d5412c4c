package plan

import "github.com/rootbound/rootbound/internal/reason"

// Allow is what 405 and OPTIONS say (10.2.1).
const Allow = "GET, HEAD, OPTIONS"

// Method says whether a method is served, and if not why: MethodNotAllowed (405, with Allow) for one that the IANA
// HTTP Method Registry knows, MethodUnknown (501) for any other. Methods are case-sensitive (9.1).
func Method(method string) (ok bool, why reason.Code) {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return true, ""
	case "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE", "LABEL", "LINK",
		"LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH",
		"PATCH", "POST", "PRI", "PROPFIND", "PROPPATCH", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "TRACE",
		"UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL":
		return false, reason.MethodNotAllowed
	}
	return false, reason.MethodUnknown
}

// OptionsPlan is the answer to OPTIONS, the same for every file. A 204 has no Content-Length (8.6).
func OptionsPlan() Plan {
	return Plan{Status: 204, Fields: []Field{{"Allow", Allow}, {"X-Content-Type-Options", "nosniff"}}}
}

// SlashPlan sends a client to a directory's own address; escaped is its last element, percent-encoded. The location is
// relative, never made from Host, and starts with "./", so that it can be no other host's.
func SlashPlan(escaped string) Plan {
	return Plan{Status: 308, Fields: []Field{
		{"Location", "./" + escaped + "/"},
		{"Content-Length", "0"},
		{"Cache-Control", "no-store"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
	}}
}

func refuseMethod(why reason.Code) Plan {
	if why == reason.MethodNotAllowed {
		return refuse(405, why, Field{"Allow", Allow})
	}
	return refuse(501, why)
}
