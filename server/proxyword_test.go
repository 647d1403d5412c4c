package server

import (
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/testenv"
)

// byProxy has proxies of the ranges say who asks.
func byProxy(t *testing.T, anonymous bool, ranges ...string) func(*setup) {
	t.Helper()
	a, err := authn.New(authn.Config{Methods: []authn.Method{authn.Proxy{}}, Anonymous: anonymous})
	if err != nil {
		t.Fatal(err)
	}
	return func(u *setup) {
		u.cfg.Authn, u.cfg.TrustedProxies = a, prefixes(ranges...)
		u.cfg.ProxyUserHeader, u.cfg.ProxyGroupsHeader = "Remote-User", "Remote-Groups"
	}
}

// A trusted proxy's word counts as long as it is the only one; a client's own never does, in no spelling. Control: the same
// header from the proxy lets in.
func TestProxyWord(t *testing.T) {
	s := serve(t, smallTree, byProxy(t, false, "127.0.0.1/32"))
	for _, tt := range []struct {
		fields []string
		want   int
	}{
		{[]string{"Remote-User: alice"}, 200},
		{[]string{"remote-user: alice", "REMOTE-GROUPS: staff, night"}, 200},
		{[]string{"Remote-User: alice", "Authorization: Basic eDp5"}, 200}, // what the proxy asked for is its own affair
		{nil, 401},
		{[]string{"Remote-User:"}, 401},
		{[]string{"Remote-Groups: staff"}, 401},
		{[]string{"Remote-User: (null)"}, 401},
		{[]string{"Remote-User: alice", "Remote-User: alice"}, 401},
		{[]string{"Remote-User: alice", "Remote-User: root"}, 401},
		{[]string{"Remote-User: alice, root"}, 401},
		{[]string{"Remote_User: root"}, 401},
		{[]string{"Remote-User: alice", "Remote_User: root"}, 401},
		{[]string{"Remote-User: alice", "REMOTE_USER: root"}, 401},
		{[]string{"Remote-User: alice", "Remote_Groups: staff"}, 401},
		{[]string{"Remote-User: alice", "Remote-Groups: a", "Remote-Groups: staff"}, 401},
		{[]string{"Remote-User: link:x"}, 401},
		{[]string{"Remote-User: al\xffice"}, 401},
		{[]string{"Remote-User: " + strings.Repeat("x", 256)}, 401},
		{[]string{"Remote-User: " + strings.Repeat("x", 40<<10)}, 431},
	} {
		for _, target := range []string{"/a.txt", "/../x"} {
			want := tt.want
			if want == 200 && target != "/a.txt" {
				want = 403
			}
			if a := s.get(t, target, tt.fields...); a.Status != want {
				t.Errorf("%q: GET %s = %d, want %d", tt.fields, target, a.Status, want)
			}
		}
	}
	if !s.logs(t, "subject=alice") || strings.Contains(s.log.String(), "subject=root") {
		t.Error("the log does not tell who asked")
	}
}

// Whoever is no trusted proxy is refused with such a header, whatever it asks and whoever may read.
func TestProxyWordSpoofed(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		s := serve(t, smallTree, byProxy(t, anonymous, "192.0.2.0/24"))
		without := 401
		if anonymous {
			without = 200
		}
		if a := s.get(t, "/a.txt"); a.Status != without {
			t.Errorf("without a header: %d", a.Status)
		}
		for _, f := range []string{"Remote-User: alice", "REMOTE-USER: alice", "Remote_User: alice", "remote_user: alice", "Remote-Groups: staff", "Remote_Groups: staff", "Remote-User:"} {
			for _, target := range []string{"/a.txt", "/missing", "/../x", "/-/healthz"} {
				if a := s.get(t, target, f); a.Status != 421 {
					t.Errorf("%q: GET %s = %d", f, target, a.Status)
				}
			}
		}
		// A forwarding header makes nobody a proxy.
		if a := s.get(t, "/a.txt", "Remote-User: alice", "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"); a.Status != 421 {
			t.Errorf("with forwarding headers: %d", a.Status)
		}
		if strings.Contains(s.log.String(), "subject=") {
			t.Error("the log believes a header")
		}
	}
	if _, err := New(Config{ProxyUserHeader: "Remote-User"}); err == nil || !strings.Contains(err.Error(), "needs a trusted proxy") {
		t.Errorf("without any proxy: %v", err)
	}
}

