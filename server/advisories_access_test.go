package server

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/link"
)

// A rule holds for every kind of file, and a directory that begins like the one that is served is not part of it.
func TestAdvisory_CVE_2025_58751_CVE_2025_58752_prefix_and_pages(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "public")
	plantFiles(t, dir, map[string]string{"public/a.txt": "a", "public/denied/page.html": "SECRET", "public/denied/data.txt": "SECRET", "public_secret/a.txt": "SECRET"})
	s := serve(t, nil, func(u *setup) { u.base, u.dir.Deny = base, []string{"/denied"} })
	mustLeak(t, "prefix-compare", base, "/../public_secret/a.txt", "SECRET")
	for target, want := range map[string]int{
		"/denied/page.html": 403, "/denied/data.txt": 403, "/denied/page": 403, "/denied/": 403, "/denied": 403, "/denied/page.html/": 403,
		"/../public_secret/a.txt": 403, "/_secret/a.txt": 404, "_secret/a.txt": 400, "/a.txt": 200,
	} {
		if a := s.get(t, target); a.Status != want || strings.Contains(string(a.Body), "SECRET") {
			t.Errorf("%s = %d %q, want %d", target, a.Status, a.Body, want)
		}
	}
}

// Nobody gets past the question who he is by what looks like a page that is open to all: in the query, behind a '#',
// in a parameter, or in a header that says what was asked for.
func TestAdvisory_CVE_2025_54576_CVE_2026_41059_CVE_2026_40575_open_pages(t *testing.T) {
	open := regexp.MustCompile(`/-/readyz`)
	control := func(target string, h http.Header) bool {
		return open.MatchString(target) || open.MatchString(h.Get("X-Forwarded-Uri"))
	}
	eachLane(t, func(t *testing.T, off bool) {
		s := serve(t, map[string]string{"a.txt": "SECRET"}, withUsers(t, false, off))
		for _, tt := range []struct{ target, key, value string }{
			{"/a.txt?/-/readyz", "", ""},
			{"/a.txt?x=/-/readyz", "", ""},
			{"/a.txt#/-/readyz", "", ""},
			{"/-/readyz/../../a.txt", "", ""},
			{"/a.txt;/-/readyz", "", ""},
			{"/a.txt", "X-Forwarded-Uri", "/-/readyz"},
		} {
			if !control(tt.target, http.Header{tt.key: {tt.value}}) {
				t.Errorf("the control does not let %s in", tt.target)
			}
			headers := []string{}
			if tt.key != "" {
				headers = append(headers, tt.key+": "+tt.value)
			}
			if a := s.get(t, tt.target, headers...); a.Status != 401 || strings.Contains(string(a.Body), "SECRET") {
				t.Errorf("%s %s = %d %q", tt.target, tt.key, a.Status, a.Body)
			}
		}
	})
}

// What is decided about is what is opened, by whatever way the name comes: other spellings, a mount, a link to it.
func TestAdvisory_CVE_2026_30914_CVE_2026_54091_one_name(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		g := withGrants(t, off, authz.Grant{User: "alice", On: "m/", May: readList}, authz.Grant{User: "alice", On: "m/private/", May: readList, Deny: true})
		s := serve(t, map[string]string{"private/a": "SECRET", "public/a": "public"}, func(u *setup) {
			g(u)
			u.cfg.DownloadRoute = "/download"
			d := openDir(t, u.base, rootbound.Config{Symlinks: rootbound.SymlinksWithin})
			u.cfg.Mounts = []Mount{{Name: "m", Dir: d}}
		})
		if err := os.Symlink("../private/a", filepath.Join(s.base, "public/linked")); err != nil {
			t.Fatal(err)
		}
		mustLeak(t, "rule-before-clean", s.base, "/public/../private/a", "SECRET")
		for _, target := range []string{
			"/m/private/a", "//m/private/a", "/m//private/a", "/m/./private/a", "/m/public/../private/a", "/m/%70rivate/a", "/m/private%2fa", "/private/a",
			"/m/public/linked", "/download?file=m/private/a", "/download?file=m//private/a", "/download?file=m/public/linked", "/download?file=m%2Fprivate%2Fa",
		} {
			if a := s.get(t, target, alice); a.Status == 200 || strings.Contains(string(a.Body), "SECRET") {
				t.Errorf("%s = %d %q", target, a.Status, a.Body)
			}
		}
		for _, target := range []string{"/m/public/a", "/m/%70ublic/a", "/download?file=m%2Fpublic%2Fa"} {
			if a := s.get(t, target, alice); a.Status != 200 {
				t.Errorf("%s = %d", target, a.Status)
			}
		}
	})
}

