package durable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first", "second, and longer", ""} {
		if err := WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("read %q, %v; want %q", got, err, content)
		}
	}
	wantFiles(t, dir, "file")
	t.Chdir(dir)
	if err := WriteFile("relative", nil, 0o600); err != nil {
		t.Errorf("a name without a directory: %v", err)
	}
	wantFiles(t, dir, "file", "relative")
}

// Who has the old file open keeps it whole.
func TestWriteFileReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	if n, _ := f.Read(b); string(b[:n]) != "old" {
		t.Errorf("the open file now reads %q", b[:n])
	}
}

func TestWriteFileRefuses(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"dangling": "nothing", "link": victim} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"dangling", "dir", "link", "missing/file", ""} {
		path = filepath.Join(dir, path)
		err := WriteFile(path, []byte("x"), 0o600)
		if err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("WriteFile(%q) = %v, want an error that names it", path, err)
		}
	}
	wantFiles(t, dir, "dangling", "dir", "link")
	if got, err := os.ReadFile(victim); err != nil || string(got) != "precious" {
		t.Errorf("the link's target holds %q, %v", got, err)
	}
}
