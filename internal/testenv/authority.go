package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"testing"
	"time"
)

// Authority signs certificates of clients, and revokes them.
type Authority struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	revoked     []x509.RevocationListEntry
}

// NewAuthority makes an authority of that name, under parent; nil makes a root.
func NewAuthority(tb testing.TB, name string, parent *Authority) *Authority {
	tb.Helper()
	now := time.Now()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte(name),
	}
	a := &Authority{}
	a.Certificate, a.key = parent.sign(tb, template)
	return a
}

// sign makes a certificate with a key of its own.
func (a *Authority) sign(tb testing.TB, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		tb.Fatal(err)
	}
	by, with := template, key
	if a != nil {
		by, with = a.Certificate, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), with)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c, key
}

// Client makes a certificate that clients may show, with whatever change makes of it.
func (a *Authority) Client(tb testing.TB, name string, change func(*x509.Certificate)) tls.Certificate {
	tb.Helper()
	now := time.Now()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	c, key := a.sign(tb, template)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

// Revoke takes a certificate back, in lists from now on.
func (a *Authority) Revoke(c tls.Certificate) {
	a.revoked = append(a.revoked, x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: time.Now()})
}

// WriteCA writes the certificates of authorities.
func WriteCA(tb testing.TB, path string, authorities ...*Authority) {
	tb.Helper()
	var text []byte
	for _, a := range authorities {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate.Raw})...)
	}
	writeFile(tb, path, text)
}

// WriteCRL writes the authority's list of what it revoked, which another follows after that time.
func (a *Authority) WriteCRL(tb testing.TB, path string, next time.Duration) {
	tb.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(next), RevokedCertificateEntries: a.revoked,
	}, a.Certificate, a.key)
	if err != nil {
		tb.Fatal(err)
	}
	writeFile(tb, path, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// WriteClient writes a client's certificate and its key.
func WriteClient(tb testing.TB, certFile, keyFile string, c tls.Certificate) {
	tb.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	writeFile(tb, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	writeFile(tb, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

func writeFile(tb testing.TB, path string, text []byte) {
	tb.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
}
