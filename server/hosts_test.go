package server

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/link"
)

func TestHostRule(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.cfg.Hosts = []string{"Files.Example"} })
	_, port, _ := strings.Cut(s.addr, ":")
	for _, tt := range []struct {
		host string
		want int
	}{
		{s.addr, 200},
		{"localhost", 200},
		{"localhost:" + port, 200},
		{"localhost:9000", 200}, // a forwarded port
		{"LOCALHOST", 200},
		{"localhost.", 200},
		{"files.example", 200},
		{"files.example:8443", 200},
		{"[::ffff:127.0.0.1]:" + port, 200},
		{"127.0.0.1", 421},
		{"127.0.0.1:1", 421},
		{"127.0.0.2:" + port, 421},
		{"[::1]:" + port, 421},
		{"evil.example", 421},
		{"evil.example:" + port, 421},
		{"localhost.evil.example", 421},
		{"xfiles.example", 421},
		{"127.0.0.1." + port + ".nip.example", 421},
		{"2130706433:" + port, 421},
		{"", 421},
	} {
		for _, target := range []string{"/a.txt", "/nothing", "/../x", "/-/healthz", "/-/metrics"} {
			a := s.get(t, target, "Host: "+tt.host)
			if (a.Status == 421) != (tt.want == 421) {
				t.Errorf("Host %q: %s = %d, want %d", tt.host, target, a.Status, tt.want)
			}
			if a.Status == 421 && (a.Header.Get("Cache-Control") != "no-store" || strings.Contains(string(a.Body), "evil")) {
				t.Errorf("Host %q: %v %q", tt.host, a.Header, a.Body)
			}
		}
	}
	// The absolute form names the host (RFC 9112 3.2.2), whatever the field says.
	if a := s.get(t, "http://evil.example/a.txt", "Host: "+s.addr); a.Status != 421 {
		t.Errorf("absolute form for another host = %d", a.Status)
	}
	if got := s.metric(t, `rootbound_refusals_total{reason="host-misdirected"}`); got == "0" {
		t.Error("no refusal was counted")
	}
}

// Where everybody may read, any host name does.
func TestHostRuleElsewhere(t *testing.T) {
	s := serve(t, smallTree, public)
	if a := s.get(t, "/a.txt", "Host: files.example"); a.Status != 200 {
		t.Errorf("GET = %d", a.Status)
	}
}

// public serves as if on an address that others reach.
func public(u *setup) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	u.cfg.Listeners, u.cfg.Public = []net.Listener{elsewhere{l}}, true
}

func TestProxyRule(t *testing.T) {
	fields := []string{"Forwarded: for=192.0.2.9", "X-Forwarded-For: 192.0.2.9", "X-Forwarded-Proto: https", "X-Forwarded-User: admin", "x-forwarded-host: x"}
	s := serve(t, smallTree, nil)
	for _, f := range fields {
		for _, target := range []string{"/a.txt", "/-/healthz"} {
			if a := s.get(t, target, f); a.Status != 421 {
				t.Errorf("%s with %q = %d, want 421", target, f, a.Status)
			}
		}
	}
	if !s.logs(t, "reason=proxy-untrusted") {
		t.Error("the log does not tell proxy-untrusted")
	}
	trusting := serve(t, smallTree, func(u *setup) { u.cfg.TrustedProxies = prefixes("127.0.0.0/8", "10.0.0.0/8") })
	for _, f := range fields {
		if a := trusting.get(t, "/a.txt", f); a.Status != 200 {
			t.Errorf("a trusted proxy's %q = %d", f, a.Status)
		}
	}
	if !trusting.logs(t, "client=192.0.2.9 peer=127.0.0.1") {
		t.Error("the log does not tell client and peer")
	}
}

