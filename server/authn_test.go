package server

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/authn"
)

// withUsers has alice and bob, whose passwords are their names backwards, be the only ones who may read.
func withUsers(t *testing.T, anonymous, off bool) func(*setup) {
	t.Helper()
	a, err := authn.New(authn.Config{Users: testUsers(t), Anonymous: anonymous})
	if err != nil {
		t.Fatal(err)
	}
	return func(u *setup) { u.cfg.Authn, u.cfg.NoFastLane, u.cfg.Listing = a, off, true }
}

func testUsers(t *testing.T) *authn.UsersFile {
	t.Helper()
	var lines strings.Builder
	for name, password := range map[string]string{"alice": "ecila", "bob": "bob"} {
		h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s:%s\n", name, h)
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := authn.OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func basic(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// eachLane runs a test on both lanes.
func eachLane(t *testing.T, test func(t *testing.T, off bool)) {
	for _, off := range []bool{false, true} {
		t.Run("fast lane off "+strconv.FormatBool(off), func(t *testing.T) { test(t, off) })
	}
}

// Without a credential that holds every name is the same 401, good or bad, there or not; with one every name is what it is
// to anybody, and no shared cache may keep it. Controls: a server that asks nobody, and the owner of a password.
func TestUsersOnly(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		s := serve(t, smallTree, withUsers(t, false, off))
		open := serve(t, smallTree, func(u *setup) { u.cfg.NoFastLane, u.cfg.Listing = off, true })
		targets := []string{"/a.txt", "/missing", "/", "/../etc/passwd", "/%00", "/.hidden", "/a.txt?x"}
		for _, accept := range []string{"Accept: */*", "Accept: text/html"} {
			want := stripped(s.get(t, "/a.txt", accept))
			if want.Status != 401 || want.Header.Get("Www-Authenticate") != authn.Challenge || want.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("without a credential: %d %v", want.Status, want.Header)
			}
			for _, target := range targets {
				for _, credential := range []string{"X: y", basic("alice", "wrong"), basic("nobody", "ecila"), "Authorization: Bearer x", "Authorization: Basic"} {
					if got := stripped(s.get(t, target, accept, credential)); !cmp.Equal(want, got) {
						if got.Status == 429 && strings.Contains(credential, "Basic ") {
							continue // guessed too often
						}
						t.Errorf("GET %s with %q differs:\n%s", target, credential, cmp.Diff(want, got))
					}
				}
			}
		}
		good := basic("bob", "bob")
		for _, target := range targets {
			want, got := open.get(t, target), s.get(t, target, good)
			if got.Status != want.Status || string(got.Body) != string(want.Body) && got.Status == 200 && target != "/" {
				t.Errorf("GET %s with a credential = %d %q, and %d %q without any users", target, got.Status, got.Body, want.Status, want.Body)
			}
			if got.Header.Get("Www-Authenticate") != "" || !strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Authorization") {
				t.Errorf("GET %s with a credential: %v", target, got.Header)
			}
			if cc := got.Header.Get("Cache-Control"); got.Status == 200 && !strings.Contains(cc, "private") {
				t.Errorf("GET %s: Cache-Control %q", target, cc)
			}
		}
	})
}

// What everybody gets from memory and what a user gets are kept apart, whoever came first.
func TestPrivateFromMemory(t *testing.T) {
	s := serve(t, smallTree, withUsers(t, false, false))
	good := basic("alice", "ecila")
	for i := range 20 {
		a := s.get(t, "/a.txt", good)
		if a.Status != 200 || !strings.Contains(a.Header.Get("Cache-Control"), "private") {
			t.Fatalf("request %d: %d %v", i, a.Status, a.Header)
		}
		if n := s.get(t, "/a.txt", good, "If-None-Match: "+a.Header.Get("Etag")); n.Status != 304 || !strings.Contains(n.Header.Get("Cache-Control"), "private") {
			t.Fatalf("request %d: %d %v", i, n.Status, n.Header)
		}
		if a := s.get(t, "/a.txt"); a.Status != 401 {
			t.Fatalf("request %d without a credential: %d", i, a.Status)
		}
	}
	if s.quick() && s.metric(t, `rootbound_requests_total{lane="fast",method="GET",status="200"}`) != "20" {
		t.Error("not answered by the fast lane")
	}
}

