package server

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/link"
	"github.com/rootbound/rootbound/store"
)

// asBrowser is what browsers send when they go to an address.
const asBrowser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"

// withRegister has a state of its own look after links.
func withRegister(t *testing.T) (*store.Store, *link.Register) {
	t.Helper()
	st := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	return st, runRegister(t, st)
}

func openStore(t *testing.T, path string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), store.Config{DSN: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// runRegister is what one replica has.
func runRegister(t *testing.T, st link.Store) *link.Register {
	t.Helper()
	r := link.NewRegister(t.Context(), link.RegisterConfig{Store: st})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return r
}

// counting serves one-time links of files that nobody may read otherwise.
func counting(t *testing.T, off bool, r *link.Register) *served {
	t.Helper()
	return serve(t, grantTree, func(u *setup) {
		u.cfg.NoFastLane, u.cfg.Links, u.cfg.LinkRegister, u.cfg.DownloadRoute, u.cfg.Listing = off, testKeys(t), r, "/get", true
	})
}

// named signs a link with an id of its own.
func named(t *testing.T, id string, l link.Link) string {
	t.Helper()
	l.ID = id
	if l.Expires.IsZero() {
		l.Expires = time.Now().Add(time.Hour)
	}
	l, err := testKeys(t).Sign(l)
	if err != nil {
		t.Fatal(err)
	}
	return l.URL("")
}

// A link with one use gives the file once, whatever came before: a HEAD, a program that looks into mail as a browser would,
// a missing condition. Afterwards it is the 404 of any other.
func TestOneTimeLink(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		_, r := withRegister(t)
		s := counting(t, off, r)
		once := named(t, "once", link.Link{Path: "notes.txt", Uses: 1})
		free := named(t, "free", link.Link{Path: "notes.txt"})
		for range 3 {
			if a := s.request(t, "HEAD", once); a.Status != 200 {
				t.Fatalf("HEAD = %d", a.Status)
			}
			if a := s.request(t, "OPTIONS", once); a.Status != 204 {
				t.Fatalf("OPTIONS = %d", a.Status)
			}
			a := s.get(t, once, asBrowser)
			if a.Status != 200 || strings.Contains(string(a.Body), "notes\n") || !strings.Contains(string(a.Body), `<form method="post">`) || a.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("a browser: %d %s", a.Status, a.Body)
			}
			if a := s.get(t, once, "Range: bytes=900-"); a.Status != 416 {
				t.Fatalf("a range that is not there: %d", a.Status)
			}
		}
		if a := s.get(t, once, "Accept: */*"); a.Status != 200 || string(a.Body) != "notes" {
			t.Fatalf("a program: %d %q", a.Status, a.Body)
		}
		want := stripped(s.get(t, "/missing?"+strings.SplitN(free, "?", 2)[1]))
		for _, headers := range [][]string{{"Accept: */*"}, {"X: y"}, {"Range: bytes=0-1"}} {
			a := s.get(t, once, headers...)
			if got := stripped(a); got.Status != 404 || got.Body != want.Body {
				t.Errorf("once more, with %v: %d %q", headers, a.Status, a.Body)
			}
		}
		if a := s.get(t, once, asBrowser); a.Status != 404 {
			t.Errorf("a browser, later: %d", a.Status)
		}
		if a := s.request(t, "HEAD", once); a.Status != 404 {
			t.Errorf("HEAD, later: %d", a.Status)
		}
		for range 3 { // the control: a link that is not counted
			if a := s.get(t, free); a.Status != 200 {
				t.Errorf("a link that is not counted: %d", a.Status)
			}
		}
		for range 2 {
			if a := s.get(t, named(t, "twice", link.Link{Path: "notes.txt", Uses: 2})); a.Status != 200 {
				t.Errorf("a link for two uses: %d", a.Status)
			}
		}
		if a := s.get(t, named(t, "twice", link.Link{Path: "notes.txt", Uses: 2})); a.Status != 404 {
			t.Errorf("a third: %d", a.Status)
		}
		if a := s.get(t, named(t, "twice", link.Link{Path: "notes.txt", Uses: 9})); a.Status != 404 {
			t.Errorf("another link of the same id: %d", a.Status)
		}
		if a := s.get(t, named(t, "gone", link.Link{Path: "gone.txt", Uses: 1})); a.Status != 404 {
			t.Errorf("to what is missing: %d", a.Status)
		}
		s.logs(t, "reason=link-spent")
		s.logs(t, "reason=link-asks")
	})
}

