package inspect

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/tree"
)

// naive is how such a walk is usually written: what was looked at by its path is opened by its path. pause is where others
// are at work.
func naive(dir string, pause func(path string), found func(path string)) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Lstat(path)
		if err != nil {
			continue
		}
		pause(path)
		if info.IsDir() {
			naive(path, pause, found)
		} else if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), token) {
			found(path)
		}
	}
}

// swap exchanges two names at once (renameat2(2), RENAME_EXCHANGE).
func swap(t *testing.T, a, b string) {
	t.Helper()
	if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
		t.Error(err)
	}
}

// TestSwappedDirectories: while the tree is looked at, a directory and a link to what lies outside change places, again
// and again. Nothing from outside is ever looked at.
func TestSwappedDirectories(t *testing.T) {
	top := tree.Make(t, t.TempDir(), "outside/deep/leaked.txt="+token, "base/many/a/", "base/many/b/", "base/many/dir/ordinary.txt=x", "base/many/c/")
	tree.Make(t, top, "other => "+filepath.Join(top, "outside/deep"))
	dir, other := filepath.Join(top, "base/many/dir"), filepath.Join(top, "other")

	leaked := false
	naive(filepath.Join(top, "base"), func(path string) {
		if path == dir {
			swap(t, dir, other)
		}
	}, func(string) { leaked = true })
	if !leaked {
		t.Fatal("the control failed: the naive walk does not leave the directory")
	}
	if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		swap(t, dir, other)
	}

	ctx, cancel := context.WithCancel(context.Background())
	var swaps atomic.Int64
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for ctx.Err() == nil {
			swap(t, dir, other)
			swaps.Add(1)
		}
	})
	links, directories := 0, 0
	for n := 0; n < 500 || links == 0 || directories == 0; n++ {
		r := run(t, filepath.Join(top, "base"), Config{})
		for _, f := range r.Findings {
			switch {
			case strings.HasPrefix(f.Place.Path, "/"), f.Rule == finding.Executable:
			case f.Rule == finding.LinkEscape && f.Place.Path == "many/dir":
				links++
			default:
				t.Fatalf("found %+v: it was outside", f)
			}
		}
		if r.Looked[0].Count == 1 {
			directories++
		}
	}
	cancel()
	swapper.Wait()
	t.Logf("note: %d swaps; the link was seen %d times, the directory %d times", swaps.Load(), links, directories)
}

// TestNeverOpensAFIFO: neither one that is there, nor one that takes a file's place after that was looked at. The system
// tells of each open (inotify(7)).
func TestNeverOpensAFIFO(t *testing.T) {
	top := tree.Make(t, t.TempDir(), "base/always |", "base/file.txt=hello", "pipe |")
	file, pipe := filepath.Join(top, "base/file.txt"), filepath.Join(top, "pipe")
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	for _, fifo := range []string{pipe, filepath.Join(top, "base/always")} {
		if _, err := unix.InotifyAddWatch(watch, fifo, unix.IN_OPEN); err != nil {
			t.Fatal(err)
		}
	}
	opened := func() bool {
		n, err := unix.Read(watch, make([]byte, 4096))
		return err == nil && n > 0
	}
	r, err := os.OpenFile(pipe, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if !opened() {
		t.Fatal("the control failed: the system does not tell that a FIFO was opened")
	}

	ctx, cancel := context.WithCancel(context.Background())
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for ctx.Err() == nil {
			swap(t, file, pipe)
		}
	})
	for range 500 {
		run(t, filepath.Join(top, "base"), Config{})
	}
	cancel()
	swapper.Wait()
	if opened() {
		t.Error("a FIFO was opened")
	}
}

// TestTreeThatChanges: files and directories come and go while they are looked at. The report is whole and says so.
func TestTreeThatChanges(t *testing.T) {
	base := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	var changer sync.WaitGroup
	changer.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			dir := filepath.Join(base, string(rune('a'+n%8)))
			if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "sub", "file.txt"), []byte(token), 0o644); err != nil {
				t.Error(err)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}
	})
	changed := 0
	for n := 0; n < 300 || changed == 0; n++ {
		r := run(t, base, Config{})
		for _, note := range r.Notes {
			if !strings.Contains(note.Text, "went away") {
				t.Errorf("note %+v", note)
			}
			changed++
		}
	}
	cancel()
	changer.Wait()
}
