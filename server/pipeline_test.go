package server

import (
	"net"
	"strings"
	"testing"

	"github.com/rootbound/rootbound"
)

var smallTree = map[string]string{
	"a.txt": "hello\n", "sub/b.txt": "bee\n", "sub/deep/c.txt": "sea\n", "page.html": "<p>hi", ".env": "SECRET=1",
	"index.html": "<h1>top", "sub/index.html": "<h1>sub", "data.bin": "\x00\x01", "ü x.txt": "umlaut\n",
}

func TestStatuses(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.cfg.DownloadRoute = "/download" })
	long := strings.Repeat("x", 256)
	for _, tt := range []struct {
		method, target string
		want           int
	}{
		{"GET", "/a.txt", 200},
		{"HEAD", "/a.txt", 200},
		{"OPTIONS", "/a.txt", 204},
		{"OPTIONS", "/nothing", 204},
		{"OPTIONS", "*", 204},
		{"OPTIONS", "/../x", 403},
		{"GET", "http://" + s.addr + "/a.txt", 200},
		{"GET", "HTTP://" + s.addr + "/a.txt?x#", 400},
		{"GET", "/sub/b.txt", 200},
		{"GET", "/%61.txt", 200},
		{"GET", "/%c3%bc%20x.txt", 200},
		{"GET", "/a.txt?raw", 200},
		{"GET", "/a.txt/", 404},
		{"GET", "/nothing", 404},
		{"GET", "/", 404},
		{"GET", "/sub", 404},
		{"GET", "/sub/", 404},
		{"GET", "/../a.txt", 403},
		{"GET", "/sub/../a.txt", 403},
		{"GET", "/./a.txt", 403},
		{"GET", "//a.txt", 403},
		{"GET", "/sub//b.txt", 403},
		{"GET", `/sub\b.txt`, 403},
		{"GET", "/sub%2fb.txt", 403},
		{"GET", "/.env", 403},
		{"GET", "/-/nothing", 403},
		{"GET", "/%2d/healthz", 403},
		{"GET", "/-", 403},
		{"GET", "/" + long, 403},
		{"GET", "/a.txt%00", 400},
		{"GET", "/a%0a.txt", 400},
		{"GET", "/%ff", 400},
		{"GET", "/%zz", 400},
		{"GET", "/a.txt#x", 400},
		{"POST", "/a.txt", 405},
		{"DELETE", "/nothing", 405},
		{"PROPFIND", "/", 405},
		{"BREW", "/a.txt", 501},
		{"get", "/a.txt", 501},
		{"GET", "/download?file=a.txt", 200},
	} {
		if a := s.request(t, tt.method, tt.target); a.Status != tt.want {
			t.Errorf("%s %.60s = %d, want %d", tt.method, tt.target, a.Status, tt.want)
		}
	}
}

func TestHeadersOnEverything(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.cfg.Listing = true })
	ids := map[string]bool{}
	for _, target := range []string{"/a.txt", "/", "/sub", "/nothing", "/../x", "/%ff", "/-/healthz", "/-/metrics"} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "BREW"} {
			h := s.request(t, method, target).Header
			for k, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"} {
				if got := h.Values(k); len(got) != 1 || got[0] != want {
					t.Errorf("%s %s: %s = %q, want %q", method, target, k, got, want)
				}
			}
			id := h.Get("Request-Id")
			if len(id) != 16 || ids[id] {
				t.Errorf("%s %s: Request-Id = %q: not 16 characters, or seen before", method, target, id)
			}
			ids[id] = true
			if !s.logs(t, "id="+id) {
				t.Errorf("%s %s: request %s is not in the log", method, target, id)
			}
		}
	}
	open := serve(t, smallTree, func(u *setup) { u.cfg.CrossOrigin = true })
	for _, target := range []string{"/a.txt", "/nothing", "/-/healthz"} {
		if got := open.get(t, target).Header.Values("Cross-Origin-Resource-Policy"); got != nil {
			t.Errorf("with CrossOrigin: %s: %q", target, got)
		}
	}
}

func TestDirectories(t *testing.T) {
	for _, tt := range []struct {
		listing, site bool
		target        string
		status        int
		location      string
		body          string
	}{
		{true, false, "/sub", 308, "./sub/", ""},
		{true, false, "/sub/", 200, "", "b.txt"},
		{true, false, "/", 200, "", "a.txt"},
		{true, false, "/sub/deep", 308, "./deep/", ""},
		{false, true, "/sub", 308, "./sub/", ""},
		{false, true, "/sub/", 200, "", "<h1>sub"},
		{false, true, "/", 200, "", "<h1>top"},
		{false, true, "/sub/deep", 404, "", ""},
		{false, true, "/sub/deep/", 404, "", ""},
		{true, true, "/sub/deep/", 200, "", "c.txt"},
		{true, true, "/sub/deep", 308, "./deep/", ""},
		{true, true, "/sub/", 200, "", "<h1>sub"},
		{false, false, "/sub", 404, "", ""},
		{false, false, "/sub/", 404, "", ""},
	} {
		s := serve(t, smallTree, func(u *setup) { u.cfg.Listing, u.cfg.Site = tt.listing, tt.site })
		a := s.get(t, tt.target)
		if a.Status != tt.status || a.Header.Get("Location") != tt.location || !strings.Contains(string(a.Body), tt.body) {
			t.Errorf("listing %v, site %v: GET %s = %d %q %q, want %d %q with %q", tt.listing, tt.site, tt.target,
				a.Status, a.Header.Get("Location"), a.Body, tt.status, tt.location, tt.body)
		}
		s.stop()
	}
}

