package rootbound

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/tree"
)

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestBaseHeld: the base is the directory that was opened, wherever its path leads later.
func TestBaseHeld(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			base := world(t, "a.txt="+inside, "sub/b.txt="+inside, "in => sub/b.txt", "abs => BASE/a.txt")
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			check := func(when, name string, want Reason) {
				t.Helper()
				if got, why := answer(d, name); why != want || why == served && got != inside {
					t.Errorf("%s, %s: Open(%q) = %q, %q; want %q", links, when, name, got, why, want)
				}
			}
			rename(t, base, base+".moved")
			check("renamed", "a.txt", served)
			check("renamed", "sub/b.txt", served)
			if links == SymlinksWithin {
				check("renamed", "in", served)
				check("renamed", "abs", served) // by the path that it had: see openRewritten
			}
			tree.Make(t, base, "a.txt="+canary, "new.txt="+canary)
			check("replaced", "a.txt", served)
			check("replaced", "new.txt", reason.Missing)
			if err := os.RemoveAll(base); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("outside", base); err != nil {
				t.Fatal(err)
			}
			check("a link now", "canary.txt", reason.Missing)
			check("a link now", "a.txt", served)
			f, err := d.Open("a.txt")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(base + ".moved"); err != nil {
				t.Fatal(err)
			}
			check("deleted", "a.txt", reason.Missing)
			if got, err := io.ReadAll(f); string(got) != inside {
				t.Errorf("a file held while all was deleted: %q, %v", got, err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			for e, err := range rootEntries(t, d) {
				if err == nil || ReasonOf(err) != reason.Missing {
					t.Errorf("the deleted base lists %v, %v", e.Name, err)
				}
			}
		}
	})
}

// rootEntries lists the base; a refusal to open it lists nothing.
func rootEntries(t *testing.T, d *Dir) func(func(Entry, error) bool) {
	t.Helper()
	n, err := d.DirName(".")
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.OpenName(n)
	if err != nil {
		t.Errorf("the base cannot be opened: %v", err)
		return func(func(Entry, error) bool) {}
	}
	t.Cleanup(func() { _ = f.Close() })
	return f.Entries()
}

// TestHeldFile: what is asked of a File is asked of the descriptor.
func TestHeldFile(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t, "f=before", "other=after!")
		path := filepath.Join(base, "f")
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		f, err := d.Open("f")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		changed := func(when string, want bool) {
			t.Helper()
			if got, err := f.Changed(); got != want || err != nil {
				t.Errorf("%s: Changed() = %v, %v; want %v", when, got, err, want)
			}
		}
		changed("untouched", false)
		rename(t, filepath.Join(base, "other"), path)
		changed("replaced", false)
		b := make([]byte, 6)
		if _, err := f.ReadAt(b, 0); string(b) != "before" {
			t.Errorf("replaced: read %q, %v", b, err)
		}
		if got, _ := answer(d, "f"); got != "after!" {
			t.Errorf("opened anew: %q", got)
		}
		if f, err = d.Open("f"); err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := os.Truncate(path, 2); err != nil {
			t.Fatal(err)
		}
		changed("truncated", true)
		if n, err := f.ReadAt(b, 0); n != 2 || err != io.EOF || f.Size() != 6 {
			t.Errorf("truncated: read %d bytes, %v, Size %d", n, err, f.Size())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if n, err := f.ReadAt(b, 0); n != 2 || err != io.EOF {
			t.Errorf("deleted: read %d bytes, %v", n, err)
		}
		if _, why := answer(d, "f"); why != reason.Missing {
			t.Errorf("deleted: Open = %q", why)
		}
	})
}

