package tree

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in   string
		want entry
		ok   bool
	}{
		{"a/b.txt=contents", entry{file, "a/b.txt", "contents"}, true},
		{"empty=", entry{file, "empty", ""}, true},
		{"b=x => y", entry{file, "b", "x => y"}, true},
		{"b=x == y", entry{file, "b", "x == y"}, true},
		{"link => ../up", entry{symlink, "link", "../up"}, true},
		{"link => a=b", entry{symlink, "link", "a=b"}, true},
		{"hard == a/b.txt", entry{hardlink, "hard", "a/b.txt"}, true},
		{"space =x", entry{file, "space ", "x"}, true},
		{"pipe |", entry{fifo, "pipe", ""}, true},
		{"sock @", entry{socket, "sock", ""}, true},
		{"dev !", entry{device, "dev", ""}, true},
		{"a/b/", entry{directory, "a/b", ""}, true},
		{"what", entry{}, false},
		{"../up=x", entry{file, "../up", "x"}, false},
		{"/abs=x", entry{file, "/abs", "x"}, false},
	}
	for _, tt := range tests {
		got, err := parse(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("parse(%q) = %v, %v; want %v, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestMake(t *testing.T) {
	entries := []string{"a/b.txt=hello", "dir/", "link => a/b.txt", "dangling => nowhere", "hard == a/b.txt", "pipe |", "sock @", "\xff\n=x"}
	want := map[string]fs.FileMode{
		"a": fs.ModeDir, "a/b.txt": 0, "dir": fs.ModeDir, "link": fs.ModeSymlink, "dangling": fs.ModeSymlink,
		"hard": 0, "pipe": fs.ModeNamedPipe, "sock": fs.ModeSocket, "\xff\n": 0,
	}
	if Devices() {
		entries = append(entries, "dev !")
		want["dev"] = fs.ModeDevice | fs.ModeCharDevice
	}
	dir := Make(t, filepath.Join(t.TempDir(), "new"), entries...)
	got := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		got[name] = d.Type()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	for _, name := range []string{"a/b.txt", "link", "hard"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "hello" {
			t.Errorf("%s = %q, %v; want hello", name, b, err)
		}
	}
}
