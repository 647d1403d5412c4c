package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/link"
)

var all = []string{"read", "list", "share"}

// A link gives no more than whoever made it may read and share when it is used, and ends with that user.
func TestLinkDiesWithItsOwner(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		z, err := authz.New(authz.Source{Grants: []authz.Grant{{User: "alice", On: "reports/", May: all}}, Groups: []byte("staff: alice")})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "users")
		users := openUsers(t, path, "alice", "bob")
		a, err := authn.New(authn.Config{Users: users})
		if err != nil {
			t.Fatal(err)
		}
		k := testKeys(t)
		s := serve(t, grantTree, func(u *setup) {
			u.cfg.Authn, u.cfg.Authz, u.cfg.Links, u.cfg.NoFastLane, u.cfg.Listing = a, z, k, off, true
		})
		file := signedLink(t, k, link.Link{Path: "reports/2026.txt", Owner: "alice"})
		dir := signedLink(t, k, link.Link{Path: "reports", Dir: true, Owner: "alice"})
		wide := signedLink(t, k, link.Link{Dir: true, Owner: "alice"})
		nobodys := signedLink(t, k, link.Link{Path: "reports/2026.txt"})
		strangers := signedLink(t, k, link.Link{Path: "reports/2026.txt", Owner: "mallory"})
		ask := func(when string, want map[string]int) {
			t.Helper()
			for range 3 { // also from memory
				for target, status := range want {
					if got := s.get(t, target); got.Status != status {
						t.Errorf("%s: GET %s = %d, want %d", when, target, got.Status, status)
					}
				}
			}
		}
		good := map[string]int{
			"/reports/2026.txt?" + file: 200, "/reports/?" + dir: 200, "/reports/secret/plan.txt?" + dir: 200, "/reports/2026.txt?" + nobodys: 200,
			"/reports/2026.txt?" + strangers: 404, "/notes.txt?" + wide: 404, "/reports/2026.txt?" + wide: 200, "/?" + wide: 404,
		}
		dead := map[string]int{"/reports/2026.txt?" + file: 404, "/reports/?" + dir: 404, "/reports/2026.txt?" + dir: 404, "/reports/2026.txt?" + nobodys: 200}
		ask("at first", good)
		grants := func(grants ...authz.Grant) {
			t.Helper()
			if err := z.Replace(authz.Source{Grants: grants, Groups: []byte("staff: alice")}); err != nil {
				t.Fatal(err)
			}
		}
		grants(authz.Grant{User: "alice", On: "reports/", May: readList})
		ask("without the right to share", dead)
		grants(authz.Grant{User: "alice", On: "reports/", May: []string{"share"}})
		ask("without the right to read", dead)
		grants(authz.Grant{Group: "staff", On: "reports/", May: all}, authz.Grant{User: "alice", On: "reports/secret/", May: []string{"share"}, Deny: true})
		ask("without that for a part", map[string]int{
			"/reports/2026.txt?" + dir: 200, "/reports/?" + dir: 200, "/reports/secret/plan.txt?" + dir: 404, "/reports/secret/?" + dir: 404,
		})
		if page := string(s.get(t, "/reports/?"+dir, "Accept: text/html").Body); !strings.Contains(page, "2026.txt") || strings.Contains(page, "secret") {
			t.Errorf("the listing shows what may not be shared: %s", page)
		}
		grants(authz.Grant{User: "alice", On: "reports/", May: all})
		ask("granted again", good)
		writeUsers(t, path, "bob")
		if _, err := users.Reload(); err != nil {
			t.Fatal(err)
		}
		ask("when alice is gone", dead)
		s.logs(t, "reason=link-invalid")
		writeUsers(t, path, "alice", "bob")
		if _, err := users.Reload(); err != nil {
			t.Fatal(err)
		}
		ask("when alice is back", good)
	})
}

