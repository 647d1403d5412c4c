package rootbound

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
)

// TestOwnName: what is sent has the name that was judged, its own.
func TestOwnName(t *testing.T) {
	base := world(t, "plain.txt="+inside, "sub/x.txt="+inside, "in => plain.txt", "indir => sub", "abs => BASE/sub/x.txt", "odd (deleted)=x", "toodd => odd (deleted)",
		"tobad => \xff", "\xff="+canary, "tohidden => .h/x", ".h/x="+canary, "gone=x", ".gone=x", "togone => .gone")
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		for name, want := range map[string]string{
			"plain.txt": "plain.txt", "in": "plain.txt", "indir/x.txt": "sub/x.txt", "abs": "sub/x.txt", "odd (deleted)": "odd (deleted)", "toodd": "odd (deleted)",
		} {
			f, err := d.Open(name)
			if err != nil {
				t.Errorf("Open(%q): %v", name, err)
				continue
			}
			fi, err := f.Stat()
			if got := f.Name().String(); got != want || err != nil || fi.Name() != filepath.Base(want) {
				t.Errorf("Open(%q).Name() = %q, want %q", name, got, want)
			}
			_ = f.Close()
		}
		for _, name := range []string{"tobad", "tohidden", "togone"} {
			if got, why := answer(d, name); why != reason.OpenedName {
				t.Errorf("Open(%q) = %q, %q", name, got, why)
			}
		}
	})
}

// TestOwnNameDeleted: a file deleted between open and the question is judged by the name that it had.
func TestOwnNameDeleted(t *testing.T) {
	for name, want := range map[string]Reason{"plain.txt": served, "real/plain.txt": served, ".hidden": reason.OpenedName} {
		base := world(t, name+"="+inside, "link => "+name)
		for _, asked := range []string{name, "link"} {
			d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin})
			f, err := os.Open(filepath.Join(base, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(base, name)); err != nil {
				t.Fatal(err)
			}
			n, err := d.DirName(asked) // for the hidden one no Name can be had, but by the link
			if err != nil {
				_ = f.Close()
				write(t, filepath.Join(base, name), inside)
				continue
			}
			got, err := d.admit(f, n.File())
			if ReasonOf(err) != want || err == nil && got.Name().String() != name {
				t.Errorf("%q by %q: %v, want %q", name, asked, err, want)
			}
			_ = f.Close()
			write(t, filepath.Join(base, name), inside)
		}
	}
}

// TestOwnNameOddBase: a base whose name looks like that of a deleted directory is none.
func TestOwnNameOddBase(t *testing.T) {
	base := filepath.Join(world(t, "odd (deleted)/a.txt="+inside, "odd (deleted)/in => a.txt"), "odd (deleted)")
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		for _, name := range []string{"a.txt", "in"} {
			if got, why := answer(d, name); got != inside {
				t.Errorf("Open(%q) = %q, %q", name, got, why)
			}
		}
		if got := list(t, d, "."); len(got) != 2 {
			t.Errorf("lists %q", got)
		}
	})
}

// TestOwnNameFolded: on a file system that folds names the path in /proc has the name by which an entry was looked up
// first, so it agrees with whatever was asked. There the directory is asked whether it has that very name. This test
// declares the file system to be such a one; the descriptor of one name under another stands for the folded lookup.
func TestOwnNameFolded(t *testing.T) {
	base := world(t, "sub/secret.txt="+inside, "other=")
	d := openBaseDir(t, base, Config{})
	var st unix.Statfs_t
	if err := unix.Statfs(base, &st); err != nil {
		t.Fatal(err)
	}
	plain := plainTypes[int64(st.Type)]
	plainTypes[int64(st.Type)] = false
	defer func() { plainTypes[int64(st.Type)] = plain }()
	if got, why := answer(d, "sub/secret.txt"); got != inside {
		t.Errorf("by its own name: %q, %q", got, why)
	}
	f, err := os.Open(filepath.Join(base, "sub", "secret.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, folded := range []string{"sub/SECRET.txt", "SUB/secret.txt", "sub/SECRET~1.TXT"} {
		n, err := d.Name(folded)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.exact(&File{held: held{dir: d, name: n}, f: f}); ReasonOf(err) != reason.OpenedName {
			t.Errorf("%q: %v, want %q", folded, err, reason.OpenedName)
		}
		// The control: by the path alone it would have been taken.
		if !endsInName("/srv/"+folded, folded) {
			t.Errorf("endsInName(%q)", folded)
		}
	}
}

// TestFoldMemory: what is remembered is bounded and not for long.
func TestFoldMemory(t *testing.T) {
	var m foldMemory
	for i := range 3 * foldMemorySize {
		m.remember(string(rune(i + 0x100)))
	}
	if len(m.seen) > foldMemorySize {
		t.Errorf("%d names remembered", len(m.seen))
	}
	m.remember("a")
	if !m.recent("a") || m.recent("b") {
		t.Error("recent")
	}
	m.seen["a"] = m.seen["a"].Add(-foldMemoryAge)
	if m.recent("a") {
		t.Error("remembered for too long")
	}
}

// shut closes what was opened after all.
func shut[T io.Closer](opened T, err error) error {
	if err == nil {
		return opened.Close()
	}
	return err
}

// TestNoAbsolutePath goes through what can fail and asks each error, and each error within it, for a path.
func TestNoAbsolutePath(t *testing.T) {
	base := linkWorld(t)
	both(t, func(t *testing.T, noOpenat2 bool) {
		var errs []error
		for _, cfg := range []Config{{}, {Symlinks: SymlinksWithin}, {Hardlinks: HardlinksRefuse, Deny: []string{"*"}}} {
			cfg.noOpenat2 = noOpenat2
			d := openBaseDir(t, base, cfg)
			fsys := d.FS()
			for _, c := range linkCases {
				errs = append(errs, errorOf(d, c.name), shut(d.Sub(c.name)), shut(fsys.Open(c.name)), second(d.NameFromPath("/"+c.name)), second(d.NameFromQuery("file="+c.name, "file")))
				if n, err := d.DirName(c.name); err == nil {
					errs = append(errs, shut(d.OpenName(n)), shut(d.OpenName(n.File())))
				}
			}
			if f, err := d.Open("plain.txt"); err == nil {
				_, seekErr := f.Seek(-1, 0)
				_, readErr := f.ReadAt(make([]byte, 1), -1)
				errs = append(errs, seekErr, readErr, f.Close(), f.Close(), second(f.Read(nil)), second(f.Changed()))
			}
			if n, err := d.DirName("sub"); err == nil {
				if f, err := d.OpenName(n); err == nil {
					errs = append(errs, second(f.Read(make([]byte, 1))), second(f.ReadAt(make([]byte, 1), 0)), f.Close())
					for _, err := range f.Entries() {
						errs = append(errs, err)
					}
				}
			}
		}
		failed := 0
		for _, err := range errs {
			if err == nil {
				continue
			}
			failed++
			if discloses(err, filepath.Dir(base)) {
				t.Errorf("%v", err)
			}
		}
		if failed < 500 {
			t.Errorf("only %d errors to look at", failed)
		}
	})
	if _, err := os.Open(filepath.Join(base, "none")); !discloses(err, base) {
		t.Errorf("control: %v", err)
	}
}