// Whoever may be a browser is shown the page, and takes no use: also one that names no type, and what looks into mail by another
// name than its own. What says that it is a program is one.
func TestLinkBrowsers(t *testing.T) {
	const mozilla = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)"
	eachLane(t, func(t *testing.T, off bool) {
		_, r := withRegister(t)
		s := counting(t, off, r)
		for i, tt := range []struct {
			headers []string
			page    bool
		}{
			{[]string{asBrowser}, true},
			{[]string{"Sec-Fetch-Mode: navigate", "Accept: */*"}, true},
			{[]string{"Sec-Fetch-Mode: navigate"}, true},
			{[]string{mozilla}, true},
			{[]string{mozilla, "Accept: */*"}, true},
			{[]string{mozilla, "Sec-Fetch-Mode: no-cors", "Accept: image/avif,image/*,*/*;q=0.8"}, true},
			{[]string{mozilla, "Accept: application/octet-stream"}, false},
			{[]string{"User-Agent: curl/7.88.1", "Accept: */*"}, false},
			{[]string{"Accept: text/html;q=0, */*"}, false},
			{nil, false},
		} {
			once := named(t, "once"+strconv.Itoa(i), link.Link{Path: "notes.txt", Uses: 1})
			for n := range 2 {
				a := s.get(t, once, tt.headers...)
				switch shown := strings.Contains(string(a.Body), `<form method="post">`); {
				case tt.page && (a.Status != 200 || !shown):
					t.Errorf("%v: %d %q, want the page", tt.headers, a.Status, a.Body)
				case !tt.page && n == 0 && (a.Status != 200 || string(a.Body) != "notes"):
					t.Errorf("%v: %d %q, want the file", tt.headers, a.Status, a.Body)
				case !tt.page && n == 1 && a.Status != 404:
					t.Errorf("%v: %d once more", tt.headers, a.Status)
				}
			}
		}
	})
}

// What broke off may go on: from the same address, with a range of the very content that was begun.
func TestLinkResumes(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		_, r := withRegister(t)
		s := counting(t, off, r)
		once := named(t, "once", link.Link{Path: "notes.txt", Uses: 1})
		first := s.get(t, once)
		tag := first.Header.Get("Etag")
		if first.Status != 200 || tag == "" {
			t.Fatalf("%d %v", first.Status, first.Header)
		}
		for range 2 {
			if a := s.get(t, once, "Range: bytes=2-", "If-Range: "+tag); a.Status != 206 || string(a.Body) != "tes" {
				t.Errorf("the rest: %d %q", a.Status, a.Body)
			}
		}
		for _, headers := range [][]string{{"Range: bytes=2-"}, {"If-Range: " + tag}, {"Range: bytes=2-", `If-Range: "other"`}, {"Range: bytes=2-", "If-Range: W/" + tag}} {
			if a := s.get(t, once, headers...); a.Status != 404 {
				t.Errorf("%v: %d %q", headers, a.Status, a.Body)
			}
		}
	})
}

