package attack

import (
	"fmt"
	"strings"
)

// set is of bytes.
type set [256]bool

func setOf(in func(c byte) bool) *set {
	var all set
	for c := range all {
		all[c] = in(byte(c))
	}
	return &all
}

var (
	endsLine  = setOf(func(c byte) bool { return c == ' ' || c == '\r' || c == '\n' })
	endsValue = setOf(func(c byte) bool { return c <= ' ' || c == 0x7f || strings.IndexByte("&+;#", c) >= 0 })
)

// escapeLine percent-encodes the bytes that would end or split a request line.
func escapeLine(s string) string { return escape(s, endsLine) }

// escapeForm percent-encodes what would end a value of a query, or mean something else in one. Percent signs
// stay: they are part of what the attacker wrote.
func escapeForm(s string) string { return escape(s, endsValue) }

// escape copies what lies between special bytes at once: some names are as long as a buffer.
func escape(s string, special *set) string {
	var b strings.Builder
	from := 0
	for i := range len(s) {
		if special[s[i]] {
			fmt.Fprintf(&b, "%s%%%02X", s[from:i], s[i])
			from = i + 1
		}
	}
	if from == 0 {
		return s
	}
	return b.String() + s[from:]
}

// escapeAll percent-encodes every byte but letters and digits, in lower case hexadecimal.
func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

// decode decodes percent-escapes once and leaves alone what is none, as most languages' decoders do.
func decode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
