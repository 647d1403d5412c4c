package name

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

func TestFromPath(t *testing.T) {
	r := &Rules{}
	for _, tt := range []struct {
		in   string
		want string // the name, with a slash where a directory is asked for
		why  reason.Code
	}{
		{"/", "./", ""},
		{"/a.txt", "a.txt", ""},
		{"/a/b", "a/b", ""},
		{"/a/b/", "a/b/", ""},
		{"/a%20b", "a b", ""},
		{"/a+b", "a+b", ""},
		{"/%61", "a", ""},
		{"/%C3%A9", "é", ""},
		{"/%e2%80%ae", "\u202e", ""},
		{"/a;b=c", "a;b=c", ""},
		{"/...", "...", reason.NameHidden},
		{"/-x", "-x", ""},
		{"/a/-/b", "a/-/b", ""},

		// Decoded once: what is encoded twice stays as it is, a strange but literal name.
		{"/%252e%252e/a", "%2e%2e/a", ""},
		{"/%252fetc", "%2fetc", ""},
		{"/.%252e/a", ".%2e/a", reason.NameHidden},
		{"/%2500", "%00", ""},

		// Traversal, in every spelling that decodes to it.
		{"/..", "", reason.NameTraversal},
		{"/../a", "", reason.NameTraversal},
		{"/a/..", "", reason.NameTraversal},
		{"/a/../b", "", reason.NameTraversal},
		{"/%2e%2e/a", "", reason.NameTraversal},
		{"/.%2E/a", "", reason.NameTraversal},
		{"/a/%2e./b", "", reason.NameTraversal},
		{"/.", "", reason.NameDot},
		{"/a/./b", "", reason.NameDot},
		{"/%2e/", "", reason.NameDot},

		// Separators.
		{"/..%2fa", "", reason.NameEncodedSeparator},
		{"/a%2Fb", "", reason.NameEncodedSeparator},
		{"/%2Fetc/passwd", "", reason.NameEncodedSeparator},
		{"/..%5ca", "", reason.NameBackslash},
		{"/a\\b", "", reason.NameBackslash},
		{"//a", "", reason.NameAbsolute},
		{"//", "", reason.NameEmpty},
		{"/a//b", "", reason.NameEmptyElement},
		{"/a//", "", reason.NameEmptyElement},

		// No names at all.
		{"", "", reason.NameEmpty},
		{"a", "", reason.NameAbsolute},
		{"/a#b", "", reason.NameFragment},
		{"/%", "", reason.NameEncoding},
		{"/%2", "", reason.NameEncoding},
		{"/%zz", "", reason.NameEncoding},
		{"/%u002e", "", reason.NameEncoding},
		{"/%%32%65", "", reason.NameEncoding},
		{"/a%00", "", reason.NameNUL},
		{"/a%00.txt", "", reason.NameNUL},
		{"/a%0a", "", reason.NameControl},
		{"/a%0d%0aX:y", "", reason.NameControl},
		{"/%7f", "", reason.NameControl},
		{"/%c2%85", "", reason.NameControl},
		{"/%ff", "", reason.NameUTF8},
		{"/%c0%ae%c0%ae/a", "", reason.NameUTF8},
		{"/%e0%80%af", "", reason.NameUTF8},
		{"/%ed%a0%80", "", reason.NameUTF8},

		// Names that are not served.
		{"/.env", "", reason.NameHidden},
		{"/a/.git/config", "", reason.NameHidden},
		{"/.well-known/x", "", reason.NameHidden},
		{"/.rootbound-x", "", reason.NameReserved},
		{"/-", "", reason.NameReserved},
		{"/-/healthz", "", reason.NameReserved},
		{"/%2d/healthz", "", reason.NameReserved},
		{"/" + strings.Repeat("a", 256), "", reason.NameTooLong},
		{"/" + strings.Repeat("é", 128), "", reason.NameTooLong},
		{"/" + strings.Repeat("a/", 2048) + "b", "", reason.NameTooLong},
	} {
		n, err := r.FromPath(tt.in)
		if reason.Of(err) != tt.why {
			t.Errorf("FromPath(%.60q) = %v, want %q", tt.in, err, tt.why)
			continue
		}
		got := n.String()
		if n.WantsDir() {
			got += "/"
		}
		if err == nil && got != tt.want {
			t.Errorf("FromPath(%.60q) = %q, want %q", tt.in, got, tt.want)
		}
		if n.Valid() != (err == nil) || n.Valid() && !n.CheckedBy(r) || n.CheckedBy(&Rules{}) || n.CheckedBy(nil) {
			t.Errorf("FromPath(%.60q): Valid %v", tt.in, n.Valid())
		}
	}
}

