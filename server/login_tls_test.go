package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/link"
)

// Over TLS, by HTTP/1.1 and HTTP/2, the cookies are for this host over TLS alone, and one that anybody else of the domain could
// have set is none.
func TestSigningInOverTLS(t *testing.T) {
	certs := newCertificate(t, t.TempDir(), "first")
	_, login := withLogin(t, false, false, func(c *authn.SessionsConfig) { c.Insecure = false })
	s := serve(t, smallTree, func(u *setup) { login(u); u.cfg.Certificates = certs.open(t) })
	for _, h2 := range []bool{false, true} {
		b := s.browser(t)
		transport := certs.transport(h2)
		t.Cleanup(transport.CloseIdleConnections)
		b.at, b.http.Transport = "https://"+s.addr, transport
		in := b.signIn("alice", "ecila", "/a.txt")
		if in.StatusCode != 303 || in.ProtoMajor == 2 != h2 {
			t.Fatalf("signing in by %s: %d\n%s", in.Proto, in.StatusCode, in.body)
		}
		c := in.Cookies()[0]
		if c.Name != "__Host-rootbound" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("by %s: Set-Cookie: %s", in.Proto, c.Raw)
		}
		if a := b.get("/a.txt"); a.StatusCode != 200 {
			t.Errorf("by %s: %d", in.Proto, a.StatusCode)
		}
		other := s.browser(t)
		other.at, other.http.Transport = b.at, transport
		if a := other.get("/a.txt", "Cookie: rootbound="+c.Value); a.StatusCode != 401 {
			t.Errorf("without the prefix: %d", a.StatusCode)
		}
		if a := other.get("/a.txt", "Cookie: __Host-rootbound="+c.Value); a.StatusCode != 200 {
			t.Errorf("control: %d", a.StatusCode)
		}
		if out := b.do("POST", "/-/logout", url.Values{"form": {b.form()}}.Encode()); out.StatusCode != 303 || b.session() != "" {
			t.Errorf("signing out by %s: %d", in.Proto, out.StatusCode)
		}
	}
}

// A link to a user leads a browser to the page and, signed in as that user, back to the file. Control: another user.
func TestLinkToWhoSignsIn(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		_, login := withLogin(t, false, off, nil)
		keys := testKeys(t)
		s := serve(t, grantTree, func(u *setup) { login(u); u.cfg.Links = keys })
		target := "/notes.txt?" + signedLink(t, keys, link.Link{Path: "notes.txt", To: "alice"})
		for user, want := range map[string]int{"alice": 200, "bob": 404} {
			b := s.browser(t)
			if a := b.get(target); a.StatusCode != 401 || !strings.Contains(a.body, "/-/login?next="+url.QueryEscape(target)) {
				t.Fatalf("without a session: %d\n%s", a.StatusCode, a.body)
			}
			in := b.signIn(user, map[string]string{"alice": "ecila", "bob": "bob"}[user], target)
			if to := in.Header.Get("Location"); in.StatusCode != 303 || to != target {
				t.Errorf("%s is led to %d %q", user, in.StatusCode, to)
			}
			if a := b.get(target); a.StatusCode != want {
				t.Errorf("the link by %s: %d, want %d", user, a.StatusCode, want)
			}
		}
		if b := s.browser(t); strings.Contains(fmt.Sprint(b.get("/-/login?next="+url.QueryEscape(target)).Header), "some-link") || strings.Contains(s.log.String(), ".some-link.") {
			t.Error("the log holds a link")
		}
	})
}
