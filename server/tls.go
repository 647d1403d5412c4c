package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/readfile"
)

// certificateCheck is how often, at most, a handshake looks whether the files changed.
const certificateCheck = time.Second

// Certificates are a certificate chain and its key in PEM files, read again on Reload and when a handshake finds
// them changed. It is safe for concurrent use.
type Certificates struct {
	certFile, keyFile string
	// Log is told of a reload that failed; default slog.Default(). Set it before use.
	Log *slog.Logger

	mu      sync.Mutex
	cert    *tls.Certificate
	stamps  []stamp
	checked time.Time
}

// stamp is what shows that a file is another one, or was written.
type stamp struct {
	mod  time.Time
	size int64
}

// OpenCertificates reads both files. A key that is not the certificate's is an error that names both.
func OpenCertificates(certFile, keyFile string) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again. Where that fails the old certificate stays in use.
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload()
}

func (c *Certificates) reload() error {
	stamps := stampsOf(c.certFile, c.keyFile) // before reading: a change in between is seen next time
	cert, err := readPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("server: certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.cert, c.stamps, c.checked = &cert, stamps, time.Now()
	return nil
}

// readPair is tls.LoadX509KeyPair, of files that are never waited for.
func readPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := readfile.Read(certFile, maxTrustFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readfile.Read(keyFile, maxTrustFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

func stampsOf(paths ...string) []stamp {
	s := make([]stamp, len(paths))
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

// get is tls.Config.GetCertificate.
func (c *Certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) < certificateCheck {
		return c.cert, nil
	}
	c.checked = time.Now()
	if now := stampsOf(c.certFile, c.keyFile); !slices.Equal(now, c.stamps) {
		if err := c.reload(); err != nil {
			c.stamps = now // say it once, not at every handshake
			c.logger().Error("the old certificate stays in use", "cause", printableError(err))
		}
	}
	return c.cert, nil
}

func (c *Certificates) logger() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.Default()
}

func (c *Certificates) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
}
