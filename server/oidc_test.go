package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/testenv"
)

// people are known at the provider.
var people = map[string]map[string]any{
	"alice":   {"groups": []string{"staff", "night"}, "email": "alice@example.org", "email_verified": true},
	"mallory": {"groups": []string{}, "email": "alice@example.org", "email_verified": false},
	"odd":     {"groups": map[string]bool{"staff": true}},
}

// privateKeys are what a provider signs with, as a JSON array.
func privateKeys(t *testing.T, alg string) string {
	t.Helper()
	var key any
	var err error
	if alg == "ES256" {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	id := "key" + time.Now().Format("150405.000000000")
	b, err := json.Marshal([]jose.JSONWebKey{{Key: key, KeyID: id, Use: "sig", Algorithm: alg}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// elsewhereSignIns is a server where browsers sign in at a real provider.
type elsewhereSignIns struct {
	*served
	*signIns
	issuer   string
	provider *testenv.Process
	state    string
	cfg      authn.OIDCConfig
}

func serveOIDC(t *testing.T, o testenv.OIDC, change func(*authn.OIDCConfig), also ...func(*setup)) *elsewhereSignIns {
	t.Helper()
	l := listen(t)
	if o.Alg == "" {
		o.Alg = "RS256"
	}
	o.Redirect, o.People, o.Keys = "http://"+l.Addr().String()+"/-/oidc/callback", people, privateKeys(t, o.Alg)
	e := &elsewhereSignIns{}
	e.issuer, e.provider = o.Start(t)
	e.state = filepath.Join(t.TempDir(), "state.db")
	k, login := withLoginIn(t, e.state, false, false, nil)
	cfg := authn.OIDCConfig{Issuer: e.issuer, ClientID: testenv.ClientID, ClientSecret: testenv.ClientSecret, Redirect: o.Redirect, Scopes: []string{"groups", "email"}, Sessions: k.sessions}
	if change != nil {
		change(&cfg)
	}
	oidc, err := authn.NewOIDC(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.signIns, e.cfg = k, cfg
	e.served = serve(t, smallTree, func(u *setup) {
		login(u)
		u.cfg.OIDC, u.cfg.Listeners = oidc, append(u.cfg.Listeners, l)
		for _, f := range also {
			f(u)
		}
	})
	return e
}

// signInAs has the provider know somebody else from now on.
func (e *elsewhereSignIns) signInAs(t *testing.T, who string) {
	t.Helper()
	resp, err := http.Get(e.issuer + "/as/" + who)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
}

// goThere begins to sign in and follows the provider up to the address that it sends the browser back to.
func (e *elsewhereSignIns) goThere(t *testing.T, b *browser, next string) (back string) {
	t.Helper()
	a := b.get("/-/oidc/start?next=" + url.QueryEscape(next))
	if a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), e.issuer) {
		t.Fatalf("start: %d %v", a.StatusCode, a.Header)
	}
	at := a.Header.Get("Location")
	for range 10 {
		if back, ok := strings.CutPrefix(at, "http://"+e.addr); ok {
			return back
		}
		resp, err := b.http.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		to, err := resp.Location()
		if err != nil {
			t.Fatalf("%s: %d %v", at, resp.StatusCode, err)
		}
		at = to.String()
	}
	t.Fatal("the provider leads nowhere")
	return ""
}

// A browser signs in at a real provider and gets what it asked for; the groups come along. Neither code nor state nor secret is in
// the log.
func TestOIDC(t *testing.T) {
	for _, o := range []testenv.OIDC{{}, {Alg: "ES256"}, {UserInfo: true}} {
		o.As = "alice"
		e := serveOIDC(t, o, nil)
		b := e.browser(t)
		if a := b.get("/a.txt"); a.StatusCode != 401 || !strings.Contains(a.body, "/-/login?next=%2Fa.txt") {
			t.Errorf("before: %d\n%s", a.StatusCode, a.body)
		}
		if a := b.get("/-/login?next=%2Fa.txt"); !strings.Contains(a.body, `href="/-/oidc/start?next=%2Fa.txt"`) || !strings.Contains(a.body, "127.0.0.1</bdi>") {
			t.Errorf("the page does not lead to the provider:\n%s", a.body)
		}
		back := e.goThere(t, b, "/a.txt?x=y")
		a := b.get(back)
		if a.StatusCode != 303 || a.Header.Get("Location") != "/a.txt?x=y" || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("back: %d %v\n%s", a.StatusCode, a.Header, e.log)
		}
		if a := b.get("/a.txt"); a.StatusCode != 200 || a.body != smallTree["a.txt"] {
			t.Errorf("signed in: %d %q", a.StatusCode, a.body)
		}
		who, ok, err := e.sessions.Who(&request.Facts{Cookie: "rootbound=" + b.session(), Method: "GET", Received: time.Now()}, true)
		if !ok || err != nil || who.ID != "alice" || strings.Join(who.Groups, " ") != "staff night" || who.Method != authn.MethodSession {
			t.Errorf("%+v, %v, %v", who, ok, err)
		}
		if !e.logs(t, "subject=alice") {
			t.Error("the log does not tell who signed in")
		}
		query, err := url.ParseQuery(back[strings.Index(back, "?")+1:])
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{query.Get("code"), query.Get("state"), testenv.ClientSecret, b.session()} {
			if secret == "" || strings.Contains(e.log.String(), secret) {
				t.Errorf("the log tells %q", secret)
			}
		}
		// A code is good once, whatever browser brings it.
		if a := b.get(back); a.StatusCode != 401 {
			t.Errorf("a second time: %d", a.StatusCode)
		}
	}
}

// What was begun on one replica is finished on another, and holds on both. Control: without what the first one gave to the
// browser, which is all that the other knows of it, nobody is in.
func TestOIDCReplicas(t *testing.T) {
	e := serveOIDC(t, testenv.OIDC{As: "alice"}, nil)
	k, login := withLoginIn(t, e.state, false, false, nil)
	cfg := e.cfg
	cfg.Sessions = k.sessions
	oidc, err := authn.NewOIDC(cfg)
	if err != nil {
		t.Fatal(err)
	}
	other := serve(t, smallTree, func(u *setup) { login(u); u.cfg.OIDC = oidc })
	b, stranger := e.browser(t), e.browser(t)
	b.at = "http://" + other.addr
	back := e.goThere(t, b, "/a.txt")
	if a := stranger.get(back); a.StatusCode != 401 || stranger.session() != "" {
		t.Errorf("a browser that did not begin: %d", a.StatusCode)
	}
	b.at = "http://" + e.addr // a cookie is for a host, whatever the port
	if a := b.get(back); a.StatusCode != 303 || a.Header.Get("Location") != "/a.txt" {
		t.Fatalf("finished elsewhere: %d\n%s", a.StatusCode, e.log)
	}
	for _, s := range []*served{e.served, other} {
		b.at = "http://" + s.addr
		if a := b.get("/a.txt"); a.StatusCode != 200 {
			t.Errorf("signed in: %d", a.StatusCode)
		}
		if a := b.get(back); a.StatusCode != 401 {
			t.Errorf("a second time: %d", a.StatusCode)
		}
	}
}

// No answer that was made up, changed, or made for another browser signs anybody in. Control: the same browser's own does.
func TestOIDCForged(t *testing.T) {
	e := serveOIDC(t, testenv.OIDC{As: "alice"}, nil)
	at, err := url.Parse("http://" + e.addr)
	if err != nil {
		t.Fatal(err)
	}
	set := func(b *browser, value string) {
		b.http.Jar.SetCookies(at, []*http.Cookie{{Name: "rootbound-oidc", Value: value, Path: "/"}})
	}
	pending := func(b *browser) []string {
		for _, c := range b.http.Jar.Cookies(at) {
			if c.Name == "rootbound-oidc" {
				return strings.Split(c.Value, ".")
			}
		}
		t.Fatal("no cookie of a sign-in that began")
		return nil
	}
	with := func(i int, text string) func(*browser, url.Values) {
		return func(b *browser, _ url.Values) {
			p := pending(b)
			p[i] = text
			set(b, strings.Join(p, "."))
		}
	}
	other := strings.Repeat("A", 43)
	for name, tt := range map[string]struct {
		change func(*browser, url.Values)
		want   int
	}{
		"nothing changed":   {func(*browser, url.Values) {}, 303},
		"another state":     {func(_ *browser, v url.Values) { v.Set("state", other) }, 401},
		"no state":          {func(_ *browser, v url.Values) { v.Del("state") }, 401},
		"two states":        {func(_ *browser, v url.Values) { v.Add("state", v.Get("state")) }, 401},
		"another code":      {func(_ *browser, v url.Values) { v.Set("code", other) }, 401},
		"no code":           {func(_ *browser, v url.Values) { v.Del("code") }, 401},
		"two codes":         {func(_ *browser, v url.Values) { v.Add("code", other) }, 401},
		"another issuer":    {func(_ *browser, v url.Values) { v.Set("iss", "https://evil.example") }, 401},
		"a slash more":      {func(_ *browser, v url.Values) { v.Set("iss", e.issuer+"/") }, 401},
		"no issuer":         {func(_ *browser, v url.Values) { v.Del("iss") }, 401},
		"an error":          {func(_ *browser, v url.Values) { v.Set("error", "access_denied\r\nX: y") }, 401},
		"much":              {func(_ *browser, v url.Values) { v.Set("x", strings.Repeat("x", 9<<10)) }, 401},
		"another nonce":     {with(1, other), 401},
		"another verifier":  {with(2, other), 401},
		"another's cookie":  {with(0, other), 401},
		"begun long ago":    {with(3, "1"), 401},
		"begun in a future": {with(3, "fffffffff"), 401},
		"no time":           {with(3, "x"), 401},
		"a short nonce":     {with(1, ""), 401},
		"no cookie":         {func(b *browser, _ url.Values) { b.http.Jar = nil }, 401},
		"nonsense":          {func(b *browser, _ url.Values) { set(b, "....") }, 401},
		"leads elsewhere":   {with(4, "Ly9ldmlsLmV4YW1wbGU"), 303}, // "//evil.example"
	} {
		b := e.browser(t)
		back := e.goThere(t, b, "/a.txt")
		path, query, _ := strings.Cut(back, "?")
		v, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		jar := b.http.Jar
		tt.change(b, v)
		a := b.get(path + "?" + v.Encode())
		b.http.Jar = jar
		if a.StatusCode != tt.want || (tt.want == 303) != (b.session() != "") {
			t.Errorf("%s: %d, session %q\n%s", name, a.StatusCode, b.session(), a.body)
		}
		if loc := a.Header.Get("Location"); tt.want == 303 && loc != "/a.txt" && loc != "/" {
			t.Errorf("%s leads to %q", name, loc)
		}
	}
}

// Who begins a sign-in elsewhere cannot have it lead off this server, do it by another method, or keep a session that was planted.
func TestOIDCPages(t *testing.T) {
	e := serveOIDC(t, testenv.OIDC{As: "alice"}, nil)
	for _, next := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:x", "/-/oidc/start", strings.Repeat("/x", 3000)} {
		b := e.browser(t)
		if a := b.get(e.goThere(t, b, next)); a.StatusCode != 303 || a.Header.Get("Location") != "/" {
			t.Errorf("%q leads to %d %q", next, a.StatusCode, a.Header.Get("Location"))
		}
	}
	for _, method := range []string{"HEAD", "POST", "PUT", "OPTIONS", "FOO"} {
		for _, page := range []string{"/-/oidc/start", "/-/oidc/callback?code=x&state=y"} {
			want := 405
			if method == "FOO" {
				want = 501
			}
			if a := e.request(t, method, page); a.Status != want {
				t.Errorf("%s %s = %d", method, page, a.Status)
			}
		}
	}
	b := e.browser(t)
	planted, err := e.sessions.Begin(context.Background(), "mallory", nil, authn.MethodOIDC)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(b.at)
	if err != nil {
		t.Fatal(err)
	}
	c, err := http.ParseSetCookie(planted)
	if err != nil {
		t.Fatal(err)
	}
	b.http.Jar.SetCookies(at, []*http.Cookie{c})
	if a := b.get(e.goThere(t, b, "/")); a.StatusCode != 303 || b.session() == c.Value {
		t.Errorf("%d: the browser keeps the session that was planted", a.StatusCode)
	}
	if a := e.get(t, "/a.txt", "Cookie: rootbound="+c.Value); a.Status != 401 {
		t.Errorf("the session that was planted: %d", a.Status)
	}
	// Whoever the provider does not know, or says nothing good of.
	e.signInAs(t, "")
	b = e.browser(t)
	if a := b.get(e.goThere(t, b, "/")); a.StatusCode != 401 || b.session() != "" {
		t.Errorf("refused there: %d", a.StatusCode)
	}
	e.signInAs(t, "odd")
	b = e.browser(t)
	if a := b.get(e.goThere(t, b, "/")); a.StatusCode != 401 || b.session() != "" {
		t.Errorf("groups that are none: %d", a.StatusCode)
	}
}

// What is wrong with the provider or with us refuses, and nobody else is kept out.
func TestOIDCRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change      func(*authn.OIDCConfig)
		start, back int
	}{
		"another issuer":   {func(c *authn.OIDCConfig) { c.Issuer += "/" }, 503, 0},
		"nobody there":     {func(c *authn.OIDCConfig) { c.Issuer = "http://127.0.0.1:1" }, 503, 0},
		"wrong secret":     {func(c *authn.OIDCConfig) { c.ClientSecret = "wrong" }, 303, 401},
		"an unknown claim": {func(c *authn.OIDCConfig) { c.UserClaim = "upn" }, 303, 401},
		"an address":       {func(c *authn.OIDCConfig) { c.UserClaim = "email" }, 303, 303},
	} {
		e := serveOIDC(t, testenv.OIDC{As: "alice"}, tt.change)
		b := e.browser(t)
		a := b.get("/-/oidc/start")
		if a.StatusCode != tt.start {
			t.Errorf("%s: start %d, want %d", name, a.StatusCode, tt.start)
		}
		if tt.start != 303 {
			if a.Header.Get("Retry-After") == "" || strings.Contains(a.body, "127.0.0.1") {
				t.Errorf("%s: %v %s", name, a.Header, a.body)
			}
			if !e.logs(t, "reason=provider-unavailable") {
				t.Error("not in the log")
			}
		} else if a := b.get(e.goThere(t, b, "/")); a.StatusCode != tt.back || (b.session() != "") != (tt.back == 303) {
			t.Errorf("%s: back %d, want %d", name, a.StatusCode, tt.back)
		}
		if a := e.get(t, "/a.txt", basic("bob", "bob")); a.Status != 200 {
			t.Errorf("%s: with a password: %d", name, a.Status)
		}
		if name == "an address" {
			e.signInAs(t, "mallory")
			if b := e.browser(t); b.get(e.goThere(t, b, "/")).StatusCode != 401 || b.session() != "" {
				t.Error("an address that nobody verified is somebody's name")
			}
		}
	}
}