// With --public a credential is not needed, but must hold.
func TestUsersAndPublic(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		s := serve(t, smallTree, withUsers(t, true, off))
		for credential, want := range map[string]int{"X: y": 200, basic("alice", "ecila"): 200, basic("alice", "no"): 401} {
			a := s.get(t, "/a.txt", credential)
			if a.Status != want || a.Status == 200 && strings.Contains(a.Header.Get("Cache-Control"), "private") {
				t.Errorf("%s: %d %v, want %d", credential, a.Status, a.Header, want)
			}
		}
	})
}

// Guessing ends in 429 with the time to wait, on both lanes, whatever is asked for; who is in stays in.
func TestGuessing(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		s := serve(t, smallTree, withUsers(t, false, off))
		if a := s.get(t, "/a.txt", basic("alice", "ecila")); a.Status != 200 {
			t.Fatalf("GET = %d", a.Status)
		}
		statuses := map[int]int{}
		for i := range 20 {
			a := s.get(t, []string{"/a.txt", "/missing", "/../x"}[i%3], basic("Alice", strconv.Itoa(i)))
			statuses[a.Status]++
			if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); a.Status == 429 && (err != nil || wait < 1 || wait > 900) {
				t.Errorf("Retry-After: %q", a.Header.Get("Retry-After"))
			}
		}
		if statuses[429] < 10 || statuses[401]+statuses[429] != 20 {
			t.Errorf("20 guesses were answered by %v", statuses)
		}
		if a := s.get(t, "/a.txt", basic("alice", "ecila")); a.Status != 200 {
			t.Errorf("who was in before: %d", a.Status)
		}
		if !s.logs(t, "reason=locked-out") {
			t.Error("not in the log")
		}
		if strings.Contains(s.log.String(), "ecila") || strings.Contains(s.log.String(), "Basic") {
			t.Error("the log tells a credential")
		}
	})
}

// Many clients that come at once with passwords that must be hashed do not hold up those who are in.
func TestHashingHoldsNobodyUp(t *testing.T) {
	s := serve(t, smallTree, withUsers(t, false, false))
	good := basic("bob", "bob")
	if a := s.get(t, "/a.txt", good); a.Status != 200 {
		t.Fatalf("GET = %d", a.Status)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if a := s.get(t, "/a.txt", basic("user"+strconv.Itoa(i), "x")); a.Status != 401 && a.Status != 429 && a.Status != 503 {
				t.Errorf("GET = %d", a.Status)
			}
		})
	}
	for range 50 {
		if a := s.get(t, "/a.txt", good); a.Status != 200 {
			t.Errorf("GET = %d", a.Status)
		}
	}
	wg.Wait()
}

// Where everybody must authenticate, neither a foreign Host nor a proxy is refused: nothing is to be had without a
// credential, which no foreign page has.
func TestUsersNeedNoHostRule(t *testing.T) {
	s := serve(t, smallTree, withUsers(t, false, false))
	for _, fields := range [][]string{{"Host: files.example"}, {"X-Forwarded-For: 192.0.2.1"}} {
		if a := s.get(t, "/a.txt", append(fields, basic("bob", "bob"))...); a.Status != 200 {
			t.Errorf("%v: %d", fields, a.Status)
		}
		if a := s.get(t, "/a.txt", fields...); a.Status != 401 {
			t.Errorf("%v without a credential: %d", fields, a.Status)
		}
	}
}

// Another address than loopback is served where somebody can authenticate.
func TestUsersElsewhere(t *testing.T) {
	users := withUsers(t, false, false)
	s := serve(t, smallTree, func(u *setup) { users(u); public(u); u.cfg.Public = false })
	if a := s.get(t, "/a.txt", basic("bob", "bob")); a.Status != 200 {
		t.Errorf("GET = %d", a.Status)
	}
	if a := s.get(t, "/a.txt"); a.Status != 401 {
		t.Errorf("without a credential: %d", a.Status)
	}
	if a := s.get(t, "/-/metrics", basic("bob", "bob")); a.Status != 404 {
		t.Errorf("/-/metrics = %d", a.Status)
	}
}
