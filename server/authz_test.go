package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authz"
)

var grantTree = map[string]string{
	"reports/2026.txt": "figures", "reports/secret/plan.txt": "plan", "pub/a.txt": "anybody", "pub/a.txt.gz": "zipped", "pub/b.txt": "b",
	"site/index.html": "index", "site/page.html": "page", "notes.txt": "notes", "404.html": "not here",
}

var readList = []string{"read", "list"}

// notOlder has precompressed siblings be of now, so that they are sent.
func notOlder(t *testing.T, base string, siblings ...string) {
	t.Helper()
	for _, name := range siblings {
		recent := time.Now().Add(-time.Minute)
		if err := os.Chtimes(filepath.Join(base, name), recent, recent); err != nil {
			t.Fatal(err)
		}
	}
}

// withGrants has alice and bob be the users, and grants decide.
func withGrants(t *testing.T, off bool, grants ...authz.Grant) func(*setup) {
	t.Helper()
	users := withUsers(t, false, off)
	z, err := authz.New(authz.Source{Grants: grants, Groups: []byte("staff: alice")})
	if err != nil {
		t.Fatal(err)
	}
	return func(u *setup) { users(u); u.cfg.Authz = z }
}

var alice, bob = basic("alice", "ecila"), basic("bob", "bob")

// Only what is granted may be had; the rest is the uniform 404, there or not, and is not listed.
func TestGranted(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		s := serve(t, grantTree, withGrants(t, off,
			authz.Grant{Group: "staff", On: "reports/", May: readList},
			authz.Grant{User: "bob", On: "reports/2026.txt", May: []string{"read"}},
			authz.Grant{User: "alice", On: "reports/secret/", May: readList, Deny: true},
			authz.Grant{User: "bob", On: "notes.txt", May: []string{"read"}, Deny: true, Refuse: 403},
		))
		for range 3 { // also from memory
			for _, tt := range []struct {
				who, target string
				want        int
			}{
				{alice, "/reports/2026.txt", 200},
				{alice, "/reports/", 200},
				{alice, "/reports", 308},
				{alice, "/", 404},
				{alice, "/notes.txt", 404},
				{alice, "/reports/secret/plan.txt", 404},
				{alice, "/reports/secret/", 404},
				{alice, "/reports/secret", 404},
				{alice, "/reports/missing", 404},
				{alice, "/../x", 403},
				{alice, "/%00", 400},
				{bob, "/reports/2026.txt", 200},
				{bob, "/reports/", 404},
				{bob, "/reports", 404},
				{bob, "/notes.txt", 403},
				{bob, "/missing", 404},
				{"X: y", "/reports/2026.txt", 401},
				{"X: y", "/", 401},
				{"X: y", "/../x", 401},
				{"X: y", "/notes.txt", 401},
			} {
				a := s.get(t, tt.target, tt.who)
				if a.Status != tt.want {
					t.Errorf("GET %s with %q = %d, want %d", tt.target, tt.who, a.Status, tt.want)
				}
				if !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Authorization") && a.Status != 308 {
					t.Errorf("GET %s with %q = %d: %v", tt.target, tt.who, a.Status, a.Header)
				}
			}
		}
		missing, denied := stripped(s.get(t, "/reports/missing", alice)), stripped(s.get(t, "/notes.txt", alice))
		if diff := cmp.Diff(missing, denied); diff != "" {
			t.Errorf("what is denied differs from what is missing:\n%s", diff)
		}
		page := string(s.get(t, "/reports/", alice, "Accept: application/json").Body)
		if !strings.Contains(page, "2026.txt") || strings.Contains(page, "secret") {
			t.Errorf("listed: %s", page)
		}
	})
}

// What is for anyone is had without a credential and may be kept by shared caches; what is not is the 404, and a credential
// that does not hold is the 401.
func TestGrantedToAnyone(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		s := serve(t, grantTree, withGrants(t, off,
			authz.Grant{Anyone: true, On: "pub/", May: readList}, authz.Grant{User: "alice", On: "/", May: readList}))
		for range 3 {
			for _, tt := range []struct {
				who, target string
				want        int
				private     bool
			}{
				{"X: y", "/pub/a.txt", 200, false},
				{alice, "/pub/a.txt", 200, false},
				{"X: y", "/pub/", 200, false},
				{alice, "/notes.txt", 200, true},
				{"X: y", "/notes.txt", 404, true},
				{"X: y", "/pub/missing", 404, true},
				{"X: y", "/", 404, true},
				{alice, "/", 200, true},
				{basic("alice", "wrong"), "/pub/a.txt", 401, true},
			} {
				a := s.get(t, tt.target, tt.who)
				if private := strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Authorization"); a.Status != tt.want || private != tt.private {
					t.Errorf("GET %s with %q = %d %v, want %d", tt.target, tt.who, a.Status, a.Header, tt.want)
				}
			}
		}
		// Somebody may have something on loopback without a credential: foreign pages are kept out again.
		if a := s.get(t, "/pub/a.txt", "Host: evil.example"); a.Status != 421 {
			t.Errorf("with another Host: %d", a.Status)
		}
	})
}