// A link that is for one network is not had by whoever makes the proxy's two fields disagree: in doubt a client is nowhere, and not
// where the proxy is. Control: from the proxy's own address it is had.
func TestClientInDoubtIsNowhere(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		k := testKeys(t)
		s := serve(t, smallTree, func(u *setup) {
			u.cfg.Links, u.cfg.NoFastLane, u.cfg.TrustedProxies = k, off, prefixes("127.0.0.0/8")
		})
		link := signedLink(t, k, link.Link{Path: "a.txt", From: netip.MustParsePrefix("127.0.0.0/8")})
		for _, tt := range []struct {
			fields []string
			want   int
		}{
			{nil, 200},
			{[]string{"X-Forwarded-For: 127.0.0.9"}, 200},
			{[]string{"X-Forwarded-For: 192.0.2.1"}, 404},
			{[]string{"X-Forwarded-For: 127.0.0.9, 192.0.2.1"}, 404},
			{[]string{"X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.2"}, 404},
			{[]string{"X-Forwarded-For: 192.0.2.1", "Forwarded: for=127.0.0.9"}, 404},
			{[]string{"X-Forwarded-For: 192.0.2.1", "Forwarded: for=_x"}, 404},
			{[]string{"X-Forwarded-For: 192.0.2.1, x"}, 404},
		} {
			if a := s.get(t, "/a.txt?"+link, tt.fields...); a.Status != tt.want {
				t.Errorf("%q: %d, want %d", tt.fields, a.Status, tt.want)
			}
		}
		if !s.logs(t, "client=unknown peer=127.0.0.1") {
			t.Error("the log does not tell that the client is in doubt")
		}
	})
}

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, p := range texts {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func TestClientAddress(t *testing.T) {
	s := &Server{cfg: Config{TrustedProxies: prefixes("127.0.0.0/8", "10.0.0.0/8", "2001:db8:1::/48")}}
	local := &endpoint{local: true}
	const unknown = "invalid IP" // neither the proxy nor anybody else
	for _, tt := range []struct {
		peer   string
		header http.Header
		want   string
	}{
		{"127.0.0.1", nil, "127.0.0.1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"6.6.6.6, 192.0.2.1"}}, "192.0.2.1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"6.6.6.6", "192.0.2.1, 10.1.2.3"}}, "192.0.2.1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"192.0.2.1:4711"}}, "192.0.2.1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"[2001:db8:2::1]:4711, 2001:db8:1::9"}}, "2001:db8:2::1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"192.0.2.1, unknown"}}, unknown},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"192.0.2.1, "}}, unknown},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"10.0.0.1"}}, "127.0.0.1"},
		{"127.0.0.1", http.Header{"Forwarded": {`for=6.6.6.6, for="192.0.2.1:80";proto=https`}}, "192.0.2.1"},
		{"127.0.0.1", http.Header{"Forwarded": {`by=10.0.0.1;For="[2001:db8:2::1]"`}}, "2001:db8:2::1"},
		{"127.0.0.1", http.Header{"Forwarded": {`for=_hidden`}}, unknown},
		{"127.0.0.1", http.Header{"Forwarded": {"for=192.0.2.1"}, "X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"},
		{"127.0.0.1", http.Header{"Forwarded": {"for=6.6.6.6"}, "X-Forwarded-For": {"192.0.2.1"}}, unknown},
		{"127.0.0.1", http.Header{"Forwarded": {"proto=https"}, "X-Forwarded-For": {"192.0.2.1"}}, unknown},
		{"127.0.0.1", http.Header{"Forwarded": {"for=\"192.0.2.1"}, "X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"10.0.0.9, 127.0.0.1"}}, "127.0.0.1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {""}}, unknown},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"::ffff:192.0.2.1"}}, "192.0.2.1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"6.6.6.6, ::ffff:10.0.0.1"}}, "6.6.6.6"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"2001:db8:2::1%eth0"}}, "2001:db8:2::1"},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"192.0.2.1\x00"}}, unknown},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"127.1"}}, unknown},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"0x7f000001"}}, unknown},
		{"127.0.0.1", http.Header{"X-Forwarded-For": {"192.0.2.01"}}, unknown},
		{"192.0.2.77", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.77"},
		{"", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"}, // a Unix socket
	} {
		var peer netip.Addr
		if tt.peer != "" {
			peer = netip.MustParseAddr(tt.peer)
		}
		f := &request.Facts{Peer: peer, ByProxy: s.trusted(peer, local)}
		if got := s.clientOf(f, local, tt.header["X-Forwarded-For"], tt.header["Forwarded"]); got.String() != tt.want {
			t.Errorf("peer %q with %v: client %s, want %s", tt.peer, tt.header, got, tt.want)
		}
	}
}

// Identity is nobody's to claim by a header.
func TestAdvisory_CVE_2026_30851_identity_headers(t *testing.T) {
	s := serve(t, smallTree, public)
	want := s.get(t, "/a.txt")
	for _, h := range []string{"X-Forwarded-User: admin", "X-Forwarded-Email: a@b", "Remote-User: admin", "X-Remote-User: admin", "X_Forwarded_User: admin", "X-Auth-Request-User: admin"} {
		a := s.get(t, "/a.txt", h)
		if a.Status != want.Status || string(a.Body) != string(want.Body) {
			t.Errorf("%s: %d", h, a.Status)
		}
	}
	if strings.Contains(s.log.String(), "admin") || strings.Contains(s.log.String(), "subject=") {
		t.Errorf("the log believes a header:\n%s", s.log)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode %o, want 600", got)
	}
	if _, err := ListenUnix(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a second listener: %v", err)
	}
	s := serve(t, smallTree, func(u *setup) { u.cfg.Listeners = []net.Listener{l} })
	c := &attack.Client{Addr: "unix:" + path}
	defer c.Close()
	for _, tt := range []struct {
		header string
		want   int
	}{{"Host: localhost", 200}, {"Host: evil.example", 421}, {"X-Forwarded-For: 192.0.2.1", 421}} {
		a, err := c.Do("GET", "/a.txt", tt.header)
		if err != nil {
			t.Fatal(err)
		}
		if a.Status != tt.want {
			t.Errorf("%s = %d, want %d", tt.header, a.Status, tt.want)
		}
	}
	if !s.logs(t, "peer=unix") {
		t.Error("the log does not tell that the peer is a Unix socket's")
	}
}

