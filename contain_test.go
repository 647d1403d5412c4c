package rootbound

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/tree"
)

// canary is what no answer may hold, inside what files beneath the base do.
const (
	canary = "canary-7c1f9b"
	inside = "inside"
)

// world makes a base directory and its dangerous neighbours and returns the base's path. In entries, BASE stands for
// that path and OUT for that of a directory outside, which holds canary.txt.
func world(t testing.TB, entries ...string) string {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir()) // links in entries are compared with the base's real path
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(top, "base")
	tree.Make(t, top, "outside/canary.txt="+canary, "outside/inside.txt="+canary, "outside/sub/canary.txt="+canary, "base_evil/canary.txt="+canary, "base/")
	expanded := make([]string, len(entries))
	for i, e := range entries {
		expanded[i] = expand(e, base)
	}
	return tree.Make(t, base, expanded...)
}

func expand(s, base string) string {
	return strings.NewReplacer("BASE", base, "OUT", filepath.Join(filepath.Dir(base), "outside")).Replace(s)
}

// both runs a test on each containment. Beneath a filter that takes openat2 away, both are os.Root.
func both(t *testing.T, run func(t *testing.T, noOpenat2 bool)) {
	t.Helper()
	for _, noOpenat2 := range []bool{false, true} {
		t.Run(mechanism(useOpenat2(noOpenat2))+map[bool]string{true: "-forced"}[noOpenat2], func(t *testing.T) { run(t, noOpenat2) })
	}
}

func openBaseDir(t testing.TB, path string, cfg Config) *Dir {
	t.Helper()
	d, err := Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// answer opens a name and reads it: its contents, or the reason of the refusal.
func answer(d *Dir, name string) (string, Reason) {
	f, err := d.Open(name)
	if err != nil {
		return "", ReasonOf(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error(), ReasonOf(err)
	}
	return string(b), ""
}

// undefendedRead is the control: what the system gives for the same name without any containment.
func undefendedRead(base, name string) (string, error) {
	path := base + "/" + name
	if filepath.IsAbs(name) {
		path = name
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

// leaksUndefended fails the test if the attack would not work anyway.
func leaksUndefended(t *testing.T, base, name string) {
	t.Helper()
	if got, err := undefendedRead(base, name); !strings.Contains(got, canary) {
		t.Errorf("control: undefended read of %q = %q, %v; want the canary, or this proves nothing", name, got, err)
	}
}

// discloses says that an error's text, or that of an error it wraps, holds the path.
func discloses(err error, path string) bool {
	switch e := err.(type) {
	case nil:
		return false
	case interface{ Unwrap() []error }:
		for _, e := range e.Unwrap() {
			if discloses(e, path) {
				return true
			}
		}
	}
	return strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "/proc/") || discloses(errors.Unwrap(err), path)
}

// checkRefusal asks of every refused open what holds for all: a PathError with the requested name, no path of the
// system, and errors of the standard library's kinds.
func checkRefusal(t *testing.T, err error, base, requested string) {
	t.Helper()
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != requested {
		t.Errorf("error of %q is %#v, want a PathError with that name", requested, err)
	}
	if discloses(err, filepath.Dir(base)) && !strings.Contains(requested, filepath.Dir(base)) {
		t.Errorf("error of %q holds a path of the system: %v", requested, err)
	}
	if errors.Is(err, ErrNotFound) != errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrRefused) != errors.Is(err, fs.ErrPermission) {
		t.Errorf("error of %q: kinds of this package and of io/fs disagree: %v", requested, err)
	}
}
