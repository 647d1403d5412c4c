package corpustest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// canary is in every file outside of the base, inside in every file beneath it.
	canary = "CANARY-outside-of-the-base"
	inside = "INSIDE-of-the-base"
)

// tree is a fresh file system of a case: what it may serve, and around it what it may not. Configuration files name it
// /srv.
type tree struct {
	root   string
	before map[string]string
}

// base is the directory that the case serves.
func (tr tree) base() string { return filepath.Join(tr.root, "files") }

// plant makes the tree as root. Everybody may read it, since servers that are started as root serve as somebody else.
func plant(t *testing.T, root string) tree {
	t.Helper()
	content := map[string]string{
		"files/app.ini": "# " + inside + "\n[texts]\nmotd = hello.txt\n",
		"files/0b9cfd46-6ed3-4d39-a8b2-7f1d0c1f2a11.txt": inside,
	}
	for _, name := range []string{
		"files/hello.txt", "files/report.txt", "files/page-1.txt", "files/docs/guide.md",
		"files/images/logo.png", "app/static/hello.txt", "app/public/index.html",
	} {
		content[name] = inside + "\n"
	}
	for _, name := range []string{
		"secret.txt", "files_evil/secret.txt", "files_evil/guide.md", "protected/secret.txt", "app/app.py", "app/.env",
	} {
		content[name] = canary + "\n"
	}
	for name, text := range content {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"files/link.txt": "../secret.txt", "files/linkdir": "..", "app/static/link.txt": "../../secret.txt",
		// What an allowlist that ends in $ lets by is shown by where it leads.
		"files/newline.txt\n": "../secret.txt",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	// An application behind Apache that sends what its query names.
	cgi := filepath.Join(root, "cgi", "send")
	must(t, os.Mkdir(filepath.Dir(cgi), 0o755))
	must(t, os.WriteFile(cgi, []byte("#!/bin/sh\nprintf 'X-Sendfile: %s\\n\\n' \"$QUERY_STRING\"\n"), 0o755))
	tr := tree{root: root}
	tr.before = tr.look(t)
	return tr
}

// look returns the text of each file, "" for what is none.
func (tr tree) look(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(tr.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(tr.root, path)
		if err != nil {
			return err
		}
		found[rel] = ""
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			found[rel] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// changed tells what has appeared, gone or become another since plant: outside of the base, and whether anything did
// beneath it.
func (tr tree) changed(t *testing.T) (outside []string, beneath bool) {
	t.Helper()
	now := tr.look(t)
	note := func(name, what string) {
		if strings.HasPrefix(name, "files/") {
			beneath = true
		} else {
			outside = append(outside, fmt.Sprintf("%s was %s", name, what))
		}
	}
	for name, text := range tr.before {
		if after, ok := now[name]; !ok {
			note(name, "removed")
		} else if after != text {
			note(name, "changed")
		}
	}
	for name := range now {
		if _, ok := tr.before[name]; !ok {
			note(name, "created")
		}
	}
	return outside, beneath
}
