package server

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/undefended"
)

// mustLeak fails unless a twin hands out what the test's targets are after: the control of the tests here.
func mustLeak(t *testing.T, twin, base, target, secret string) {
	t.Helper()
	if body, err := undefended.ByName(twin).Answer(base, target); !strings.Contains(string(body), secret) {
		t.Errorf("the control %s does not leak by %q: %v", twin, target, err)
	}
}

// A directory's redirect leads nowhere else, whatever the target looks like.
func TestAdvisory_CVE_2023_28370_CVE_2022_28923_open_redirect(t *testing.T) {
	tree := map[string]string{"sub/a": "a", "evil.example/a": "a", "a/evil.example/b": "b", "sub:x/a": "a", "http:/evil.example/a": "a"}
	s := serve(t, tree, func(u *setup) { u.cfg.Listing = true })
	redirects := 0
	for _, target := range []string{
		"//evil.example", "///evil.example", "//evil.example/..", `/\evil.example`, "/%2fevil.example", "/%5cevil.example", "//evil.example/%2e%2e",
		"/evil.example", "/a/evil.example", "/sub", "/sub?//evil.example", "/sub%3ax", "/http:", "/http:/evil.example", "/%09/evil.example",
		"http://" + s.addr + "//evil.example", "http://" + s.addr + "/sub", "/./evil.example", "/sub/..//evil.example", "/.//evil.example",
	} {
		a := s.get(t, target)
		for _, loc := range a.Header.Values("Location") {
			redirects++
			if a.Status != 308 || !strings.HasPrefix(loc, "./") || strings.HasPrefix(loc[2:], "/") || strings.ContainsAny(loc, "\\:?#") {
				t.Errorf("%s: %d to %q", target, a.Status, loc)
			}
		}
	}
	if redirects < 5 {
		t.Errorf("only %d redirects were looked at", redirects)
	}
	// The control: Go's own file server, told to strip a prefix as many do, sends the browser to another host.
	res := goFileServer(t, s.base, "//evil.example")
	if loc := res.Header.Get("Location"); !strings.Contains(loc, "evil.example/") {
		t.Errorf("the control answers %d %q", res.StatusCode, loc)
	}
}

