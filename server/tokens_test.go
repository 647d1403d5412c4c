package server

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/link"
)

// What a token is limited to holds at every door: by path and download route, in listings of any kind, for an index, a page
// for what is missing, a precompressed sibling, a mount and a link, with and without grants, on both lanes. Control: a token of
// the same user without limits.
func TestTokenLimits(t *testing.T) {
	for _, granted := range []bool{false, true} {
		t.Run(fmt.Sprint("grants ", granted), func(t *testing.T) {
			eachLane(t, func(t *testing.T, off bool) { tokenLimits(t, off, granted) })
		})
	}
}

func tokenLimits(t *testing.T, off, granted bool) {
	k, login := withLogin(t, false, off, nil)
	keys, other := testKeys(t), t.TempDir()
	plantFiles(t, other, map[string]string{"m.txt": "m"})
	s := serve(t, grantTree, func(u *setup) {
		login(u)
		notOlder(t, u.base, "pub/a.txt.gz")
		u.cfg.Links, u.cfg.Site, u.cfg.Precompressed, u.cfg.DownloadRoute = keys, true, true, "/get"
		u.cfg.Mounts = []Mount{{Dir: openDir(t, u.base, u.dir)}, {Name: "music", Dir: openDir(t, other, u.dir)}}
		if granted {
			z, err := authz.New(authz.Source{Grants: []authz.Grant{{User: "alice", On: "/", May: readList}}})
			if err != nil {
				t.Fatal(err)
			}
			u.cfg.Authz = z
		}
	})
	whole, _ := k.token(t, "alice", nil, nil)
	read, _ := k.token(t, "alice", []string{"read"}, nil)
	list, _ := k.token(t, "alice", []string{"list"}, nil)
	reports, _ := k.token(t, "alice", nil, []string{"reports/"})
	music, _ := k.token(t, "alice", []string{"read", "list"}, []string{"music/"})
	one, _ := k.token(t, "alice", []string{"read"}, []string{"pub/a.txt", "site/"})
	nothing, _ := k.token(t, "alice", []string{"create"}, []string{"/"})
	l, err := keys.Sign(link.Link{ID: "x", Path: "notes.txt", To: "alice", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	toAlice := "/notes.txt?link=" + url.QueryEscape(l.Token)
	gz, asJSON := "Accept-Encoding: gzip", "Accept: application/json"
	for range 3 { // also from memory
		for _, tt := range []struct {
			token, target, more string
			want                int
			holds               string // in the body
			lacks               string
		}{
			{whole, "/notes.txt", "X: y", 200, "notes", ""},
			{whole, "/get?file=notes.txt", "X: y", 200, "notes", ""},
			{whole, "/reports/", asJSON, 200, "2026.txt", ""},
			{whole, "/", asJSON, 200, "music", ""},
			{whole, "/site/", "X: y", 200, "index", ""},
			{whole, "/music/m.txt", "X: y", 200, "m", ""},
			{whole, "/missing", "Accept: text/html", 404, "not here", ""},
			{whole, "/pub/a.txt", gz, 200, "zipped", ""},
			{whole, toAlice, "X: y", 200, "notes", ""},

			{read, "/notes.txt", "X: y", 200, "notes", ""},
			{read, "/reports/", asJSON, 404, "", "2026"},
			{read, "/site/", "X: y", 200, "index", ""},
			{list, "/notes.txt", "X: y", 404, "", "notes"},
			{list, "/get?file=notes.txt", "X: y", 404, "", "notes"},
			{list, "/site/", asJSON, 200, "", "index"},
			{list, "/pub/", asJSON, 200, "", "a.txt"}, // who may not read a file is not shown it
			{list, "/missing", "Accept: text/html", 404, "", "not here"},

			{reports, "/reports/2026.txt", "X: y", 200, "figures", ""},
			{reports, "/reports/secret/plan.txt", "X: y", 200, "plan", ""},
			{reports, "/get?file=reports/2026.txt", "X: y", 200, "figures", ""},
			{reports, "/reports/", asJSON, 200, "2026.txt", ""},
			{reports, "/", asJSON, 404, "", "notes"},
			{reports, "/notes.txt", "X: y", 404, "", "notes"},
			{reports, "/get?file=notes.txt", "X: y", 404, "", "notes"},
			{reports, "/music/m.txt", "X: y", 404, "", ""},
			{reports, "/site/", "X: y", 404, "", "index"},
			{reports, "/reports/../notes.txt", "X: y", 403, "", "notes"},
			{reports, "/reports/%2e%2e/notes.txt", "X: y", 403, "", "notes"},
			{reports, toAlice, "X: y", 404, "", "notes"},
			{reports, "/missing", "Accept: text/html", 404, "", "not here"},

			{music, "/music/m.txt", "X: y", 200, "m", ""},
			{music, "/music/", asJSON, 200, "m.txt", ""},
			{music, "/get?file=music/m.txt", "X: y", 200, "m", ""},
			{music, "/notes.txt", "X: y", 404, "", "notes"},

			{one, "/pub/a.txt", "X: y", 200, "anybody", ""},
			{one, "/pub/a.txt", gz, 200, "anybody", "zipped"}, // the sibling is another file
			{one, "/pub/b.txt", "X: y", 404, "", ""},
			{one, "/pub/", asJSON, 404, "", "b.txt"},
			{one, "/site/", "X: y", 200, "index", ""},
			{one, "/site/page.html", "X: y", 200, "page", ""},

			{nothing, "/notes.txt", "X: y", 404, "", "notes"},
			{nothing, "/", asJSON, 404, "", "notes"},
			{nothing, "/missing", "X: y", 404, "", ""},
		} {
			a := s.get(t, tt.target, tt.token, tt.more)
			if a.Status != tt.want || !strings.Contains(string(a.Body), tt.holds) || tt.lacks != "" && strings.Contains(string(a.Body), tt.lacks) {
				t.Errorf("GET %.40s with %s = %d %.200q, want %d", tt.target, tt.more, a.Status, a.Body, tt.want)
			}
			if a.Status != 308 && !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Authorization") {
				t.Errorf("GET %.40s: Vary %q", tt.target, a.Header.Values("Vary"))
			}
		}
	}
	want := stripped(s.get(t, "/nothing-there", reports))
	if got := stripped(s.get(t, "/notes.txt", reports)); got.Body != want.Body || fmt.Sprint(got.Header) != fmt.Sprint(want.Header) {
		t.Errorf("what the token may not have differs from what is not there:\n%v\n%v", got, want)
	}
}

// Limits that leave something out say so alike where everybody may read.
func TestTokenLimitsInPublic(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k, login := withLogin(t, true, off, nil)
		s := serve(t, grantTree, login)
		reports, _ := k.token(t, "alice", nil, []string{"reports/"})
		want := stripped(s.get(t, "/nothing-there", reports))
		if got := stripped(s.get(t, "/notes.txt", reports)); got.Status != 404 || got.Body != want.Body || fmt.Sprint(got.Header) != fmt.Sprint(want.Header) {
			t.Errorf("what the token may not have differs from what is not there:\n%v\n%v", got, want)
		}
		if a := s.get(t, "/reports/2026.txt", reports); a.Status != 200 {
			t.Errorf("what it may have: %d", a.Status)
		}
		if a := s.get(t, "/notes.txt"); a.Status != 200 {
			t.Errorf("control: %d", a.Status)
		}
	})
}