func TestFromQuery(t *testing.T) {
	r := &Rules{}
	for _, tt := range []struct {
		query, want string
		why         reason.Code
	}{
		{"file=a.txt", "a.txt", ""},
		{"file=a/b", "a/b", ""},
		{"file=a%2Fb", "a/b", ""},
		{"file=a+b%2B", "a b+", ""},
		{"x=1&file=a&y=%20", "a", ""},
		{"f%69le=a", "a", ""},
		{"FILE=b&file=a", "a", ""},
		{"file=%252e%252e", "%2e%2e", ""},
		{"file=a%26b", "a&b", ""},
		{"file=a;b", "a;b", ""},
		{"", "", reason.NameEmpty},
		{"file", "", reason.NameEmpty},
		{"file=", "", reason.NameEmpty},
		{"x=a", "", reason.NameEmpty},
		{"file=a&file=b", "", reason.NameRepeated},
		{"file=a&fil%65=a", "", reason.NameRepeated},
		{"file=a&file", "", reason.NameRepeated},
		{"file=a#b", "", reason.NameFragment},
		{"file=%zz", "", reason.NameEncoding},
		{"file=a&x=%zz", "", reason.NameEncoding},
		{"file=../a", "", reason.NameTraversal},
		{"file=%2e%2e%2fa", "", reason.NameTraversal},
		{"file=/etc/passwd", "", reason.NameAbsolute},
		{"file=%2Fetc", "", reason.NameAbsolute},
		{"file=a/", "", reason.NameEmptyElement},
		{"file=a//b", "", reason.NameEmptyElement},
		{"file=.", "", reason.NameDot},
		{"file=a%5cb", "", reason.NameBackslash},
		{"file=a%00", "", reason.NameNUL},
		{"file=-/healthz", "", reason.NameReserved},
		{"file=.env", "", reason.NameHidden},
		{"file=%ff", "", reason.NameUTF8},
	} {
		n, err := r.FromQuery(tt.query, "file")
		if reason.Of(err) != tt.why || err == nil && n.String() != tt.want {
			t.Errorf("FromQuery(%q) = %q, %v; want %q, %q", tt.query, n, err, tt.want, tt.why)
		}
	}
}

func TestFromDirAndText(t *testing.T) {
	r := &Rules{Allow: []Glob{mustGlob(t, "*.txt")}}
	if n, err := r.FromDir("."); err != nil || !n.IsBase() || n.String() != "." || n.Last() != "." || n.Elements() != nil {
		t.Errorf("FromDir(.) = %q, %v", n, err)
	}
	if n, err := r.FromDir("a.key"); err != nil || !n.WantsDir() || !n.CheckedBy(r) || n.File().CheckedBy(r) || n.File().WantsDir() {
		t.Errorf("FromDir(a.key) = %q, %v: as a file it was never judged", n, err)
	}
	for text, why := range map[string]reason.Code{"": reason.NameEmpty, ".": reason.NameDot, "a.key": reason.NameDenied, "b/a.txt": "", "a\nb": reason.NameControl, "a\x00": reason.NameNUL} {
		if _, err := r.FromText(text); reason.Of(err) != why {
			t.Errorf("FromText(%q) = %v, want %q", text, err, why)
		}
	}
	n, err := r.FromText("a/b/c.txt")
	if err != nil || strings.Join(n.Elements(), "|") != "a|b|c.txt" || n.Last() != "c.txt" {
		t.Errorf("%q, %v", n.Elements(), err)
	}
	if !(Name{}).File().CheckedBy(nil) && (Name{}).Valid() {
		t.Error("the zero Name is valid")
	}
}

