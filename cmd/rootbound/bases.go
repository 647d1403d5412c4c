package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/config"
)

// base is one opened base directory.
type base struct {
	mount config.Mount
	label string // for messages
	dir   *rootbound.Dir
	path  string      // where it is, resolved, for the operator's eyes
	info  os.FileInfo // device and inode
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
	b := &base{mount: m, label: label, dir: d, info: info, path: m.Dir}
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

// wellKnownRoots are where web servers of distributions look for files.
var wellKnownRoots = []string{"/var/www", "/usr/share/nginx/html", "/srv/http", "/usr/local/www"}

// warnings are what is worth knowing about a directory before strangers do.
func (b *base) warnings(home string) []string {
	var out []string
	root := filepath.VolumeName(b.path) + string(filepath.Separator)
	if b.path == root {
		out = append(out, "it is the whole file system: everything that this user may read is served")
	}
	for _, w := range wellKnownRoots {
		if beneath(b.path, w) {
			out = append(out, "it is inside "+w+": another web server may serve the same files without these rules")
		}
	}
	for _, e := range strings.Split(filepath.ToSlash(b.path), "/") {
		if e == "public_html" {
			out = append(out, "it is inside a public_html: another web server may serve the same files without these rules")
			break
		}
	}
	if b.isHome(home) {
		out = append(out, "it is a home directory: history, keys and settings lie beside the files")
	}
	if b.info.Mode().Perm()&0o002 != 0 && b.info.Mode()&fs.ModeSymlink == 0 {
		out = append(out, "everybody on this machine may write into it: anybody can add files and links to what is served")
	}
	return out
}

func (b *base) isHome(home string) bool {
	if home != "" {
		if info, err := os.Stat(home); err == nil && os.SameFile(info, b.info) {
			return true
		}
	}
	parent := filepath.Dir(b.path)
	return b.path == "/root" || (parent != b.path && (parent == "/home" || parent == "/Users" || parent == `C:\Users`))
}

// beneath says whether a resolved path is dir or in it.
func beneath(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}