// The provider's keys change, and it goes away and comes back, while we run.
func TestOIDCKeysRotate(t *testing.T) {
	e := serveOIDC(t, testenv.OIDC{As: "alice"}, nil)
	b := e.browser(t)
	if a := b.get(e.goThere(t, b, "/")); a.StatusCode != 303 {
		t.Fatalf("at first: %d", a.StatusCode)
	}
	b = e.browser(t)
	back := e.goThere(t, b, "/")
	e.provider.Stop()
	if a := b.get(back); a.StatusCode != 503 {
		t.Errorf("while the provider is down: %d", a.StatusCode)
	}
	if a := e.browser(t).get("/-/oidc/start"); a.StatusCode != 303 { // to where the browser will see for itself
		t.Errorf("start while the provider is down: %d", a.StatusCode)
	}
	u, err := url.Parse(e.issuer)
	if err != nil {
		t.Fatal(err)
	}
	port := 0
	if err := json.Unmarshal([]byte(u.Port()), &port); err != nil {
		t.Fatal(err)
	}
	again := testenv.OIDC{Port: port, As: "alice", Alg: "RS256", Redirect: "http://" + e.addr + "/-/oidc/callback", People: people, Keys: privateKeys(t, "RS256")}
	again.Start(t)
	b = e.browser(t)
	if a := b.get(e.goThere(t, b, "/")); a.StatusCode != 303 || b.session() == "" {
		t.Errorf("with new keys: %d\n%s", a.StatusCode, e.log)
	}
}
