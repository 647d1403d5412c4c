package undefended_test

import (
	"errors"
	"io/fs"
	"net/url"
	"testing"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
	"github.com/rootbound/rootbound/internal/undefended"
)

// A twin is a server that works: what anybody may have is served, by call, by path and by query, over a socket.
func TestTwinsServe(t *testing.T) {
	l := plant.New(t)
	for _, twin := range undefended.Twins() {
		t.Run(twin.Name, func(t *testing.T) {
			body, err := twin.Read(l.Base, l.File)
			if err != nil || string(body) != l.Body {
				t.Errorf("Read(%q) = %q, %v", l.File, body, err)
			}
			addr := undefended.Serve(t, twin, l.Base)
			targets := []string{"/" + l.File, undefended.DownloadRoute + "?file=" + l.File}
			if twin.Name == "alias-off-by-slash" {
				targets = append(targets, "/static/"+l.File)
			}
			for _, target := range targets {
				a, err := attack.Raw(addr, target)
				if err != nil {
					t.Fatal(err)
				}
				if a.Status != 200 || string(a.Body) != l.Body {
					t.Errorf("GET %s = %d %q", target, a.Status, a.Body)
				}
			}
			a, err := attack.Raw(addr, "/missing.txt")
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != 404 {
				t.Errorf("GET /missing.txt = %d", a.Status)
			}
		})
	}
}

// Each twin leaks by its own mistake, and refuses the attack that it did think of: without the second a twin would
// be another naive-join and prove nothing about its class.
func TestTwinsMistakes(t *testing.T) {
	l := plant.New(t)
	abs := l.Abs(l.Outside()[0])
	const plain = "/../canary.txt"
	for _, tt := range []struct{ twin, leaks, refuses string }{
		{"naive-join", plain, ""},
		{"strip-once", "/....//canary.txt", plain},
		{"prefix-compare", "/../base_secret/canary.txt", plain},
		{"concatenate", "/_secret/canary.txt", plain},
		{"absolute-join", "/" + abs, plain},
		{"file-url", "/file://" + abs, plain},
		{"nul-cut", "/.env%00.txt", "/.env"},
		{"line-anchors", "/ok.txt%0a/../../canary.txt", "/ok.txt/../../canary.txt"},
		{"dollar-newline", "/.env%0a", "/.env"},
		{"alias-off-by-slash", "/static../canary.txt", plain},
		{"absolute-form", "http://evil.example/../canary.txt", plain},
		{"check-before-decode", "/%2e%2e/canary.txt", plain},
		{"decode-twice", "/%252e%252e/canary.txt", "/%2e%2e/canary.txt"},
		{"decode-thrice", "/%25252e%25252e/canary.txt", "/%2e%2e/canary.txt"},
		{"overlong-utf8", "/%c0%ae%c0%ae/canary.txt", plain},
		{"percent-u", "/%u002e%u002e/canary.txt", plain},
		{"backslash", `/..\canary.txt`, plain},
		{"best-fit", "/\uff0e\uff0e/canary.txt", plain},
		{"best-fit-decode", "/\uff052e\uff052e/canary.txt", plain},
		{"params", "/..;/canary.txt", plain},
		{"windows-names", "/..%20/canary.txt", plain},
		{"drop-control", "/.%01./canary.txt", plain},
		{"drop-bad-percent", "/.%./canary.txt", plain},
		{"drop-bad-utf8", "/.%ff./canary.txt", plain},
		{"layers", "/%252e%c0%ae%u2215canary.txt", plain},
		{"check-before-query", "/ok.txt?/../../canary.txt", plain},
		{"cut-after-check", "/.env?raw", "/.env"},
		{"rule-before-clean", "/sub/../.env", "/.env"},
		{"hidden-served", "/.env", plain},
		{"case-fold", "/.ENV", "/.env"},
		{"normalization", "/.cle\u0301", "/.cl\u00e9"},
	} {
		twin := undefended.ByName(tt.twin)
		body, err := twin.Answer(l.Base, tt.leaks)
		if _, ok := l.Leaks(body); !ok {
			t.Errorf("%s: %q does not leak: %q, %v", tt.twin, tt.leaks, body, err)
		}
		if tt.refuses == "" {
			continue
		}
		body, err = twin.Answer(l.Base, tt.refuses)
		if _, ok := l.Leaks(body); ok || err == nil {
			t.Errorf("%s: %q is answered: %q", tt.twin, tt.refuses, body)
		}
	}
}

func TestTwinsLinks(t *testing.T) {
	l, _ := plant.Links(t, plant.New(t))
	for _, tt := range []struct{ twin, leaks, refuses string }{
		{"follow-links", "links/rel.txt", "../canary.txt"},
		{"leaf-links", "links/dir/canary.txt", "links/rel.txt"},
		{"sidecar", "links/page.txt", "links/rel.txt"},
		{"index", "links/withindex/", "links/withindex/index.html"},
	} {
		twin := undefended.ByName(tt.twin)
		body, err := twin.Read(l.Base, tt.leaks)
		if _, ok := l.Leaks(body); !ok {
			t.Errorf("%s: %q does not leak: %q, %v", tt.twin, tt.leaks, body, err)
		}
		body, err = twin.Read(l.Base, tt.refuses)
		if _, ok := l.Leaks(body); ok || err == nil {
			t.Errorf("%s: %q is answered: %q", tt.twin, tt.refuses, body)
		}
	}
}

// What detectors look for besides canaries has a control as well: errors that name paths, and a status that tells
// what exists.
func TestTwinsTell(t *testing.T) {
	l := plant.New(t)
	naive := undefended.Serve(t, undefended.ByName("naive-join"), l.Base)
	a, err := attack.Raw(naive, "/missing.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !l.Discloses(a.Body) {
		t.Errorf("the naive twin's error %q discloses nothing", a.Body)
	}
	checking := undefended.Serve(t, undefended.ByName("check-then-open"), l.Base)
	status := func(target string) int {
		a, err := attack.Raw(checking, target)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	if there, absent := status("/../canary.txt"), status("/../absent.txt"); there != 403 || absent != 404 {
		t.Errorf("status %d for what exists outside and %d for what does not, want 403 and 404", there, absent)
	}
}

// Without anybody who swaps, check-then-open is tight: no case of the corpus and no link leaks, but for the hard
// link, which has no other file to tell it from.
func TestCheckThenOpenWithoutSwap(t *testing.T) {
	l, links := plant.Links(t, plant.New(t))
	twin := undefended.ByName("check-then-open")
	for _, c := range attack.Corpus(l) {
		body, _ := twin.Answer(l.Base, c.Target)
		if which, ok := l.Leaks(body); ok {
			t.Errorf("%s leaks %s", c.Name, which)
		}
	}
	for _, link := range links {
		if link.Class == "hard-link" {
			continue
		}
		body, _ := twin.Answer(l.Base, (&url.URL{Path: "/" + link.Name}).EscapedPath())
		if which, ok := l.Leaks(body); ok {
			t.Errorf("%s leaks %s", link.ID, which)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 200},
		{undefended.ErrRefused, 403},
		{fs.ErrNotExist, 404},
		{errors.New("x"), 404},
	} {
		if got := undefended.Status(tt.err); got != tt.want {
			t.Errorf("Status(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}
