package finding

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Visible is visible, for what a report is about and does not hold: what was typed, and errors.
func Visible(s string) string { return visible(s) }

// visible is text that shows as what it is on one line: control characters, bytes that are no UTF-8, and characters that are
// invisible or turn the direction of writing become Go's escapes.
func visible(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			const digits = "0123456789abcdef"
			b.WriteString(`\x`)
			b.WriteByte(digits[s[0]>>4])
			b.WriteByte(digits[s[0]&15])
		} else if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[size:]
	}
	return b.String()
}

func isPlain(s string) bool {
	for i, r := range s {
		if r >= ' ' && r < 0x7f {
			continue
		}
		if !strconv.IsPrint(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return false
			}
		}
	}
	return true
}

// visibleLines keeps lines apart, and bounds the whole.
func visibleLines(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	if isPlain(s) {
		return s
	}
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = visible(l)
	}
	return strings.Join(lines, "\n")
}

// shown is a place whose text is only text.
func shown(p Place) Place {
	if !utf8.ValidString(p.Path) {
		p.Bytes = []byte(p.Path)
	}
	p.Path, p.URL = visible(p.Path), visible(p.URL)
	return p
}
