package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/inspect"
	"github.com/rootbound/rootbound/internal/config"
)

// base is one opened base directory.
type base struct {
	mount config.Mount
	label string // for messages
	dir   *rootbound.Dir
	path  string      // where it is, resolved, for the operator's eyes
	info  os.FileInfo // device and inode

	writable bool
}

// what names the base in messages.
func (b *base) what() string { return b.label }

func whatDir(m config.Mount) string {
	if m.Name == "" {
		return "directory " + strconv.Quote(m.Dir)
	}
	return "mount " + strconv.Quote(m.Name+"="+m.Dir)
}

// openBases opens all or none.
func openBases(mounts []config.Mount, cfg rootbound.Config) ([]*base, error) {
	var out []*base
	for _, m := range mounts {
		b, err := openBase(whatDir(m), m, cfg)
		if err != nil {
			closeBases(out)
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func openBase(label string, m config.Mount, cfg rootbound.Config) (*base, error) {
	info, err := os.Stat(m.Dir)
	if err != nil {
		return nil, unreadable(label, err)
	}
	if !info.IsDir() {
		return nil, usage(label, "it is not a directory", "Name the directory that the file is in; --allow names files within it")
	}
	d, err := rootbound.Open(m.Dir, cfg)
	if err != nil {
		return nil, unreadable(label, err)
	}
	b := &base{mount: m, label: label, dir: d, info: info, path: m.Dir, writable: cfg.Writable}
	if p, err := filepath.Abs(m.Dir); err == nil {
		b.path = p
	}
	if p, err := filepath.EvalSymlinks(b.path); err == nil {
		b.path = p
	}
	return b, nil
}

func closeBases(bases []*base) {
	for _, b := range bases {
		_ = b.dir.Close() // opened to read only: nothing can be lost
	}
}

// readable tries the directory as the server will, with the rights that the process has now.
func (b *base) readable() error {
	n, err := b.dir.DirName(".")
	if err != nil {
		return unreadable(b.what(), err)
	}
	f, err := b.dir.OpenName(n)
	if rootbound.ReasonOf(err) == "opened-name-unknown" {
		return usage(b.what(), "the system does not tell what an opened file is called (no /proc), which --symlinks within needs", "Mount /proc, or serve without it")
	}
	if err != nil {
		return usage(b.what(), fmt.Sprintf("the user with id %d may not read it", os.Geteuid()), "Give that user the right to read and enter it, or start as a user who has")
	}
	return f.Close()
}

// refuseBeneath refuses to start where a file that must stay secret lies beneath a base: one wrong --allow away from
// being handed out. Directories are compared by device and inode, so that no other spelling of a path gets round it.
func (s *setup) refuseBeneath(bases []*base) error {
	for _, secret := range []struct{ what, path string }{
		{"configuration", s.ConfigFile},
		{"TLS certificate", s.TLSCert},
		{"TLS key", s.TLSKey},
		{"users", s.Users},
		{"groups", s.Groups},
		{"policies", s.Policies},
		{"keys of links", s.LinkKeys},
		{"secret of a client", s.OIDCClientSecret},
		{"certificate authorities", s.ClientCA},
		{"revocations", s.ClientCRL},
		{"keys of an issuer", s.JWTKeysFile()},
		{"state", s.State.file()},
		{"audit log", s.Audit.File},
		{"audit key", s.Audit.Key},
		{"file of checkpoints", s.Audit.ToFile},
	} {
		if secret.path == "" || secret.path == stdinName {
			continue
		}
		for _, b := range bases {
			if b.holds(secret.path) {
				return usage(secret.what+" "+strconv.Quote(secret.path), "it lies beneath the "+b.what()+", which is served", "Move it elsewhere")
			}
		}
	}
	return nil
}

// holds says whether the path, as written or with its links resolved, leads through the base.
func (b *base) holds(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return true // where we are is unknown: better not
	}
	paths := []string{abs}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		paths = append(paths, resolved)
	} else if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil { // it is to be made yet
		paths = append(paths, filepath.Join(dir, filepath.Base(abs)))
	}
	for _, p := range paths {
		for parent := filepath.Dir(p); ; parent = filepath.Dir(parent) {
			if info, err := os.Stat(parent); err == nil && os.SameFile(info, b.info) {
				return true
			}
			if parent == filepath.Dir(parent) {
				break
			}
		}
	}
	return false
}

// warnings are what is worth knowing about a directory before strangers do.
func (b *base) warnings(home string) []string {
	var out []string
	root := filepath.VolumeName(b.path) + string(filepath.Separator)
	if b.path == root {
		out = append(out, "it is the whole file system: everything that this user may read is served")
	}
	if web := inspect.WebRoot(b.path); web != "" {
		out = append(out, "it is inside "+web+": another web server may serve the same files without these rules")
	}
	if inspect.IsHome(b.path, b.info, home) {
		out = append(out, "it is a home directory: history, keys and settings lie beside the files")
	}
	if b.info.Mode().Perm()&0o002 != 0 && b.info.Mode()&fs.ModeSymlink == 0 {
		out = append(out, "everybody on this machine may write into it: anybody can add files and links to what is served")
	}
	return out
}
