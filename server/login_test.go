package server

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
)

// signIns is what a test has of a server with sessions and tokens.
type signIns struct {
	store    *store.Store
	sessions *authn.Sessions
}

// withLogin has alice and bob sign in on the page, or come with tokens or passwords.
func withLogin(t *testing.T, anonymous, off bool, change func(*authn.SessionsConfig)) (*signIns, func(*setup)) {
	t.Helper()
	return withLoginIn(t, filepath.Join(t.TempDir(), "state.db"), anonymous, off, change)
}

// withLoginIn is withLogin with a state that other replicas may have too.
func withLoginIn(t *testing.T, path string, anonymous, off bool, change func(*authn.SessionsConfig)) (*signIns, func(*setup)) {
	t.Helper()
	st, err := store.Open(context.Background(), store.Config{DSN: path})
	if err != nil {
		t.Fatal(err)
	}
	users := testUsers(t)
	cfg := authn.SessionsConfig{Store: st, Users: users, Insecure: true}
	if change != nil {
		change(&cfg)
	}
	sessions, err := authn.NewSessions(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := authn.NewTokens(st, users)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { sessions.Watch(ctx) })
	wg.Go(func() { tokens.Watch(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		_ = st.Close()
	})
	a, err := authn.New(authn.Config{Users: users, Anonymous: anonymous, Methods: []authn.Method{tokens, sessions}})
	if err != nil {
		t.Fatal(err)
	}
	return &signIns{st, sessions}, func(u *setup) {
		u.cfg.Authn, u.cfg.Sessions, u.cfg.NoFastLane, u.cfg.Listing = a, sessions, off, true
	}
}

// token is one of a user's.
func (k *signIns) token(t *testing.T, user string, rights, on []string) (field, id string) {
	t.Helper()
	token, id, d := authn.NewToken()
	now := time.Now()
	if err := k.store.AddToken(context.Background(), state.Token{ID: id, Digest: d, Subject: user, Rights: rights, On: on, Created: now, Expires: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + token, id
}

// browser keeps cookies and follows nothing.
type browser struct {
	t    *testing.T
	at   string
	http http.Client
}

func (s *served) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, at: "http://" + s.addr}
	transport := &http.Transport{}
	b.http = http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(transport.CloseIdleConnections)
	return b
}

// shown is what a browser got.
type shown struct {
	*http.Response
	body string
}

func (b *browser) do(method, target, body string, headers ...string) shown {
	b.t.Helper()
	r, err := http.NewRequest(method, b.at+target, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.at)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
		if v == "" {
			r.Header.Del(k)
		}
	}
	a, err := b.http.Do(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, target, err)
	}
	text, err := io.ReadAll(a.Body)
	_ = a.Body.Close()
	if err != nil {
		b.t.Fatal(err)
	}
	return shown{a, string(text)}
}

func (b *browser) get(target string, headers ...string) shown {
	b.t.Helper()
	return b.do("GET", target, "", headers...)
}

var formField = regexp.MustCompile(`<input type="hidden" name="form" value="([^"]+)">`)

// form is the token of the form that the page shows.
func (b *browser) form() string {
	b.t.Helper()
	page := b.get("/-/login")
	m := formField.FindStringSubmatch(page.body)
	if page.StatusCode != 200 || m == nil {
		b.t.Fatalf("GET /-/login = %d\n%s", page.StatusCode, page.body)
	}
	return m[1]
}

func (b *browser) signIn(name, password, next string, headers ...string) shown {
	b.t.Helper()
	return b.do("POST", "/-/login", url.Values{"form": {b.form()}, "next": {next}, "name": {name}, "password": {password}}.Encode(), headers...)
}

func (b *browser) cookies() []*http.Cookie {
	b.t.Helper()
	at, err := url.Parse(b.at)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.http.Jar.Cookies(at)
}

func (b *browser) session() string {
	for _, c := range b.cookies() {
		if strings.TrimPrefix(c.Name, "__Host-") == "rootbound" {
			return c.Value
		}
	}
	return ""
}