func TestUnixSocketInTheWay(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("over a file: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "keep" {
		t.Error("the file is gone")
	}
	stale := filepath.Join(dir, "stale")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := ListenUnix(stale)
	if err != nil {
		t.Fatalf("over a stale socket: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestOwnPages(t *testing.T) {
	tree := map[string]string{"a.txt": "a"}
	admin := listen(t)
	local := serve(t, tree, nil)
	open := serve(t, tree, func(u *setup) { public(u); u.cfg.AdminListener = admin })
	adm := &served{Server: open.Server, addr: admin.Addr().String()}
	for _, tt := range []struct {
		target             string
		local, open, admin int
	}{
		{target: "/-/healthz", local: 200, open: 200, admin: 200},
		{target: "/-/readyz", local: 200, open: 200, admin: 200},
		{target: "/-/metrics", local: 200, open: 404, admin: 200},
		{target: "/-/nothing", local: 403, open: 404, admin: 404},
		{target: "/-/", local: 403, open: 404, admin: 404},
		{target: "/-/healthz/", local: 403, open: 404, admin: 404},
		{target: "/-/../a.txt", local: 403, open: 404, admin: 404},
		{target: "/%2d/metrics", local: 403, open: 403, admin: 404},
		{target: "//-/metrics", local: 403, open: 403, admin: 404},
		{target: "/a.txt", local: 200, open: 200, admin: 404},
	} {
		for _, srv := range []struct {
			s    *served
			want int
		}{{local, tt.local}, {open, tt.open}, {adm, tt.admin}} {
			if a := srv.s.get(t, tt.target); a.Status != srv.want {
				t.Errorf("%s on %s = %d, want %d", tt.target, srv.s.addr, a.Status, srv.want)
			}
		}
	}
	for _, p := range []string{"/-/healthz", "/-/readyz"} {
		if a := open.get(t, p); string(a.Body) != "ok\n" {
			t.Errorf("%s elsewhere = %q", p, a.Body)
		}
	}
	for _, s := range []*served{local, adm} {
		b := string(s.get(t, "/-/healthz").Body)
		if !strings.Contains(b, `"version":"test"`) || !strings.Contains(b, `"proven":true`) || strings.Contains(b, "/") {
			t.Errorf("health: %s", b)
		}
	}
	if got, want := stripped(open.get(t, "/-/metrics")), stripped(open.get(t, "/missing")); got.Body != want.Body {
		t.Errorf("/-/metrics elsewhere differs from what is missing: %q", got.Body)
	}
	if a := local.request(t, "POST", "/-/healthz"); a.Status != 405 {
		t.Errorf("POST /-/healthz = %d", a.Status)
	}
}

// FuzzClientAddress: whatever a proxy passes on, a client is never taken for a trusted proxy other than the peer, and what stands
// left of an address that is none of ours changes nothing.
func FuzzClientAddress(f *testing.F) {
	s := &Server{cfg: Config{TrustedProxies: prefixes("127.0.0.0/8", "10.0.0.0/8")}}
	local := &endpoint{local: true}
	peer := netip.MustParseAddr("127.0.0.1")
	f.Add("6.6.6.6, 10.0.0.1", "", "x")
	f.Add("", `for="[2001:db8::1]:80";proto=https`, `"`)
	f.Fuzz(func(t *testing.T, forwardedFor, forwarded, forged string) {
		var x, y []string
		if forwardedFor != "" {
			x = []string{forwardedFor}
		}
		if forwarded != "" {
			y = []string{forwarded}
		}
		facts := &request.Facts{Peer: peer, ByProxy: true}
		got := s.clientOf(facts, local, x, y)
		if got.IsValid() && got != peer && s.trusted(got, local) {
			t.Errorf("%q, %q: the client is the proxy %s", forwardedFor, forwarded, got)
		}
		// A proxy appends whom it was asked by.
		own := netip.MustParseAddr("192.0.2.7")
		if got := s.clientOf(facts, local, []string{forged + ", " + own.String()}, nil); got != own {
			t.Errorf("%q before it makes another client of it: %s", forged, got)
		}
	})
}
