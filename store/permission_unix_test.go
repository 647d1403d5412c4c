//go:build unix

package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/internal/testenv"
)

// What SQLite makes is for nobody else, whatever the umask.
func TestSQLitePermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	path := filepath.Join(dir, "x.db")
	s, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.AddUser(t.Context(), state.User{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]os.FileMode{dir: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v, want %v", file, info.Mode().Perm(), err, want)
		}
	}
}

// A file that others get at is refused with the remedy.
func TestSQLiteOpenToOthers(t *testing.T) {
	if !testenv.AsNobody(t) {
		return
	}
	for name, c := range map[string]struct {
		spoil func(dir, path string) error
		want  string
	}{
		"the group reads":         {func(_, path string) error { return os.Chmod(path, 0o640) }, "chmod 600"},
		"others read":             {func(_, path string) error { return os.Chmod(path, 0o604) }, "chmod 600"},
		"the log is read":         {func(_, path string) error { return os.WriteFile(path+"-wal", nil, 0o644) }, "chmod 600"},
		"others write beside it":  {func(dir, _ string) error { return os.Chmod(dir, 0o777) }, "chmod go-w"},
		"also where it is sticky": {func(dir, _ string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }, "chmod go-w"},
		"the group writes":        {func(dir, _ string) error { return os.Chmod(dir, 0o770) }, "chmod go-w"},
		"a link": {func(dir, path string) error {
			if err := os.Rename(path, path+"2"); err != nil {
				return err
			}
			return os.Symlink(path+"2", path)
		}, "not a regular file"},
		"a directory": {func(_, path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}, "not a regular file"},
		"no right to write": {func(dir, path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Chmod(dir, 0o500)
		}, "cannot be made"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			path := filepath.Join(dir, "x.db")
			s, err := open(path) // the control: unspoilt it opens
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			if err := c.spoil(dir, path); err != nil {
				t.Fatal(err)
			}
			if s, err := open(path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v, want an error that says %q", s, err, c.want)
			}
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Root makes a state for the user whose directory it is in: the server runs as that user.
func TestSQLiteMadeByRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root makes files for others")
		return
	}
	dir := t.TempDir()
	if err := os.Chown(dir, testenv.Nobody, testenv.Nobody); err != nil {
		t.Fatal(err)
	}
	s, err := open(filepath.Join(dir, "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.AddUser(t.Context(), state.User{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v, want the file, its log and its index", len(files), err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != testenv.Nobody {
			t.Errorf("%s belongs to %d", f.Name(), owner)
		}
	}
}
