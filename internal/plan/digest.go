package plan

import "strings"

// WantsSHA256 says whether a Want-Repr-Digest field (RFC 9530, 4) asks for sha-256: a dictionary of algorithms with
// a preference of 0, not acceptable, to 10. A member's last occurrence counts (RFC 9651, 3.2). A field with anything
// else in it asks for nothing, as RFC 9651, 4.2 has it for what cannot be parsed.
func WantsSHA256(field string) bool {
	wanted := false
	field = strings.Trim(field, " ")
	for field != "" {
		member, rest, more := strings.Cut(field, ",")
		name, preference, ok := preferred(trimOWS(member))
		if !ok {
			return false
		}
		if name == "sha-256" {
			wanted = preference > 0
		}
		field = trimOWS(rest)
		if more && field == "" {
			return false // dictionaries have no empty members
		}
	}
	return wanted
}

// preferred reads a member "name=preference". Parameters would be allowed by the syntax; nobody has defined one, and
// one that holds a comma in quotes ends as a field that asks for nothing.
func preferred(member string) (name string, preference int64, ok bool) {
	name, value, ok := strings.Cut(member, "=")
	if !ok || !isKey(name) {
		return "", 0, false
	}
	value, _, _ = strings.Cut(value, ";")
	preference, ok = number(value)
	return name, preference, ok && len(value) <= 15 && preference <= 10
}

// isKey checks a dictionary's key (RFC 9651, 3.1.2).
func isKey(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c == '*':
		case i > 0 && (c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}
