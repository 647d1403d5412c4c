package attack_test

import (
	"go/build"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
)

func TestCorpusDistinct(t *testing.T) {
	cases := attack.Corpus(plant.New(t))
	targets, queries, texts, names := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	written := map[[3]string]bool{}
	for _, c := range cases {
		if names[c.Name] {
			t.Errorf("two cases are named %q", c.Name)
		}
		w := [3]string{c.Target, c.Query, c.Text}
		if written[w] {
			t.Errorf("case %q is written like another one", c.Name)
		}
		names[c.Name], written[w] = true, true
		targets[c.Target], queries[c.Query], texts[c.Text] = true, true, true
	}
	t.Logf("%d cases, %d targets, %d queries, %d texts", len(cases), len(targets), len(queries), len(texts))
	for what, n := range map[string]int{"cases": len(cases), "targets": len(targets), "queries": len(queries)} {
		if n < 5000 {
			t.Errorf("%d distinct %s, want at least 5000", n, what)
		}
	}
	if len(texts) < 2000 {
		t.Errorf("%d distinct texts, want at least 2000", len(texts))
	}
}

func TestCorpusDeterministic(t *testing.T) {
	l := plant.New(t)
	if !slices.Equal(attack.Corpus(l), attack.Corpus(l)) {
		t.Error("two runs differ")
	}
	// Where the tree lies changes what the cases say, never which there are.
	var first, second []string
	for _, c := range attack.Corpus(l) {
		first = append(first, c.Name)
	}
	for _, c := range attack.Corpus(plant.New(t)) {
		second = append(second, c.Name)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("two layouts have other names:\n%s", diff)
	}
}

func TestCorpusWriting(t *testing.T) {
	for _, c := range attack.Corpus(plant.New(t)) {
		if !attack.OnLine(c.Target) {
			t.Errorf("%s: target %.80q cannot be put on a request line", c.Name, c.Target)
		}
		if strings.ContainsAny(c.Query, "&+;# ") {
			t.Errorf("%s: query %.80q ends within the value", c.Name, c.Query)
		}
		// Only what net/url refuses to decode may differ: bad escapes.
		if got, err := url.QueryUnescape(c.Query); err == nil && got != c.Text {
			t.Errorf("%s: query %.80q decodes to %.80q, text is %.80q", c.Name, c.Query, got, c.Text)
		}
		if c.Class == "target-form" {
			continue
		}
		path, ok := strings.CutPrefix(c.Target, "/")
		if !ok {
			t.Errorf("%s: target %.80q does not start with a slash", c.Name, c.Target)
		}
		if got, err := url.PathUnescape(path); err == nil && got != c.Text {
			t.Errorf("%s: target %.80q decodes to %.80q, text is %.80q", c.Name, c.Target, got, c.Text)
		}
	}
}

func TestClasses(t *testing.T) {
	_, links := plant.Links(t, plant.New(t))
	used := map[string]bool{}
	for _, c := range attack.Corpus(plant.New(t)) {
		used[c.Class] = true
	}
	for _, l := range links {
		used[l.Class] = true
	}
	for _, c := range attack.Classes() {
		if !used[c.Name] {
			t.Errorf("class %s has no case", c.Name)
		}
		if c.About == "" {
			t.Errorf("class %s does not say what it is about", c.Name)
		}
		delete(used, c.Name)
	}
	for name := range used {
		t.Errorf("class %s is used, but Classes does not name it", name)
	}
}

