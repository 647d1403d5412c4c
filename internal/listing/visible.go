package listing

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// eachVisible hands over a name as a reader must see it, piece by piece: plain text as it is, and characters that
// show nothing or rearrange their neighbours (bidirectional controls, invisible and unassigned characters, spaces
// where nobody sees them) as their code point, "U+202E". So no name can look like another by means of these.
func eachVisible(s string, plain, code func(string)) {
	start, prev, spaces := 0, rune(-1), 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		next := rune(-1)
		if i+n < len(s) {
			next, _ = utf8.DecodeRuneInString(s[i+n:])
		}
		show := shows(prev, r, next)
		if unicode.Is(unicode.Zs, r) {
			show = show && spaces < 2 // a wide gap would push the extension out of sight
			spaces++
		} else {
			spaces = 0
		}
		if !show || r == utf8.RuneError && n == 1 {
			if start < i {
				plain(s[start:i])
			}
			code(fmt.Sprintf("U+%04X", r))
			start = i + n
		}
		i += n
		prev = r
	}
	if start < len(s) {
		plain(s[start:])
	}
}

// visible is the text of a name as it is shown.
func visible(s string) string {
	var b strings.Builder
	add := func(p string) { b.WriteString(p) }
	eachVisible(s, add, add)
	return b.String()
}

// shows says whether a character is shown as it is between these two; -1 is the end of the name.
func shows(prev, r, next rune) bool {
	switch {
	case r < utf8.RuneSelf && r != ' ':
		return r > ' ' && r != 0x7f
	case unicode.Is(unicode.Zs, r):
		return prev >= 0 && next >= 0
	case r == 0x200c || r == 0x200d: // zero width non-joiner and joiner
		return joined(prev) && joined(next) || r == 0x200d && pictograph(prev) && pictograph(next)
	case r == 0xfe0e || r == 0xfe0f: // text or emoji style of the symbol before it
		return unicode.Is(unicode.So, prev)
	case r == 0x2800 || r == 0x1d159: // blanks that count as symbols
		return false
	case prev < 0 && unicode.IsMark(r): // would stand on whatever comes before the name
		return false
	}
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// joined says whether joiners are part of the spelling beside this letter.
func joined(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsMark(r)) && unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Devanagari, unicode.Bengali,
		unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala)
}

// pictograph says whether a joiner beside this makes one emoji of several.
func pictograph(r rune) bool {
	return r == 0xfe0f || unicode.Is(unicode.So, r) || r >= 0x1f3fb && r <= 0x1f3ff // skin tones
}
