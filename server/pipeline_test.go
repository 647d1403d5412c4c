package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/testenv"
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

// plantRefused makes one name for each way in which the file system has nothing to give.
func plantRefused(t *testing.T, base string) []string {
	t.Helper()
	outside := filepath.Join(t.TempDir(), "outside")
	join := func(n string) string { return filepath.Join(base, n) }
	sock, err := net.Listen("unix", join("socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sock.Close() })
	err = errors.Join(
		os.WriteFile(outside, []byte("canary"), 0o644),
		os.Symlink(outside, join("escape")),
		os.Symlink("a.txt", join("inside")),
		os.Symlink("loop", join("loop")),
		os.Symlink(filepath.Dir(outside), join("dirlink")),
		os.Symlink("/dev/null", join("device")),
		os.Mkdir(join("dir"), 0o755),
		os.Mkdir(join("locked"), 0o755),
		os.WriteFile(join("locked/x"), []byte("x"), 0o644),
		os.Chmod(join("locked"), 0),
		os.WriteFile(join("unreadable"), []byte("x"), 0),
		mkfifo(join("fifo")),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(join("locked"), 0o755) })
	return []string{"/escape", "/inside", "/loop", "/dirlink/outside", "/dirlink", "/dirlink/", "/device", "/dir", "/dir/", "/locked/x", "/unreadable", "/socket", "/fifo", "/a.txt/", "/a.txt/x", "/missing/x"}
}

// The 404 is the same byte for byte and header for header, whatever the reason.
func TestUniform404(t *testing.T) {
	if !testenv.AsNobody(t) {
		return
	}
	for _, accept := range []string{"Accept: */*", "Accept: text/html", "Accept: application/json"} {
		for _, site := range []bool{false, true} {
			tree := map[string]string{"a.txt": "hello\n"}
			if site {
				tree["404.html"] = "<h1>not here"
			}
			s := serve(t, tree, func(u *setup) { u.cfg.Site = site })
			targets := plantRefused(t, s.base)
			for _, method := range []string{"GET", "HEAD"} {
				want := stripped(s.request(t, method, "/missing", accept))
				if want.Status != 404 {
					t.Fatalf("%s /missing = %d", method, want.Status)
				}
				for _, target := range targets {
					if got := stripped(s.request(t, method, target, accept)); !cmp.Equal(want, got) {
						t.Errorf("%s %s (site %v) differs from what is missing:\n%s", method, target, site, cmp.Diff(want, got))
					}
				}
			}
			for _, code := range []reason.Code{reason.Missing, reason.LinkRefused, reason.SpecialFile, reason.NotDirectory, reason.ListingOff, reason.Unreadable} {
				await(t, "the log to tell "+string(code), func() bool {
					return strings.Contains(s.log.String(), "reason="+string(code)+"\n") || strings.Contains(s.log.String(), "reason="+string(code)+" ")
				})
			}
			if strings.Contains(s.log.String(), "unforeseen") {
				t.Errorf("an error nobody foresaw:\n%s", s.log)
			}
		}
	}
}

type bare struct {
	Status int
	Header http.Header
	Body   string
}

// stripped takes out what may differ: the date and the request id, which has one length.
func stripped(a *attack.Answer) bare {
	h := maps.Clone(a.Header)
	id := h.Get("Request-Id")
	delete(h, "Date")
	delete(h, "Request-Id")
	return bare{a.Status, h, strings.ReplaceAll(string(a.Body), id, "ID")}
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

// watcher records what the stages were told.
type watcher struct {
	refuse  error
	decided atomic.Int32
	out     chan request.Outcome
}

func (w *watcher) Decided(*request.Facts, request.Subject, request.Decision, error) error {
	w.decided.Add(1)
	return w.refuse
}

func (w *watcher) Done(_ *request.Facts, _ request.Subject, out request.Outcome) { w.out <- out }

// The stages are asked in their order, and each can stop the request.
func TestStagesInOrder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target string
		change func(*Server, *watcher)
		status int
		code   reason.Code
	}{
		{"all agree", "/a.txt", nil, 200, ""},
		{"nobody may ask, and learns nothing of names", "/../x", func(s *Server, _ *watcher) {
			s.stages.who = func(*request.Facts) (request.Subject, error) {
				return request.Subject{}, reason.New(reason.CredentialMissing, nil)
			}
		}, 401, reason.CredentialMissing},
		{"no grant", "/a.txt", func(s *Server, _ *watcher) {
			s.stages.may = func(*request.Facts, request.Subject, request.Right, string, rootbound.Name) request.Decision {
				return request.Decision{}
			}
		}, 404, reason.NoGrant},
		{"a policy that says so", "/a.txt", func(s *Server, _ *watcher) {
			s.stages.may = func(*request.Facts, request.Subject, request.Right, string, rootbound.Name) request.Decision {
				return request.Decision{Reason: reason.Forbidden}
			}
		}, 403, reason.Forbidden},
		{"the record fails", "/a.txt", func(_ *Server, w *watcher) { w.refuse = reason.New(reason.NotDurable, nil) }, 503, reason.NotDurable},
		{"a refusal stays the one it was", "/missing", func(_ *Server, w *watcher) { w.refuse = reason.New(reason.NotDurable, nil) }, 404, reason.Missing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &watcher{out: make(chan request.Outcome, 1)}
			s := serve(t, smallTree, func(u *setup) {
				u.before = func(s *Server) {
					s.stages.record = w
					if tt.change != nil {
						tt.change(s, w)
					}
				}
			})
			a := s.get(t, tt.target)
			out := <-w.out
			if a.Status != tt.status || out.Status != tt.status || out.Reason != tt.code || out.Result != request.Sent {
				t.Errorf("answered %d, recorded %+v; want %d %q", a.Status, out, tt.status, tt.code)
			}
			if n := w.decided.Load(); n != 1 {
				t.Errorf("Decided was called %d times", n)
			}
		})
	}
}