// No page elsewhere changes anything by a browser of somebody who may, nor reads an answer. The control is a server that
// takes uploads from whoever may read.
func TestAdvisory_CVE_2026_40883_CVE_2026_42091_CVE_2021_46398_cross_site(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		s := serve(t, map[string]string{"a.txt": "before"}, withUsers(t, false, off))
		path := filepath.Join(s.base, "a.txt")
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "MKCOL", "MOVE", "COPY", "PROPFIND", "PROPPATCH", "LOCK"} {
			a := s.request(t, method, "/a.txt?delete&mkdir=x", alice, "Origin: https://evil.example", "Destination: /b.txt", "X-HTTP-Method-Override: DELETE", "Content-Length: 0")
			if a.Status != 405 && a.Status != 501 {
				t.Errorf("%s = %d", method, a.Status)
			}
		}
		for _, target := range []string{"/a.txt", "/a.txt?delete", "/", "/missing", "/-/readyz"} {
			for _, method := range []string{"GET", "OPTIONS"} {
				a := s.request(t, method, target, alice, "Origin: https://evil.example", "Access-Control-Request-Method: PUT", "X-HTTP-Method-Override: DELETE")
				for key := range a.Header {
					if strings.HasPrefix(key, "Access-Control-") {
						t.Errorf("%s %s has %s", method, target, key)
					}
				}
				if got := a.Header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
					t.Errorf("%s %s has Cross-Origin-Resource-Policy %q", method, target, got)
				}
			}
		}
		if body, err := os.ReadFile(path); string(body) != "before" {
			t.Errorf("the file is %q, %v", body, err)
		}
		if entries, err := os.ReadDir(s.base); len(entries) != 1 {
			t.Errorf("there is %v, %v", entries, err)
		}
		w := httptest.NewRecorder()
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("delete") {
				_ = os.Remove(path)
			}
		}).ServeHTTP(w, httptest.NewRequest("GET", "/a.txt?delete", nil))
		if _, err := os.Stat(path); err == nil {
			t.Error("the control changed nothing")
		}
	})
}

// What lets somebody in is not in the log, and no page that is sent passes it on.
func TestAdvisory_CVE_2025_52901_CVE_2026_62684_secrets_in_addresses(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k := testKeys(t)
		s := serve(t, map[string]string{"page.html": "<a href=x>"}, func(u *setup) { u.cfg.Links, u.cfg.NoFastLane = k, off })
		token := signedLink(t, k, link.Link{Path: "page.html", Expires: time.Now().Add(time.Hour)})
		_, secret, _ := strings.Cut(token, "=")
		secret = secret[strings.LastIndexByte(secret, '.')+1:]
		if len(secret) < 40 {
			t.Fatalf("%q is no signature", secret)
		}
		a := s.get(t, "/page.html?"+token, "Authorization: Basic c2VjcmV0OnBhc3N3b3Jk", "Cookie: session=c2VjcmV0")
		if a.Status != 401 && a.Status != 200 {
			t.Errorf("GET = %d", a.Status)
		}
		a = s.get(t, "/page.html?"+token)
		if a.Status != 200 || a.Header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(string(a.Head()), secret) {
			t.Errorf("GET = %d %s", a.Status, a.Head())
		}
		s.stop()
		for _, hidden := range []string{secret, "c2VjcmV0"} {
			if strings.Contains(s.log.String(), hidden) {
				t.Errorf("the log has %q:\n%s", hidden, s.log.String())
			}
		}
		if !strings.Contains(s.log.String(), "/page.html?link=") {
			t.Errorf("the control: the log has no such request:\n%s", s.log.String())
		}
	})
}