// From a refused page to the form, in, and back to what was asked for; out again, and there is nothing any more. Neither
// the log nor the page holds a secret.
func TestSigningIn(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		_, login := withLogin(t, false, off, nil)
		s := serve(t, smallTree, login)
		b := s.browser(t)
		refused := b.get("/a.txt?x=1&y")
		if refused.StatusCode != 401 || refused.Header.Get("Www-Authenticate") != `Bearer realm="rootbound"` || !strings.Contains(refused.body, `<a href="/-/login?next=%2Fa.txt%3Fx%3D1%26y">`) {
			t.Fatalf("without a session: %d %v\n%s", refused.StatusCode, refused.Header, refused.body)
		}
		page := b.get("/-/login?next=%2Fa.txt%3Fx%3D1%26y")
		for k, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "same-origin"} {
			if page.Header.Get(k) != want {
				t.Errorf("%s: %q", k, page.Header.Get(k))
			}
		}
		if csp := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(page.body, "<script") {
			t.Errorf("the page may do: %s", csp)
		}
		if page.StatusCode != 200 || !strings.Contains(page.body, `name="next" value="/a.txt?x=1&amp;y"`) {
			t.Fatalf("the page: %d\n%s", page.StatusCode, page.body)
		}
		if wrong := b.signIn("alice", "wrong", "/"); wrong.StatusCode != 401 || b.session() != "" || !strings.Contains(wrong.body, "do not belong together") || !strings.Contains(wrong.body, `value="alice"`) || strings.Contains(wrong.body, "wrong") {
			t.Errorf("with a wrong password: %d\n%s", wrong.StatusCode, wrong.body)
		}
		in := b.signIn("alice", "ecila", "/a.txt?x=1&y")
		if in.StatusCode != 303 || in.Header.Get("Location") != "/a.txt?x=1&y" || b.session() == "" {
			t.Fatalf("signing in: %d %v\n%s", in.StatusCode, in.Header, in.body)
		}
		for range 3 {
			if a := b.get("/a.txt"); a.StatusCode != 200 || !strings.Contains(a.Header.Get("Cache-Control"), "private") || !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Cookie") {
				t.Fatalf("with a session: %d %v", a.StatusCode, a.Header)
			}
		}
		if a := b.get("/sub/?sort=size"); !strings.Contains(a.body, `<bdi>alice</bdi> <a href="/-/login?next=%2Fsub%2F%3Fsort%3Dsize">Sign out</a>`) {
			t.Errorf("the listing has no way out:\n%s", a.body)
		}
		if page := b.get("/-/login"); !strings.Contains(page.body, "You are <bdi>alice</bdi>") {
			t.Errorf("the page does not know who is in:\n%s", page.body)
		}
		value := b.session()
		out := b.do("POST", "/-/logout", url.Values{"form": {formOf(t, b.get("/-/login"))}}.Encode())
		if out.StatusCode != 303 || out.Header.Get("Location") != "/-/login" || b.session() != "" {
			t.Fatalf("signing out: %d %v", out.StatusCode, out.Header)
		}
		if a := s.get(t, "/a.txt", "Cookie: rootbound="+value); a.Status != 401 {
			t.Errorf("the cookie after signing out: %d", a.Status)
		}
		s.logs(t, "target=/-/logout")
		for _, secret := range []string{"ecila", value, "next="} {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
		if !s.logs(t, "subject=alice") {
			t.Error("the log does not say who")
		}
	})
}

func formOf(t *testing.T, page shown) string {
	t.Helper()
	m := formField.FindStringSubmatch(page.body)
	if m == nil {
		t.Fatalf("there is no form:\n%s", page.body)
	}
	return m[1]
}

// Once in memory, a session is known to the fast lane.
func TestSessionOnTheFastLane(t *testing.T) {
	k, login := withLogin(t, false, false, nil)
	s := serve(t, smallTree, login)
	if !s.quick() {
		return // this system has none
	}
	b := s.browser(t)
	b.signIn("alice", "ecila", "/")
	token, _ := k.token(t, "bob", nil, nil)
	for range 20 {
		if a := s.get(t, "/a.txt", "Cookie: rootbound="+b.session()); a.Status != 200 {
			t.Fatalf("by session: %d", a.Status)
		}
		if a := s.get(t, "/a.txt", token); a.Status != 200 {
			t.Fatalf("by token: %d", a.Status)
		}
	}
	if n := s.metric(t, `rootbound_requests_total{lane="fast",method="GET",status="200"}`); n != "40" {
		t.Errorf("the fast lane answered %s", n)
	}
}