// A proxy may show who it is by its certificate; it is then not somebody who asks.
func TestProxyCertificate(t *testing.T) {
	s := serveCertificates(t, authn.SubjectCN, func(s *trusting, u *setup) {
		u.cfg.ProxyUserHeader = "Remote-User"
		u.cfg.ProxyCertificate = func(c *x509.Certificate) bool {
			name, err := authn.SubjectCN.Of(c)
			return err == nil && name == "proxy"
		}
	})
	proxy, alice, gone := s.ca.Client(t, "proxy", nil), s.ca.Client(t, "alice", nil), s.ca.Client(t, "proxy", nil)
	foreign := testenv.NewAuthority(t, "ca", nil).Client(t, "proxy", nil)
	s.ca.Revoke(gone)
	s.ca.WriteCRL(t, s.crlFile, 1<<40)
	if err := s.cas.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := s.as(t, &proxy, false, "Remote-User: bob", "X-Forwarded-For: 192.0.2.9"); got != 200 {
		t.Errorf("the proxy: %d", got)
	}
	if got := s.as(t, &proxy, false); got != 401 {
		t.Errorf("the proxy for nobody: %d", got)
	}
	if got := s.as(t, &alice, false, "Remote-User: bob"); got != 421 {
		t.Errorf("a client's own word: %d", got)
	}
	if got := s.as(t, &gone, false, "Remote-User: bob"); got != 421 {
		t.Errorf("a proxy whose certificate was revoked: %d", got)
	}
	if got := s.as(t, &foreign, false, "Remote-User: bob"); got != 421 {
		t.Errorf("a stranger of the proxy's name: %d", got)
	}
	if !s.logs(t, "client=192.0.2.9") || !s.logs(t, "subject=bob") {
		t.Error("the log does not tell who asked")
	}
}

// A real nginx that authenticates: what the client says of itself is not what arrives.
func TestProxyWordByNginx(t *testing.T) {
	s := serve(t, smallTree, byProxy(t, false, "127.0.0.1/32"))
	password := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(password, []byte("alice:{PLAIN}ecila\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// The one way to write it, and one that forgets: it lets the client's own header through.
	const forward = `proxy_pass http://%s; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Forwarded "";`
	pass := strings.ReplaceAll(forward, "%s", s.addr)
	proxy := testenv.Nginx(t, testenv.NginxConfig{Server: `
		location / { auth_basic "x"; auth_basic_user_file ` + password + `; ` + pass + ` proxy_set_header Remote-User $remote_user; proxy_set_header Remote-Groups ""; }
		location /open/ { ` + strings.Replace(pass, ";", "/;", 1) + ` proxy_set_header Remote-User ""; proxy_set_header Remote-Groups ""; }`})
	get := func(path string, fields ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, proxy+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			k, v, _ := strings.Cut(f, ": ")
			r.Header[k] = append(r.Header[k], v)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	defer http.DefaultClient.CloseIdleConnections()
	_, credential, _ := strings.Cut(basic("alice", "ecila"), ": ")
	if status, body := get("/a.txt", "Authorization: "+credential); status != 200 || body != smallTree["a.txt"] {
		t.Errorf("alice: %d %q", status, body)
	}
	if status, _ := get("/a.txt"); status != 401 {
		t.Errorf("without a password: %d", status)
	}
	for _, f := range []string{"Remote-User: root", "remote-user: root", "Remote_User: root", "REMOTE_USER: root", "Connection: Remote-User"} {
		if status, _ := get("/a.txt", f, "Authorization: "+credential); status != 200 {
			t.Errorf("alice with %q: %d", f, status)
		}
		if status, _ := get("/open/a.txt", f); status != 401 {
			t.Errorf("nobody with %q: %d", f, status)
		}
	}
	for _, f := range []string{"X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6"} {
		if status, _ := get("/a.txt", f, "Authorization: "+credential); status != 200 {
			t.Errorf("alice with %q: %d", f, status)
		}
	}
	if !s.logs(t, "subject=alice") || strings.Contains(s.log.String(), "subject=root") || strings.Contains(s.log.String(), "6.6.6.6") {
		t.Errorf("the log believes the client:\n%s", s.log)
	}
}