func TestSitePolicy(t *testing.T) {
	for _, site := range []bool{false, true} {
		s := serve(t, smallTree, func(u *setup) { u.cfg.Site = site })
		if got := s.get(t, "/page.html").Header.Get("Content-Security-Policy"); (got == "sandbox") == site {
			t.Errorf("site %v: Content-Security-Policy = %q", site, got)
		}
	}
	s := serve(t, map[string]string{"404.html": "<h1>own"}, func(u *setup) { u.cfg.Site = true })
	a := s.get(t, "/missing")
	if a.Status != 404 || string(a.Body) != "<h1>own" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Etag") != "" {
		t.Errorf("GET /missing = %d %q %v", a.Status, a.Body, a.Header)
	}
	if a := s.get(t, "/404.html"); a.Status != 200 {
		t.Errorf("GET /404.html = %d", a.Status)
	}
}

func TestConditionalsAndRanges(t *testing.T) {
	s := serve(t, smallTree, nil)
	etag := s.get(t, "/a.txt").Header.Get("Etag")
	for _, tt := range []struct {
		header string
		status int
		body   string
	}{
		{"If-None-Match: " + etag, 304, ""},
		{"Range: bytes=1-3", 206, "ell"},
	} {
		a := s.get(t, "/a.txt", tt.header)
		if a.Status != tt.status || string(a.Body) != tt.body {
			t.Errorf("%s = %d %q, want %d %q", tt.header, a.Status, a.Body, tt.status, tt.body)
		}
	}
	a := s.get(t, "/a.txt", "Range: bytes=100-")
	if a.Status != 416 || a.Header.Get("Content-Range") != "bytes */6" || a.Header.Get("Cache-Control") != "no-store" || len(a.Body) == 0 {
		t.Errorf("range beyond the end = %d %v %q", a.Status, a.Header, a.Body)
	}
	a = s.get(t, "/a.txt", `If-Match: "other"`)
	if a.Status != 412 || a.Header.Get("Cache-Control") != "no-store" || len(a.Body) == 0 {
		t.Errorf("failed If-Match = %d %v %q", a.Status, a.Header, a.Body)
	}
}

func TestNewRefuses(t *testing.T) {
	dir := openDir(t, t.TempDir(), rootbound.Config{})
	l := listen(t)
	defer l.Close()
	ok := func() Config {
		return Config{Mounts: []Mount{{Dir: dir}}, Listeners: []net.Listener{l}}
	}
	if _, err := New(ok()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		change func(*Config)
		want   []string
	}{
		{func(c *Config) { c.Mounts = nil }, []string{"name a directory"}},
		{func(c *Config) { c.Mounts = []Mount{{}} }, []string{"no directory"}},
		{func(c *Config) { c.Mounts = []Mount{{Dir: dir}, {Dir: dir}} }, []string{"two mounts"}},
		{func(c *Config) { c.Mounts = []Mount{{Name: "a/b", Dir: dir}} }, []string{`"a/b"`}},
		{func(c *Config) { c.Mounts = []Mount{{Name: "..", Dir: dir}} }, []string{`".."`}},
		{func(c *Config) { c.Mounts = []Mount{{Name: "-", Dir: dir}} }, []string{`"-"`}},
		{func(c *Config) { c.Listeners = nil }, []string{"no listener"}},
		{func(c *Config) { c.Listeners = []net.Listener{elsewhere{l}} }, []string{"192.0.2.7:", "--public"}},
		{func(c *Config) { c.DownloadRoute = "download" }, []string{`"download"`}},
		{func(c *Config) { c.DownloadRoute = "/" }, []string{`"/"`}},
		{func(c *Config) { c.DownloadRoute = "/-/x" }, []string{`"/-/x"`}},
		{func(c *Config) { c.DownloadRoute = "/a/../b" }, []string{`"/a/../b"`}},
		{func(c *Config) { c.DownloadRoute = "/%41" }, []string{`"/%41"`}},
		{func(c *Config) { c.Hosts = []string{"http://x"} }, []string{`"http://x"`}},
		{func(c *Config) { c.MaxConns = -1 }, []string{"MaxConns"}},
	} {
		c := ok()
		tt.change(&c)
		_, err := New(c)
		for _, w := range tt.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("New: error %v does not say %q", err, w)
			}
		}
	}
	public := ok()
	public.Listeners, public.Public = []net.Listener{elsewhere{l}}, true
	if _, err := New(public); err != nil {
		t.Errorf("with Public: %v", err)
	}
}
