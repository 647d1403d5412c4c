package rootbound

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/reason"
)

// list returns the entries of a directory as "name size", a directory's with a slash.
func list(t *testing.T, d *Dir, dir string) []string {
	t.Helper()
	n, err := d.DirName(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.OpenName(n)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for e, err := range f.Entries() {
		if err != nil {
			t.Errorf("Entries of %q: %v", dir, err)
			continue
		}
		if e.IsDir() {
			out = append(out, e.Name.String()+"/")
		} else {
			out = append(out, fmt.Sprintf("%s %d", e.Name, e.Size))
		}
		if e.Name.WantsDir() != e.IsDir() || e.ModTime.IsZero() {
			t.Errorf("entry %+v", e)
		}
	}
	slices.Sort(out)
	return out
}

func TestEntries(t *testing.T) {
	entries := append([]string(nil), linkTree...)
	base := world(t, append(entries, "\xff\xfe=x", "new\nline=x", "back\\slash=x", "hard == plain.txt")...)
	regular := []string{"notes.md 13", "sub/"}
	within := []string{"absdir/", "absin 6", "absup 6", "here/", "in.txt 6", "indir/", "inslash/", "inup 6", "self/", "selfslash/"}
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, tt := range []struct {
			name string
			cfg  Config
			want []string
		}{
			{"strict", Config{Deny: []string{"/private", "private/**"}}, append(regular, "hard 6", "plain.txt 6")},
			{"within", Config{Symlinks: SymlinksWithin, Deny: []string{"private"}}, append(append(regular, "hard 6", "plain.txt 6", "tomd 13"), within...)},
			{"one name only", Config{Hardlinks: HardlinksRefuse, Deny: []string{"private"}}, regular},
			{"hidden", Config{AllowHidden: true, Allow: []string{"*.md"}}, []string{".git/", "notes.md 13", "private/", "sub/"}},
		} {
			tt.cfg.noOpenat2 = noOpenat2
			d := openBaseDir(t, base, tt.cfg)
			slices.Sort(tt.want)
			keepsDescriptors(t, func() {
				if diff := cmp.Diff(tt.want, list(t, d, ".")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tt.name, diff)
				}
			})
		}
		d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		want := []string{"sub/abschain 6", "sub/deep/", "sub/in.txt 6", "sub/inside.txt 6"}
		if diff := cmp.Diff(want, list(t, d, "indir")); diff != "" {
			t.Errorf("through a link, entries have their own names (-want +got):\n%s", diff)
		}
	})
}

// TestEntriesAgreeWithOpen: what is listed can be opened, with the facts that the list gave; what is not cannot.
func TestEntriesAgreeWithOpen(t *testing.T) {
	base := linkWorld(t)
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			listed := map[string]bool{}
			for e, err := range rootEntries(t, d) {
				if err != nil {
					t.Fatal(err)
				}
				listed[e.Name.String()] = true
				f, err := d.OpenName(e.Name)
				if err != nil {
					t.Errorf("%q is listed, but: %v", e.Name, err)
					continue
				}
				if f.Size() != e.Size || f.IsDir() != e.IsDir() || !f.ModTime().Equal(e.ModTime) || f.Name().String() != e.Own.String() {
					t.Errorf("%q: listed as %+v", e.Name, e)
				}
				_ = f.Close()
			}
			all, err := os.ReadDir(base)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				if _, why := answer(d, e.Name()); !listed[e.Name()] && (why == served || why == reason.Directory) {
					t.Errorf("%s: %q can be opened, but is not listed", links, e.Name())
				}
			}
		}
	})
}

func TestEntriesOfAFile(t *testing.T) {
	d := openBaseDir(t, world(t, "f="), Config{})
	f, err := d.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, err := range f.Entries() {
		if ReasonOf(err) != reason.NotDirectory {
			t.Errorf("Entries of a file: %v", err)
		}
	}
}

// TestEntriesHuge: a listing needs no more memory than one batch, whatever the directory holds.
func TestEntriesHuge(t *testing.T) {
	n := 50_000
	if os.Getenv("ROOTBOUND_SOAK") == "1" {
		n = 1_000_000
	}
	base := world(t, "seed=")
	for i := range n - 1 {
		path := filepath.Join(base, fmt.Sprintf("entry-%07d", i))
		err := os.WriteFile(path, nil, 0o644)
		if i%10 == 0 {
			err = errors.Join(os.Remove(path), os.Symlink("seed", path))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		count, peak := 0, uint64(0)
		for _, err := range rootEntries(t, d) {
			if err != nil {
				t.Fatal(err)
			}
			if count++; count%10_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
			}
		}
		if count != n || peak > 4<<20 {
			t.Errorf("%d entries of %d, %d bytes held", count, n, peak)
		}
	})
}
