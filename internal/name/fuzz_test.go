package name

import (
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/reason"
)

// holds checks what every checked name promises, whatever it was made of.
func holds(t *testing.T, in string, n Name) {
	t.Helper()
	text := n.String()
	if n.IsBase() {
		return
	}
	if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\\\r\n") || path.Clean(text) != text || path.IsAbs(text) || len(text) > MaxName {
		t.Errorf("%q became %q", in, text)
	}
	for _, elem := range n.Elements() {
		if elem == "" || elem[0] == '.' || len(elem) > MaxElement {
			t.Errorf("%q became %q, with element %q", in, text, elem)
		}
	}
}

func FuzzFromPath(f *testing.F) {
	for _, s := range []string{"/", "/a", "/a/", "/a%20b", "/..%2f", "/%2e%2e/", "/.%252e/", "/%c0%ae", "/a%00", "//", "/%", "/a#", "/a//b", "/%uff0e", "/\xff", "/-/x", "/.rootbound-1", "/é"} {
		f.Add(s)
	}
	r := &Rules{}
	f.Fuzz(func(t *testing.T, in string) {
		n, err := r.FromPath(in)
		if err != nil {
			if reason.Of(err) == reason.Unforeseen || n.Valid() {
				t.Errorf("FromPath(%q) = %q, %v", in, n, err)
			}
			return
		}
		holds(t, in, n)
		if want, err := url.PathUnescape(strings.TrimSuffix(in[1:], "/")); err != nil || !n.IsBase() && want != n.String() {
			t.Errorf("FromPath(%q) = %q; decoded once by net/url: %q, %v", in, n, want, err)
		}
		if n.IsBase() {
			return
		}
		again, err := r.FromPath("/" + Escape(n.String()))
		if err != nil || again.String() != n.String() {
			t.Errorf("FromPath(Escape(%q)) = %q, %v", n, again, err)
		}
		// One more level of encoding is a literal name, never the same one.
		if twice, err := r.FromPath("/" + Escape(Escape(n.String()))); err == nil && strings.Contains(Escape(n.String()), "%") && twice.String() == n.String() {
			t.Errorf("%q was decoded twice", n)
		}
	})
}

func FuzzFromQuery(f *testing.F) {
	for _, s := range []string{"file=a", "file=a+b", "file=%2e%2e%2f", "file=a&file=b", "file", "x=%zz&file=a", "file=a;file=b", "file=%00", "f%69le=x", "file=a#", "&&file=a&"} {
		f.Add(s)
	}
	r := &Rules{}
	f.Fuzz(func(t *testing.T, in string) {
		n, err := r.FromQuery(in, "file")
		if err != nil {
			if reason.Of(err) == reason.Unforeseen {
				t.Errorf("FromQuery(%q) = %v", in, err)
			}
			return
		}
		holds(t, in, n)
		if strings.Contains(in, ";") {
			return // net/url refuses what once was a separator
		}
		v, err := url.ParseQuery(in)
		if err != nil || len(v["file"]) != 1 || v.Get("file") != n.String() {
			t.Errorf("FromQuery(%q) = %q; net/url reads %q, %v", in, n, v["file"], err)
		}
	})
}

// FuzzGlob compares the matcher with a plain recursive one.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{{"a", "a"}, {"**/a", "x/a"}, {"a/**/b", "a/x/b"}, {"*.key", "x.key"}, {"[a-c]?", "b1"}, {"**/a/**/b", "a/a/x/b"}, {"/a/", "a/b"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		g, err := ParseGlob(pattern)
		if err != nil || len(pattern) > 40 || len(text) > 40 {
			return
		}
		elems := strings.Split(text, "/")
		want, tree := slowMatch(g.elems, elems), false
		for i := range elems {
			tree = tree || slowMatch(g.elems, elems[:i+1])
		}
		if g.Match(text) != want || g.MatchTree(text) != tree {
			t.Errorf("%q on %q: Match %v, MatchTree %v; want %v, %v", pattern, text, g.Match(text), g.MatchTree(text), want, tree)
		}
	})
}

func slowMatch(pat, elems []string) bool {
	switch {
	case len(pat) == 0:
		return len(elems) == 0
	case pat[0] == "**":
		return slowMatch(pat[1:], elems) || len(elems) > 0 && slowMatch(pat, elems[1:])
	case len(elems) == 0:
		return false
	}
	ok, _ := path.Match(pat[0], elems[0])
	return ok && slowMatch(pat[1:], elems[1:])
}
