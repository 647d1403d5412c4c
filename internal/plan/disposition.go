package plan

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxDownloadName bounds a download name in bytes: what one element may have on common file systems. The header is then
// at most about 1,100 bytes.
const maxDownloadName = 255

// Disposition returns the value of a Content-Disposition header (RFC 6266): the type, "attachment" or "inline", and the
// download name offered for it. An empty filename gives the type alone.
//
// The name is first made one that can be saved: what must not be in a file name (control characters, "/" and "\", bidi
// controls, line separators, bytes that are not UTF-8) becomes "_", dots and white space go from both ends (RFC 6266, 4.3:
// a download must not become a hidden file), and beyond 255 bytes its middle is cut, keeping the extension. A name of
// which nothing is left is "download".
//
// It stands in filename= as it is when it is ASCII without a quotation mark or a percent sign, which recipients read in
// different ways (RFC 6266, appendix D). Otherwise filename= holds a plain ASCII substitute and filename*= the name in
// UTF-8 (RFC 8187); recipients that know both take the latter, wherever it stands. The value is printable ASCII,
// whatever filename is, and has no backslash.
func Disposition(attachment bool, filename string) string {
	value := "inline"
	if attachment {
		value = "attachment"
	}
	if filename == "" {
		return value
	}
	if plainName(filename) {
		return value + "; filename=" + filename
	}
	offered := downloadName(filename)
	fallback := asciiDownloadName(offered)
	value += "; filename=" + tokenOrQuoted(fallback)
	if fallback != offered {
		value += "; filename*=UTF-8''" + extValue(offered)
	}
	return value
}

// plainName says that nothing of what follows would change a name. Most are so.
func plainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return name != "" && len(name) <= maxDownloadName && name[0] != '.' && name[len(name)-1] != '.'
}

// downloadName makes a name that can be saved, as told at Disposition. It is its own fixed point.
func downloadName(filename string) string {
	name := strings.ToValidUTF8(filename, "_")
	name = strings.Map(func(r rune) rune {
		if unsafeInDownload(r) {
			return '_'
		}
		return r
	}, name)
	name = cutName(trimName(name))
	if name == "" {
		return "download"
	}
	return name
}

// unsafeInDownload reports what must not be in a file name on its way to a stranger: separators, what ends or rewrites
// a line, and the controls that make "\u202Egpj.exe" look like "exe.jpg" (Unicode's Bidi_Control, and the deprecated
// format characters U+206A to U+206F).
func unsafeInDownload(r rune) bool {
	switch {
	case r == '/' || r == '\\' || unicode.IsControl(r):
		return true
	case r == '\u2028' || r == '\u2029' || r == '\ufeff':
		return true
	case '\u206a' <= r && r <= '\u206f':
		return true
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

func isEdge(r rune) bool { return r == '.' || unicode.IsSpace(r) }

func trimName(name string) string { return strings.TrimFunc(name, isEdge) }

// cutName cuts name to maxDownloadName bytes between runes. An extension of up to 16 bytes stays: without it the
// recipient would not know what to open the file with.
func cutName(name string) string {
	if len(name) <= maxDownloadName {
		return name
	}
	ext := ""
	if dot := strings.LastIndexByte(name, '.'); len(name)-dot <= 16 {
		ext = name[dot:]
	}
	end := maxDownloadName - len(ext)
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return strings.TrimRightFunc(name[:end], isEdge) + ext
}

// asciiDownloadName is the substitute of name for recipients that do not know filename*: letters lose their accents,
// marks and joiners go, every other character is "_". Decomposition can make separators, dots, spaces and quotation
// marks of what were none ("／", "…", "＂"), so the result is judged after it, like any name.
func asciiDownloadName(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch folded := foldRune(r); {
		case folded != "":
			b.WriteString(folded)
		case unicode.In(r, unicode.M, unicode.Cf):
		default:
			b.WriteByte('_')
		}
	}
	ascii := strings.Map(func(r rune) rune {
		if r == '"' || r == '%' {
			return '_'
		}
		return r
	}, b.String())
	return downloadName(ascii)
}

// foldRune is what is ASCII in the compatibility decomposition of r.
func foldRune(r rune) string {
	if r < utf8.RuneSelf {
		return string(r)
	}
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return -1
	}, norm.NFKD.String(string(r)))
}

const (
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	// tchar of RFC 9110, 5.6.2, without the percent sign, which no fallback has.
	tokenChars = alphanumeric + "!#$&'*+-.^_`|~"
	// attr-char of RFC 8187, 3.2.1.
	attrChars = alphanumeric + "!#$&+-.^_`|~"
)

// tokenOrQuoted writes s as a token if it is one and in quotation marks otherwise. There is nothing to escape: s has
// neither quotation mark nor backslash.
func tokenOrQuoted(s string) string {
	if strings.Trim(s, tokenChars) == "" {
		return s
	}
	return `"` + s + `"`
}

// extValue percent-encodes s as value-chars of RFC 8187.
func extValue(s string) string {
	const upperhex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(attrChars, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', upperhex[c>>4], upperhex[c&15]})
		}
	}
	return b.String()
}
