package undefended

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// unescape undoes one level of percent-encoding and leaves bad escapes alone, like Python's unquote.
func unescape(s string) string {
	return replacePercent(s, func(s string) (string, int) { return s[:1], 1 })
}

// unescapeDropping is unescape as classic ASP does it: the percent sign of a bad escape is dropped.
func unescapeDropping(s string) string {
	return replacePercent(s, func(string) (string, int) { return "", 1 })
}

// unescapeU decodes %uXXXX, as IIS does, beside ordinary escapes.
func unescapeU(s string) string {
	return replacePercent(s, func(s string) (string, int) {
		if len(s) >= 6 && (s[1] == 'u' || s[1] == 'U') {
			if r, err := strconv.ParseUint(s[2:6], 16, 16); err == nil {
				return string(rune(r)), 6
			}
		}
		return s[:1], 1
	})
}

// replacePercent decodes %XX and asks other about every other percent sign: what it becomes, how much is used.
func replacePercent(s string, other func(string) (string, int)) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		if s[0] != '%' {
			n := strings.IndexByte(s, '%')
			if n < 0 {
				n = len(s)
			}
			b.WriteString(s[:n])
			s = s[n:]
			continue
		}
		if len(s) >= 3 {
			if v, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				s = s[3:]
				continue
			}
		}
		out, n := other(s)
		b.WriteString(out)
		s = s[n:]
	}
	return b.String()
}

// lax decodes UTF-8 without asking whether a character was written in as few bytes as possible, and takes any
// byte for a continuation.
func lax(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		switch {
		case s[i]&0xe0 == 0xc0 && i+1 < len(s):
			r, n = rune(s[i]&0x1f)<<6|rune(s[i+1]&0x3f), 2
		case s[i]&0xf0 == 0xe0 && i+2 < len(s):
			r, n = rune(s[i]&0x0f)<<12|rune(s[i+1]&0x3f)<<6|rune(s[i+2]&0x3f), 3
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// bestFit maps what NFKC maps, and what Windows' best fit tables map to a slash or backslash.
func bestFit(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case '\u2215', '\u2044', '\u29f8':
			return '/'
		case '\u2216', '\u00a5', '\u20a9':
			return '\\'
		}
		return r
	}, s)
	return norm.NFKC.String(s)
}

func backslashes(s string) string { return strings.ReplaceAll(s, `\`, "/") }

// cutParams drops ";name=value" from each element, as servlet containers do.
func cutParams(s string) string {
	return eachElement(s, func(elem string) string {
		elem, _, _ = strings.Cut(elem, ";")
		return elem
	})
}

// windowsElements reads elements as Win32 does: no streams, no trailing dots and spaces.
func windowsElements(s string) string {
	return eachElement(s, func(elem string) string {
		elem, _, _ = strings.Cut(elem, ":")
		if trimmed := strings.TrimRight(elem, " "); trimmed == "." || trimmed == ".." {
			return trimmed
		}
		return strings.TrimRight(elem, ". ")
	})
}

func eachElement(s string, change func(string) string) string {
	elems := strings.Split(s, "/")
	for i := range elems {
		elems[i] = change(elems[i])
	}
	return strings.Join(elems, "/")
}

// dropInvisible removes control and format characters, as sanitisers do.
func dropInvisible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

// dropBadUTF8 is a decoder told to ignore errors.
func dropBadUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "")
}
