package server

import (
	"encoding/base64"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/link"
)

func testKeys(t *testing.T) *link.Keys {
	t.Helper()
	k, err := link.ParseKeys([]byte("k1:" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signedLink signs, for an hour unless it says otherwise, and returns the field of the query.
func signedLink(t *testing.T, k *link.Keys, l link.Link) string {
	t.Helper()
	l.ID = "some-link"
	if l.Expires.IsZero() {
		l.Expires = time.Now().Add(time.Hour)
	}
	l, err := k.Sign(l)
	if err != nil {
		t.Fatal(err)
	}
	return "link=" + l.Token
}

// A link gives exactly one name without a credential; whatever else is tried with it is the same 404.
func TestLink(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k, users := testKeys(t), withUsers(t, false, off)
		s := serve(t, grantTree, func(u *setup) {
			users(u)
			notOlder(t, u.base, "pub/a.txt.gz")
			u.cfg.Links, u.cfg.Precompressed, u.cfg.DownloadRoute = k, true, "/get"
		})
		file := signedLink(t, k, link.Link{Path: "reports/2026.txt"})
		tampered := strings.Replace(file, ".some-link.", ".same-link.", 1)
		expired := signedLink(t, k, link.Link{Path: "reports/2026.txt", Expires: time.Now().Add(-time.Second)})
		foreign := signedLink(t, k, link.Link{Path: "reports/2026.txt", From: netip.MustParsePrefix("192.0.2.0/24")})
		local := signedLink(t, k, link.Link{Path: "reports/2026.txt", From: netip.MustParsePrefix("127.0.0.0/8")})
		gone := signedLink(t, k, link.Link{Path: "reports/gone.txt"})
		want := stripped(s.get(t, "/reports/gone.txt?"+gone))
		if want.Status != 404 {
			t.Fatalf("a link to what is missing: %d", want.Status)
		}
		for range 3 { // also from memory
			for target, status := range map[string]int{
				"/reports/2026.txt?" + file: 200, "/reports/2026.txt?" + local: 200, "/get?file=reports/2026.txt&" + file: 200, "/reports/%32026.txt?" + file: 200,
				"/reports/2026.txt?x=y&" + file: 200, "/reports/2026.txt": 401, "/reports/2026.txt?x=y": 401,
				"/reports/2026.txt?" + tampered: 404, "/reports/2026.txt?" + expired: 404, "/reports/2026.txt?" + foreign: 404,
				"/notes.txt?" + file: 404, "/reports/?" + file: 404, "/reports?" + file: 404, "/reports/2026.txt/?" + file: 404, "/?" + file: 404,
				"/missing?" + file: 404, "/../x?" + file: 404, "/%00?" + file: 404, "/reports/2026.txt?" + file + "&" + file: 404, "/reports/2026.txt?link=": 404,
				"/get?file=notes.txt&" + file: 404,
			} {
				a := s.get(t, target)
				if a.Status != status {
					t.Errorf("GET %s = %d, want %d", target, a.Status, status)
				}
				if a.Status == 404 {
					if diff := cmp.Diff(want, stripped(a)); diff != "" {
						t.Errorf("GET %s differs:\n%s", target, diff)
					}
				}
				if a.Status == 200 && (string(a.Body) != "figures" || !strings.Contains(a.Header.Get("Cache-Control"), "private") || a.Header.Get("Referrer-Policy") != "no-referrer") {
					t.Errorf("GET %s: %q %v", target, a.Body, a.Header)
				}
			}
		}
		// A credential that does not hold takes nothing away; one that does adds nothing to a link that does not.
		if a := s.get(t, "/reports/2026.txt?"+file, basic("alice", "wrong")); a.Status != 200 {
			t.Errorf("with a wrong password: %d", a.Status)
		}
		if a := s.get(t, "/reports/2026.txt?"+tampered, alice); a.Status != 404 {
			t.Errorf("a wrong link with a password: %d", a.Status)
		}
		if a := s.request(t, "HEAD", "/reports/2026.txt?"+file); a.Status != 200 {
			t.Errorf("HEAD = %d", a.Status)
		}
		if a := s.get(t, "/reports/2026.txt?"+file, "Range: bytes=0-2"); a.Status != 206 || string(a.Body) != "fig" {
			t.Errorf("a range: %d %q", a.Status, a.Body)
		}
		if a := s.request(t, "DELETE", "/reports/2026.txt?"+file); a.Status != 405 {
			t.Errorf("DELETE = %d", a.Status)
		}
		// No precompressed sibling: it is another name.
		if a := s.get(t, "/pub/a.txt?"+signedLink(t, k, link.Link{Path: "pub/a.txt"}), "Accept-Encoding: gzip"); a.Status != 200 || string(a.Body) != "anybody" {
			t.Errorf("with a sibling: %d %q", a.Status, a.Body)
		}
		// An attachment, beside the same file inline, from memory.
		stored := signedLink(t, k, link.Link{Path: "reports/2026.txt", Attachment: true})
		for range 3 {
			a, b := s.get(t, "/reports/2026.txt?"+stored), s.get(t, "/reports/2026.txt?"+file)
			if !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || strings.HasPrefix(b.Header.Get("Content-Disposition"), "attachment") {
				t.Errorf("%q and %q", a.Header.Get("Content-Disposition"), b.Header.Get("Content-Disposition"))
			}
		}
		s.stop()
		if log := s.log.String(); strings.Contains(log, file[len("link="):]) || strings.Contains(log, tampered[len("link="):]) || !strings.Contains(log, "link=...") || !strings.Contains(log, "subject=link:some-link") {
			t.Error("the log tells a link, or nothing of it")
		}
	})
}

// A link to a directory gives everything beneath, and its pages lead on.
func TestLinkToDirectory(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k, users := testKeys(t), withUsers(t, false, off)
		s := serve(t, grantTree, func(u *setup) {
			users(u)
			u.cfg.Links, u.dir.Symlinks = k, rootbound.SymlinksWithin
			for name, target := range map[string]string{"reports/in": "2026.txt", "reports/out": "../notes.txt"} {
				if err := os.Symlink(target, filepath.Join(u.base, name)); err != nil {
					t.Fatal(err)
				}
			}
		})
		dir := signedLink(t, k, link.Link{Path: "reports", Dir: true})
		for target, status := range map[string]int{
			"/reports/?": 200, "/reports?": 308, "/reports/2026.txt?": 200, "/reports/secret/?": 200, "/reports/secret/plan.txt?": 200, "/reports/in?": 200,
			"/reports/out?": 404, "/notes.txt?": 404, "/?": 404, "/reports/../notes.txt?": 404, "/reports2?": 404, "/reports/missing?": 404,
		} {
			if a := s.get(t, target+dir); a.Status != status {
				t.Errorf("GET %s = %d, want %d", target, a.Status, status)
			}
		}
		if a := s.get(t, "/reports?"+dir); a.Header.Get("Location") != "./reports/?"+dir {
			t.Errorf("Location: %s", a.Header.Get("Location"))
		}
		page := string(s.get(t, "/reports/?"+dir, "Accept: text/html").Body)
		for _, ref := range []string{`href="./2026.txt?` + dir + `"`, `href="./secret/?` + dir + `"`} {
			if !strings.Contains(page, ref) {
				t.Errorf("no %s in %s", ref, page)
			}
		}
		if top := signedLink(t, k, link.Link{Dir: true}); s.get(t, "/?"+top).Status != 200 || s.get(t, "/notes.txt?"+top).Status != 200 {
			t.Error("a link to everything")
		}
		// A file's link follows no symbolic link to another name.
		if a := s.get(t, "/reports/in?"+signedLink(t, k, link.Link{Path: "reports/in"})); a.Status != 404 {
			t.Errorf("through a symbolic link: %d", a.Status)
		}
	})
}