// A token gives no more than its user has: grants are asked too. Control: another user's.
func TestTokenIsItsUsers(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k, login := withLogin(t, false, off, nil)
		z, err := authz.New(authz.Source{Grants: []authz.Grant{{Group: "staff", On: "reports/", May: readList}}, Groups: []byte("staff: alice")})
		if err != nil {
			t.Fatal(err)
		}
		s := serve(t, grantTree, func(u *setup) { login(u); u.cfg.Authz = z })
		of := map[string]string{}
		for _, user := range []string{"alice", "bob", "nobody"} {
			of[user], _ = k.token(t, user, readList, []string{"/"})
		}
		for user, want := range map[string]int{"alice": 200, "bob": 404, "nobody": 401} {
			if a := s.get(t, "/reports/2026.txt", of[user]); a.Status != want {
				t.Errorf("by %s's: %d, want %d", user, a.Status, want)
			}
		}
		b := s.browser(t)
		b.signIn("alice", "ecila", "/")
		if a := b.get("/reports/2026.txt"); a.StatusCode != 200 {
			t.Errorf("by alice's session: %d", a.StatusCode)
		}
		b.signIn("bob", "bob", "/")
		if a := b.get("/reports/2026.txt"); a.StatusCode != 404 {
			t.Errorf("by bob's session: %d", a.StatusCode)
		}
	})
}