// With --public nobody needs a session, what is open is not private, and a cookie that does not hold is as none.
func TestLoginAndPublic(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		_, login := withLogin(t, true, off, nil)
		s := serve(t, smallTree, login)
		b := s.browser(t)
		b.signIn("alice", "ecila", "/")
		for _, cookie := range []string{"X: y", "Cookie: rootbound=" + b.session(), "Cookie: rootbound=x", "Cookie: rootbound=x; rootbound=y"} {
			if a := s.get(t, "/a.txt", cookie); a.Status != 200 || strings.Contains(a.Header.Get("Cache-Control"), "private") {
				t.Errorf("%s: %d %v", cookie, a.Status, a.Header)
			}
		}
		if a := s.get(t, "/"); !strings.Contains(string(a.Body), `<a href="/-/login?next=%2F">Sign in</a>`) || strings.Contains(a.Header.Get("Cache-Control"), "private") {
			t.Errorf("the listing has no way in: %v\n%s", a.Header, a.Body)
		}
		if a := b.get("/"); !strings.Contains(a.body, "<bdi>alice</bdi>") || !strings.Contains(a.Header.Get("Cache-Control"), "private") {
			t.Errorf("the listing for alice: %v\n%s", a.Header, a.body)
		}
		if a := s.get(t, "/", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("alice:ecila"))); a.Status != 200 || strings.Contains(string(a.Body), `class="who"`) {
			t.Errorf("with a password there is no way out: %d\n%s", a.Status, a.Body)
		}
	})
}

