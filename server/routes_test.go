package server

import (
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/request"

	"github.com/rootbound/rootbound"
)

func TestDownloadRoute(t *testing.T) {
	s := serve(t, map[string]string{"a.txt": "hello\n", "sub/b c.txt": "bee\n", "a+b": "plus", "download": "file", "x&y": "amp"}, func(u *setup) {
		u.cfg.DownloadRoute = "/download"
		u.cfg.Listing = true
	})
	for _, tt := range []struct {
		target string
		status int
		body   string
	}{
		{"/download?file=a.txt", 200, "hello\n"},
		{"/download?file=sub/b%20c.txt", 200, "bee\n"},
		{"/download?file=sub%2Fb+c.txt", 200, "bee\n"},
		{"/download?file=a%2Bb", 200, "plus"},
		{"/download?file=x%26y", 200, "amp"},
		{"/download?other=1&file=a.txt", 200, "hello\n"},
		{"/download", 400, ""},
		{"/download?", 400, ""},
		{"/download?file", 400, ""},
		{"/download?file=", 400, ""},
		{"/download?FILE=a.txt", 400, ""},
		{"/download?file=a.txt&file=a.txt", 400, ""},
		{"/download?file=a.txt&%66ile=b", 400, ""},
		{"/download?file=a%00", 400, ""},
		{"/download?file=%zz", 400, ""},
		{"/download?file=%ff", 400, ""},
		{"/download?file=a.txt#x", 400, ""},
		{"/download?file=../a.txt", 403, ""},
		{"/download?file=%2e%2e%2fa.txt", 403, ""},
		{"/download?file=/a.txt", 403, ""},
		{"/download?file=.env", 403, ""},
		{"/download?file=-/healthz", 403, ""},
		{"/download?file=sub/", 403, ""},
		{"/download?file=sub", 404, ""},
		{"/download?file=missing", 404, ""},
		{"/download?file=a.txt/x", 404, ""},
		// Any other spelling is a name.
		{"/%64ownload", 200, "file"},
		{"/%64ownload?file=a.txt", 200, "file"},
		{"/download/?file=a.txt", 404, ""},
		{"/Download?file=a.txt", 404, ""},
	} {
		a := s.get(t, tt.target)
		if a.Status != tt.status || tt.status == 200 && string(a.Body) != tt.body {
			t.Errorf("%s = %d %q, want %d %q", tt.target, a.Status, a.Body, tt.status, tt.body)
		}
		attachment := strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment")
		if want := a.Status == 200 && strings.HasPrefix(tt.target, "/download"); attachment != want {
			t.Errorf("%s: attachment %v, want %v", tt.target, attachment, want)
		}
	}
}

func TestMounts(t *testing.T) {
	docs, pub := t.TempDir(), t.TempDir()
	plantFiles(t, docs, map[string]string{"d.txt": "doc", ".hidden": "h", "sub/e.txt": "e", "index.html": "docs index"})
	plantFiles(t, pub, map[string]string{"p.txt": "pub", ".hidden": "h", "index.html": "public index"})
	for _, base := range []bool{false, true} {
		s := serve(t, map[string]string{"a.txt": "base", "docs/shadow.txt": "never"}, func(u *setup) {
			u.cfg.Listing = true
			u.cfg.DownloadRoute = "/get"
			u.cfg.Mounts = []Mount{
				{Name: "docs", Dir: openDir(t, docs, rootbound.Config{})},
				{Name: "pub ß", Dir: openDir(t, pub, rootbound.Config{AllowHidden: true})},
			}
			if base {
				u.cfg.Mounts = append(u.cfg.Mounts, Mount{Dir: openDir(t, u.base, rootbound.Config{})})
			}
		})
		inBase := 404
		if base {
			inBase = 200
		}
		for _, tt := range []struct {
			target string
			status int
			body   string
		}{
			{"/docs/d.txt", 200, "doc"},
			{"/%64ocs/d.txt", 200, "doc"},
			{"/docs/sub/e.txt", 200, "e"},
			{"/docs/shadow.txt", 404, ""},
			{"/docs/.hidden", 403, ""},
			{"/pub%20%c3%9f/.hidden", 200, "h"},
			{"/pub%20%C3%9F/p.txt", 200, "pub"},
			{"/docs", 308, ""},
			{"/pub%20%c3%9f", 308, ""},
			{"/docs/../a.txt", 403, ""},
			{"/docs/%2e%2e/a.txt", 403, ""},
			{"/docs%2fd.txt", 403, ""},
			{"/docs//d.txt", 403, ""},
			{"//docs/d.txt", 403, ""},
			{"/DOCS/d.txt", 404, ""},
			{"/docsd.txt", 404, ""},
			{"/docs../p.txt", 404, ""},
			{"/a.txt", inBase, "base"},
			{"/", 200, "./docs/"},
			{"/docs/", 200, "d.txt"},
			{"/docs/sub", 308, ""},
			{"/.env", 403, ""},
			{"/get?file=docs/d.txt", 200, "doc"},
			{"/get?file=docs", 404, ""},
			{"/get?file=docs/.hidden", 403, ""},
			{"/get?file=pub+%c3%9f/.hidden", 200, "h"},
			{"/get?file=docs/../a.txt", 403, ""},
			{"/get?file=a.txt", inBase, "base"},
		} {
			a := s.get(t, tt.target)
			if a.Status != tt.status || a.Status == 200 && !strings.Contains(string(a.Body), tt.body) {
				t.Errorf("base %v: %s = %d %q, want %d with %q", base, tt.target, a.Status, a.Body, tt.status, tt.body)
			}
		}
		for target, want := range map[string]string{"/docs": "./docs/", "/pub%20%c3%9f": "./pub%20%C3%9F/", "/docs/sub": "./sub/"} {
			if got := s.get(t, target).Header.Get("Location"); got != want {
				t.Errorf("%s leads to %q, want %q", target, got, want)
			}
		}
		s.stop()
	}
}

// Without a listing the mounts are not told.
func TestMountsUnlisted(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, nil, func(u *setup) { u.cfg.Mounts = []Mount{{Name: "docs", Dir: openDir(t, dir, rootbound.Config{})}} })
	want := stripped(s.get(t, "/missing"))
	for _, target := range []string{"/", "/docs", "/docs/"} {
		if got := stripped(s.get(t, target)); got.Status != 404 || got.Body != want.Body {
			t.Errorf("%s = %d", target, got.Status)
		}
	}
}

func TestSplitTarget(t *testing.T) {
	for _, tt := range []struct{ target, path, query string }{
		{"/a?b", "/a", "b"},
		{"/a?b?c", "/a", "b?c"},
		{"/a%3fb", "/a%3fb", ""},
		{"//host/a", "//host/a", ""},
		{"http://h/a?b", "/a", "b"},
		{"HTTPS://h/a/../b", "/a/../b", ""},
		{"http://h", "/", ""},
		{"http://h?q", "/", "q"},
		{"http:///a", "http:///a", ""},
		{"http:/a", "http:/a", ""},
		{"file:///a", "file:///a", ""},
		{"/x://h/a", "/x://h/a", ""},
		{"*", "*", ""},
		{"", "", ""},
	} {
		if path, query := request.SplitTarget(tt.target); path != tt.path || query != tt.query {
			t.Errorf("request.SplitTarget(%q) = %q, %q; want %q, %q", tt.target, path, query, tt.path, tt.query)
		}
	}
}