// goFileServer asks net/http's file server, without a socket.
func goFileServer(t *testing.T, base, path string) *http.Response {
	t.Helper()
	w := &pageBuffer{header: http.Header{}}
	r, err := http.NewRequest("GET", "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path = path
	http.FileServer(http.Dir(base)).ServeHTTP(w, r)
	return &http.Response{Header: w.header}
}

// The query never changes which file is meant, and never gets one round the rules.
func TestAdvisory_CVE_2025_30208_CVE_2025_31125_CVE_2025_32395_query(t *testing.T) {
	s := serve(t, map[string]string{"a.txt": "plain", ".env": "SECRET", "b.txt": "other", "sub/x": "x"}, func(u *setup) {
		u.cfg.DownloadRoute, u.cfg.Listing = "/download", true
	})
	mustLeak(t, "cut-after-check", s.base, "/.env?raw", "SECRET")
	for _, q := range []string{"?", "??", "?raw", "?raw??", "?import&raw", "?import&raw??", "?url", "?inline", "?.svg?.wasm?init", "?file=b.txt", "?/../b.txt", "?path=/b.txt", "?%00", "?%zz"} {
		if a := s.get(t, "/a.txt"+q); a.Status != 200 || string(a.Body) != "plain" {
			t.Errorf("/a.txt%s = %d %q", q, a.Status, a.Body)
		}
		if a := s.get(t, "/.env"+q); a.Status != 403 {
			t.Errorf("/.env%s = %d", q, a.Status)
		}
		if a := s.get(t, "/nothing"+q); a.Status != 404 {
			t.Errorf("/nothing%s = %d", q, a.Status)
		}
		if a := s.get(t, "/sub"+q); a.Status != 308 || a.Header.Get("Location") != "./sub/" {
			t.Errorf("/sub%s = %d %q", q, a.Status, a.Header.Get("Location"))
		}
		if a := s.get(t, "/.env#"+q); a.Status != 400 {
			t.Errorf("/.env#%s = %d", q, a.Status)
		}
	}
}

// Headers follow the opened file, not the spelling of its name.
func TestAdvisory_CVE_2026_34786_headers_follow_the_file(t *testing.T) {
	s := serve(t, map[string]string{"page.html": "<script>", "pic.svg": "<svg/>", "a.txt": "t"}, func(u *setup) {
		u.dir.Symlinks = rootbound.SymlinksWithin
		u.cfg.DownloadRoute = "/download"
	})
	err := errors.Join(os.Symlink("page.html", filepath.Join(s.base, "harmless.txt")), os.Symlink("a.txt", filepath.Join(s.base, "active.html")))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ target, csp, ctype string }{
		{"/page.html", "sandbox", "text/html; charset=utf-8"},
		{"/page.htm%6c", "sandbox", "text/html; charset=utf-8"},
		{"/%70age%2Ehtml?x=.txt", "sandbox", "text/html; charset=utf-8"},
		{"/download?file=page.htm%6C", "sandbox", "text/html; charset=utf-8"},
		{"/pic.sv%67", "sandbox", "image/svg+xml"},
		{"/harmless.txt", "sandbox", "text/html; charset=utf-8"},
		{"/active.html", "", "text/plain; charset=utf-8"},
		{"/a.txt?.html", "", "text/plain; charset=utf-8"},
	} {
		a := s.get(t, tt.target)
		if a.Status != 200 || a.Header.Get("Content-Security-Policy") != tt.csp || a.Header.Get("Content-Type") != tt.ctype {
			t.Errorf("%s = %d %v", tt.target, a.Status, a.Header)
		}
	}
}

// No Range costs more than the whole file.
func TestAdvisory_CVE_2026_34826_CVE_2024_26141_CVE_2026_33658_range_bombs(t *testing.T) {
	const size = 1 << 20
	s := serve(t, map[string]string{"a": strings.Repeat("x", size)}, nil)
	for _, tt := range []struct {
		name, value string
		status      int
	}{
		{"the same byte often", "bytes=" + strings.Repeat("0-0,", 5000) + "0-0", 200},
		{"all of it often", "bytes=" + strings.Repeat("0-,", 5000) + "0-", 200},
		{"17 ranges", "bytes=" + ranges(17), 200},
		{"16 ranges", "bytes=" + ranges(16), 206},
		{"more than the file in sum", "bytes=0-600000,400000-", 200},
		{"overlapping", "bytes=0-600000,500000-600001", 206},
		{"from the end", "bytes=-1,-2,-3", 206},
	} {
		a := s.get(t, "/a", "Range: "+tt.value)
		if a.Status != tt.status || len(a.Body) > size+16*400 {
			t.Errorf("%s = %d with %d bytes, want %d", tt.name, a.Status, len(a.Body), tt.status)
		}
	}
}

func ranges(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d-%d,", i*1000, i*1000+9)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// No part of the request is in the answer to it, so that lengths and scripts cannot go wrong.
func TestAdvisory_CVE_2026_34831_nothing_reflected(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.cfg.DownloadRoute = "/download" })
	const mark = "reflect-\u00fc-<script>alert(1)</script>"
	for _, target := range []string{"/" + mark, "/../" + mark, "/%ff" + mark, "/" + mark + "?" + mark, "/download?file=" + mark, "/download?file=../" + mark, "/download?" + mark, "/-/" + mark} {
		for _, accept := range []string{"*/*", "text/html", "application/json", "text/plain;q=0.1, " + mark} {
			a := s.get(t, target, "Accept: "+accept, "User-Agent: "+mark, "Referer: "+mark)
			if a.Status < 400 || strings.Contains(string(a.Body), "reflect") || strings.Contains(string(a.Head()), "reflect") {
				t.Errorf("%s: %d %s %q", target, a.Status, a.Head(), a.Body)
			}
			if got := a.Header.Get("Content-Length"); got != fmt.Sprint(len(a.Body)) {
				t.Errorf("%s: Content-Length %s for %d bytes", target, got, len(a.Body))
			}
		}
	}
}