// another address is another client.
func TestLinkResumesNotElsewhere(t *testing.T) {
	_, r := withRegister(t)
	s := serve(t, grantTree, func(u *setup) {
		u.cfg.Links, u.cfg.LinkRegister, u.cfg.TrustedProxies = testKeys(t), r, prefixes("127.0.0.0/8")
	})
	once := named(t, "once", link.Link{Path: "notes.txt", Uses: 1})
	tag := s.get(t, once, "X-Forwarded-For: 192.0.2.1").Header.Get("Etag")
	for from, want := range map[string]int{"192.0.2.1": 206, "192.0.2.2": 404} {
		if a := s.get(t, once, "X-Forwarded-For: "+from, "Range: bytes=2-", "If-Range: "+tag); a.Status != want {
			t.Errorf("from %s: %d", from, a.Status)
		}
	}
}

// linkBrowser is one with cookies, which follows redirects.
func linkBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func (s *served) send(t *testing.T, c *http.Client, method, target, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addr+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", strings.TrimPrefix(asBrowser, "Accept: "))
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// The button of the page takes the use, for that browser alone, which may go on and look again for a while.
func TestLinkPage(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		_, r := withRegister(t)
		s := counting(t, off, r)
		once := named(t, "once", link.Link{Path: "notes.txt", Uses: 1})
		mine, other := linkBrowser(t), linkBrowser(t)
		if code, body, _ := s.send(t, mine, "POST", once, "", "Sec-Fetch-Site: cross-site"); code != 404 {
			t.Errorf("a page elsewhere presses the button: %d %s", code, body)
		}
		code, body, _ := s.send(t, mine, "POST", once, "", "Sec-Fetch-Site: same-origin")
		if code != 200 || body != "notes" {
			t.Fatalf("pressed: %d %s", code, body)
		}
		if code, body, _ := s.send(t, mine, "GET", once, ""); code != 200 || body != "notes" {
			t.Errorf("the same browser again: %d %s", code, body)
		}
		if code, body, _ := s.send(t, mine, "GET", once, "", "Range: bytes=1-2"); code != 206 || body != "ot" {
			t.Errorf("the same browser, a part: %d %s", code, body)
		}
		if code, _, _ := s.send(t, other, "GET", once, ""); code != 404 {
			t.Errorf("another: %d", code)
		}
		if code, _, _ := s.send(t, other, "POST", once, ""); code != 404 {
			t.Errorf("another presses: %d", code)
		}
		// The cookie is for its link alone, and two of them are none.
		u, _ := url.Parse("http://" + s.addr + "/")
		jar := mine.Jar.Cookies(u)
		if len(jar) != 1 {
			t.Fatalf("%v", jar)
		}
		second := named(t, "second", link.Link{Path: "notes.txt", Uses: 1})
		if code, body, _ := s.send(t, mine, "GET", second, ""); code != 200 || !strings.Contains(body, "<form") {
			t.Errorf("another link with that cookie: %d %s", code, body)
		}
		mineTwice := "Cookie: " + jar[0].String() + "; " + jar[0].Name + "=x"
		for cookie, want := range map[string]int{"Cookie: " + jar[0].String(): 200, mineTwice: 404, "Cookie: " + jar[0].String() + "x": 404} {
			if a := s.get(t, once, asBrowser, cookie); a.Status != want {
				t.Errorf("%s: %d, want %d", cookie, a.Status, want)
			}
		}
		if a := s.request(t, "POST", named(t, "free", link.Link{Path: "notes.txt"}), "Content-Length: 0"); a.Status != 405 {
			t.Errorf("POST to a link that asks for nothing: %d", a.Status)
		}
		if log := s.log.String(); strings.Contains(log, jar[0].Value) || strings.Contains(log, once) {
			t.Error("the log tells a secret")
		}
	})
}

