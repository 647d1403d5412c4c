package vet

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// names gives files the names under which other files import them.
type names struct {
	root string
	mu   sync.Mutex
	mods map[string]string // directory to import path, of go.mod
	pkgs map[string]bool   // directory has __init__.py
}

func newNames(root string) *names {
	return &names{root: root, mods: map[string]string{}, pkgs: map[string]bool{}}
}

// python is the dotted name of a module, from the outermost directory that is a package, or beneath the root.
func (n *names) python(path string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	rel, err := filepath.Rel(n.root, path)
	if err != nil || rel == "." {
		rel = filepath.Base(path)
	}
	if n.isPackage(n.root) {
		rel = filepath.Join(filepath.Base(n.root), rel)
	} else {
		// src/app/x.py is app.x where src is no package.
		parts := strings.Split(filepath.ToSlash(rel), "/")
		dir := n.root
		for len(parts) > 1 && !n.isPackage(filepath.Join(dir, parts[0])) && n.hasPackage(filepath.Join(dir, parts[0]), parts[1:]) {
			dir = filepath.Join(dir, parts[0])
			parts = parts[1:]
		}
		rel = filepath.Join(parts...)
	}
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.ToSlash(rel), ".py"), ".wsgi")
	name = strings.TrimSuffix(name, "/__init__")
	return strings.ReplaceAll(name, "/", ".")
}

func (n *names) isPackage(dir string) bool {
	known, ok := n.pkgs[dir]
	if !ok {
		_, err := os.Stat(filepath.Join(dir, "__init__.py"))
		known = err == nil
		n.pkgs[dir] = known
	}
	return known
}

// hasPackage: some directory on the way down is a package.
func (n *names) hasPackage(dir string, parts []string) bool {
	for _, p := range parts[:len(parts)-1] {
		dir = filepath.Join(dir, p)
		if n.isPackage(dir) {
			return true
		}
	}
	return false
}

// golang is the import path of the package that a file is in, or its directory where no go.mod says more.
func (n *names) golang(path string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	dir := filepath.Dir(path)
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	rel := ""
	for at := abs; ; at = filepath.Dir(at) {
		if mod := n.module(at); mod != "" {
			return strings.TrimSuffix(mod+"/"+filepath.ToSlash(rel), "/")
		}
		if at == filepath.Dir(at) {
			return dir
		}
		rel = filepath.Join(filepath.Base(at), rel)
	}
}

// module is the module line of dir's go.mod.
func (n *names) module(dir string) string {
	if known, ok := n.mods[dir]; ok {
		return known
	}
	n.mods[dir] = ""
	text, err := readFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			n.mods[dir] = strings.Trim(strings.TrimSpace(name), `"`)
			break
		}
	}
	return n.mods[dir]
}