func TestPolicy(t *testing.T) {
	own := errors.New("own words")
	var seen []string
	r := &Rules{Policy: func(name string) error {
		seen = append(seen, name)
		switch name {
		case "no":
			return own
		case "coded":
			return reason.New(reason.NameStrict, nil)
		}
		return nil
	}}
	for text, why := range map[string]reason.Code{"yes": "", "no": reason.NamePolicy, "coded": reason.NameStrict} {
		if _, err := r.FromText(text); reason.Of(err) != why {
			t.Errorf("FromText(%q) = %v, want %q", text, err, why)
		}
	}
	seen = nil
	if _, err := r.FromPath("/%61%2e/../b"); err == nil || len(seen) > 0 {
		t.Errorf("the policy was asked about %q, which is no name", seen)
	}
	sub := r.Beneath("x").Beneath(".").Beneath("y/z")
	if _, err := sub.FromText("yes"); err != nil || seen[0] != "x/y/z/yes" {
		t.Errorf("beneath x/y/z the policy was asked about %q, %v", seen, err)
	}
}

func mustGlob(tb testing.TB, pattern string) Glob {
	tb.Helper()
	g, err := ParseGlob(pattern)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		match, tree   bool
	}{
		{"a", "a", true, true},
		{"a", "x/a", true, true},
		{"a", "a/x", false, true},
		{"a", "ab", false, false},
		{"/a", "a", true, true},
		{"/a", "x/a", false, false},
		{"a/", "a/x", false, true},
		{"a/b", "a/b", true, true},
		{"a/b", "x/a/b", false, false},
		{"a/b", "a/b_evil", false, false},
		{"/uploads", "uploads_backup/x", false, false},
		{"*.key", "x/y.key", true, true},
		{"*.key", "x.key/y", false, true},
		{"*.key", "x.key2", false, false},
		{"*", "a/b", true, true},
		{"a/*", "a", false, false},
		{"a/*", "a/b/c", false, true},
		{"a/**", "a/b/c", true, true},
		{"a/**", "a", true, true},
		{"**/b", "b", true, true},
		{"**/b", "a/a/b", true, true},
		{"a/**/b", "a/b", true, true},
		{"a/**/b", "a/x/y/b", true, true},
		{"a/**/b", "a/x/b/y", false, true},
		{"a/**/b/**/c", "a/b/b/c/c", true, true},
		{"a?c", "abc", true, true},
		{"a?c", "a/c", false, false},
		{"[ab]x", "bx", true, true},
		{"[^a]x", "ax", false, false},
		{"[*]", "*", true, true},
		{"[*]", "a", false, false},
	} {
		g := mustGlob(t, tt.pattern)
		if g.Match(tt.text) != tt.match || g.MatchTree(tt.text) != tt.tree {
			t.Errorf("%q on %q: Match %v, MatchTree %v; want %v, %v", tt.pattern, tt.text, g.Match(tt.text), g.MatchTree(tt.text), tt.match, tt.tree)
		}
	}
	for _, bad := range []string{"", "/", "//", "a//b", "a/../b", ".", "..", "[", "a\\b", "a/[x"} {
		if _, err := ParseGlob(bad); err == nil {
			t.Errorf("ParseGlob(%q) is taken", bad)
		}
	}
	if (Glob{}).Match("a") || (Glob{}).MatchTree("a") || (Glob{}).MatchTree("") {
		t.Error("the zero Glob matches")
	}
}

// TestGlobCost: the longest name against patterns made to backtrack. Tried for each directory above it, as it once
// was, this took minutes.
func TestGlobCost(t *testing.T) {
	text := strings.Repeat("a/", 2047) + "b"
	var deny []Glob
	for range 20 {
		deny = append(deny, mustGlob(t, "**/a/**/a/**/a/**/c"), mustGlob(t, "*a*a*a*c"))
	}
	r := &Rules{Deny: deny}
	start := time.Now()
	if _, err := r.FromText(text); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestEscape(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"a/b.txt", "a/b.txt"}, {"a b", "a%20b"}, {"é", "%C3%A9"}, {"javascript:alert(1)", "javascript%3Aalert%281%29"}, {"%2e", "%252e"}, {"~_-.", "~_-."}, {"\r\n\"<>", "%0D%0A%22%3C%3E"},
	} {
		if got := Escape(tt.in); got != tt.want {
			t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestIsRoute(t *testing.T) {
	for path, want := range map[string]bool{
		"/download": true, "/a/b.c/d-e_f": true, "/-x": true, "": false, "/": false, "download": false, "//a": false, "/a/": false, "/a//b": false,
		"/a/../b": false, "/.": false, "/a b": false, "/a%20b": false, "/é": false, "/-": false, "/-/x": false, "/a?b": false,
	} {
		if got := IsRoute(path); got != want {
			t.Errorf("IsRoute(%q) = %v", path, got)
		}
	}
}