// TestClosed: nothing can be had of what was closed, and nobody else's descriptor is used instead.
func TestClosed(t *testing.T) {
	base := world(t, "f="+inside, "sub/x=")
	both(t, func(t *testing.T, noOpenat2 bool) {
		d, err := Open(base, Config{noOpenat2: noOpenat2})
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Open("f")
		if err != nil {
			t.Fatal(err)
		}
		sub, err := d.Sub("sub")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := d.Open("f"); !errors.Is(err, ErrUnavailable) || ReasonOf(err) != reason.Closed {
			t.Errorf("Open after Close: %v", err)
		}
		if got, err := io.ReadAll(f); string(got) != inside {
			t.Errorf("a file outlives its Dir: %q, %v", got, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) || discloses(err, base) {
			t.Errorf("Read after Close: %v", err)
		}
		if _, err := f.Changed(); ReasonOf(err) != reason.Closed || discloses(err, base) {
			t.Errorf("Changed after Close: %v", err)
		}
		if err := f.Close(); !errors.Is(err, fs.ErrClosed) || discloses(err, base) {
			t.Errorf("second Close: %v", err)
		}
		if _, why := answer(sub, "x"); why != served {
			t.Errorf("a Sub outlives its Dir: %q", why)
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCloseDoesNotWait: an open that hangs keeps neither Close nor other opens waiting.
func TestCloseDoesNotWait(t *testing.T) {
	keepsDescriptors(t, func() {
		d, err := Open(world(t, "f="), Config{})
		if err != nil {
			t.Fatal(err)
		}
		release, err := d.acquire()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if _, err := d.Open("f"); ReasonOf(err) != reason.Closed {
			t.Errorf("Open after Close: %v", err)
		}
		if _, why := rawAnswer(d, "f"); why != served {
			t.Errorf("the open in flight lost its base: %q", why)
		}
		release()
	})
}

func TestUnreadable(t *testing.T) {
	if !testenv.AsNobody(t) {
		return
	}
	base := world(t, "secret.txt="+canary, "locked/x.txt="+canary, "dark/x.txt="+inside, "in => secret.txt")
	for name, mode := range map[string]os.FileMode{"secret.txt": 0, "locked": 0, "dark": 0o311} {
		path := filepath.Join(base, name)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o755) })
	}
	if _, err := os.ReadFile(filepath.Join(base, "secret.txt")); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("the test may read everything: %v", err)
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		for name, want := range map[string]Reason{
			"secret.txt": reason.Unreadable, "in": reason.Unreadable, "locked/x.txt": reason.Unreadable, "locked/none": reason.Unreadable, "dark/x.txt": served,
		} {
			if name == "dark/x.txt" && !d.useOpenat2() {
				want = reason.Unreadable // os.Root reads each directory it enters
			}
			_, why := answer(d, name)
			if why != want {
				t.Errorf("Open(%q) = %q, want %q", name, why, want)
			}
			if want == served {
				continue
			}
			_, err := d.Open(name)
			checkRefusal(t, err, base, name)
			if errors.Is(err, fs.ErrPermission) || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Open(%q) = %v: who asks for fs.ErrPermission can tell it from a missing file", name, err)
			}
			if _, err := fs.ReadFile(d.FS(), name); errors.Is(err, fs.ErrPermission) || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("FS: %q = %v", name, err)
			}
		}
	})
	dark := filepath.Join(base, "dark")
	d, err := Open(dark, Config{})
	if !useOpenat2(false) { // os.Root must be able to read its directory
		if err == nil {
			t.Error("os.Root opened a directory that cannot be read")
		}
		return
	}
	if err != nil {
		t.Fatalf("a base that may be entered but not read: %v", err)
	}
	defer d.Close()
	if got, why := answer(d, "x.txt"); got != inside {
		t.Errorf("Open = %q, %q", got, why)
	}
}

// TestMounts: what is mounted beneath the base belongs to it, also a directory from outside.
func TestMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root mounts; nothing is claimed for others
	}
	base := world(t, "mnt/")
	if err := unix.Mount(filepath.Join(filepath.Dir(base), "outside"), filepath.Join(base, "mnt"), "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(filepath.Join(base, "mnt"), unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			if got, why := answer(d, "mnt/canary.txt"); got != canary {
				t.Errorf("Open = %q, %q", got, why)
			}
			if _, why := rawAnswer(d, "mnt/../../outside/canary.txt"); why != reason.LinkEscape {
				t.Errorf("out by the mount: %q", why)
			}
		}
	})
}