// A link to a user needs that user's credential; policies can take a link's right away.
func TestLinkToUserAndPolicies(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k := testKeys(t)
		g := withGrants(t, off, authz.Grant{User: "alice", On: "pub/", May: readList},
			authz.Grant{User: "bob", On: "reports/secret/", May: readList, Deny: true}, authz.Grant{Anyone: true, On: "site/", May: readList, Deny: true})
		s := serve(t, grantTree, func(u *setup) { g(u); u.cfg.Links = k })
		toBob := signedLink(t, k, link.Link{Path: "reports", Dir: true, To: "bob"})
		for _, tt := range []struct {
			target, link, who string
			want              int
		}{
			{"/reports/2026.txt", toBob, bob, 200},
			{"/reports/2026.txt", toBob, alice, 404},
			{"/reports/2026.txt", toBob, "X: y", 401},
			{"/reports/2026.txt", toBob, basic("bob", "no"), 401},
			{"/reports/secret/plan.txt", toBob, bob, 404},
			{"/reports/2026.txt", "x", bob, 404},
			{"/site/page.html", signedLink(t, k, link.Link{Path: "site/page.html"}), "X: y", 404},
			{"/notes.txt", signedLink(t, k, link.Link{Path: "notes.txt"}), "X: y", 200},
			{"/notes.txt", signedLink(t, k, link.Link{Path: "notes.txt"}), alice, 200},
		} {
			if a := s.get(t, tt.target+"?"+tt.link, tt.who); a.Status != tt.want {
				t.Errorf("GET %s with %q = %d, want %d", tt.target, tt.who, a.Status, tt.want)
			}
		}
	})
}

// What was refused before a page for what is missing had to be waited for stays refused. The control is a link that holds.
func TestRefusalOutlastsWaiting(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k, users := testKeys(t), withUsers(t, false, off)
		s := serve(t, grantTree, func(u *setup) { users(u); u.cfg.Links, u.cfg.Site = k, true })
		good := signedLink(t, k, link.Link{Path: "notes.txt"})
		for range 3 {
			if a := s.get(t, "/notes.txt?link=x"); a.Status != 404 || strings.Contains(string(a.Body), "notes") {
				t.Errorf("by a link that does not hold: %d %q", a.Status, a.Body)
			}
			if a := s.get(t, "/notes.txt?"+good); a.Status != 200 {
				t.Errorf("by one that does: %d", a.Status)
			}
		}
	})
}

// With keys and nothing else, links are the only way in, on any address.
func TestOnlyLinks(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k := testKeys(t)
		s := serve(t, grantTree, func(u *setup) {
			public(u)
			u.cfg.Public, u.cfg.NoFastLane, u.cfg.Links, u.cfg.Site = false, off, k, true
		})
		l := signedLink(t, k, link.Link{Path: "notes.txt"})
		if a := s.get(t, "/notes.txt?"+l); a.Status != 200 {
			t.Errorf("by a link: %d", a.Status)
		}
		want := stripped(s.get(t, "/missing"))
		for _, target := range []string{"/notes.txt", "/", "/site/", "/404.html", "/notes.txt?link=x", "/missing?" + l} {
			if diff := cmp.Diff(want, stripped(s.get(t, target))); diff != "" || want.Status != 404 {
				t.Errorf("GET %s: %s", target, diff)
			}
		}
		open := serve(t, grantTree, func(u *setup) { u.cfg.NoFastLane = off })
		if a := open.get(t, "/notes.txt?link=x"); a.Status != 200 {
			t.Errorf("without keys the field means nothing: %d", a.Status)
		}
	})
}