// A page elsewhere can neither sign a browser in, nor out, nor guess passwords by it. Control: our own page does.
func TestForgedForms(t *testing.T) {
	_, login := withLogin(t, false, false, nil)
	s := serve(t, smallTree, login)
	forge := func(b *browser, form string, headers ...string) shown {
		t.Helper()
		return b.do("POST", "/-/login", url.Values{"form": {form}, "name": {"alice"}, "password": {"ecila"}}.Encode(), headers...)
	}
	stolen := s.browser(t).form() // what an attacker's own browser was shown
	for name, a := range map[string]func(*browser) shown{
		"another origin": func(b *browser) shown {
			return forge(b, b.form(), "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
		},
		"another origin, old":     func(b *browser) shown { return forge(b, b.form(), "Origin: https://evil.example", "Sec-Fetch-Site: ") },
		"a sister domain":         func(b *browser) shown { return forge(b, b.form(), "Sec-Fetch-Site: same-site") },
		"no origin":               func(b *browser) shown { return forge(b, b.form(), "Origin: ", "Sec-Fetch-Site: ") },
		"a null origin":           func(b *browser) shown { return forge(b, b.form(), "Origin: null", "Sec-Fetch-Site: ") },
		"no token":                func(b *browser) shown { b.form(); return forge(b, "") },
		"another browser's token": func(b *browser) shown { b.form(); return forge(b, stolen) },
		"no cookie":               func(b *browser) shown { return forge(b, stolen) },
	} {
		b := s.browser(t)
		if got := a(b); got.StatusCode != 403 || b.session() != "" || !strings.Contains(got.body, "Please try again") {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
	b := s.browser(t)
	if got := forge(b, b.form()); got.StatusCode != 303 || b.session() == "" {
		t.Fatalf("control: %d", got.StatusCode)
	}
	form := b.form()
	if got := b.do("POST", "/-/logout", "form="+form, "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"); got.StatusCode != 403 || b.session() == "" {
		t.Errorf("signed out from elsewhere: %d", got.StatusCode)
	}
	if got := b.get("/-/logout"); got.StatusCode != 200 || b.session() == "" || b.get("/a.txt").StatusCode != 200 {
		t.Errorf("signed out by a link: %d", got.StatusCode)
	}
	if got := b.do("POST", "/-/logout", "form="+form+"&everywhere=yes"); got.StatusCode != 303 || b.session() != "" {
		t.Errorf("control: %d", got.StatusCode)
	}
}

// A cookie that was put into a browser before it signed in is of no use afterwards, whether it was a session or not.
// Control: the cookie that signing in gave.
func TestSessionFixation(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		_, login := withLogin(t, false, off, nil)
		s := serve(t, smallTree, login)
		attacker, victim := s.browser(t), s.browser(t)
		attacker.signIn("bob", "bob", "/")
		at, err := url.Parse(victim.at)
		if err != nil {
			t.Fatal(err)
		}
		fixed := attacker.session()
		victim.http.Jar.SetCookies(at, []*http.Cookie{{Name: "rootbound", Value: fixed, Path: "/"}})
		if page := victim.get("/-/login"); !strings.Contains(page.body, "bob") {
			t.Fatal("the cookie was not put there")
		}
		form := formOf(t, victim.get("/-/login"))
		in := victim.do("POST", "/-/login", url.Values{"form": {form}, "name": {"alice"}, "password": {"ecila"}}.Encode())
		if in.StatusCode != 303 || victim.session() == fixed {
			t.Fatalf("signing in: %d", in.StatusCode)
		}
		if a := s.get(t, "/a.txt", "Cookie: rootbound="+fixed); a.Status != 401 {
			t.Errorf("the cookie from before: %d", a.Status)
		}
		if a := s.get(t, "/a.txt", "Cookie: rootbound="+victim.session()); a.Status != 200 {
			t.Errorf("control: %d", a.Status)
		}
		if a := s.get(t, "/a.txt", "Cookie: rootbound="+victim.session()+"; rootbound="+fixed); a.Status != 401 {
			t.Errorf("with another tossed in: %d", a.Status)
		}
	})
}

// Wherever a form says that it leads, signing in leads to this server.
func TestNoOpenRedirect(t *testing.T) {
	_, login := withLogin(t, false, false, nil)
	s := serve(t, smallTree, login)
	b := s.browser(t)
	for next, want := range map[string]string{
		"/a.txt": "/a.txt", "/d/?sort=size&x=%20": "/d/?sort=size&x=%20", "/%C3%BC": "/%C3%BC", "/x?y=//evil.example": "/x?y=//evil.example", // controls
		"": "/", "a.txt": "/", "//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", "https://evil.example/": "/",
		"https:evil.example": "/", "javascript:alert(1)": "/", "/\tevil": "/", "/\t/evil.example": "/", "/\n/evil.example": "/", "\t//evil.example": "/",
		"/%2Fevil.example": "/", "/%2f/evil.example": "/", "/%5Cevil.example": "/", "/%09/evil.example": "/", "/%0d%0aSet-Cookie:x": "/", "%2F%2Fevil.example": "/",
		"/a.txt#x": "/", "/ü": "/", "/a b": "/", "/%zz": "/", "/-/logout": "/", "/%2D/logout": "/", "//user@evil.example": "/", "/\x00": "/", "/" + strings.Repeat("a", maxNext): "/",
	} {
		in := b.signIn("alice", "ecila", next)
		if in.StatusCode != 303 || in.Header.Get("Location") != want {
			t.Errorf("next=%q leads to %d %q", next, in.StatusCode, in.Header.Get("Location"))
		}
		if page := b.get("/-/login?next=" + url.QueryEscape(next)); !strings.Contains(page.body, `name="next" value="`+strings.ReplaceAll(want, "&", "&amp;")+`"`) {
			t.Errorf("next=%q is on the page as\n%s", next, page.body)
		}
	}
	if page := b.get("/-/login?next=%2Fa&next=%2Fb"); !strings.Contains(page.body, `name="next" value="/"`) {
		t.Error("two are one too many")
	}
}

// Where a browser takes a path that we lead to is never another host.
func FuzzSafeNext(f *testing.F) {
	for _, seed := range []string{"/a?b#c", "//evil", `/\evil`, "/\t/evil", "/%2Fevil", "https://evil", "/a/../..//evil", "/;//x@y"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://files.example/-/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		next := safeNext(text)
		// What browsers drop and fold before they read an address (WHATWG URL 4.4).
		read := strings.ReplaceAll(strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.TrimFunc(next, func(r rune) bool { return r <= ' ' })), `\`, "/")
		to, err := base.Parse(read)
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme || !strings.HasPrefix(read, "/") || strings.HasPrefix(read, "//") {
			t.Errorf("%q leads to %q, %v", text, to, err)
		}
		if safeNext(next) != next {
			t.Errorf("%q leads to %q and that to %q", text, next, safeNext(next))
		}
	})
}
