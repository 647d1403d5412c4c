package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/readfile"
	"github.com/rootbound/rootbound/internal/request"
)

// ClientCAs are the authorities whose certificates tell clients apart, and what they revoked, in PEM files that are read again on
// Reload and when a handshake finds them changed. Whether a certificate holds is asked for every request: a connection that
// outlives its certificate, or the certificate's revocation, is let in no more. It is safe for concurrent use.
type ClientCAs struct {
	caFile, crlFile string
	// Log is told of a reload that failed; default slog.Default(). Set it before use.
	Log *slog.Logger

	trust atomic.Pointer[trust]

	mu      sync.Mutex
	stamps  []stamp
	checked time.Time
}

// trust is what the files said. It does not change.
type trust struct {
	roots   *x509.CertPool
	crls    map[string]*revoked // by the issuer's subject, as it is encoded; nil: revocation is not asked about
	revokes bool
}

type revoked struct {
	serials map[string]bool
	until   time.Time
}

// maxTrustFile bounds the files of authorities and revocations, in bytes.
const maxTrustFile = 64 << 20

// OpenClientCAs reads both files; crlFile may be "".
func OpenClientCAs(caFile, crlFile string) (*ClientCAs, error) {
	c := &ClientCAs{caFile: caFile, crlFile: crlFile}
	return c, c.Reload()
}

// Reload reads the files again. Where that fails the old ones stay in force.
func (c *ClientCAs) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload()
}

func (c *ClientCAs) reload() error {
	stamps := stampsOf(c.caFile, c.crlFile) // before reading: a change in between is seen next time
	t, err := readTrust(c.caFile, c.crlFile)
	if err != nil {
		return err
	}
	c.trust.Store(t)
	c.stamps, c.checked = stamps, time.Now()
	return nil
}

// look reads the files again where they changed, at most once a second.
func (c *ClientCAs) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) < certificateCheck {
		return
	}
	c.checked = time.Now()
	now := stampsOf(c.caFile, c.crlFile)
	if slices.Equal(now, c.stamps) {
		return
	}
	if err := c.reload(); err != nil {
		c.stamps = now // say it once
		log := c.Log
		if log == nil {
			log = slog.Default()
		}
		log.Error("the old certificate authorities and revocations stay in force", "cause", printableError(err))
	}
}

func readTrust(caFile, crlFile string) (*trust, error) {
	t := &trust{roots: x509.NewCertPool()}
	blocks, err := readPEM(caFile, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	var authorities []*x509.Certificate
	for _, der := range blocks {
		ca, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("server: %s: %w", caFile, err)
		}
		if !ca.IsCA || !ca.BasicConstraintsValid {
			return nil, fmt.Errorf("server: %s: the certificate of %q is not one of an authority", caFile, ca.Subject.String())
		}
		t.roots.AddCert(ca)
		authorities = append(authorities, ca)
	}
	if crlFile == "" {
		return t, nil
	}
	t.crls, t.revokes = map[string]*revoked{}, true
	if blocks, err = readPEM(crlFile, "X509 CRL"); err != nil {
		return nil, err
	}
	for _, der := range blocks {
		if err := t.revoke(der, authorities); err != nil {
			return nil, fmt.Errorf("server: %s: %w", crlFile, err)
		}
	}
	return t, nil
}

// revoke takes up one list (RFC 5280 5), which must be an authority's own.
func (t *trust) revoke(der []byte, authorities []*x509.Certificate) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	signed := false
	for _, ca := range authorities {
		signed = signed || bytes.Equal(ca.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(ca) == nil
	}
	if !signed {
		return fmt.Errorf("the list of %q is not signed by one of the authorities", list.Issuer.String())
	}
	if list.NextUpdate.IsZero() || time.Now().After(list.NextUpdate) {
		return fmt.Errorf("the list of %q is out of date: another should have come by %s", list.Issuer.String(), list.NextUpdate.Format(time.RFC3339))
	}
	for _, e := range list.Extensions {
		if e.Critical { // it is a part of a list, or of another kind (RFC 5280 5.2)
			return fmt.Errorf("the list of %q has a critical extension that is not known here", list.Issuer.String())
		}
	}
	r := t.crls[string(list.RawIssuer)]
	if r == nil {
		r = &revoked{serials: map[string]bool{}, until: list.NextUpdate}
		t.crls[string(list.RawIssuer)] = r
	}
	if list.NextUpdate.Before(r.until) {
		r.until = list.NextUpdate
	}
	for _, e := range list.RevokedCertificateEntries {
		r.serials[string(e.SerialNumber.Bytes())] = true
	}
	return nil
}

