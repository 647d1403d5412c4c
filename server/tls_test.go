package server

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// certificate is a key pair in files.
type certificate struct{ cert, key string }

// newCertificate writes a self-signed certificate for localhost.
func newCertificate(t *testing.T, dir, name string) certificate {
	t.Helper()
	c := certificate{filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")}
	if err := testenv.WriteCertificate(c.cert, c.key, name); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c certificate) open(t *testing.T) *Certificates {
	t.Helper()
	certs, err := OpenCertificates(c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

// transport is a client's that takes any certificate.
func (c certificate) transport(h2 bool) *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2}
}

func (c certificate) dial(t *testing.T, addr, proto string) *tls.Conn {
	t.Helper()
	nc := dialSmall(t, addr)
	tc := tls.Client(nc, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{proto}})
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	return tc
}

// serving says which certificate a handshake shows.
func serving(t *testing.T, addr string) string {
	t.Helper()
	c := certificate{}.dial(t, addr, "http/1.1")
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func copyPair(t *testing.T, from, to certificate) {
	t.Helper()
	for _, p := range [][2]string{{from.cert, to.cert}, {from.key, to.key}} {
		b, err := os.ReadFile(p[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p[1], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificatesReload(t *testing.T) {
	dir := t.TempDir()
	first, second, third := newCertificate(t, dir, "first"), newCertificate(t, dir, "second"), newCertificate(t, dir, "third")
	live := certificate{filepath.Join(dir, "live.pem"), filepath.Join(dir, "live.key")}
	copyPair(t, first, live)
	certs := live.open(t)
	s := serve(t, smallTree, func(u *setup) {
		certs.Log = u.cfg.Log
		u.cfg.Certificates = certs
	})
	if got := serving(t, s.addr); got != "first" {
		t.Errorf("at start: %s", got)
	}
	copyPair(t, second, live)
	if err := certs.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := serving(t, s.addr); got != "second" {
		t.Errorf("after Reload: %s", got)
	}
	copyPair(t, third, live)
	await(t, "the third certificate", func() bool { return serving(t, s.addr) == "third" })

	// A pair that does not match changes nothing, and is said once.
	copyPair(t, certificate{first.cert, second.key}, live)
	if err := certs.Reload(); err == nil || !strings.Contains(err.Error(), live.cert) || !strings.Contains(err.Error(), live.key) {
		t.Errorf("mismatch: %v", err)
	}
	await(t, "the complaint", func() bool {
		if got := serving(t, s.addr); got != "third" {
			t.Fatalf("after a mismatch: %s", got)
		}
		return strings.Contains(s.log.String(), "the old certificate stays in use")
	})
}

func TestCertificatesRefused(t *testing.T) {
	dir := t.TempDir()
	a, b := newCertificate(t, dir, "a"), newCertificate(t, dir, "b")
	for _, pair := range [][2]string{{a.cert, b.key}, {a.cert, filepath.Join(dir, "none")}, {a.key, a.cert}} {
		_, err := OpenCertificates(pair[0], pair[1])
		if err == nil || !strings.Contains(err.Error(), pair[0]) || !strings.Contains(err.Error(), pair[1]) {
			t.Errorf("%v: error %v does not name both", pair, err)
		}
	}
}