// A password is asked for by the page; wrong ones are guesses, and too many must wait.
func TestLinkPassword(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		st, r := withRegister(t)
		s := counting(t, off, r)
		hash, err := authn.NewHash("open sesame")
		if err != nil {
			t.Fatal(err)
		}
		keep := func(id string, l link.Link) string {
			target := named(t, id, l)
			l.ID, l.Key, l.Expires = id, "k1", time.Now().Add(time.Hour)
			if _, err := st.SawLink(t.Context(), l.Record(hash.String(), time.Now())); err != nil {
				t.Fatal(err)
			}
			return target
		}
		file := keep("file", link.Link{Path: "notes.txt", Password: true})
		if a := s.get(t, file); a.Status != 404 {
			t.Errorf("a program without the password: %d", a.Status)
		}
		if a := s.request(t, "HEAD", file); a.Status != 404 {
			t.Errorf("HEAD without the password: %d", a.Status)
		}
		if a := s.get(t, named(t, "unknown", link.Link{Path: "notes.txt", Password: true}), asBrowser); a.Status != 404 {
			t.Errorf("a link whose password nobody knows: %d", a.Status)
		}
		c := linkBrowser(t)
		if code, body, _ := s.send(t, c, "GET", file, ""); code != 200 || !strings.Contains(body, `type="password"`) {
			t.Errorf("the page: %d %s", code, body)
		}
		for _, form := range []string{"password=no", "", "password=open+sesame&password=open+sesame", "password=%zz"} {
			if code, body, _ := s.send(t, c, "POST", file, form); code != 403 || !strings.Contains(body, "That is not the password") {
				t.Errorf("%q: %d %s", form, code, body)
			}
		}
		if code, body, _ := s.send(t, c, "POST", file, "password=open+sesame"); code != 200 || body != "notes" {
			t.Errorf("the password: %d %s", code, body)
		}
		if code, body, _ := s.send(t, c, "GET", file, ""); code != 200 || body != "notes" {
			t.Errorf("again: %d %s", code, body)
		}
		dir := keep("dir", link.Link{Path: "reports", Dir: true, Password: true})
		if code, body, _ := s.send(t, c, "POST", dir, "password=open+sesame"); code != 200 || !strings.Contains(body, "2026.txt") {
			t.Errorf("a directory: %d %s", code, body)
		}
		if code, body, _ := s.send(t, c, "GET", strings.Replace(dir, "/reports/", "/reports/2026.txt", 1), ""); code != 200 || body != "figures" {
			t.Errorf("what is in it: %d %s", code, body)
		}
		once := keep("both", link.Link{Path: "notes.txt", Password: true, Uses: 1})
		if code, _, _ := s.send(t, linkBrowser(t), "POST", once, "password=no"); code != 403 {
			t.Errorf("a wrong password takes a use: %d", code)
		}
		if code, body, _ := s.send(t, linkBrowser(t), "POST", once, "password=open+sesame"); code != 200 || body != "notes" {
			t.Errorf("with the right one: %d %s", code, body)
		}
		// Guessing.
		guessed := keep("guessed", link.Link{Path: "notes.txt", Password: true})
		codes := map[int]int{}
		for range 8 {
			code, _, h := s.send(t, linkBrowser(t), "POST", guessed, "password=no")
			codes[code]++
			if code == 429 && h.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
		if codes[403] > 6 || codes[429] == 0 {
			t.Errorf("eight guesses: %v", codes)
		}
		if code, _, _ := s.send(t, linkBrowser(t), "POST", keep("apart", link.Link{Path: "notes.txt", Password: true}), "password=open+sesame"); code != 200 {
			t.Errorf("another link is not locked: %d", code)
		}
	})
}

// Without a state what is counted, or asks for a password, does not hold.
func TestCountedLinksNeedAState(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		s := counting(t, off, nil)
		for _, l := range []link.Link{{Path: "notes.txt", Uses: 1}, {Path: "notes.txt", Password: true}} {
			for _, accept := range []string{asBrowser, "X: y"} {
				if a := s.get(t, named(t, "x", l), accept); a.Status != 404 {
					t.Errorf("%+v: %d", l, a.Status)
				}
			}
		}
		if a := s.get(t, named(t, "x", link.Link{Path: "notes.txt"})); a.Status != 200 {
			t.Errorf("any other: %d", a.Status)
		}
	})
}
