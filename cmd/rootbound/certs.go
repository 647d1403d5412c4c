package main

import (
	"errors"
	"io/fs"
	"strconv"

	"github.com/rootbound/rootbound/internal/readfile"
	"github.com/rootbound/rootbound/server"
)

// loadCertificates reads certificate and key; nil where none are named.
func loadCertificates(cert, key string) (*server.Certificates, error) {
	if cert == "" {
		return nil, nil
	}
	for _, f := range []struct{ what, path string }{{"--tls-cert", cert}, {"--tls-key", key}} {
		if err := canRead(f.path); err != nil {
			return nil, unreadable(f.what+" "+strconv.Quote(f.path), err)
		}
	}
	c, err := server.OpenCertificates(cert, key)
	if err != nil {
		return nil, usage("--tls-cert "+strconv.Quote(cert)+" with --tls-key "+strconv.Quote(key), innermost(err),
			"Name a PEM certificate chain and the private key that belongs to it")
	}
	return c, nil
}

// reloadAsUser reads the files once more with the rights that are left.
func reloadAsUser(c *server.Certificates, id *identity, cert, key string) error {
	if c == nil {
		return nil
	}
	for _, f := range []struct{ what, path string }{{"--tls-cert", cert}, {"--tls-key", key}} {
		if err := canRead(f.path); errors.Is(err, fs.ErrPermission) {
			return usage(f.what+" "+strconv.Quote(f.path), "the user "+strconv.Quote(id.name)+" may not read it, and so could not reload it later",
				"Let that user read it, for instance by 'chgrp' to its group and 'chmod g+r', and enter the directories above it")
		}
	}
	if err := c.Reload(); err != nil {
		return usage("--tls-cert "+strconv.Quote(cert), innermost(err), "Put the files right and start again")
	}
	return nil
}

func canRead(path string) error {
	f, err := readfile.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// innermost is what was wrong at last; the names of the files stand in the message already.
func innermost(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
