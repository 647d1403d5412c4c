package server

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/testenv"
)

// trusting is a server that takes certificates of an authority.
type trusting struct {
	*served
	ca       *testenv.Authority
	caFile   string
	crlFile  string
	cas      *ClientCAs
	sessions tls.ClientSessionCache
}

func serveCertificates(t *testing.T, where authn.NameIn, change func(*trusting, *setup)) *trusting {
	t.Helper()
	dir := t.TempDir()
	s := &trusting{ca: testenv.NewAuthority(t, "ca", nil), caFile: filepath.Join(dir, "ca"), crlFile: filepath.Join(dir, "crl"), sessions: tls.NewLRUClientSessionCache(8)}
	testenv.WriteCA(t, s.caFile, s.ca)
	s.ca.WriteCRL(t, s.crlFile, time.Hour)
	var err error
	if s.cas, err = OpenClientCAs(s.caFile, s.crlFile); err != nil {
		t.Fatal(err)
	}
	own := newCertificate(t, dir, "server").open(t)
	s.served = serve(t, smallTree, func(u *setup) {
		u.cfg.Certificates, u.cfg.ClientCAs = own, s.cas
		s.cas.Log = u.cfg.Log
		a, err := authn.New(authn.Config{Methods: []authn.Method{authn.Proxy{}, authn.Certificates{NameIn: where}}})
		if err != nil {
			t.Fatal(err)
		}
		u.cfg.Authn = a
		if change != nil {
			change(s, u)
		}
	})
	return s
}

// as asks for a name with a certificate; nil shows none.
func (s *trusting) as(t *testing.T, c *tls.Certificate, h2 bool, fields ...string) (status int) {
	t.Helper()
	cl := s.client(c, h2)
	defer cl.CloseIdleConnections()
	spoken := ""
	cl.Transport.(*http.Transport).TLSClientConfig.VerifyConnection = func(st tls.ConnectionState) error {
		spoken = st.NegotiatedProtocol
		return nil
	}
	status = getStatus(t, cl, "https://"+s.addr+"/a.txt", fields...)
	if (spoken == "h2") != h2 {
		t.Errorf("the connection speaks %q", spoken)
	}
	return status
}

func (s *trusting) client(c *tls.Certificate, h2 bool) *http.Client {
	cfg := &tls.Config{InsecureSkipVerify: true}
	if c != nil { // whatever authorities the server names
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: h2}}
}

func getStatus(t *testing.T, c *http.Client, url string, fields ...string) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		r.Header[k] = append(r.Header[k], v)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// Who shows a certificate of the authority is let in by the name in it; every other certificate is the 401 of none, whatever is
// wrong with it. Control: the same client with one that holds.
func TestClientCertificates(t *testing.T) {
	s := serveCertificates(t, authn.SubjectCN, nil)
	stranger := testenv.NewAuthority(t, "ca", nil) // the same name, another key
	inner := testenv.NewAuthority(t, "inner", s.ca)
	good := s.ca.Client(t, "alice", nil)
	gone := s.ca.Client(t, "gone", nil)
	s.ca.Revoke(gone)
	s.ca.WriteCRL(t, s.crlFile, time.Hour)
	if err := s.cas.Reload(); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*x509.Certificate)) *tls.Certificate {
		c := s.ca.Client(t, "alice", change)
		return &c
	}
	of := func(a *testenv.Authority, chain ...*testenv.Authority) *tls.Certificate {
		c := a.Client(t, "alice", nil)
		for _, in := range chain {
			c.Certificate = append(c.Certificate, in.Certificate.Raw)
		}
		return &c
	}
	for name, tt := range map[string]struct {
		c    *tls.Certificate
		want int
	}{
		"good":                         {&good, 200},
		"none":                         {nil, 401},
		"revoked":                      {&gone, 401},
		"a stranger's":                 {of(stranger), 401},
		"with the stranger along":      {of(stranger, stranger), 401},
		"self-signed":                  {of(nil), 401},
		"of an authority without list": {of(inner, inner), 401},
		"expired":                      {with(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), 401},
		"not yet":                      {with(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), 401},
		"for servers":                  {with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), 401},
		"without a name":               {with(func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"x"}} }), 401},
		"with two names": {with(func(c *x509.Certificate) {
			c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: "bob"}, {Type: []int{2, 5, 4, 3}, Value: "alice"}}
		}), 401},
		"with a pattern": {with(func(c *x509.Certificate) { c.Subject.CommonName = "*.example" }), 401},
		"with a control": {with(func(c *x509.Certificate) { c.Subject.CommonName = "alice\nbob" }), 401},
		"a link's name":  {with(func(c *x509.Certificate) { c.Subject.CommonName = "link:x" }), 401},
	} {
		for _, h2 := range []bool{false, true} {
			if got := s.as(t, tt.c, h2); got != tt.want {
				t.Errorf("%s (h2 %v): %d, want %d", name, h2, got, tt.want)
			}
		}
	}
	if !s.logs(t, "subject=alice") {
		t.Error("the log does not tell who asked")
	}
	// Another credential counts for itself.
	if got := s.as(t, &good, false, "Authorization: Basic eDp5"); got != 401 {
		t.Errorf("with a password that does not hold: %d", got)
	}
}

