package server

import (
	"net/url"
	"strings"
	"testing"
)

// What is posted is a short form of the one kind, each field once; methods are those of a form. Nothing of it is an error of
// ours. Control: the form itself.
func TestLoginBadInput(t *testing.T) {
	_, login := withLogin(t, false, false, nil)
	s := serve(t, smallTree, login)
	b := s.browser(t)
	good := url.Values{"form": {b.form()}, "name": {"alice"}, "password": {"ecila"}}.Encode()
	for _, tt := range []struct {
		method, target, body, header string
		want                         int
	}{
		{"POST", "/-/login", good, "X: y", 303},
		{"POST", "/-/login?next=//evil.example", good, "Content-Type: application/x-www-form-urlencoded; charset=utf-8", 303},
		{"POST", "/-/login", "", "X: y", 403},
		{"POST", "/-/login", good + "&name=bob", "X: y", 400},
		{"POST", "/-/login", good + "&x=%zz", "X: y", 400},
		{"POST", "/-/login", good + ";x", "X: y", 400},
		{"POST", "/-/login", good + "&x=" + strings.Repeat("y", maxForm), "X: y", 400},
		{"POST", "/-/login", good, "Content-Type: text/plain", 400},
		{"POST", "/-/login", good, "Content-Type: multipart/form-data; boundary=x", 400},
		{"POST", "/-/login", good, "Content-Type: ", 400},
		{"POST", "/-/login", strings.Replace(good, "ecila", "%00", 1), "X: y", 401},
		{"POST", "/-/login", strings.Replace(good, "ecila", "%ff", 1), "X: y", 401},
		{"POST", "/-/login", strings.Replace(good, "alice", "", 1), "X: y", 401},
		{"POST", "/-/login", strings.Replace(good, "alice", strings.Repeat("a", 129), 1), "X: y", 401},
		{"POST", "/-/login", strings.Replace(good, "alice", "%3Cscript%3E", 1), "X: y", 401},
		{"PUT", "/-/login", good, "X: y", 405},
		{"DELETE", "/-/logout", "", "X: y", 405},
		{"BREW", "/-/login", "", "X: y", 501},
		{"OPTIONS", "/-/login", "", "X: y", 204},
		{"HEAD", "/-/login", "", "X: y", 200},
		{"GET", "/-/login?next=%zz", "", "X: y", 200},
		{"GET", "/-/login", "", "Cookie: " + strings.Repeat("x=y; ", 4000), 200},
		{"GET", "/a.txt", "", "Cookie: " + strings.Repeat("x=y; ", 4000), 401},
		{"GET", "/-/Login", "", "X: y", 401},
		{"GET", "/-/login/", "", "X: y", 401},
		{"GET", "/%2D/login", "", "X: y", 401},
		{"GET", "//-/login", "", "X: y", 401},
	} {
		got := b.do(tt.method, tt.target, tt.body, tt.header)
		if got.StatusCode != tt.want {
			t.Errorf("%s %s with %.60q and %.60q = %d, want %d", tt.method, tt.target, tt.body, tt.header, got.StatusCode, tt.want)
		}
		if strings.Contains(got.body, "<script") {
			t.Errorf("%s %s with %.60q: a script on the page", tt.method, tt.target, tt.body)
		}
		if allow := got.Header.Get("Allow"); (tt.want == 405 || tt.want == 204) && !strings.Contains(allow, "POST") {
			t.Errorf("%s %s: Allow: %q", tt.method, tt.target, allow)
		}
		if tt.want == 303 { // out again
			b.do("POST", "/-/logout", url.Values{"form": {b.form()}}.Encode())
		}
	}
	if s.log.String() == "" || strings.Contains(s.log.String(), "nobody foresaw") {
		t.Error("an error of ours")
	}
}

// Guesses on the page count with those by Basic, whatever the spelling of the name; who is in stays in, and so does who comes
// from elsewhere in the account's name with a session or a token.
func TestGuessingOnThePage(t *testing.T) {
	for name, spell := range map[string]func(i int) string{
		"one spelling": func(int) string { return "alice" },
		"case":         func(i int) string { return []string{"alice", "Alice", "ALICE", "aLiCe"}[i%4] },
		"look-alikes":  func(i int) string { return []string{"alice", "ａｌｉｃｅ", "alicⅇ", "ᵃlice"}[i%4] },
	} {
		t.Run(name, func(t *testing.T) {
			k, login := withLogin(t, false, false, nil)
			s := serve(t, smallTree, login)
			in, b := s.browser(t), s.browser(t)
			in.signIn("alice", "ecila", "/")
			token, _ := k.token(t, "alice", nil, nil)
			form, statuses := b.form(), map[int]int{}
			for i := range 12 {
				got := b.do("POST", "/-/login", url.Values{"form": {form}, "name": {spell(i)}, "password": {"guess"}}.Encode())
				statuses[got.StatusCode]++
				if got.StatusCode == 429 && (got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, "tried too often")) {
					t.Errorf("429: %v\n%s", got.Header, got.body)
				}
			}
			if statuses[429] < 5 || statuses[401]+statuses[429] != 12 {
				t.Errorf("12 guesses were answered by %v", statuses)
			}
			if got := b.do("POST", "/-/login", url.Values{"form": {form}, "name": {"alice"}, "password": {"ecila"}}.Encode()); got.StatusCode != 429 {
				t.Errorf("the right password from there: %d", got.StatusCode)
			}
			if a := s.get(t, "/a.txt", alice); a.Status != 429 {
				t.Errorf("the right password by Basic from there: %d", a.Status)
			}
			if a := in.get("/a.txt"); a.StatusCode != 200 {
				t.Errorf("by session: %d", a.StatusCode)
			}
			if a := s.get(t, "/a.txt", token); a.Status != 200 {
				t.Errorf("by token: %d", a.Status)
			}
		})
	}
}

// Every name is the same 401 to a browser that has not signed in, but for what it asked for, and a program still learns
// that it may send a password.
func TestLoginUniform(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		_, login := withLogin(t, false, off, nil)
		s := serve(t, smallTree, login)
		const html = "Accept: text/html"
		want := stripped(s.get(t, "/a.txt", html))
		for _, target := range []string{"/b.txt", "/zzzzz", "/%00/.", "/../e", "/.a.tx"} {
			got := stripped(s.get(t, target, html))
			got.Body = strings.ReplaceAll(got.Body, url.QueryEscape(safeNext(target)), url.QueryEscape("/a.txt"))
			got.Header.Del("Content-Length")
			want.Header.Del("Content-Length")
			if got.Status != want.Status || got.Body != want.Body || len(got.Header) != len(want.Header) {
				t.Errorf("GET %s: %d\n%s\nnot\n%s", target, got.Status, got.Body, want.Body)
			}
		}
		if a := s.get(t, "/a.txt"); a.Status != 401 || !strings.HasPrefix(a.Header.Get("Www-Authenticate"), "Basic ") || strings.Contains(string(a.Body), "/-/login") {
			t.Errorf("a program: %d %v", a.Status, a.Header)
		}
		if a := s.get(t, "/a.txt", html, alice); a.Status != 200 {
			t.Errorf("a browser with a password: %d", a.Status)
		}
	})
}