// A server elsewhere: little is known of it, and nothing is planted inside.
func TestCorpusOfPartialLayouts(t *testing.T) {
	full := plant.New(t)
	without := func(change func(*attack.Layout)) attack.Layout {
		l := full
		change(&l)
		return l
	}
	tests := map[string]struct {
		layout attack.Layout
		min    int
		none   []string
	}{
		"no base":     {without(func(l *attack.Layout) { l.Base = "" }), 5000, []string{"absolute", "file-url"}},
		"no names":    {without(func(l *attack.Layout) { l.File, l.Dir = "", "" }), 4000, nil},
		"no canaries": {without(func(l *attack.Layout) { l.Canaries = nil }), 500, []string{"traversal-plain", "hidden", "sibling-prefix"}},
		"empty":       {attack.Layout{}, 500, []string{"absolute", "hidden"}},
		"one canary": {
			attack.Layout{Canaries: []attack.Canary{{Name: "../canary.txt"}}},
			1000,
			[]string{"absolute", "hidden", "sibling-prefix"},
		},
	}
	for name, tt := range tests {
		cases := attack.Corpus(tt.layout)
		if len(cases) < tt.min {
			t.Errorf("%s: %d cases, want at least %d", name, len(cases), tt.min)
		}
		for _, c := range cases {
			if slices.Contains(tt.none, c.Class) {
				t.Errorf("%s: case %s of a class that cannot be", name, c.Name)
			}
			if !attack.OnLine(c.Target) {
				t.Errorf("%s: %s: target %.80q cannot be put on a request line", name, c.Name, c.Target)
			}
		}
	}
}

func TestPlantTree(t *testing.T) {
	l := plant.New(t)
	tokens := map[string]bool{}
	for _, c := range l.Canaries {
		p := filepath.Join(l.Base, filepath.FromSlash(c.Name))
		body, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if which, ok := l.Leaks(body); !ok || which != c.Name {
			t.Errorf("Leaks(body of %s) = %q, %t", c.Name, which, ok)
		}
		if got := filepath.ToSlash(p); got != l.Abs(c) {
			t.Errorf("Abs(%s) = %s, want %s", c.Name, l.Abs(c), got)
		}
		if tokens[c.Token] {
			t.Errorf("%s: token is not its own", c.Name)
		}
		tokens[c.Token] = true
	}
	body, err := os.ReadFile(filepath.Join(l.Base, l.File))
	if err != nil || string(body) != l.Body {
		t.Errorf("%s holds %q (%v), want %q", l.File, body, err, l.Body)
	}
	if which, ok := l.Leaks(body); ok {
		t.Errorf("Leaks(body of %s) = %q, want no leak", l.File, which)
	}
	if n := len(l.Outside()) + len(l.Hidden()); n != len(l.Canaries) || len(l.Hidden()) == 0 {
		t.Errorf("%d outside and %d hidden of %d canaries", len(l.Outside()), len(l.Hidden()), len(l.Canaries))
	}
}

func TestDiscloses(t *testing.T) {
	l := plant.New(t)
	for _, tt := range []struct {
		body string
		want bool
	}{
		{"open " + l.Base + "/x: no such file", true},
		{"<a href=\"" + url.PathEscape(filepath.ToSlash(l.Base)) + "\">", true},
		{"q=" + url.QueryEscape(filepath.ToSlash(l.Base)), true},
		{"under " + l.Outer, true},
		{"open x: no such file", false},
		{"", false},
	} {
		if got := l.Discloses([]byte(tt.body)); got != tt.want {
			t.Errorf("Discloses(%q) = %t, want %t", tt.body, got, tt.want)
		}
	}
	if (attack.Layout{}).Discloses([]byte("/etc")) {
		t.Error("an empty layout discloses something")
	}
}

func TestAbsent(t *testing.T) {
	l := plant.New(t)
	n := 0
	for _, c := range attack.Corpus(l) {
		a, ok := l.Absent(c)
		if !ok {
			continue
		}
		n++
		if len(a.Target) != len(c.Target) || len(a.Query) != len(c.Query) || len(a.Text) != len(c.Text) {
			t.Errorf("%s: the absent case has another length", c.Name)
		}
		if a.Target == c.Target || a.Query == c.Query || strings.Contains(a.Text, "canary.txt") {
			t.Errorf("%s: absent case %.80q, %.80q names the canary", c.Name, a.Target, a.Query)
		}
	}
	if n < 4000 {
		t.Errorf("%d cases have an absent twin, want at least 4000", n)
	}
	for depth := 1; depth <= 8; depth++ {
		p := filepath.Join(l.Base, strings.Repeat("../", depth), "absent.txt")
		if _, err := os.Lstat(p); !os.IsNotExist(err) {
			t.Errorf("%s should not exist: %v", p, err)
		}
	}
}

// Programs import the corpus; the testing package is not for them.
func TestNoTestingImport(t *testing.T) {
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(p.Imports, "testing") {
		t.Error("package attack imports testing")
	}
}