// A connection ends to count when its certificate is revoked or the list gets out of date, and so does a TLS session that is taken up again.
func TestClientCertificateRevoked(t *testing.T) {
	s := serveCertificates(t, authn.SubjectCN, nil)
	c := s.ca.Client(t, "alice", nil)
	client := s.client(&c, false)
	client.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = s.sessions
	defer client.CloseIdleConnections()
	url := "https://" + s.addr + "/a.txt"
	if got := getStatus(t, client, url); got != 200 {
		t.Fatalf("GET = %d", got)
	}
	s.ca.Revoke(c)
	s.ca.WriteCRL(t, s.crlFile, time.Hour)
	await(t, "the list to be read again", func() bool { return getStatus(t, client, url) == 401 })
	var resumed atomic.Bool
	again := s.client(&c, false)
	defer again.CloseIdleConnections()
	again.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = s.sessions
	again.Transport.(*http.Transport).TLSClientConfig.VerifyConnection = func(st tls.ConnectionState) error {
		resumed.Store(st.DidResume)
		return nil
	}
	if got := getStatus(t, again, url); got != 401 || !resumed.Load() {
		t.Errorf("a session taken up again (%v): %d", resumed.Load(), got)
	}
	// A list that cannot be used changes nothing.
	if err := os.WriteFile(s.crlFile, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "the complaint", func() bool {
		if got := getStatus(t, client, url); got != 401 {
			t.Fatalf("after a broken list: %d", got)
		}
		return strings.Contains(s.log.String(), "stay in force")
	})
}

// The time decides at each request.
func TestClientCertificateTime(t *testing.T) {
	dir := t.TempDir()
	ca := testenv.NewAuthority(t, "ca", nil)
	caFile, crlFile := filepath.Join(dir, "ca"), filepath.Join(dir, "crl")
	testenv.WriteCA(t, caFile, ca)
	ca.WriteCRL(t, crlFile, 10*time.Minute)
	cas, err := OpenClientCAs(caFile, crlFile)
	if err != nil {
		t.Fatal(err)
	}
	without, err := OpenClientCAs(caFile, "")
	if err != nil {
		t.Fatal(err)
	}
	c := ca.Client(t, "alice", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(20 * time.Minute) })
	sent := []*x509.Certificate{c.Leaf}
	var v, w atomic.Pointer[verdict]
	for _, tt := range []struct {
		after    time.Duration
		with, no bool
	}{{0, true, true}, {11 * time.Minute, false, true}, {21 * time.Minute, false, false}, {-90 * time.Minute, false, false}, {time.Minute, true, true}} {
		now := time.Now().Add(tt.after)
		if err := cas.verify(&v, sent, now); (err == nil) != tt.with {
			t.Errorf("after %v with a list: %v", tt.after, err)
		}
		if err := without.verify(&w, sent, now); (err == nil) != tt.no {
			t.Errorf("after %v without one: %v", tt.after, err)
		}
	}
}