func readPEM(path, kind string) ([][]byte, error) {
	text, err := readfile.Read(path, maxTrustFile)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != kind {
			return nil, fmt.Errorf("server: %s: it holds %q, and should hold %q alone", path, block.Type, kind)
		}
		out = append(out, block.Bytes)
		text = rest
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("server: %s: it holds no %q in PEM", path, kind)
	}
	return out, nil
}

// verdict is what was found out about the certificate of a connection.
type verdict struct {
	by    *trust
	chain []*x509.Certificate
	err   error
}

// verify says whether a client's certificate holds now. What takes long is remembered for the connection.
func (c *ClientCAs) verify(of *atomic.Pointer[verdict], sent []*x509.Certificate, now time.Time) error {
	c.look()
	t := c.trust.Load()
	v := of.Load()
	if v == nil || v.by != t {
		v = t.judge(sent, now)
		of.Store(v)
	}
	if v.err != nil {
		return v.err
	}
	for i, cert := range v.chain {
		if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
			return errors.New("the certificate has expired")
		}
		if i+1 < len(v.chain) {
			if err := t.revoked(cert, i == 0, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *trust) judge(sent []*x509.Certificate, now time.Time) *verdict {
	opts := x509.VerifyOptions{Roots: t.roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range sent[1:] {
		opts.Intermediates.AddCert(c)
	}
	chains, err := sent[0].Verify(opts)
	if err != nil {
		return &verdict{by: t, err: fmt.Errorf("the certificate does not hold: %w", err)}
	}
	return &verdict{by: t, chain: chains[0]}
}

// revoked says whether a certificate's issuer took it back. Where nobody can say so of a client's own, it does not hold.
func (t *trust) revoked(c *x509.Certificate, leaf bool, now time.Time) error {
	if !t.revokes {
		return nil
	}
	switch r := t.crls[string(c.RawIssuer)]; {
	case r == nil && leaf:
		return errors.New("there is no list of what the certificate's issuer revoked")
	case r == nil:
		return nil
	case now.After(r.until):
		return errors.New("the list of what the certificate's issuer revoked is out of date")
	case r.serials[string(c.SerialNumber.Bytes())]:
		return errors.New("the certificate was revoked")
	}
	return nil
}

// clientCertificate notes the client's certificate, or that it is a trusted proxy's.
func (s *Server) clientCertificate(f *request.Facts, r *http.Request) {
	if s.cfg.ClientCAs == nil || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return
	}
	c, _ := r.Context().Value(connKey{}).(*conn)
	cert := r.TLS.PeerCertificates[0]
	if err := s.cfg.ClientCAs.verify(&c.certificate, r.TLS.PeerCertificates, f.Received); err != nil {
		f.CertificateErr = err
		return
	}
	if s.cfg.ProxyCertificate != nil && s.cfg.ProxyCertificate(cert) {
		f.ByProxy = true
		return
	}
	f.Certificate = cert
}

// askForCertificates has handshakes ask for a client's certificate, and name the authorities for whoever has several. Whether it
// holds is not their business: who has none, or one that does not, may have another credential, and is answered in words.
func (c *ClientCAs) askForCertificates(cfg *tls.Config) {
	cfg.ClientAuth = tls.RequestClientCert
	base := cfg.Clone()
	base.NextProtos = []string{"h2", "http/1.1"} // as net/http has it for a configuration that it was given itself
	var last atomic.Pointer[askConfig]
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c.look()
		t := c.trust.Load()
		if l := last.Load(); l != nil && l.of == t {
			return l.cfg, nil
		}
		next := &askConfig{of: t, cfg: base.Clone()}
		next.cfg.ClientCAs = t.roots
		last.Store(next)
		return next.cfg, nil
	}
}

type askConfig struct {
	of  *trust
	cfg *tls.Config
}
