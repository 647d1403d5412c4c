package main

import (
	"errors"
	"strconv"

	"github.com/rootbound/rootbound/link"
)

// maxKeys bounds a file of keys, in bytes.
const maxKeys = 1 << 20

// readLinkKeys reads a file that nobody else may.
func readLinkKeys(path string) ([]byte, error) { return readSecret("--link-keys", path, maxKeys) }

// loadLinkKeys reads the keys, for links that are made from a base URL; nil where no file is named.
func loadLinkKeys(path, base string) (*link.Keys, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readLinkKeys(path)
	if err != nil {
		return nil, err
	}
	k, err := link.ParseKeys(text)
	if err != nil {
		return nil, badKeys(path, err)
	}
	k.BindHost(hostOf(base))
	return k, nil
}

func badKeys(path string, err error) error {
	var le *link.LineError
	what := "--link-keys " + strconv.Quote(path)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &le):
		return usage(what+", line "+strconv.Itoa(le.Line), le.Rule, le.Remedy)
	}
	return usage(what, innermost(err), "Name a file of keys")
}

// reloadLinkKeys reads the keys again. Where they cannot be used, the old ones stay.
func (p *process) reloadLinkKeys() {
	text, err := readLinkKeys(p.LinkKeys)
	if err == nil {
		err = badKeys(p.LinkKeys, p.links.Replace(text))
	}
	if err != nil {
		p.log.Error("the keys of links cannot be read again; the old ones stay", "error", p.sandboxed(err))
		return
	}
	p.log.Info("the keys of links were read again", "keys", p.links.Len())
}

// linkKeysAsUser reads the keys once more with the rights that are left.
func (p *process) linkKeysAsUser() error {
	if p.links == nil {
		return nil
	}
	if err := canRead(p.LinkKeys); err != nil {
		return usage("--link-keys "+strconv.Quote(p.LinkKeys), "the user "+strconv.Quote(p.identity.name)+" may not read it, and so could not reload it later",
			"Have the file belong to that user, with mode 0600")
	}
	return nil
}
