package server

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/link"
)

// api sends a request as a program does.
func (s *served) api(t *testing.T, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	code, text, h := s.send(t, linkBrowser(t), method, path, body, append([]string{"Content-Type: application/json", "Accept: application/json"}, headers...)...)
	if code < 300 && h.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: Cache-Control: %s", method, path, h.Get("Cache-Control"))
	}
	return code, text
}

// Users make links to what they may read and share, list their own and take them back; nothing else comes of it, and no
// page of another site can have it done.
func TestLinkAPI(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		g := withGrants(t, off, authz.Grant{User: "alice", On: "reports/", May: all}, authz.Grant{User: "alice", On: "pub/", May: readList},
			authz.Grant{User: "alice", On: "notes.txt", May: []string{"share"}}, authz.Grant{User: "bob", On: "/", May: all})
		st := openStore(t, filepath.Join(t.TempDir(), "state.db"))
		r := runRegister(t, st)
		s := serve(t, grantTree, func(u *setup) {
			g(u)
			u.cfg.Links, u.cfg.LinkRegister, u.cfg.BaseURL, u.cfg.Site = testKeys(t), r, "http://files.example", true
		})
		asAlice, asBob := alice, bob
		for _, tt := range []struct {
			what, body, who string
			want            int
		}{
			{"a file", `{"name": "reports/2026.txt", "expires": "24h"}`, asAlice, 201},
			{"a file with everything", `{"name": "/reports/2026.txt", "expires": "24h", "uses": 1, "to": "bob", "from": "127.0.0.0/8", "password": "x", "attachment": true}`, asAlice, 201},
			{"a directory", `{"name": "reports/", "expires": "1h"}`, asAlice, 201},
			{"what is missing, which is not looked at", `{"name": "reports/missing.txt", "expires": "1h"}`, asAlice, 201},
			{"what may not be shared", `{"name": "pub/a.txt", "expires": "1h"}`, asAlice, 404},
			{"a directory that may not be", `{"name": "pub/", "expires": "1h"}`, asAlice, 404},
			{"what may not be read", `{"name": "notes.txt", "expires": "1h"}`, asAlice, 404},
			{"everything", `{"name": "/", "expires": "1h"}`, asAlice, 404},
			{"everything, by who may", `{"name": "/", "expires": "1h"}`, asBob, 201},
			{"a way up", `{"name": "reports/../notes.txt", "expires": "1h"}`, asBob, 403},
			{"nothing", `{"name": "", "expires": "1h"}`, asBob, 400},
			{"no end", `{"name": "notes.txt"}`, asBob, 400},
			{"over already", `{"name": "notes.txt", "expires": "-1h"}`, asBob, 400},
			{"uses of a directory", `{"name": "reports/", "expires": "1h", "uses": 1}`, asBob, 400},
			{"fewer than no uses", `{"name": "notes.txt", "expires": "1h", "uses": -1}`, asBob, 400},
			{"from nowhere", `{"name": "notes.txt", "expires": "1h", "from": "here"}`, asBob, 400},
			{"an unknown field", `{"name": "notes.txt", "expires": "1h", "issuer": "alice"}`, asBob, 400},
			{"two documents", `{"name": "notes.txt", "expires": "1h"}{}`, asBob, 400},
			{"no document", `name=notes.txt`, asBob, 400},
			{"too much", `{"name": "` + strings.Repeat("x", maxLinkRequest) + `", "expires": "1h"}`, asBob, 400},
			{"nobody", `{"name": "notes.txt", "expires": "1h"}`, "X: y", 401},
			{"a wrong password", `{"name": "notes.txt", "expires": "1h"}`, basic("bob", "no"), 401},
		} {
			if code, text := s.api(t, "POST", "/-/links", tt.body, tt.who); code != tt.want {
				t.Errorf("%s: %d %s", tt.what, code, text)
			}
		}
		for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""} {
			if code, _ := s.api(t, "POST", "/-/links", `{"name": "notes.txt", "expires": "1h"}`, asBob, "Content-Type: "+kind); code != 400 {
				t.Errorf("as %q, which a page of another site can send: %d", kind, code)
			}
		}
		for target, want := range map[string]int{"/-/links/x": 404, "/-/links/k1/none": 404, "/-/links/../links": 404, "/-/linksx": 403} {
			if code, _ := s.api(t, "DELETE", target, "", asAlice); code != want && code != 405 {
				t.Errorf("DELETE %s: %d", target, code)
			}
		}
		for _, method := range []string{"PUT", "DELETE", "PATCH"} {
			if code, _ := s.api(t, method, "/-/links", "", asAlice); code != 405 {
				t.Errorf("%s: %d", method, code)
			}
		}
		// What was made works, is listed for who made it, and ends when that user takes it back.
		code, text := s.api(t, "POST", "/-/links", `{"name": "reports/2026.txt", "expires": "24h"}`, asAlice)
		var made link.Made
		if err := json.Unmarshal([]byte(text), &made); err != nil || code != 201 || !strings.HasPrefix(made.URL, "http://files.example/reports/2026.txt?link=") {
			t.Fatalf("%d %s %v", code, text, err)
		}
		target := strings.TrimPrefix(made.URL, "http://files.example")
		if a := s.get(t, target); a.Status != 200 || string(a.Body) != "figures" {
			t.Errorf("the link: %d", a.Status)
		}
		if code, text := s.api(t, "GET", "/-/links", "", asAlice); code != 200 || !strings.Contains(text, made.ID) || strings.Contains(text, `"name":"/"`) || strings.Contains(text, "link=") {
			t.Errorf("alice's links: %d %s", code, text)
		}
		if code, text := s.api(t, "GET", "/-/links", "", asBob); code != 200 || strings.Contains(text, made.ID) {
			t.Errorf("bob's links: %d %s", code, text)
		}
		where := "/-/links/" + made.Key + "/" + made.ID
		if code, _ := s.api(t, "DELETE", where, "", asBob); code != 404 {
			t.Errorf("bob takes alice's back: %d", code)
		}
		if a := s.get(t, target); a.Status != 200 {
			t.Errorf("then: %d", a.Status)
		}
		if code, _ := s.api(t, "DELETE", where, "", asAlice); code != http.StatusNoContent {
			t.Errorf("alice takes it back: %d", code)
		}
		if a := s.get(t, target); a.Status != 404 {
			t.Errorf("taken back: %d", a.Status)
		}
		if strings.Contains(s.log.String(), made.URL[strings.IndexByte(made.URL, '?'):]) {
			t.Error("the log tells a link")
		}
	})
}

