package rootbound

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

// Left-overs are what died, and nothing else is touched: what is still written, what only looks alike, what is not
// a regular file. None of them is served or listed, even where hidden names are.
func TestLeftovers(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		deep := filepath.Join(path, "sub", "deep")
		if err := os.Mkdir(deep, 0o755); err != nil {
			t.Fatal(err)
		}
		dead := []string{reservedName(), "sub/" + reservedName(), "sub/deep/" + reservedName()}
		alike := []string{name.ReservedPrefix + "state", "sub/" + reservedName() + "x", "sub/" + strings.ToUpper(reservedName())}
		for _, f := range slices.Concat(dead, alike) {
			if err := os.WriteFile(filepath.Join(path, f), []byte("part"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		directory := reservedName()
		if err := os.Mkdir(filepath.Join(path, directory), 0o755); err != nil {
			t.Fatal(err)
		}
		alive, err := d.Create("sub/alive", CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer alive.Close()

		open := cfg
		open.AllowHidden, open.Writable = true, false
		reader := openUploads(t, path, open)
		for _, f := range append(dead, directory) {
			if _, err := reader.Open(f); ReasonOf(err) != reason.NameReserved {
				t.Errorf("Open(%q): %v, want %s", f, err, reason.NameReserved)
			}
		}
		err = fs.WalkDir(reader.FS(), ".", func(p string, _ fs.DirEntry, err error) error {
			if strings.Contains(p, name.ReservedPrefix) {
				t.Errorf("%s is listed", p)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}

		again := openUploads(t, path, cfg)
		for _, f := range dead {
			if _, err := os.Lstat(filepath.Join(path, f)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is still there after Open (%v)", f, err)
			}
		}
		for _, f := range append(alike, directory) {
			if _, err := os.Lstat(filepath.Join(path, f)); err != nil {
				t.Errorf("what is no left-over was removed: %v", err)
			}
		}
		if n, err := again.ClearLeftovers(t.Context()); n != 0 || err != nil {
			t.Errorf("ClearLeftovers = %d, %v; want nothing left to do", n, err)
		}
		if err := alive.Commit(); err != nil {
			t.Errorf("what was still written was cleared: %v", err)
		}
	})
}

// The walk at Open is bounded; ClearLeftovers does the rest.
func TestLeftoversBounded(t *testing.T) {
	d, path := uploadBase(t, Config{Writable: true})
	for range 3 {
		for range 4 {
			if err := os.WriteFile(filepath.Join(path, "sub", reservedName()), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := d.sweep(t.Context(), 6); n != 5 || err != nil { // one of the six is "sub" itself
		t.Errorf("sweep of 6 entries = %d, %v; want 5 removed", n, err)
	}
	if n, err := d.ClearLeftovers(t.Context()); n != 7 || err != nil {
		t.Errorf("ClearLeftovers = %d, %v; want 7 removed", n, err)
	}
	wantOnly(t, filepath.Join(path, "sub"))
	readOnly := openUploads(t, path, Config{})
	if _, err := readOnly.ClearLeftovers(t.Context()); ReasonOf(err) != reason.ReadOnly {
		t.Errorf("ClearLeftovers without Writable: %v", err)
	}
}

// Without locks that reach every writer, age tells.
func TestLeftoverByAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := durable.Lock(f); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * leftoverAge)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if abandoned(other) {
		t.Error("an old file that is locked counts as abandoned")
	}
	if !expired(old) || expired(time.Now()) {
		t.Error("age is judged wrongly")
	}
}
