package listing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

var testTime = time.Date(2026, 2, 3, 4, 5, 6, 700_000_000, time.UTC)

// tree makes a directory: "name/" is a directory, anything else a file with that many bytes.
func tree(t testing.TB, entries map[string]int) string {
	t.Helper()
	base := t.TempDir()
	for n, size := range entries {
		path := filepath.Join(base, filepath.FromSlash(n))
		if strings.HasSuffix(n, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for n := range entries {
		if err := os.Chtimes(filepath.Join(base, filepath.FromSlash(n)), testTime, testTime); err != nil {
			t.Fatal(err)
		}
	}
	return base
}

// open opens a directory beneath base, "." for the base itself.
func open(t testing.TB, base, dir string) *rootbound.File {
	t.Helper()
	d, err := rootbound.Open(base, rootbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	n, err := d.DirName(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.OpenName(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func serve(t testing.TB, r Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	status, n, err := Serve(w, r)
	if err != nil || status != http.StatusOK || n != int64(w.Body.Len()) {
		t.Fatalf("Serve = %d, %d, %v; want 200, %d, nil", status, n, err, w.Body.Len())
	}
	return w
}

// list decodes one JSON page.
func list(t testing.TB, base, dir string, r Request) (names []string, next string) {
	t.Helper()
	r.Dir, r.Accept = open(t, base, dir), "application/json"
	var doc struct {
		Entries []struct{ Name string }
		Next    *string
	}
	if err := json.Unmarshal(serve(t, r).Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, e := range doc.Entries {
		names = append(names, e.Name)
	}
	if doc.Next != nil {
		next = *doc.Next
	}
	return names, next
}

func TestPage(t *testing.T) {
	base := tree(t, map[string]int{
		"a/b & c/sub/": 0, "a/b & c/Über/": 0, "a/b & c/file10.txt": 1234, "a/b & c/File9.txt": 0,
		"a/b & c/photo.JPG": 3_412_871, "a/b & c/x\u202egpj.exe": 5, "a/b & c/noext": 1, "a/b & c/.hidden": 1,
	})
	w := serve(t, Request{Dir: open(t, base, "a/b & c"), Path: []string{"a", "b & c"}, Query: "sort=size"})
	got := bytes.Replace(w.Body.Bytes(), []byte(style), []byte("STYLE"), 1)
	golden := filepath.Join("testdata", "page.html")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the page differs from %s (-want +got):\n%s", golden, diff)
	}
}

func TestHeader(t *testing.T) {
	base := tree(t, map[string]int{"f": 1})
	plain := http.Header{
		"Content-Type": {"text/html; charset=utf-8"}, "Cache-Control": {"no-cache"}, "Vary": {"Accept"},
		"Content-Security-Policy": {policy}, "X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"no-referrer"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
	}
	with := func(change func(http.Header)) http.Header {
		h := plain.Clone()
		change(h)
		return h
	}
	for _, tt := range []struct {
		name string
		r    Request
		want http.Header
	}{
		{"plain", Request{}, plain},
		{"private", Request{Private: true}, with(func(h http.Header) {
			h.Set("Cache-Control", "private, no-cache")
			h.Set("Vary", "Accept, Authorization, Cookie")
		})},
		{"cross origin", Request{CrossOrigin: true}, with(func(h http.Header) { h.Del("Cross-Origin-Resource-Policy") })},
		{"request id", Request{RequestID: "abc"}, with(func(h http.Header) { h.Set("Request-Id", "abc") })},
		{"json", Request{Accept: "application/json"}, with(func(h http.Header) { h.Set("Content-Type", "application/json") })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, head := range []bool{false, true} {
				r := tt.r
				r.Dir, r.Head = open(t, base, "."), head
				w := serve(t, r)
				if diff := cmp.Diff(tt.want, w.Header()); diff != "" {
					t.Errorf("Head %v: header (-want +got):\n%s", head, diff)
				}
				if empty := w.Body.Len() == 0; empty != head {
					t.Errorf("Head %v: body of %d bytes", head, w.Body.Len())
				}
			}
		})
	}
}

// The policy allows the one style element by its hash and nothing else, so the page must hold exactly that.
func TestStyleIsAllowedByItsPolicy(t *testing.T) {
	doc := parse(t, serve(t, Request{}).Body.String())
	styles := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "style" {
			styles++
			if !strings.Contains(policy, hash64(n.FirstChild.Data)) {
				t.Error("the style element is not the one the policy allows")
			}
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	if styles != 1 {
		t.Errorf("%d style elements, want 1", styles)
	}
}

// Who is signed in is named, whatever the name, and finds the way out; nobody but them is shown that from a cache. Who is not finds
// the way in.
func TestAccount(t *testing.T) {
	const name = `<b>"x` + "\u202e"
	for _, tt := range []struct {
		r           Request
		want, cache string
	}{
		{Request{}, "", "no-cache"},
		{Request{Account: name}, "", "private, no-cache"},
		{Request{SignInAt: "/-/login?next=%2F"}, `<p class="who"><a href="/-/login?next=%2F">Sign in</a></p>`, "no-cache"},
		{Request{SignInAt: "/-/login?a&b", Account: name}, `<p class="who"><bdi>&lt;b&gt;&#34;x<i>U+202E</i></bdi> <a href="/-/login?a&amp;b">Sign out</a></p>`, "private, no-cache"},
	} {
		w := serve(t, tt.r)
		if page := w.Body.String(); strings.Contains(page, `class="who"`) != (tt.want != "") || !strings.Contains(page, tt.want) {
			t.Errorf("%+v:\n%s", tt.r, page)
		}
		if got := w.Header().Get("Cache-Control"); got != tt.cache {
			t.Errorf("%+v: %s", tt.r, got)
		}
		if vary := w.Header().Get("Vary"); strings.Contains(vary, "Cookie") != (tt.r.SignInAt != "" || tt.r.Account != "") {
			t.Errorf("%+v: Vary: %s", tt.r, vary)
		}
	}
}

func TestAccept(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "text/html": false, "application/json": true, "APPLICATION/json ; charset=utf-8": true,
		"application/json, text/plain, */*": true, "text/html,application/json": false,
		"text/html;q=0.8, application/json;q=0.9": true, "application/json;q=0": false, "application/json;q=x": false,
		"application/json;q=NaN": false, "application/*": false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false,
	} {
		if got := prefersJSON(accept); got != want {
			t.Errorf("prefersJSON(%q) = %v, want %v", accept, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	base := tree(t, map[string]int{"d/sub/": 0, "d/a<b>\".txt": 42, "d/é": 0})
	w := serve(t, Request{Dir: open(t, base, "d"), Path: []string{"d"}, Accept: "application/json", Extra: []Link{{"mnt"}}})
	var got any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	const modified = "2026-02-03T04:05:06.7Z"
	entry := func(name, kind string, size, modified any, href string) map[string]any {
		return map[string]any{"name": name, "type": kind, "size": size, "modified": modified, "href": href}
	}
	want := map[string]any{"path": "/d/", "total": 4.0, "next": nil, "entries": []any{
		entry("mnt", "dir", nil, nil, "./mnt/"),
		entry("sub", "dir", nil, modified, "./sub/"),
		entry("a<b>\".txt", "file", 42.0, modified, "./a%3Cb%3E%22.txt"),
		entry("é", "file", 0.0, modified, "./%C3%A9"),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestWhatIsShown(t *testing.T) {
	base := tree(t, map[string]int{"-": 1, "keep": 1, "x.bak": 1, "mnt/": 0, "secret/in": 1, "pub/-": 1})
	hide := globs(t, "*.bak", "secret")
	for _, tt := range []struct {
		name, dir string
		r         Request
		want      []string
	}{
		{"all, but for what the server's own pages shadow", ".", Request{}, []string{"mnt", "pub", "secret", "keep", "x.bak"}},
		{"hidden", ".", Request{Hide: hide}, []string{"mnt", "pub", "keep"}},
		{"beneath a hidden directory", "secret", Request{Hide: hide, Path: []string{"secret"}}, nil},
		{"a link shadows an entry and stands first", ".", Request{Hide: hide, Extra: []Link{{"zz"}, {"mnt"}}}, []string{"zz", "mnt", "pub", "keep"}},
		{"only the first element is the server's", "pub", Request{Path: []string{"pub"}}, []string{"-"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, next := list(t, base, tt.dir, tt.r)
			if diff := cmp.Diff(tt.want, got); diff != "" || next != "" {
				t.Errorf("next %q; entries (-want +got):\n%s", next, diff)
			}
		})
	}
}

func globs(t testing.TB, patterns ...string) (out []name.Glob) {
	t.Helper()
	for _, p := range patterns {
		g, err := name.ParseGlob(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

func TestEmpty(t *testing.T) {
	base := tree(t, map[string]int{"d/.hidden": 1})
	page := serve(t, Request{Dir: open(t, base, "d"), Path: []string{"d"}}).Body.String()
	if !strings.Contains(page, "This folder is empty.") || strings.Contains(page, "<table") {
		t.Error("an empty directory shows no empty state")
	}
	if page := serve(t, Request{Extra: []Link{{"m"}}}).Body.String(); !strings.Contains(page, `href="./m/"`) {
		t.Error("a listing of mounts alone does not link to them")
	}
}

// broken fails once so many bytes were written.
type broken struct {
	*httptest.ResponseRecorder
	left int
}

func (b *broken) Write(p []byte) (int, error) {
	n, _ := b.ResponseRecorder.Write(p[:min(len(p), b.left)])
	if b.left -= n; n < len(p) {
		return n, errors.New("connection reset")
	}
	return n, nil
}

var errAny = errors.New("any error")

func TestFailureBeforeTheHeader(t *testing.T) {
	files := map[string]int{}
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		for _, d := range "abcdefghijklmnopqrstuvwxyz" {
			for _, e := range "abcd" {
				files[string(c)+string(d)+string(e)] = 0
			}
		}
	}
	base := tree(t, files)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	closed := open(t, base, ".")
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := rootbound.Open(base, rootbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	file, err := d.Open("aaa")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, tt := range []struct {
		name string
		r    Request
		want error
	}{
		{"the client went away", Request{Ctx: gone, Dir: open(t, base, ".")}, context.Canceled},
		{"no directory", Request{Dir: file}, rootbound.ErrNotFound},
		{"no directory, HEAD", Request{Dir: file, Head: true}, rootbound.ErrNotFound},
		{"cannot be read", Request{Dir: closed}, errAny},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			status, n, err := Serve(w, tt.r)
			if status != 0 || n != 0 || err == nil || tt.want != errAny && !errors.Is(err, tt.want) {
				t.Errorf("Serve = %d, %d, %v; want 0, 0, %v", status, n, err, tt.want)
			}
			if len(w.Header()) > 0 || w.Body.Len() > 0 {
				t.Errorf("written: %v, %d bytes", w.Header(), w.Body.Len())
			}
		})
	}
}

func TestFailureAfterTheHeader(t *testing.T) {
	w := &broken{httptest.NewRecorder(), 100}
	status, n, err := Serve(w, Request{Extra: []Link{{"m"}}})
	if status != http.StatusOK || n != 100 || err == nil {
		t.Errorf("Serve = %d, %d, %v; want 200, 100 and an error", status, n, err)
	}
}

func parse(t testing.TB, text string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