// A precompressed sibling is opened like any other file: never through a link, and never an old one.
func TestAdvisory_CVE_2024_42367_siblings(t *testing.T) {
	s := serve(t, map[string]string{"a.js": "script", "b.js": "new", "b.js.gz": "old", "c.js": "c", "c.js.gz": "packed", "d.js": "d", "d.js.gz/x": "x"}, func(u *setup) {
		u.cfg.Precompressed = true
	})
	outside := filepath.Join(t.TempDir(), "secret")
	long := time.Now().Add(-48 * time.Hour)
	err := errors.Join(
		os.Chtimes(filepath.Join(s.base, "c.js"), long, long), // the tree is written in any order
		os.WriteFile(outside, []byte("SECRET"), 0o644),
		os.Symlink(outside, filepath.Join(s.base, "a.js.gz")),
		os.Symlink(outside, filepath.Join(s.base, "a.js.br")),
		os.Chtimes(filepath.Join(s.base, "b.js.gz"), long, long),
	)
	if err != nil {
		t.Fatal(err)
	}
	mustLeak(t, "sidecar", s.base, "/a.js", "SECRET")
	for _, tt := range []struct{ target, body, encoding string }{
		{"/a.js", "script", ""},
		{"/b.js", "new", ""},
		{"/c.js", "packed", "gzip"},
		{"/d.js", "d", ""},
	} {
		a := s.get(t, tt.target, "Accept-Encoding: gzip, br, zstd")
		if a.Status != 200 || string(a.Body) != tt.body || a.Header.Get("Content-Encoding") != tt.encoding || a.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s = %d %q %v", tt.target, a.Status, a.Body, a.Header)
		}
	}
}

// Decoding happens once; what is encoded twice is a name like another.
func TestAdvisory_CVE_2021_41773_CVE_2021_42013_CVE_2017_16762_decoded_once(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	plantFiles(t, dir, map[string]string{"secret": "SECRET", "base/%2e%2e": "odd name", "base/cgi-bin/x": "x"})
	s := serve(t, nil, func(u *setup) { u.base = base })
	mustLeak(t, "decode-twice", base, "/%252e%252e/secret", "SECRET")
	for target, want := range map[string]int{
		"/cgi-bin/.%2e/secret": 403, "/%2e%2e/secret": 403, "/..%2fsecret": 403, "/%%32%65%%32%65/secret": 400, "/%252e%252e/secret": 404, "/%252e%252e": 200,
	} {
		if a := s.get(t, target); a.Status != want || strings.Contains(string(a.Body), "SECRET") {
			t.Errorf("%s = %d, want %d", target, a.Status, want)
		}
	}
}

// The server has one opener: its own pages come from memory, so nothing beneath /-/ is a file.
func TestAdvisory_CVE_2023_37474_own_pages_open_nothing(t *testing.T) {
	s := serve(t, map[string]string{"-/secret": "SECRET", "a": "a"}, nil)
	mustLeak(t, "naive-join", s.base, "/-/secret", "SECRET")
	for _, target := range []string{"/-/secret", "/-/%2fetc%2fpasswd", "/-//etc/passwd", "/-/healthz/../secret", "/-/healthz%2f..%2fsecret", "/%2d/secret", "/-%2fsecret"} {
		if a := s.get(t, target); a.Status != 403 {
			t.Errorf("%s = %d %q", target, a.Status, a.Body)
		}
	}
}