func writeUsers(t *testing.T, path string, names ...string) {
	t.Helper()
	var lines strings.Builder
	for _, name := range names {
		h, err := bcrypt.GenerateFromPassword([]byte(name), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		lines.WriteString(name + ":" + string(h) + "\n")
	}
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func openUsers(t *testing.T, path string, names ...string) *authn.UsersFile {
	t.Helper()
	writeUsers(t, path, names...)
	u, err := authn.OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A link to a directory opens that directory, and what is beneath by it: what leads elsewhere, be it to elsewhere in the base and back, is
// not there, and a link to a symbolic link is to nothing. Controls: the same names with a credential.
func TestLinkToDirectoryIsABase(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k, users := testKeys(t), withUsers(t, false, off)
		s := serve(t, grantTree, func(u *setup) {
			users(u)
			u.cfg.Links, u.dir.Symlinks, u.cfg.Site, u.cfg.Precompressed = k, rootbound.SymlinksWithin, true, true
			hide, err := name.ParseGlob("/reports/hidden.txt")
			if err != nil {
				t.Fatal(err)
			}
			u.cfg.Hide = []name.Glob{hide}
			plantFiles(t, u.base, map[string]string{"reports/hidden.txt": "hidden", "reports/b.txt": "b", "reports/b.txt.gz": "zipped"})
			notOlder(t, u.base, "reports/b.txt.gz")
			for from, target := range map[string]string{"reports/here": "2026.txt", "reports/around": "../reports/2026.txt", "reports/out": "../notes.txt", "reports/up": "..", "also": "reports"} {
				if err := os.Symlink(target, filepath.Join(u.base, from)); err != nil {
					t.Fatal(err)
				}
			}
		})
		dir, also := signedLink(t, k, link.Link{Path: "reports", Dir: true}), signedLink(t, k, link.Link{Path: "also", Dir: true})
		for _, tt := range []struct {
			target             string
			byLink, credential int
		}{
			{"/reports/2026.txt", 200, 200},
			{"/reports/here", 200, 200},
			{"/reports/around", 404, 200},
			{"/reports/out", 404, 200},
			{"/reports/up/notes.txt", 404, 200},
			{"/reports/up/reports/2026.txt", 404, 200},
			{"/reports/secret/plan.txt", 200, 200},
			{"/reports/", 200, 200},
			{"/reports", 308, 308},
			{"/reports/hidden.txt", 200, 200},
			{"/reports/missing", 404, 404},
			{"/reports/secret", 308, 308},
			{"/reports/secret/", 200, 200},
		} {
			for range 2 {
				if a := s.get(t, tt.target+"?"+dir); a.Status != tt.byLink {
					t.Errorf("GET %s by link = %d, want %d", tt.target, a.Status, tt.byLink)
				}
				if a := s.get(t, tt.target, alice); a.Status != tt.credential {
					t.Errorf("GET %s = %d, want %d", tt.target, a.Status, tt.credential)
				}
			}
		}
		for _, target := range []string{"/also/2026.txt", "/also/", "/also"} {
			if a := s.get(t, target+"?"+also); a.Status != 404 {
				t.Errorf("GET %s by a link to a symbolic link = %d", target, a.Status)
			}
		}
		page := string(s.get(t, "/reports/?"+dir, "Accept: text/html").Body)
		if !strings.Contains(page, "./here?") || strings.Contains(page, "hidden.txt") || strings.Contains(page, "./around") || strings.Contains(page, "./up/") {
			t.Errorf("the listing: %s", page)
		}
		if a := s.get(t, "/reports/b.txt?"+dir, "Accept-Encoding: gzip"); a.Header.Get("Content-Encoding") != "gzip" || string(a.Body) != "zipped" {
			t.Errorf("the sibling: %v %q", a.Header, a.Body)
		}
		await(t, "everything to be closed", func() bool { return s.metric(t, "rootbound_open_files") == "0" })
	})
}

// However many users made links, what is kept in memory of them has an end.
func TestMemoryOfOwnersIsBounded(t *testing.T) {
	var o owners
	for i := range 3 * maxOwners {
		name := fmt.Sprint("user", i)
		o.put(1, name, request.Subject{ID: name})
		if len(o.held) > maxOwners || o.held[name].ID != name {
			t.Fatalf("%d are held, want %d at most, %q among them", len(o.held), maxOwners, name)
		}
	}
}
