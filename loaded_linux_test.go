package rootbound

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
)

// TestSame: what was loaded is what is opened again, unless anything at all was done to it. The control compares what
// http.FileServer's validators know, size and modification time, and takes the other file for the same.
func TestSame(t *testing.T) {
	tests := []struct {
		name    string
		change  func(base string) error
		want    bool
		control bool // is deceived
	}{
		{name: "untouched", change: func(string) error { return nil }, want: true},
		{name: "replaced by one of the same size and time", control: true, change: func(base string) error {
			return replaceAlike(base, "old.txt")
		}},
		{name: "rewritten with the old times", control: true, change: func(base string) error {
			return alike(base, "old.txt", func(p string) error { return patch(p, 0, []byte("XXXXX")) })
		}},
		{name: "truncated", change: func(base string) error { return os.Truncate(filepath.Join(base, "old.txt"), 10) }},
		{name: "new mode", control: true, change: func(base string) error { return os.Chmod(filepath.Join(base, "old.txt"), 0o600) }},
		{name: "new link", control: true, change: func(base string) error {
			return os.Link(filepath.Join(base, "old.txt"), filepath.Join(base, "other.txt"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base, d := loadedWorld(t)
			l := mustLoad(t, later(mustOpen(t, d, "old.txt")))
			if err := tt.change(base); err != nil {
				t.Fatal(err)
			}
			f := later(mustOpen(t, d, "old.txt"))
			if got := f.Same(l); got != tt.want {
				t.Errorf("Same = %v, want %v", got, tt.want)
			}
			if control := f.Size() == l.Size() && f.ModTime().Equal(l.facts.modTime); tt.control && !control {
				t.Error("the control was not deceived")
			}
		})
	}
}

// later makes a file one that was opened an hour later than it was.
func later(f *File) *File { f.opened = f.opened.Add(time.Hour); return f }

// TestLoadSeesOldTimes: setting the modification time back hides nothing.
func TestLoadSeesOldTimes(t *testing.T) {
	seesChange(t, func(path string) error {
		return alike(filepath.Dir(path), filepath.Base(path), func(p string) error { return patch(p, 0, []byte("XXXXX")) })
	})
}

// alike runs change on a file and then sets its modification time to what it was, until the file system's clock has
// gone on since the file was last touched: two changes within a tick look like one.
func alike(base, name string, change func(path string) error) error {
	path := filepath.Join(base, name)
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := change(path); err != nil {
		return err
	}
	was := fi.Sys().(*syscall.Stat_t).Ctim
	for now := fi; now.Sys().(*syscall.Stat_t).Ctim == was; {
		if err := os.Chtimes(path, fi.ModTime(), fi.ModTime()); err != nil {
			return err
		}
		if now, err = os.Stat(path); err != nil {
			return err
		}
	}
	return nil
}

func replaceAlike(base, name string) error {
	return alike(base, name, func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content[0] = 'X'
		if err := os.WriteFile(path+".new", content, 0o644); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	})
}

// TestSameWhileYoung: a file that was touched less than two seconds before it was loaded may change unseen, whatever
// its modification time says, and so is loaded again; its weak entity tag becomes a strong one.
func TestSameWhileYoung(t *testing.T) {
	base, d := loadedWorld(t)
	old := mustLoad(t, mustOpen(t, d, "old.txt")) // an old modification time, but just made
	if f := later(mustOpen(t, d, "old.txt")); f.Same(old) {
		t.Error("Same of a file whose inode was just changed")
	}
	young := mustLoad(t, mustOpen(t, d, "young.html"))
	f := later(mustOpen(t, d, "young.html"))
	if f.Same(young) {
		t.Error("Same of a young file")
	}
	l := mustLoad(t, f)
	if got := young.ETag(); got[:2] != "W/" || got[2:] != l.ETag() {
		t.Errorf("entity tag %s, later %s, want a weak one and the same one strong", got, l.ETag())
	}
	if !later(mustOpen(t, d, "young.html")).Same(l) {
		t.Error("not Same when it is no longer young")
	}
	ahead := time.Now().Add(24 * time.Hour)
	if err := os.Chtimes(filepath.Join(base, "young.html"), ahead, ahead); err != nil {
		t.Fatal(err)
	}
	if l := mustLoad(t, later(mustOpen(t, d, "young.html"))); later(mustOpen(t, d, "young.html")).Same(l) {
		t.Error("Same of a file from the future")
	}
}

// TestSameName: a link that comes to lead to the same file by another way gives it another name, which MAY must see.
func TestSameName(t *testing.T) {
	base := world(t, "a/f.txt="+inside, "now => a")
	d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin})
	l := mustLoad(t, later(mustOpen(t, d, "now/f.txt")))
	if l.Name().String() != "a/f.txt" {
		t.Fatalf("loaded %s", l.Name())
	}
	if err := os.Rename(filepath.Join(base, "a"), filepath.Join(base, "b")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(base, "now")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("b", filepath.Join(base, "now")); err != nil {
		t.Fatal(err)
	}
	f := later(mustOpen(t, d, "now/f.txt"))
	if f.Same(l) || !f.facts.same(&l.facts) {
		t.Errorf("%s is Same as %s", f.Name(), l.Name())
	}
	other := openBaseDir(t, base, Config{Symlinks: SymlinksWithin})
	if later(mustOpen(t, other, "now/f.txt")).Same(mustLoad(t, f)) {
		t.Error("Same through another Dir")
	}
}

// BenchmarkLoadedAnswer decides an ordinary answer from memory.
func BenchmarkLoadedAnswer(b *testing.B) {
	_, d := loadedWorld(b)
	l := mustLoad(b, mustOpen(b, d, "old.txt"))
	for name, r := range map[string]*plan.Request{"200": {Method: "GET"}, "304": {Method: "GET", IfNoneMatch: l.ETag()}} {
		b.Run(name, func(b *testing.B) {
			o := SendOptions{RequestID: "abcdefghijklmnop"}
			var pieces [1][]byte
			b.ReportAllocs()
			for b.Loop() {
				a, _ := l.Answer(r, &o) // never an error
				if _, all := a.Buffers(pieces[:0]); !all {
					b.Fatal("not all of it is in memory")
				}
			}
		})
	}
}
