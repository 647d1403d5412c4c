package name

import (
	"strings"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/reason"
)

// malformed finds what makes a decoded text no name at all.
func malformed(text string) error {
	ascii := true
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == 0:
			return reason.New(reason.NameNUL, nil)
		case c < 0x20 || c == 0x7f:
			return reason.New(reason.NameControl, nil)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if ascii {
		return nil
	}
	if !utf8.ValidString(text) {
		return reason.New(reason.NameUTF8, nil)
	}
	for _, c := range text {
		if c >= 0x80 && c < 0xa0 { // C1 controls: terminals act on them
			return reason.New(reason.NameControl, nil)
		}
	}
	return nil
}

// Local is the policy that always holds: a name that is relative, slash-separated, and means on this system
// nothing but itself. Whether hidden elements are served is Rules' business.
func Local(text string) error {
	if text == "" {
		return reason.New(reason.NameEmpty, nil)
	}
	if err := malformed(text); err != nil {
		return err
	}
	if strings.IndexByte(text, '\\') >= 0 {
		return reason.New(reason.NameBackslash, nil)
	}
	if text[0] == '/' {
		return reason.New(reason.NameAbsolute, nil)
	}
	for elem := range strings.SplitSeq(text, "/") {
		switch {
		case elem == "":
			return reason.New(reason.NameEmptyElement, nil)
		case elem == ".":
			return reason.New(reason.NameDot, nil)
		case elem == "..":
			return reason.New(reason.NameTraversal, nil)
		case len(elem) > MaxElement:
			return reason.New(reason.NameTooLong, nil)
		}
	}
	if len(text) > MaxName {
		return reason.New(reason.NameTooLong, nil)
	}
	return localSystem(text)
}

// Strict is the classic allowlist [A-Za-z0-9_.-]+ for each element, matched to the very end.
func Strict(text string) error {
	if err := Local(text); err != nil {
		return err
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' || c == '/'
		if !ok {
			return reason.New(reason.NameStrict, nil)
		}
	}
	return nil
}

// Portable refuses, on every system, what any system would misread: device names, colons, trailing dots and
// spaces, and <>"|?*.
func Portable(text string) error {
	if err := Local(text); err != nil {
		return err
	}
	for elem := range strings.SplitSeq(text, "/") {
		if err := PortableElement(elem); err != nil {
			return reason.New(reason.NamePortable, err)
		}
	}
	return nil
}

// IsRoute says whether a path can be compared with request targets as they were sent: whatever client asks for it
// writes it in this one way. It is of letters, digits and "_.-" between single slashes, and none of the server's own pages.
func IsRoute(path string) bool {
	rest, ok := strings.CutPrefix(path, "/")
	return ok && Strict(rest) == nil && rest != ReservedFirst && !strings.HasPrefix(rest, ReservedFirst+"/")
}
