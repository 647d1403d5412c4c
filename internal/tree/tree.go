// Package tree makes file trees for tests from a literal.
//
// An entry is one string, its kind told by the first of these that it holds:
//
//	"a/b.txt=contents"   regular file; what follows the first = is its contents
//	"a/link => target"   symbolic link; the target is taken as it stands
//	"a/hard == other"    hard link to other, which is relative to the tree's top
//	"a/pipe |"           FIFO
//	"a/sock @"           Unix socket that nobody listens on
//	"a/dev !"            character device like /dev/null; needs root, see Devices
//	"a/dir/"             directory
//
// Names are slash separated and relative to the tree's top. Directories that an
// entry needs are made for it. Apart from the marks, a name may hold any byte.
// Modes are 0644 and 0755; a test that wants another one calls os.Chmod.
package tree

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Make makes the entries below dir, in their order, and returns dir. dir is
// made if it does not exist. An entry that cannot be made fails the test.
func Make(tb testing.TB, dir string, entries ...string) string {
	tb.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	for _, s := range entries {
		e, err := parse(s)
		if err == nil {
			err = e.make(dir)
		}
		if err != nil {
			tb.Fatalf("tree entry %q: %v", s, err)
		}
	}
	return dir
}

// Devices tells whether "name !" entries can be made: only root makes devices.
func Devices() bool { return os.Geteuid() == 0 }

type kind int

const (
	file kind = iota
	symlink
	hardlink
	fifo
	socket
	device
	directory
)

// entry is one parsed string. text is a file's contents or a link's target.
type entry struct {
	kind       kind
	name, text string
}

func parse(s string) (entry, error) {
	e, ok := parseLink(s)
	if !ok {
		e, ok = parseMark(s)
	}
	if !ok {
		return e, fmt.Errorf("no mark says what it is")
	}
	if !filepath.IsLocal(filepath.FromSlash(e.name)) {
		return e, fmt.Errorf("%q is not a name below the top of the tree", e.name)
	}
	return e, nil
}

// parseLink reads the entries that have a right hand side.
func parseLink(s string) (entry, bool) {
	// A = that stands before the arrows belongs to a file whose contents hold them.
	name, text, isFile := strings.Cut(s, "=")
	if isFile && !strings.HasSuffix(name, " ") {
		return entry{file, name, text}, true
	}
	if link, target, ok := strings.Cut(s, " => "); ok {
		return entry{symlink, link, target}, true
	}
	if link, target, ok := strings.Cut(s, " == "); ok {
		return entry{hardlink, link, target}, true
	}
	return entry{file, name, text}, isFile
}

// parseMark reads the entries whose last characters tell their kind.
func parseMark(s string) (entry, bool) {
	for mark, kind := range map[string]kind{" |": fifo, " @": socket, " !": device, "/": directory} {
		if name, ok := strings.CutSuffix(s, mark); ok {
			return entry{kind, name, ""}, true
		}
	}
	return entry{}, false
}

func (e entry) make(dir string) error {
	path := filepath.Join(dir, filepath.FromSlash(e.name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch e.kind {
	case file:
		return os.WriteFile(path, []byte(e.text), 0o644)
	case symlink:
		return os.Symlink(e.text, path)
	case hardlink:
		return os.Link(filepath.Join(dir, filepath.FromSlash(e.text)), path)
	case fifo:
		return makeFIFO(path)
	case socket:
		return makeSocket(path)
	case device:
		return makeDevice(path)
	default:
		return os.MkdirAll(path, 0o755)
	}
}