// No second door: an index, a page for what is missing and a precompressed sibling are files of their own.
func TestGrantsOnEveryRoute(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		site := func(grants ...authz.Grant) *served {
			g := withGrants(t, off, grants...)
			return serve(t, grantTree, func(u *setup) {
				g(u)
				notOlder(t, u.base, "pub/a.txt.gz")
				u.cfg.Site, u.cfg.Precompressed, u.cfg.Listing, u.cfg.DownloadRoute = true, true, false, "/get"
			})
		}
		narrow := site(authz.Grant{User: "bob", On: "site/page.html", May: []string{"read"}}, authz.Grant{User: "bob", On: "pub/a.txt", May: []string{"read"}})
		wide := site(authz.Grant{User: "bob", On: "/", May: []string{"read"}})
		for _, tt := range []struct {
			target       string
			narrow, wide int
			body         string
		}{
			{"/site/", 404, 200, "index"},
			{"/site", 404, 308, ""},
			{"/site/page.html", 200, 200, "page"},
			{"/get?file=site/page.html", 200, 200, "page"},
			{"/get?file=site/index.html", 404, 200, "index"},
			{"/get?file=site", 404, 404, ""},
		} {
			n, w := narrow.get(t, tt.target, bob), wide.get(t, tt.target, bob)
			if n.Status != tt.narrow || w.Status != tt.wide {
				t.Errorf("GET %s = %d and %d, want %d and %d", tt.target, n.Status, w.Status, tt.narrow, tt.wide)
			}
			if w.Status == 200 && string(w.Body) != tt.body || n.Status == 404 && strings.Contains(string(n.Body), "index") {
				t.Errorf("GET %s: %q and %q", tt.target, n.Body, w.Body)
			}
		}
		for range 3 {
			n, w := narrow.get(t, "/pub/a.txt", bob, "Accept-Encoding: gzip"), wide.get(t, "/pub/a.txt", bob, "Accept-Encoding: gzip")
			if n.Status != 200 || n.Header.Get("Content-Encoding") != "" || w.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("sibling: %d %v, and with the right to it %v", n.Status, n.Header, w.Header)
			}
		}
		if n, w := narrow.get(t, "/x", bob), wide.get(t, "/x", bob); strings.Contains(string(n.Body), "not here") || string(w.Body) != "not here" {
			t.Errorf("404 pages: %q and %q", n.Body, w.Body)
		}
	})
}

// Grants are on what was opened, whatever the links that led there; and what a mount hides is not called by its name.
func TestGrantsBehindLinks(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		g := withGrants(t, off, authz.Grant{User: "bob", On: "reports/", May: readList}, authz.Grant{User: "bob", On: "pub/", May: readList},
			authz.Grant{User: "bob", On: "site/", May: readList})
		s := serve(t, grantTree, func(u *setup) {
			g(u)
			u.dir.Symlinks = rootbound.SymlinksWithin
			for name, target := range map[string]string{"reports/in": "2026.txt", "reports/out": "../notes.txt", "reports/dir": "../pub", "reports/hidden": "../site/page.html"} {
				if err := os.Symlink(target, filepath.Join(u.base, name)); err != nil {
					t.Fatal(err)
				}
			}
			u.cfg.Mounts = []Mount{{Dir: openDir(t, u.base, u.dir)}, {Name: "site", Dir: openDir(t, filepath.Join(u.base, "pub"), u.dir)}}
		})
		for target, want := range map[string]int{
			"/reports/in": 200, "/reports/out": 404, "/reports/dir/": 200, "/reports/dir/a.txt": 200, "/reports/hidden": 404, "/site/a.txt": 200,
		} {
			for range 2 {
				if a := s.get(t, target, bob); a.Status != want {
					t.Errorf("GET %s = %d, want %d", target, a.Status, want)
				}
			}
		}
		// Nor is anything told of what a link leads to: that it is there, how large it is, when it was changed.
		page := string(s.get(t, "/reports/", bob, "Accept: application/json").Body)
		for name, want := range map[string]bool{"in": true, "dir": true, "2026.txt": true, "secret": true, "out": false, "hidden": false} {
			if strings.Contains(page, `"`+name+`"`) != want {
				t.Errorf("%s is listed: %v\n%s", name, !want, page)
			}
		}
		if !strings.Contains(page, `"total":4`) {
			t.Errorf("what is not listed is counted:\n%s", page)
		}
	})
}

// The list of mounts has those that may be listed.
func TestGrantedMounts(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		g := withGrants(t, off, authz.Grant{User: "bob", On: "one/", May: readList}, authz.Grant{User: "alice", On: "two/pub/", May: readList})
		s := serve(t, grantTree, func(u *setup) {
			g(u)
			d := openDir(t, u.base, u.dir)
			u.cfg.Mounts = []Mount{{Name: "one", Dir: d}, {Name: "two", Dir: d}}
		})
		if a := s.get(t, "/", bob); a.Status != 200 || !strings.Contains(string(a.Body), "one/") || strings.Contains(string(a.Body), "two") {
			t.Errorf("GET / = %d %s", a.Status, a.Body)
		}
		if a := s.get(t, "/", alice); a.Status != 404 {
			t.Errorf("GET / = %d for who may list no mount", a.Status)
		}
		if a := s.get(t, "/two/pub/a.txt", alice); a.Status != 200 {
			t.Errorf("GET = %d", a.Status)
		}
		if a := s.get(t, "/one/notes.txt", alice); a.Status != 404 {
			t.Errorf("GET = %d", a.Status)
		}
	})
}
