package gate

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxDecodings is how often a path is decoded when spellings are compared: more than any chain of servers does.
const maxDecodings = 5

// canonical is the one spelling that paths are compared in, to find out whether anything behind the gate could read
// one as another: percent-decoded until nothing is left to decode, backslashes as slashes, without ";parameters",
// query and fragment, without empty and "." elements, ".." carried out, without dots and spaces at the end of elements,
// compatibility forms and case folded. It is never used to name anything, and so it may go too far: what it makes equal
// to a route is refused, not answered.
func canonical(path string) []string {
	for range maxDecodings {
		next := decodeOnce(path)
		if next == path {
			break
		}
		path = next
	}
	return resolve(foldPath(path, true), dotsMerged)
}

// readings are all ways in which a path is compared, canonical's first. Readers differ in what one way cannot have: some
// carry ".." out before they decode (WHATWG URL), or beside empty elements (RFC 3986 5.2.4), or not at all, and to some a
// decoded '?' or '#' ends nothing. A route that is one of these is hidden by the others: "/x%3f/../route", "/route//..".
func readings(path string) [][]string {
	all := [][]string{canonical(path)}
	if isPlain(path) && !strings.Contains(path, "//") && !strings.Contains(path, "..") {
		return all
	}
	for range maxDecodings + 1 {
		for _, cut := range []bool{true, false} {
			folded := foldPath(path, cut)
			for how := range dotsWays {
				if how != dotsMerged && !strings.Contains(folded, "..") {
					break
				}
				r := resolve(folded, how)
				if !slices.ContainsFunc(all, func(other []string) bool { return slices.Equal(other, r) }) {
					all = append(all, r)
				}
			}
		}
		next := decodeOnce(path)
		if next == path {
			break
		}
		path = next
	}
	return all
}

// dots says what becomes of a ".." element.
type dots int

const (
	dotsMerged      dots = iota // it takes the element before it that is not empty
	dotsBesideEmpty             // it takes an empty element too
	dotsKept                    // it is an element like any other
	dotsWays
)

// resolve splits a folded path into the elements that count.
func resolve(path string, how dots) []string {
	var out []string
	for elem := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		elem, _, _ = strings.Cut(elem, ";")
		elem = strings.TrimSpace(elem)
		switch trimmed := strings.TrimRight(elem, ". "); {
		case elem == ".." && how != dotsKept:
			out = out[:max(0, len(out)-1)]
		case elem == "..":
			out = append(out, elem)
		case trimmed != "", elem == "" && how == dotsBesideEmpty:
			out = append(out, trimmed)
		}
	}
	return slices.DeleteFunc(out, func(elem string) bool { return elem == "" })
}

// isPlain says that nothing is to be folded: the way of most paths.
func isPlain(path string) bool {
	for i := range len(path) {
		c := path[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '/' && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// foldPath folds what readers take for one, and with cut ends the path where a query, a fragment or C's text would.
func foldPath(path string, cut bool) string {
	if isPlain(path) {
		return path
	}
	path = lenientUTF8(path)
	if i := strings.IndexAny(path, "?#\x00"); i >= 0 && cut {
		path = path[:i]
	}
	path = cases.Fold().String(norm.NFKC.String(path))
	path = strings.Map(func(c rune) rune {
		switch {
		case c == '\\':
			return '/'
		case c < ' ' || c == 0x7f: // some readers leave them out (WHATWG URL)
			return -1
		}
		return c
	}, path)
	return path
}

// lenientUTF8 reads overlong sequences as what they stand for, as broken decoders do.
func lenientUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if c, n := utf8.DecodeRuneInString(s[i:]); c != utf8.RuneError || n > 1 {
			b.WriteRune(c)
			i += n
			continue
		}
		c, n := overlong(s[i:])
		b.WriteRune(c)
		i += n
	}
	return b.String()
}

// overlong reads a sequence of two to four bytes that UTF-8 forbids because a shorter one would do.
func overlong(s string) (c rune, n int) {
	for _, form := range []struct {
		mask, lead byte
		n          int
	}{{0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xf8, 0xf0, 4}} {
		if s[0]&form.mask != form.lead || len(s) < form.n {
			continue
		}
		c = rune(s[0] &^ form.mask)
		for _, b := range []byte(s[1:form.n]) {
			if b&0xc0 != 0x80 {
				return utf8.RuneError, 1
			}
			c = c<<6 | rune(b&0x3f)
		}
		return c, form.n
	}
	return utf8.RuneError, 1
}

// decodeOnce decodes what can be; the rest stays, as lenient readers have it. "%u002f" is decoded too (IIS).
func decodeOnce(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if v, ok := hexValue(s, i+1, 2); ok {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
			if i+1 < len(s) && s[i+1]|0x20 == 'u' {
				if v, ok := hexValue(s, i+2, 4); ok {
					b.WriteRune(v)
					i += 5
					continue
				}
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// hexValue reads n hexadecimal digits.
func hexValue(s string, from, n int) (v rune, ok bool) {
	if from+n > len(s) {
		return 0, false
	}
	for _, c := range []byte(s[from : from+n]) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 || c < '0' || c > '9' && c < 'A' {
			return 0, false
		}
		v = v<<4 | rune(d)
	}
	return v, true
}
