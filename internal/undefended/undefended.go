// Package undefended serves files WRONGLY, on purpose.
//
// NEVER USE IT OUTSIDE TESTS. Every function here hands out files beyond the directory it is given. It is no
// fallback, no starting point and no example but of what not to do.
//
// Each Twin makes one mistake that real servers made, and is otherwise as careful as such servers were: most
// refuse `..` and absolute names first and go wrong afterwards. An attack test runs the same case against a twin
// and fails if the twin does not leak: so a defence that passes was really attacked. The twins know nothing of the
// corpus in package attack.
package undefended

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// ErrRefused is what a twin's check answers; its server says 403. Everything else is 404.
var ErrRefused = errors.New("refused")

// errNotFound is for names that a twin cannot read as a file.
var errNotFound = errors.New("not found")

// DownloadRoute is the path on which a twin takes the name from the query: DownloadRoute + "?file=" + name.
const DownloadRoute = "/download"

// Twin is a small file server with one mistake.
type Twin struct {
	Name     string
	Misreads string // the mistake, as a sentence
	// Read answers a decoded name, the way a library would.
	Read func(base, name string) ([]byte, error)

	target func(base, target string) ([]byte, error) // where the mistake is about the whole target
	raw    bool                                      // Read takes the name as sent, and decodes it itself
	whole  bool                                      // a path keeps its "?" and what follows
}

// Answer serves a raw request-target. One level of percent-encoding is undone, bad escapes stay as they are; the
// fragment sign is an ordinary character unless the twin thinks otherwise.
func (t Twin) Answer(base, target string) ([]byte, error) {
	if name, ok := t.Named(target); ok {
		return t.Read(base, name)
	}
	if t.target != nil {
		return t.target(base, target)
	}
	return nil, ErrRefused
}

// Named returns the name that Answer gives to Read, and whether Read alone decides about this target.
func (t Twin) Named(target string) (name string, ok bool) {
	if value, ok := strings.CutPrefix(target, DownloadRoute+"?file="); ok {
		return t.decode(formValue(value), true), true
	}
	if t.target != nil || !strings.HasPrefix(target, "/") {
		return "", false
	}
	if !t.whole {
		target, _, _ = strings.Cut(target, "?")
	}
	return t.decode(target[1:], false), true
}

// formValue cuts what belongs to the next parameter.
func formValue(s string) string {
	if i := strings.IndexAny(s, "&#"); i >= 0 {
		return s[:i]
	}
	return s
}

func (t Twin) decode(s string, form bool) string {
	if t.raw {
		return s
	}
	if form {
		s = strings.ReplaceAll(s, "+", " ")
	}
	return unescape(s)
}

// Status is what a twin's server makes of an error: the difference between 403 and 404 is one more mistake, it
// tells what exists outside the base.
func Status(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, ErrRefused):
		return http.StatusForbidden
	}
	return http.StatusNotFound
}

// checked refuses `..` elements, absolute names and what is on the deny list, as far as it understands them: a
// recipe's check.
func checked(name string) error {
	if strings.HasPrefix(name, "/") || climbs(name) || denied(name) {
		return ErrRefused
	}
	return nil
}

func climbs(name string) bool {
	for elem := range strings.SplitSeq(name, "/") {
		if elem == ".." {
			return true
		}
	}
	return false
}

// denied reports whether an element is a name on the list of what is not to be served.
func denied(name string) bool {
	for elem := range strings.SplitSeq(name, "/") {
		for _, d := range denyList {
			if elem == d {
				return true
			}
		}
	}
	return false
}

var denyList = []string{".env", ".git", ".cl\u00e9"}

// join is what most servers do: it cleans the name lexically, and so honours every `..` in it.
func join(base, name string) ([]byte, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return nil, errNotFound
	}
	return os.ReadFile(filepath.Join(base, filepath.FromSlash(name)))
}

// misreading returns a Read that checks the name and then opens what change makes of it.
func misreading(change func(string) string) func(base, name string) ([]byte, error) {
	return func(base, name string) ([]byte, error) {
		if err := checked(name); err != nil {
			return nil, err
		}
		return join(base, change(name))
	}
}

// contained reads beneath base whatever the name says: for twins whose mistake is not containment.
func contained(base, name string) ([]byte, error) {
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}
