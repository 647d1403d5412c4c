package authn

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
)

// keep opens a state; the same path again is another replica.
func keep(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{DSN: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func statePath(t testing.TB) string { return filepath.Join(t.TempDir(), "state.db") }

// signedIn is a server's part of sessions, with a browser that keeps cookies.
type signedIn struct {
	*Sessions
	clock *clock
	jar   map[string]string
}

func newSessions(t testing.TB, st SessionStore, users Source, change func(*SessionsConfig)) *signedIn {
	t.Helper()
	c := &clock{}
	cfg := SessionsConfig{Store: st, Users: users, now: c.now}
	if change != nil {
		change(&cfg)
	}
	s, err := NewSessions(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &signedIn{s, c, map[string]string{}}
}

// take keeps a Set-Cookie field as a browser does.
func (s *signedIn) take(t testing.TB, field string) *http.Cookie {
	t.Helper()
	c, err := http.ParseSetCookie(field)
	if err != nil {
		t.Fatalf("Set-Cookie %q: %v", field, err)
	}
	s.jar[c.Name] = c.Value
	if c.MaxAge < 0 {
		delete(s.jar, c.Name)
	}
	return c
}

func (s *signedIn) cookies() string {
	var all []string
	for k, v := range s.jar {
		all = append(all, k+"="+v)
	}
	return strings.Join(all, "; ")
}

// ask is a request for a file; page is one for a page.
func (s *signedIn) ask(cookie string) *request.Facts {
	return &request.Facts{Method: "GET", Cookie: cookie, Received: s.clock.now(), Client: from("192.0.2.1"), Host: "files.example"}
}

func (s *signedIn) page(cookie string) *request.Facts {
	f := s.ask(cookie)
	f.Accept = "text/html,*/*;q=0.8"
	return f
}

func (s *signedIn) who(t testing.TB, cookie string) string {
	t.Helper()
	who, ok, err := s.Who(s.ask(cookie), true)
	if err != nil || ok != (who.ID != "") || ok && who.Method != MethodSession {
		t.Fatalf("Who: %+v, %v, %v", who, ok, err)
	}
	return who.ID
}

// signIn signs alice in.
func (s *signedIn) signIn(t testing.TB) (cookie string) {
	t.Helper()
	a, ok, err := s.cfg.Users.Account("alice")
	if err != nil || !ok {
		t.Fatal("there is no alice")
	}
	field, err := s.SignIn(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	s.take(t, field)
	return s.cookies()
}

const host = "__Host-rootbound"

func TestSession(t *testing.T) {
	users := usersFile(t, "alice:"+quick(t, "secret"))
	st := keep(t, statePath(t))
	s := newSessions(t, st, users, nil)
	a, _, _ := users.Account("alice")
	field, err := s.SignIn(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	c := s.take(t, field)
	if c.Name != host || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != int(DefaultLifetime.Seconds()) {
		t.Errorf("the cookie: %s", field)
	}
	if who, ok, err := s.Who(s.ask(s.cookies()), false); !ok || err != ErrWait {
		t.Errorf("before it is in memory: %+v, %v, %v", who, ok, err)
	}
	if s.who(t, s.cookies()) != "alice" {
		t.Error("who signed in is not known")
	}
	if who, _, err := s.Who(s.ask("a=b; "+s.cookies()+"; c=d"), false); err != nil || who.ID != "alice" {
		t.Errorf("once it is in memory: %+v, %v", who, err)
	}
	v, ok := parseSession(c.Value)
	kept, err := st.Session(context.Background(), v.digest())
	if !ok || err != nil || kept.Subject != "alice" || kept.Method != MethodPassword {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	// Another sign-in has another secret, whatever came with it.
	before := s.cookies()
	if s.signIn(t) == before {
		t.Error("two sign-ins have one secret")
	}
}

// What the secret is, is nowhere but in the cookie: not in the file of the state.
func TestSecretsAreNotStored(t *testing.T) {
	path := statePath(t)
	st := keep(t, path)
	s := newSessions(t, st, usersFile(t, "alice:"+quick(t, "secret")), nil)
	s.signIn(t)
	v, _ := parseSession(s.jar[host])
	token, id, d := NewToken()
	now := stamp(time.Now())
	if err := st.AddToken(context.Background(), state.Token{ID: id, Digest: d, Subject: "alice", Created: now, Expires: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	var all []byte
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	digest := v.digest()
	if text := string(all); !strings.Contains(text, string(digest[:])) || !strings.Contains(text, id) { // control
		t.Fatal("the records are not in the file")
	} else if strings.Contains(text, string(v.secret[:])) || strings.Contains(text, s.jar[host]) || strings.Contains(text, token) || strings.Contains(text, token[len(TokenPrefix)+tokenIDText:]) {
		t.Error("a secret is in the file")
	}
}

// A cookie of any other kind is as none: none is an error, and none lets in. Controls: the cookie itself, in every place.
func TestCookiesThatDoNotHold(t *testing.T) {
	s := newSessions(t, keep(t, statePath(t)), usersFile(t, "alice:"+quick(t, "secret")), nil)
	s.signIn(t)
	v := s.jar[host]
	other := newSessionValue(s.clock.now(), "x")
	for _, good := range []string{host + "=" + v, "x=y;" + host + "=" + v, "rootbound=" + v + "; " + host + "=" + v} {
		if s.who(t, good) != "alice" {
			t.Errorf("%q does not hold", good)
		}
	}
	for _, bad := range []string{
		"", "=", ";", host, host + "=", host + "=x", host + " = " + v, v, "x=" + v,
		"rootbound=" + v,                         // what another host of the domain may set
		"__host-rootbound=" + v,                  // a browser guards one spelling of the prefix
		host + "=" + v + "; " + host + "=" + v,   // twice the same
		host + "=" + v + "; " + host + "=tossed", // and two that differ, in either order
		host + "=tossed; " + host + "=" + v,      //
		host + `="` + v + `"`,                    //
		host + "=" + v + "x", host + "=" + v[1:], //
		host + "=" + strings.ToUpper(v),             //
		host + "=" + other.String(),                 // of the right form
		host + "=" + strings.Repeat("A", valueText), //
		"x=" + strings.Repeat("y", MaxCookie) + "; " + host + "=" + v,
		strings.Repeat(host+"=;", 1000),
	} {
		if who := s.who(t, bad); who != "" {
			t.Errorf("%q is %s", bad, who)
		}
	}
	for i := range v { // every letter counts
		b := []byte(v)
		b[i] ^= 1
		if who := s.who(t, host+"="+string(b)); who != "" {
			t.Errorf("letter %d changed: %s", i, who)
		}
	}
	f := s.ask(s.cookies())
	f.Authorization = "Bearer x"
	if _, ok, _ := s.Who(f, true); ok {
		t.Error("a cookie goes before what was sent on purpose")
	}
}

// A page elsewhere can have a browser send a cookie, but not say that it is ours. Controls: our own page, and reading.
func TestCrossOrigin(t *testing.T) {
	for _, origin := range []string{"", "https://files.example"} {
		s := newSessions(t, keep(t, statePath(t)), usersFile(t, "alice:"+quick(t, "secret")), func(c *SessionsConfig) { c.Origin = origin })
		s.signIn(t)
		for _, tt := range []struct {
			method, site, origin, host string
			want                       bool
		}{
			{"GET", "cross-site", "https://evil.example", "files.example", true},
			{"POST", "same-origin", "https://files.example", "files.example", true},
			{"POST", "", "https://files.example", "files.example", true},
			{"DELETE", "same-origin", "", "files.example", true},
			{"POST", "none", "", "files.example", true},
			{"POST", "", "https://files.example", "10.0.0.7:8080", origin != ""}, // behind a proxy
			{"POST", "", "", "files.example", false},
			{"POST", "", "null", "files.example", false},
			{"POST", "cross-site", "https://evil.example", "files.example", false},
			{"POST", "same-site", "https://evil.files.example", "files.example", false},
			{"POST", "", "https://evil.example", "files.example", false},
			{"POST", "", "https://files.example.evil.example", "files.example", false},
			{"POST", "", "https://files.example:444", "files.example", false},
			{"POST", "none", "https://evil.example", "files.example", false},
			{"POST", "cross-site", "https://files.example", "files.example", false},
			{"POST", "same-origin, cross-site", "https://files.example", "files.example", false},
			{"PUT", "", "https://files.example, https://evil.example", "files.example", false},
			{"BREW", "", "://", "", false},
		} {
			f := s.ask(s.cookies())
			f.Method, f.FetchSite, f.Origin, f.Host = tt.method, tt.site, tt.origin, tt.host
			who, ok, err := s.Who(f, true)
			if !ok || (err == nil) != tt.want || (who.ID == "alice") != tt.want || err != nil && reason.Of(err) != reason.CrossOrigin {
				t.Errorf("%+v, our origin %q: %+v, %v", tt, origin, who, err)
			}
		}
	}
}

// Forms hold for the browser that was shown them, and from our own pages.
func TestForm(t *testing.T) {
	s := newSessions(t, keep(t, statePath(t)), usersFile(t, "alice:"+quick(t, "secret")), nil)
	token, field := s.Form(s.ask(""))
	c := s.take(t, field)
	if c.Name != host+"-form" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.MaxAge != 0 {
		t.Errorf("the cookie: %s", field)
	}
	if again, field := s.Form(s.ask(s.cookies())); again != token || field != "" {
		t.Error("two forms in one browser do not get along")
	}
	post := func(cookie, origin string) *request.Facts {
		f := s.ask(cookie)
		f.Method, f.Origin = "POST", origin
		return f
	}
	const ours = "https://files.example"
	if !s.Posted(post(s.cookies(), ours), token) {
		t.Error("our own form does not hold")
	}
	other, _ := s.Form(s.ask(""))
	for name, held := range map[string]bool{
		"a foreign page":        s.Posted(post(s.cookies(), "https://evil.example"), token),
		"nobody's page":         s.Posted(post(s.cookies(), ""), token),
		"another browser":       s.Posted(post("", ours), token),
		"another form":          s.Posted(post(s.cookies(), ours), other),
		"no token":              s.Posted(post(s.cookies(), ours), ""),
		"a cookie as the token": s.Posted(post(s.cookies(), ours), c.Value),
		"two cookies":           s.Posted(post(s.cookies()+"; "+s.cookies(), ours), token),
		"a short cookie":        s.Posted(post(host+"-form=x", ours), formToken("x")),
	} {
		if held {
			t.Error(name + " is believed")
		}
	}
}

// A session ends after a time without use, and after a longer one whatever the use. Control: it goes on until then.
func TestSessionEnds(t *testing.T) {
	s := newSessions(t, keep(t, statePath(t)), usersFile(t, "alice:"+quick(t, "secret")), nil)
	cookie := s.signIn(t)
	s.clock.pass(DefaultIdle - time.Minute)
	if s.who(t, cookie) != "alice" {
		t.Fatal("over too early")
	}
	s.clock.pass(DefaultIdle - time.Minute)
	if s.who(t, cookie) != "alice" {
		t.Fatal("use does not count")
	}
	s.clock.pass(DefaultIdle + time.Minute)
	if s.who(t, cookie) != "" {
		t.Error("it goes on without use")
	}
	cookie = s.signIn(t)
	for range 14 {
		if s.who(t, cookie) != "alice" {
			t.Fatal("over too early")
		}
		s.clock.pass(DefaultIdle - time.Minute)
	}
	s.clock.pass(time.Hour)
	if s.who(t, cookie) != "" {
		t.Error("it goes on for ever")
	}
}

// With a page, after some time, comes another secret; the one before holds for what is under way, and no longer. Control:
// it is no other before that time, nor with anything but a page.
func TestRotation(t *testing.T) {
	path := statePath(t)
	users := usersFile(t, "alice:"+quick(t, "secret"))
	s := newSessions(t, keep(t, path), users, nil)
	old := s.signIn(t)
	f := s.page(old)
	if _, _, err := s.Who(f, true); err != nil || f.SetCookie != "" {
		t.Fatalf("at once: %v, %q", err, f.SetCookie)
	}
	s.clock.pass(DefaultRotate)
	if s.who(t, old) != "alice" {
		t.Fatal("it does not hold")
	}
	f = s.page(old)
	if _, ok, err := s.Who(f, false); !ok || err != ErrWait {
		t.Fatalf("where nothing may wait: %v, %v", ok, err)
	}
	who, _, err := s.Who(f, true)
	if err != nil || who.ID != "alice" || f.SetCookie == "" {
		t.Fatalf("Who: %+v, %v, Set-Cookie %q", who, err, f.SetCookie)
	}
	s.take(t, f.SetCookie)
	next := s.cookies()
	for range 3 { // others that were under way, pages and files
		f := s.page(old)
		if who, _, err := s.Who(f, true); err != nil || who.ID != "alice" || f.SetCookie != "" {
			t.Fatalf("with the one before: %+v, %v, %q", who, err, f.SetCookie)
		}
		if s.who(t, old) != "alice" || s.who(t, next) != "alice" {
			t.Fatal("who was in is not")
		}
	}
	s.clock.pass(rotatedLasts + time.Second)
	if s.who(t, old) != "" {
		t.Error("the one before holds on")
	}
	if newSessions(t, keep(t, path), users, nil).who(t, old) != "" {
		t.Error("the one before holds on another replica")
	}
	if s.who(t, next) != "alice" {
		t.Error("the new one does not hold")
	}
}

// Of many pages that are asked for at once one brings a new secret, and none is refused.
func TestRotationAtOnce(t *testing.T) {
	s := newSessions(t, keep(t, statePath(t)), usersFile(t, "alice:"+quick(t, "secret")), nil)
	old := s.signIn(t)
	s.clock.pass(DefaultRotate)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var fields []string
	for range 20 {
		wg.Go(func() {
			f := s.page(old)
			who, _, err := s.Who(f, true)
			if err != nil || who.ID != "alice" {
				t.Errorf("Who: %+v, %v", who, err)
			}
			if f.SetCookie != "" {
				mu.Lock()
				fields = append(fields, f.SetCookie)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(fields) != 1 {
		t.Errorf("%d new secrets", len(fields))
	}
}

// Signing out ends one session, and everywhere all of them, at once here and within two seconds on another replica.
func TestSignOut(t *testing.T) {
	path := statePath(t)
	users := usersFile(t, "alice:"+quick(t, "secret"))
	here, there := newSessions(t, keep(t, path), users, nil), newSessions(t, keep(t, path), users, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { there.Watch(ctx) })
	defer wg.Wait()
	defer cancel()
	gone := func(cookie string) {
		t.Helper()
		if here.who(t, cookie) != "" {
			t.Error("it goes on here")
		}
		deadline := time.Now().Add(30 * time.Second)
		for there.who(t, cookie) != "" {
			if time.Now().After(deadline) {
				t.Fatal("it goes on there")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	one, two, three := here.signIn(t), here.signIn(t), here.signIn(t)
	for _, c := range []string{one, two, three} {
		if here.who(t, c) != "alice" || there.who(t, c) != "alice" {
			t.Fatal("it does not hold")
		}
	}
	field, err := here.End(ctx, here.ask(one))
	if err != nil || here.take(t, field).MaxAge >= 0 {
		t.Fatalf("End: %q, %v", field, err)
	}
	gone(one)
	if here.who(t, two) != "alice" {
		t.Error("another ended too")
	}
	if n, err := here.EndAll(ctx, "alice"); err != nil || n != 2 {
		t.Errorf("EndAll = %d, %v", n, err)
	}
	gone(two)
	gone(three)
}

// changing is a source whose one account changes.
type changingSource struct {
	mu sync.Mutex
	a  Account
	ok bool
	n  uint64
}

func (c *changingSource) Account(name string) (Account, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.a, c.ok && name == c.a.Name, nil
}
func (c *changingSource) Reference(string) Hash { return Hash{} }
func (c *changingSource) Generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *changingSource) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.n++
}

func newSource(t testing.TB, name string) *changingSource {
	t.Helper()
	h, err := ParseHash(quick(t, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	return &changingSource{a: Account{Name: name, Hash: h}, ok: true}
}

// A session ends with its account: when that is disabled, removed or has another password. Control: other groups are no end.
func TestSessionEndsWithAccount(t *testing.T) {
	for name, change := range map[string]func(*changingSource){
		"other groups": func(c *changingSource) { c.a.Groups = []string{"staff"} },
		"disabled":     func(c *changingSource) { c.a.Disabled = true },
		"removed":      func(c *changingSource) { c.ok = false },
		"a password": func(c *changingSource) {
			h, err := ParseHash(quick(t, "another"))
			if err != nil {
				t.Fatal(err)
			}
			c.a.Hash = h
		},
		"the same password, set again": func(c *changingSource) {
			h, err := ParseHash(quick(t, "secret"))
			if err != nil {
				t.Fatal(err)
			}
			c.a.Hash = h
		},
		"a stamp": func(c *changingSource) { c.a.Stamp = "2" },
	} {
		users := newSource(t, "alice")
		s := newSessions(t, keep(t, statePath(t)), users, nil)
		cookie := s.signIn(t)
		elsewhere, err := s.Begin(context.Background(), "alice", []string{"g"}, "oidc")
		if err != nil {
			t.Fatal(err)
		}
		s.take(t, elsewhere)
		if s.who(t, cookie) != "alice" || s.who(t, s.cookies()) != "alice" {
			t.Fatal("it does not hold")
		}
		users.change(func() { change(users) })
		if got := s.who(t, cookie); (got == "alice") != (name == "other groups") {
			t.Errorf("%s: %q", name, got)
		}
		if got := s.who(t, s.cookies()); (got == "alice") != (name != "disabled") {
			t.Errorf("%s, signed in elsewhere: %q", name, got)
		}
		if who, _, _ := s.Who(s.ask(cookie), true); name == "other groups" && len(who.Groups) != 1 {
			t.Errorf("the groups are still %q", who.Groups)
		}
	}
}

// Where the state is out of reach, who is in memory stays in for a while, everybody else is told to come again, and nothing
// waits for it; when it is back, so is everybody.
func TestSessionsWithoutState(t *testing.T) {
	path := statePath(t)
	users := usersFile(t, "alice:"+quick(t, "secret"))
	st := &brittle{Store: keep(t, path)}
	s := newSessions(t, st, users, nil)
	in := s.signIn(t)
	if s.who(t, in) != "alice" {
		t.Fatal("it does not hold")
	}
	other := s.signIn(t)
	st.broken.Store(true)
	s.clock.pass(2 * time.Minute) // it should be looked at again
	for range 3 {
		if s.who(t, in) != "alice" {
			t.Error("who is in memory is out")
		}
		if _, ok, err := s.Who(s.ask(other), true); !ok || reason.Of(err) != reason.StateUnavailable {
			t.Errorf("who is not: %v, %v", ok, err)
		}
	}
	if n := st.asked.Load(); n > 3 {
		t.Errorf("asked in vain %d times in a moment", n)
	}
	if _, err := s.SignIn(context.Background(), Account{Name: "alice"}); reason.Of(err) != reason.StateUnavailable {
		t.Errorf("SignIn: %v", err)
	}
	if _, err := s.End(context.Background(), s.ask(other)); reason.Of(err) != reason.StateUnavailable {
		t.Errorf("End: %v", err)
	}
	s.clock.pass(DefaultRemember)
	if _, _, err := s.Who(s.ask(in), true); reason.Of(err) != reason.StateUnavailable {
		t.Errorf("after a while: %v", err)
	}
	st.broken.Store(false)
	deadline := time.Now().Add(30 * time.Second)
	for {
		who, ok, err := s.Who(s.ask(other), true)
		if ok && err == nil && who.ID == "alice" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not recover: %v, %v", ok, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNewSessions(t *testing.T) {
	if _, err := NewSessions(SessionsConfig{}); err == nil {
		t.Error("sessions that are kept nowhere")
	}
}