func TestClientNames(t *testing.T) {
	ca := testenv.NewAuthority(t, "ca", nil)
	spiffe, err := url.Parse("spiffe://example/robot")
	if err != nil {
		t.Fatal(err)
	}
	c := ca.Client(t, "alice", func(c *x509.Certificate) {
		c.DNSNames, c.EmailAddresses, c.URIs = []string{"Host.example"}, []string{"alice@example.org"}, []*url.URL{spiffe}
	}).Leaf
	two := ca.Client(t, "alice", func(c *x509.Certificate) {
		c.DNSNames, c.EmailAddresses, c.URIs = []string{"a.example", "b.example"}, []string{"a@b", "c@d"}, []*url.URL{spiffe, spiffe}
	}).Leaf
	none := ca.Client(t, "alice", nil).Leaf
	for where, want := range map[authn.NameIn]string{authn.SubjectCN: "alice", authn.SANDNS: "host.example", authn.SANEmail: "alice@example.org", authn.SANURI: "spiffe://example/robot"} {
		if got, err := where.Of(c); got != want || err != nil {
			t.Errorf("%s: %q, %v", where, got, err)
		}
		for _, bad := range []*x509.Certificate{two, none} {
			if got, err := where.Of(bad); err == nil && where != authn.SubjectCN {
				t.Errorf("%s of several or none: %q", where, got)
			}
		}
	}
	if _, err := authn.NameIn("nowhere").Of(c); err == nil {
		t.Error("an unknown place")
	}
}

func TestClientCAsRefused(t *testing.T) {
	dir := t.TempDir()
	ca, other := testenv.NewAuthority(t, "ca", nil), testenv.NewAuthority(t, "ca", nil)
	at := func(n string) string { return filepath.Join(dir, n) }
	testenv.WriteCA(t, at("ca"), ca)
	ca.WriteCRL(t, at("crl"), time.Hour)
	ca.WriteCRL(t, at("old"), -time.Minute)
	other.WriteCRL(t, at("other"), time.Hour)
	testenv.WriteClient(t, at("leaf"), at("key"), ca.Client(t, "x", nil))
	for name, text := range map[string]string{"empty": "", "text": "nothing", "half": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "halfcrl": "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenClientCAs(at("ca"), at("crl")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range [][3]string{
		{"none", "", "no such file"},
		{"empty", "", "no \"CERTIFICATE\""},
		{"text", "", "no \"CERTIFICATE\""},
		{"half", "", "half"},
		{"key", "", "PRIVATE KEY"},
		{"leaf", "", "not one of an authority"},
		{"crl", "", "should hold"},
		{"ca", "none", "no such file"},
		{"ca", "empty", "no \"X509 CRL\""},
		{"ca", "halfcrl", "halfcrl"},
		{"ca", "ca", "should hold"},
		{"ca", "old", "out of date"},
		{"ca", "other", "not signed"},
	} {
		crl := ""
		if tt[1] != "" {
			crl = at(tt[1])
		}
		if _, err := OpenClientCAs(at(tt[0]), crl); err == nil || !strings.Contains(err.Error(), tt[2]) {
			t.Errorf("%s with %q: %v, want %q", tt[0], tt[1], err, tt[2])
		}
	}
	if _, err := New(Config{ClientCAs: &ClientCAs{}, Listeners: []net.Listener{}}); err == nil || !strings.Contains(err.Error(), "over TLS alone") {
		t.Errorf("without TLS: %v", err)
	}
}