// A revoked token is refused soon, as is any that does not hold, and neither the log nor an answer tells one.
func TestTokenRevoked(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k, login := withLogin(t, false, off, nil)
		s := serve(t, smallTree, login)
		field, id := k.token(t, "alice", nil, nil)
		if a := s.get(t, "/a.txt", field); a.Status != 200 {
			t.Fatalf("GET = %d", a.Status)
		}
		if err := k.store.RevokeToken(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		await(t, "the token to be refused", func() bool { return s.get(t, "/a.txt", field).Status == 401 })
		for _, bad := range []string{field + "x", field[:len(field)-1], "Authorization: Bearer rbt_", field + ", " + field, "Authorization: Bearer rbt_" + strings.Repeat("\xff", 100)} {
			if a := s.get(t, "/a.txt", bad); a.Status != 401 || strings.Contains(string(a.Body), "rbt_") {
				t.Errorf("%.40q: %d", bad, a.Status)
			}
		}
		s.logs(t, "reason=credential-invalid")
		if strings.Contains(s.log.String(), "rbt_") {
			t.Error("the log tells a token")
		}
	})
}

// After a while a page brings another secret, whatever the page, on both lanes; who goes on with it is in, and the answer is for
// nobody else.
func TestRotatedByPages(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		eachLane(t, func(t *testing.T, off bool) {
			_, login := withLogin(t, anonymous, off, func(c *authn.SessionsConfig) { c.Rotate = time.Nanosecond })
			s := serve(t, smallTree, func(u *setup) {
				login(u)
				if err := os.WriteFile(filepath.Join(u.base, "page.html"), []byte("<p>page"), 0o600); err != nil {
					t.Fatal(err)
				}
			})
			b := s.browser(t)
			b.signIn("alice", "ecila", "/")
			for i, target := range []string{"/page.html", "/", "/missing", "/page.html", "/-/login", "/page.html"} {
				before := b.session()
				a := b.get(target)
				if b.session() == before || b.session() == "" || len(a.Header.Values("Set-Cookie")) != 1 {
					t.Errorf("page %d, GET %s = %d: %v", i, target, a.StatusCode, a.Header)
				}
				if cc := a.Header.Get("Cache-Control"); !strings.Contains(cc, "private") && !strings.Contains(cc, "no-store") {
					t.Errorf("GET %s: Cache-Control %q", target, cc)
				}
				after := b.session()
				if a := b.get("/a.txt", "Accept: */*"); a.StatusCode != 200 || b.session() != after {
					t.Errorf("a file that is no page: %d %v", a.StatusCode, a.Header)
				}
			}
			if page := b.get("/-/login"); !strings.Contains(page.body, "alice") {
				t.Error("out in the end")
			}
			if strings.Contains(s.log.String(), b.session()) {
				t.Error("the log tells a secret")
			}
		})
	}
}
