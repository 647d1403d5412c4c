package python

import (
	"bytes"
	"fmt"
	"regexp"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
)

// coding is PEP 263's declaration, in one of the first two lines.
var coding = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)

// decode gives src as UTF-8, without a byte order mark. Bytes that are not of the
// declared encoding become U+FFFD: Python would refuse the file, a reviewer reads on.
func decode(src []byte) ([]byte, error) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	name := ""
	rest := src
	for range 2 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		if m := coding.FindSubmatch(line); m != nil {
			name = string(m[1])
			break
		}
		rest = after
	}
	if name == "" || utf8.Valid(src) && isUTF8(name) {
		return bytes.ToValidUTF8(src, []byte("\uFFFD")), nil
	}
	if name == "iso-8859-15" || name == "latin-9" {
		name = "iso8859-15"
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		enc, err = htmlindex.Get("windows-1252")
		if err != nil {
			return nil, fmt.Errorf("encoding %q: %w", name, err)
		}
	}
	out, err := enc.NewDecoder().Bytes(src)
	if err != nil {
		return nil, fmt.Errorf("encoding %q: %w", name, err)
	}
	return out, nil
}

func isUTF8(name string) bool {
	switch name {
	case "utf-8", "utf8", "UTF-8", "UTF8", "ascii", "us-ascii", "utf_8":
		return true
	}
	return false
}
