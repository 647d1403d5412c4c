package undefended

import (
	"os"
	"path/filepath"
	"strings"
)

// walkers are careful about text and careless about what the file system holds.
func walkers() []Twin {
	return []Twin{
		{Name: "follow-links", Misreads: "refuses .. and hidden names, and follows every link", Read: followLinks},
		{Name: "leaf-links", Misreads: "looks for a link in the last element alone", Read: leafLinks},
		{Name: "sidecar", Misreads: "is confined, but opens precompressed siblings by path", Read: sidecar},
		{Name: "index", Misreads: "is confined, but opens index pages by path", Read: index},
		CheckThenOpen{}.Twin(),
	}
}

func visible(name string) error {
	if err := checked(name); err != nil {
		return err
	}
	for elem := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(elem, ".") && elem != "." {
			return ErrRefused
		}
	}
	return nil
}

func followLinks(base, name string) ([]byte, error) {
	if err := visible(name); err != nil {
		return nil, err
	}
	if strings.IndexByte(name, 0) >= 0 {
		return nil, errNotFound
	}
	return readAny(filepath.Join(base, filepath.FromSlash(name)))
}

func leafLinks(base, name string) ([]byte, error) {
	if err := visible(name); err != nil {
		return nil, err
	}
	p := filepath.Join(base, filepath.FromSlash(name))
	fi, err := os.Lstat(p)
	if err != nil {
		return nil, err
	}
	if fi.Mode()&os.ModeSymlink != 0 {
		return nil, ErrRefused
	}
	return readAny(p)
}

// readAny answers a file, a directory's index page, or its listing.
func readAny(p string) ([]byte, error) {
	fi, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return os.ReadFile(p)
	}
	if b, err := os.ReadFile(filepath.Join(p, "index.html")); err == nil {
		return b, nil
	}
	entries, err := os.ReadDir(p)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.Name() + "\n")
	}
	return []byte(b.String()), nil
}

// sidecar supposes that the client takes every encoding.
func sidecar(base, name string) ([]byte, error) {
	if err := visible(name); err != nil {
		return nil, err
	}
	body, err := contained(base, name)
	if err != nil {
		return nil, err
	}
	for _, ext := range []string{".br", ".zst", ".gz"} {
		if b, err := os.ReadFile(filepath.Join(base, filepath.FromSlash(name+ext))); err == nil {
			return b, nil
		}
	}
	return body, nil
}

func index(base, name string) ([]byte, error) {
	if err := visible(name); err != nil {
		return nil, err
	}
	if body, err := contained(base, name); err == nil {
		return body, nil
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	p := filepath.FromSlash(strings.TrimSuffix(name, "/"))
	if fi, err := root.Stat(p); err != nil || !fi.IsDir() {
		return nil, errNotFound
	}
	return os.ReadFile(filepath.Join(base, p, "index.html"))
}

// CheckThenOpen resolves all links, checks that the result lies in the base, and then opens by path: between the
// two anything can be swapped. It also tells what exists outside, since only what exists can be resolved.
type CheckThenOpen struct {
	// Pause, if not nil, is called after the check and before the open, so that a test swaps without luck.
	Pause func()
}

// Twin returns the server that makes this mistake.
func (c CheckThenOpen) Twin() Twin {
	return Twin{Name: "check-then-open", Misreads: "resolves links and checks, then opens the path again", Read: c.Read}
}

// Read answers a name as Twin.Read does.
func (c CheckThenOpen) Read(base, name string) ([]byte, error) {
	p := filepath.Join(base, filepath.FromSlash(name))
	resolved, err := filepath.EvalSymlinks(p)
	if err != nil {
		return nil, err
	}
	home, err := filepath.EvalSymlinks(base)
	if err != nil {
		return nil, err
	}
	rel, ok := strings.CutPrefix(resolved, home+string(filepath.Separator))
	if !ok || denied(filepath.ToSlash(rel)) {
		return nil, ErrRefused
	}
	if fi, err := os.Stat(p); err != nil || !fi.Mode().IsRegular() {
		return nil, errNotFound
	}
	if c.Pause != nil {
		c.Pause()
	}
	return os.ReadFile(p)
}