// MAY is asked again about the file that a link led to.
func TestOpenedNameIsAskedAgain(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) {
		u.dir.Symlinks = rootbound.SymlinksWithin
		u.before = func(s *Server) {
			s.stages.may = func(_ *request.Facts, _ request.Subject, _ request.Right, _ string, n rootbound.Name) request.Decision {
				return request.Decision{Allowed: !strings.HasPrefix(n.String(), "sub/"), Reason: reason.NoGrant, Private: true}
			}
		}
	})
	if err := errors.Join(os.Symlink("sub/b.txt", filepath.Join(s.base, "link")), os.Symlink("a.txt", filepath.Join(s.base, "good"))); err != nil {
		t.Fatal(err)
	}
	if a := s.get(t, "/link"); a.Status != 404 || !s.logs(t, string(reason.OpenedName)) {
		t.Errorf("GET /link = %d", a.Status)
	}
	a := s.get(t, "/good")
	if a.Status != 200 || !strings.HasPrefix(a.Header.Get("Cache-Control"), "private") || a.Header.Get("Vary") != "Authorization, Cookie" {
		t.Errorf("GET /good = %d %v", a.Status, a.Header)
	}
	if a := s.get(t, "/missing"); !strings.Contains(a.Header.Get("Vary"), "Authorization") {
		t.Errorf("refusal by subject has Vary %q", a.Header.Get("Vary"))
	}
}

// A panic in a stage is the 404, and an error in the log.
func TestPanicIsTheUnforeseen(t *testing.T) {
	w := &watcher{out: make(chan request.Outcome, 1)}
	s := serve(t, smallTree, func(u *setup) {
		u.before = func(s *Server) {
			s.stages.record = w
			s.stages.who = func(*request.Facts) (request.Subject, error) { panic("a bug\nof ours") }
		}
	})
	if a := s.get(t, "/a.txt"); a.Status != 404 || strings.Contains(string(a.Body), "bug") {
		t.Errorf("GET /a.txt = %d %q", a.Status, a.Body)
	}
	if out := <-w.out; out.Status != 404 || out.Reason != reason.Unforeseen {
		t.Errorf("recorded: %+v", out)
	}
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "a bug") || strings.Contains(log, "\nof ours") {
		t.Errorf("log: %s", log)
	}
}

// A client that goes away ends the listing that was being read for it, and that is no error of ours.
func TestListingEndsWithItsClient(t *testing.T) {
	w := &watcher{out: make(chan request.Outcome, 1)}
	large := map[string]string{}
	for i := range 3000 {
		large[fmt.Sprintf("%04d", i)] = ""
	}
	s := serve(t, large, func(u *setup) {
		u.cfg.Listing = true
		u.before = func(s *Server) { s.stages.record = w }
	})
	gone, cancel := context.WithCancel(context.WithValue(t.Context(), connKey{}, &conn{at: s.endpoints[0]}))
	cancel()
	r := httptest.NewRequestWithContext(gone, "GET", "/", nil)
	r.Host = s.addr
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("the handler ended with %v", v)
			}
		}()
		s.Server.serve(httptest.NewRecorder(), r)
	}()
	if out := <-w.out; out.Result != request.Aborted || abortCause(out.Cause) != causeClient || out.Reason != "" {
		t.Errorf("recorded: %+v", out)
	}
	if strings.Contains(s.log.String(), string(reason.Unforeseen)) {
		t.Errorf("log: %s", s.log)
	}
	// The control: the same request with its client still there is answered.
	there := httptest.NewRecorder()
	s.Server.serve(there, r.WithContext(context.WithValue(t.Context(), connKey{}, &conn{at: s.endpoints[0]})))
	if out := <-w.out; there.Code != 200 || out.Result != request.Sent {
		t.Errorf("with its client there: %d, %+v", there.Code, out)
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
