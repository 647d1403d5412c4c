package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const perDir = 100

// files makes what is served, each kind when the first row asks for it.
type files struct {
	base     string
	count    int // how many files of 4 KiB there are, for random names
	distinct int // how many that are asked for once
	made     map[string]bool
}

// old is what every file was last changed: long ago, so that no server treats
// it as being written to.
var old = time.Now().Add(-time.Hour)

// hot returns the name of the one file of that many bytes.
func hot(size int64) string { return fmt.Sprintf("files/%d.bin", size) }

func many(i int) string { return fmt.Sprintf("many/%02d/%05d.bin", i/perDir, i) }

func distinct(i int) string { return fmt.Sprintf("distinct/%04d/%06d.bin", i/perDir, i) }

func (f *files) hot(size int64) (string, error) {
	name := hot(size)
	return name, f.once(name, func() error { return f.write(name, size) })
}

func (f *files) many() error {
	return f.once("many", func() error { return f.writeAll(f.count, 4<<10, many) })
}

func (f *files) distinctFiles() error {
	return f.once("distinct", func() error { return f.writeAll(f.distinct, 1<<10, distinct) })
}

func (f *files) once(what string, do func() error) error {
	if f.made[what] {
		return nil
	}
	f.made[what] = true
	return do()
}

func (f *files) writeAll(n int, size int64, name func(int) string) error {
	for i := range n {
		if err := f.write(name(i), size); err != nil {
			return err
		}
	}
	return nil
}

// write makes a file of bytes that do not compress away, and of no type that a
// server might compress.
func (f *files) write(name string, size int64) error {
	path := filepath.Join(f.base, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	block := make([]byte, min(size, 1<<20))
	_, _ = rand.Read(block) // never fails
	w, err := os.Create(path)
	if err != nil {
		return err
	}
	defer w.Close()
	for left := size; left > 0; left -= int64(len(block)) {
		if _, err := w.Write(block[:min(left, int64(len(block)))]); err != nil {
			return err
		}
	}
	return os.Chtimes(path, old, old)
}

// certificate writes cert.pem and key.pem for the loopback address into dir.
// P-256: what certificate authorities hand out, and cheap for both libraries.
func certificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "127.0.0.1"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), text, 0o644); err != nil {
		return err
	}
	text = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return os.WriteFile(filepath.Join(dir, "key.pem"), text, 0o600)
}
