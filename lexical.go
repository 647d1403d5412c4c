package rootbound

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

// SecureFilename turns any text into one plain ASCII file name: the result, byte for byte, of Werkzeug 2.2.2's
// secure_filename on a POSIX system, on every system. Compatibility decomposition (NFKD) keeps the base letters of
// accented ones, all else outside ASCII is dropped, "/" and white space become "_", whatever is not in [A-Za-z0-9_.-] is
// dropped, and dots and underscores are stripped from both ends.
//
// The result may be empty, may begin with "-", is not unique and is not bounded in length: it is for the caller to choose
// another name then. It may be a device name of Windows such as "CON" (Werkzeug prefixes those when it runs on Windows,
// and then only some): the NamePolicy Portable and SafeJoin refuse them.
//
// Bytes that are not UTF-8 are dropped one by one, as Werkzeug drops the surrogates that Python decodes them to.
// The tables are those of Unicode 14, which Debian 12's Python 3.11 has, whatever the toolchain brings.
func SecureFilename(name string) string {
	ascii := foldASCII(name)
	ascii = strings.ReplaceAll(ascii, "/", " ")
	// Python's str.split() cuts at \x1c to \x1f as well, which strings.Fields does not.
	words := strings.FieldsFunc(ascii, func(r rune) bool {
		return r == ' ' || '\t' <= r && r <= '\r' || '\x1c' <= r && r <= '\x1f'
	})
	return strings.Trim(notFilename.ReplaceAllString(strings.Join(words, "_"), ""), "._")
}

var notFilename = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// foldASCII is what is left of s in ASCII after NFKD: Python's normalize("NFKD", s).encode("ascii", "ignore").
func foldASCII(s string) string {
	s = strings.Map(func(r rune) rune {
		if decomposedSinceUnicode14(r) {
			return -1
		}
		return r
	}, s)
	var b strings.Builder
	for _, c := range []byte(norm.NFKD.String(s)) {
		if c < utf8.RuneSelf {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// decomposedSinceUnicode14 reports the code points that decompose to ASCII and were unassigned in Unicode 14. x/text
// knows them when built with Go 1.27 (Unicode 17): without this the result would depend on the toolchain.
func decomposedSinceUnicode14(r rune) bool {
	return r == 0xA7F1 || // MODIFIER LETTER CAPITAL S, Unicode 17
		0x1CCD6 <= r && r <= 0x1CCF9 // OUTLINED LATIN CAPITAL LETTER A to OUTLINED DIGIT NINE, Unicode 16
}

// SafeJoin joins parts, which are not trusted, to base, which is, and returns a path that is beneath base as text.
// Each part is a slash-separated relative name; "a/../b" is cleaned to "b"; the result has slashes on every system.
// What it accepts it joins as Werkzeug 2.2.2's safe_join does on a POSIX system ("" gives a trailing slash, "." stays).
//
// It is lexical only, and nothing can make it safe: between this answer and the open that follows anybody who may write
// beneath base can put a symbolic link in the way, one that is there already is not noticed, and "a/.." is not the
// parent of a link named a. Use [Dir.Open], where the kernel confines the one open there is; use SafeJoin only for code
// that must have a path.
//
// It refuses what Werkzeug refuses, absolute parts and parts that lead above base, and on every system also:
//
//   - an empty base, which Werkzeug takes for the working directory;
//   - invalid UTF-8, NUL and control characters (Unicode's Cc);
//   - a backslash, and so every UNC name, and a colon, and so every drive letter and data stream;
//   - any element, also one that a later ".." removes, that is a device name (CON, NUL.txt, "aux ", COM1), that ends in a
//     dot or a space, or that has one of <>"|?* in it.
//
// The error is a [*fs.PathError] whose Path is the refused part as it was given, never base; for an empty base Path
// is empty.
func SafeJoin(base string, parts ...string) (string, error) {
	if base == "" {
		return "", &fs.PathError{Op: "safejoin", Err: reason.New(reason.NameEmpty, nil)}
	}
	joined := base
	for _, part := range parts {
		clean, err := cleanPart(part)
		if err != nil {
			return "", &fs.PathError{Op: "safejoin", Path: part, Err: err}
		}
		if !strings.HasSuffix(joined, "/") {
			joined += "/"
		}
		joined += clean
	}
	return joined, nil
}

// cleanPart judges one part of SafeJoin and returns it cleaned. Text that no system should see comes first: Python
// 3.11.2's normpath stops at a NUL (CVE-2023-41105), so what follows one was never judged there.
func cleanPart(part string) (string, error) {
	switch {
	case part == "":
		return "", nil
	case !utf8.ValidString(part):
		return "", reason.New(reason.NameUTF8, nil)
	case strings.Contains(part, "\x00"):
		return "", reason.New(reason.NameNUL, nil)
	case strings.ContainsFunc(part, unicode.IsControl):
		return "", reason.New(reason.NameControl, nil)
	case strings.Contains(part, `\`):
		return "", reason.New(reason.NameBackslash, nil)
	case strings.HasPrefix(part, "/"):
		return "", reason.New(reason.NameAbsolute, nil)
	}
	clean := path.Clean(part)
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", reason.New(reason.NameTraversal, nil)
	}
	for elem := range strings.SplitSeq(part, "/") {
		if elem == "." || elem == ".." {
			continue
		}
		if err := name.PortableElement(elem); err != nil {
			return "", reason.New(reason.NamePortable, err)
		}
	}
	return clean, nil
}