// Without a state links can be made that need none, and are neither listed nor taken back; without users nobody makes any.
func TestLinkAPIWithoutState(t *testing.T) {
	users := withUsers(t, false, false)
	s := serve(t, grantTree, func(u *setup) { users(u); u.cfg.Links = testKeys(t) })
	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/-/links", `{"name": "notes.txt", "expires": "1h"}`, 201},
		{"POST", "/-/links", `{"name": "notes.txt", "expires": "1h", "uses": 1}`, 400},
		{"POST", "/-/links", `{"name": "notes.txt", "expires": "1h", "password": "x"}`, 400},
		{"GET", "/-/links", "", 404},
		{"DELETE", "/-/links/k1/x", "", 404},
	} {
		if code, text := s.api(t, tt.method, tt.path, tt.body, alice); code != tt.want {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, code, text)
		}
	}
	nobody := serve(t, grantTree, func(u *setup) { u.cfg.Links = testKeys(t) })
	if code, _ := nobody.api(t, "POST", "/-/links", `{"name": "notes.txt", "expires": "1h"}`); code != 405 && code != 404 && code != 403 {
		t.Errorf("without users: %d", code)
	}
}

// A token makes links to what it is limited to, and neither lists nor takes back others.
func TestLinkAPIOfToken(t *testing.T) {
	st, r := withRegister(t)
	users := openUsers(t, filepath.Join(t.TempDir(), "users"), "alice")
	tokens, err := authn.NewTokens(st, users)
	if err != nil {
		t.Fatal(err)
	}
	a, err := authn.New(authn.Config{Users: users, Methods: []authn.Method{tokens}})
	if err != nil {
		t.Fatal(err)
	}
	token := func(rights, on []string) string {
		t.Helper()
		text, id, digest := authn.NewToken()
		if err := st.AddToken(t.Context(), state.Token{ID: id, Digest: digest, Subject: "alice", Rights: rights, On: on, Created: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		return "Authorization: Bearer " + text
	}
	s := serve(t, grantTree, func(u *setup) { u.cfg.Authn, u.cfg.Links, u.cfg.LinkRegister = a, testKeys(t), r })
	reports := token([]string{"read", "list", "share"}, []string{"reports/"})
	for _, tt := range []struct {
		what, who, name string
		want            int
	}{
		{"within", reports, "reports/2026.txt", 201},
		{"the directory", reports, "reports/", 201},
		{"beside", reports, "notes.txt", 404},
		{"above", reports, "/", 404},
		{"without the right to share", token([]string{"read", "list"}, nil), "notes.txt", 404},
		{"without the right to read", token([]string{"share", "list"}, nil), "notes.txt", 404},
		{"a directory, without the right to read", token([]string{"share", "list"}, nil), "reports/", 404},
		{"without limits", token(nil, nil), "notes.txt", 201},
	} {
		if code, text := s.api(t, "POST", "/-/links", `{"name": "`+tt.name+`", "expires": "1h"}`, tt.who); code != tt.want {
			t.Errorf("%s: %d %s", tt.what, code, text)
		}
	}
	_, text := s.api(t, "GET", "/-/links", "", reports)
	if !strings.Contains(text, "reports/2026.txt") || strings.Contains(text, "notes.txt") {
		t.Errorf("the token lists %s", text)
	}
	_, text = s.api(t, "GET", "/-/links", "", basic("alice", "alice"))
	id := regexp.MustCompile(`"id":"([A-Z2-7]+)","name":"notes.txt"`).FindStringSubmatch(text)
	if id == nil {
		t.Fatalf("alice lists %s", text)
	}
	if code, _ := s.api(t, "DELETE", "/-/links/k1/"+id[1], "", reports); code != 404 {
		t.Errorf("the token takes back another: %d", code)
	}
	if code, _ := s.api(t, "DELETE", "/-/links/k1/"+id[1], "", basic("alice", "alice")); code != 204 {
		t.Errorf("alice does: %d", code)
	}
}

// Where clients come by https the cookie of a link is for that alone.
func TestLinkCookieIsSecure(t *testing.T) {
	_, r := withRegister(t)
	for base, want := range map[string]bool{"": false, "http://files.example": false, "https://files.example": true} {
		s := serve(t, grantTree, func(u *setup) { u.cfg.Links, u.cfg.LinkRegister, u.cfg.BaseURL = testKeys(t), r, base })
		a := s.request(t, "POST", named(t, "cookie"+strconv.Itoa(len(base)), link.Link{Path: "notes.txt", Uses: 1}), "Content-Length: 0")
		c := a.Header.Get("Set-Cookie")
		if a.Status != 303 || strings.HasPrefix(c, "__Host-") != want || strings.Contains(c, "; Secure") != want || !strings.Contains(c, "; HttpOnly; SameSite=Lax") || !strings.Contains(c, "; Path=/;") {
			t.Errorf("%q: %d %s", base, a.Status, c)
		}
		if a.Header.Get("Referrer-Policy") != "no-referrer" || !strings.HasPrefix(a.Header.Get("Location"), "/notes.txt?link=1.k1.") {
			t.Errorf("%q: %v", base, a.Header)
		}
	}
}
