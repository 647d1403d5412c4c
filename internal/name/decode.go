package name

import (
	"strings"

	"github.com/rootbound/rootbound/internal/reason"
)

// decode undoes percent-encoding once (RFC 3986 2.1); form also reads '+' as a space
// (application/x-www-form-urlencoded). encodedSlash says whether a '/' came from an encoding.
func decode(s string, form bool) (text string, encodedSlash bool, err error) {
	if strings.IndexByte(s, '%') < 0 && !(form && strings.IndexByte(s, '+') >= 0) {
		return s, false, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) {
				return "", false, reason.New(reason.NameEncoding, nil)
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 0 || lo < 0 {
				return "", false, reason.New(reason.NameEncoding, nil)
			}
			c = byte(hi<<4 | lo)
			if c == '/' {
				encodedSlash = true
			}
			i += 2
		case form && c == '+':
			c = ' '
		}
		b = append(b, c)
	}
	return string(b), encodedSlash, nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// Escape is the inverse for one name in a path: every byte but RFC 3986's unreserved characters and '/' is
// percent-encoded, so that the result may stand in a header, an attribute or a log as it is.
func Escape(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
