package plan

import "strings"

// Negotiate chooses among the content codings there are (12.5.3), best first, for a request's Accept-Encoding; has
// says whether the request has that field. coding is the one with the highest weight, the earlier one of two, or ""
// for none: there is none, none is wanted, identity is wanted more, or the client did not say. identityOK says
// whether the plain file is acceptable; where it is not and coding is "", nothing is. An answer that depends on this
// has Vary: Accept-Encoding, whatever came of it.
//
// A member that is no coding with a weight is skipped. Where a coding is named twice the first counts.
func Negotiate(acceptEncoding string, has bool, available []string) (coding string, identityOK bool) {
	if !has {
		return "", true
	}
	star, starred := weightOf(acceptEncoding, "*")
	identity, named := weightOf(acceptEncoding, "identity")
	if !named {
		identity, named = star, starred
	}
	best := 0
	if named {
		best = identity - 1 // of equal weight the coding is preferred
	}
	for _, c := range available {
		w, listed := weightOf(acceptEncoding, c)
		if !listed && starred {
			w = star
		}
		if w > 0 && w > best {
			coding, best = c, w
		}
	}
	return coding, !named || identity > 0
}

// weightOf finds a coding in Accept-Encoding and gives its weight in thousandths.
func weightOf(field, coding string) (weight int, found bool) {
	for more := true; more; {
		var member string
		member, field, more = strings.Cut(field, ",")
		name, param, weighted := strings.Cut(member, ";")
		if !sameCoding(trimOWS(name), coding) {
			continue
		}
		if !weighted {
			return 1000, true
		}
		if w, ok := parseWeight(trimOWS(param)); ok {
			return w, true
		}
	}
	return 0, false
}

// sameCoding compares without case (8.4.1); x-gzip is gzip (8.4.1.3).
func sameCoding(a, b string) bool { return strings.EqualFold(plainCoding(a), plainCoding(b)) }

func plainCoding(c string) string {
	if strings.EqualFold(c, "x-gzip") {
		return "gzip"
	}
	return c
}

// MediaWeight is the weight that an Accept field (12.5.1) gives exactly this media type, in thousandths. Ranges with a
// wildcard do not count; a malformed weight is 0, and where a type is named twice the first counts.
func MediaWeight(accept, media string) int {
	for member := range strings.SplitSeq(accept, ",") {
		kind, params, _ := strings.Cut(member, ";")
		if !strings.EqualFold(trimOWS(kind), media) {
			continue
		}
		for param := range strings.SplitSeq(params, ";") {
			if k, _, ok := strings.Cut(param, "="); ok && strings.EqualFold(trimOWS(k), "q") {
				w, _ := parseWeight(trimOWS(param))
				return w
			}
		}
		return 1000
	}
	return 0
}

// parseWeight reads "q=0.5" (12.4.2) in thousandths.
func parseWeight(s string) (int, bool) {
	if len(s) < 3 || s[0]|0x20 != 'q' || s[1] != '=' {
		return 0, false
	}
	whole, decimals := s[2], s[3:]
	if whole != '0' && whole != '1' || len(decimals) > 4 || decimals != "" && decimals[0] != '.' {
		return 0, false
	}
	w, unit := int(whole-'0')*1000, 100
	for i := 1; i < len(decimals); i++ {
		d := decimals[i]
		if d < '0' || d > '9' {
			return 0, false
		}
		w += int(d-'0') * unit
		unit /= 10
	}
	if w > 1000 {
		return 0, false
	}
	return w, true
}
