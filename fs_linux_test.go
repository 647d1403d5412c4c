package rootbound

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rootbound/rootbound/internal/reason"
)

func TestFS(t *testing.T) {
	base := world(t, "a.txt="+inside, "sub/b.txt="+inside, "sub/deep/c.txt=", "empty/", "in => a.txt", "indir => sub", "out => ../outside",
		".env="+canary, "pipe |", "\xff=x", "back\\slash=x")
	both(t, func(t *testing.T, noOpenat2 bool) {
		keepsDescriptors(t, func() {
			for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
				d, err := Open(base, Config{Symlinks: links, noOpenat2: noOpenat2})
				if err != nil {
					t.Fatal(err)
				}
				want := []string{"a.txt", "sub/b.txt", "sub/deep/c.txt", "empty"}
				if links == SymlinksWithin {
					want = append(want, "in", "indir/b.txt")
				}
				if err := fstest.TestFS(d.FS(), want...); err != nil {
					t.Errorf("%s: %v", links, err)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	})
}

func TestFSErrors(t *testing.T) {
	base := linkWorld(t)
	both(t, func(t *testing.T, noOpenat2 bool) {
		fsys := openBaseDir(t, base, Config{Deny: []string{"private"}, noOpenat2: noOpenat2}).FS()
		for _, tt := range []struct {
			name string
			want error
		}{
			{"missing", fs.ErrNotExist},
			{"out.txt", fs.ErrNotExist},
			{"pipe", fs.ErrNotExist},
			{"plain.txt/x", fs.ErrNotExist},
			{".git/config", fs.ErrPermission},
			{"private/key.txt", fs.ErrPermission},
			{"back\\slash", fs.ErrPermission},
			{"../outside/canary.txt", fs.ErrInvalid},
			{"/plain.txt", fs.ErrInvalid},
			{"a\x00b", fs.ErrInvalid},
			{"\xff", fs.ErrInvalid},
		} {
			for op, err := range map[string]error{"open": second(fsys.Open(tt.name)), "read": second(fs.ReadFile(fsys, tt.name)), "stat": second(fs.Stat(fsys, tt.name)), "list": second(fs.ReadDir(fsys, tt.name))} {
				if !errors.Is(err, tt.want) {
					t.Errorf("%s %q = %v, want %v", op, tt.name, err, tt.want)
				}
				checkRefusalFS(t, err, base, tt.name)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func checkRefusalFS(t *testing.T, err error, base, requested string) {
	t.Helper()
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != requested || discloses(err, filepath.Dir(base)) {
		t.Errorf("error of %q is %#v", requested, err)
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error of %q = %v: net/http answers 500 to that", requested, err)
	}
}

// TestFSTellsNothing: whether Allow has a say depends on what the name is found to be, so its no must not differ from
// that of a file system that has no such name.
func TestFSTellsNothing(t *testing.T) {
	base := world(t, "secret.key="+canary, "ok.txt="+inside, "sub/")
	both(t, func(t *testing.T, noOpenat2 bool) {
		fsys := openBaseDir(t, base, Config{Allow: []string{"*.txt"}, noOpenat2: noOpenat2}).FS()
		for _, name := range []string{"secret.key", "absent.key"} {
			if _, err := fs.ReadFile(fsys, name); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				t.Errorf("%q = %v, want fs.ErrNotExist", name, err)
			}
		}
		if b, err := fs.ReadFile(fsys, "ok.txt"); string(b) != inside {
			t.Errorf("ok.txt = %q, %v", b, err)
		}
		if _, err := fs.ReadDir(fsys, "sub"); err != nil {
			t.Error(err)
		}
	})
}

// TestFileServerFS: the standard library's server on our FS answers links and special files with the 404 of a missing
// file. On os.Root's FS it answers a refused link with 500, and a FIFO hangs.
func TestFileServerFS(t *testing.T) {
	base := linkWorld(t)
	control, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	status := func(h http.Handler, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	if code, _ := status(http.FileServerFS(control.FS()), "/out.txt"); code != 500 {
		t.Errorf("control: os.Root's FS answers a link with %d, want 500", code)
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		h := http.FileServerFS(openBaseDir(t, base, Config{noOpenat2: noOpenat2}).FS())
		_, missing := status(h, "/missing")
		for path, want := range map[string]int{
			"/plain.txt": 200, "/sub/": 200, "/missing": 404, "/out.txt": 404, "/dirout/canary.txt": 404, "/dirout/": 404, "/loop": 404,
			"/pipe": 404, "/sock": 404, "/in.txt": 404, "/plain.txt/x": 404, "/.git/config": 403, "/a%00b": 404, "/%ff": 404, "/a%5cb": 403,
		} {
			code, body := status(h, path)
			if code != want || code == 404 && body != missing {
				t.Errorf("GET %s = %d %q, want %d", path, code, body, want)
			}
		}
		if _, body := status(h, "/"); strings.Contains(body, "out.txt") || strings.Contains(body, ".git") || !strings.Contains(body, "plain.txt") {
			t.Errorf("GET / lists %q", body)
		}
	})
}

func TestSub(t *testing.T) {
	base := world(t, "sub/a.txt="+inside, "sub/up => ../top.txt", "sub/updir => ..", "sub/here => a.txt", "sub/abs => BASE/sub/a.txt", "sub/absup => BASE/top.txt",
		"top.txt="+canary, "link => sub", "out => ../outside", "file=", "pipe |", "private/keys/x="+canary, "private/open.txt="+inside, "sub/deep/y="+inside)
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			keepsDescriptors(t, func() { checkSub(t, base, Config{Symlinks: links, noOpenat2: noOpenat2}) })
		}
	})
	leaksUndefended(t, base+"/sub", "../top.txt")
	leaksUndefended(t, base+"/sub", "up")
}

func checkSub(t *testing.T, base string, cfg Config) {
	d, err := Open(base, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	within := cfg.Symlinks == SymlinksWithin
	for name, want := range map[string]Reason{
		"file": reason.NotDirectory, "missing": reason.Missing, "..": reason.NameTraversal, "": reason.NameEmpty, "pipe": reason.SpecialFile,
		"out": pick(within, reason.LinkEscape, reason.LinkRefused),
	} {
		_, err := d.Sub(name)
		if ReasonOf(err) != want {
			t.Errorf("Sub(%q) = %v, want %q", name, err, want)
		}
		checkRefusal(t, err, base, name)
	}
	names := []string{"sub", "sub/deep"}
	if within {
		names = append(names, "link")
	}
	for _, name := range names {
		s, err := d.Sub(name)
		if err != nil {
			t.Errorf("Sub(%q): %v", name, err)
			continue
		}
		if name != "sub/deep" {
			checkInSub(t, s, within)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	dot, err := d.Sub(".")
	if err != nil {
		t.Fatal(err)
	}
	if got, why := answer(dot, "sub/a.txt"); got != inside {
		t.Errorf("Sub(.): %q, %q", got, why)
	}
	_ = dot.Close()
}

func pick(cond bool, yes, no Reason) Reason {
	if cond {
		return yes
	}
	return no
}

func checkInSub(t *testing.T, s *Dir, within bool) {
	for name, want := range map[string]Reason{
		"a.txt": served, "here": pick(within, served, reason.LinkRefused), "abs": pick(within, served, reason.LinkRefused),
		"up": pick(within, reason.LinkEscape, reason.LinkRefused), "absup": pick(within, reason.LinkEscape, reason.LinkRefused),
		"updir/top.txt": pick(within, reason.LinkEscape, reason.LinkRefused), "../top.txt": reason.NameTraversal,
	} {
		if got, why := answer(s, name); why != want || strings.Contains(got, canary) {
			t.Errorf("in the Sub: Open(%q) = %q, %q; want %q", name, got, why, want)
		}
	}
	if _, why := rawAnswer(s, "../top.txt"); why != reason.LinkEscape {
		t.Errorf("in the Sub, below the rules: %q", why)
	}
}

// TestSubRules: a Sub gives away nothing that its parent refuses. Patterns and policies keep the meaning that they
// have from the directory that was opened, and a Name that the parent checked is judged anew.
// A directory that is open is the base, whatever takes its name meanwhile. The control is Sub by name, which finds the other.
func TestSubOfFile(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t, "sub/a.txt="+inside, "sub/up => ../top.txt", "top.txt="+canary, "other/a.txt="+canary)
		d := openBaseDir(t, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
		n, err := d.DirName("sub")
		if err != nil {
			t.Fatal(err)
		}
		dir, err := d.OpenName(n)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		for _, r := range [][2]string{{"sub", "before"}, {"other", "sub"}} {
			if err := os.Rename(base+"/"+r[0], base+"/"+r[1]); err != nil {
				t.Fatal(err)
			}
		}
		s, err := dir.Sub()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if got, why := answer(s, "a.txt"); got != inside || why != "" {
			t.Errorf("what was open: %q, %q", got, why)
		}
		if got, why := answer(s, "up"); why != reason.LinkEscape || strings.Contains(got, canary) {
			t.Errorf("up: %q, %q", got, why)
		}
		byName, err := d.Sub("sub")
		if err != nil {
			t.Fatal(err)
		}
		defer byName.Close()
		if got, _ := answer(byName, "a.txt"); got != canary {
			t.Errorf("the control, by name: %q", got)
		}
		f, err := s.Open("a.txt")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Sub(); ReasonOf(err) != reason.NotDirectory {
			t.Errorf("of a file: %v", err)
		}
	})
}

func TestSubRules(t *testing.T) {
	base := world(t, "private/keys/x.txt="+canary, "private/open.txt="+inside, "a/private/keys/x.txt="+inside, ".well-known/acme/t="+inside, "a/.well-known/t="+canary)
	var asked []string
	policy := func(name string) error {
		asked = append(asked, name)
		if strings.HasPrefix(name, "a/b") {
			return errors.New("no")
		}
		return nil
	}
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{Deny: []string{"/private/keys"}, Names: policy, AllowWellKnown: true, noOpenat2: noOpenat2})
		check := func(s *Dir, name string, want Reason) {
			t.Helper()
			if got, why := answer(s, name); why != want || strings.Contains(got, canary) {
				t.Errorf("Open(%q) = %q, %q; want %q", name, got, why, want)
			}
		}
		private, err := d.Sub("private")
		if err != nil {
			t.Fatal(err)
		}
		defer private.Close()
		check(private, "open.txt", served)
		check(private, "keys/x.txt", reason.NameDenied)
		if _, err := private.Sub("keys"); ReasonOf(err) != reason.NameDenied {
			t.Errorf("Sub of a denied directory: %v", err)
		}
		for e := range rootEntries(t, private) {
			if e.Name.String() == "keys" {
				t.Error("the Sub lists what it refuses")
			}
		}
		n, err := d.Name("keys/x.txt") // harmless beneath d, where it is another file
		if err != nil {
			t.Fatal(err)
		}
		if _, err := private.OpenName(n); ReasonOf(err) != reason.NameDenied {
			t.Errorf("the parent's Name in a Sub: %v", err)
		}
		a, err := d.Sub("a")
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		check(a, "private/keys/x.txt", served)
		check(a, "b.txt", reason.NamePolicy)
		check(a, ".well-known/t", reason.NameHidden)
		deeper, err := a.Sub("private")
		if err != nil {
			t.Fatal(err)
		}
		defer deeper.Close()
		check(deeper, "keys/x.txt", served)
		if last := asked[len(asked)-1]; last != "a/private/keys/x.txt" {
			t.Errorf("the policy was asked about %q", last)
		}
		known, err := d.Sub(".well-known")
		if err != nil {
			t.Fatal(err)
		}
		defer known.Close()
		check(known, "acme/t", served)
	})
}

// TestSubHeld: a Sub is its directory, wherever that goes, and never the parent's other files.
func TestSubHeld(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			base := world(t, "sub/a.txt="+inside, "other/a.txt="+canary)
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			s, err := d.Sub("sub")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			rename(t, filepath.Join(base, "sub"), filepath.Join(base, "moved"))
			rename(t, filepath.Join(base, "other"), filepath.Join(base, "sub"))
			if got, why := answer(s, "a.txt"); got != inside {
				t.Errorf("renamed: %q, %q", got, why)
			}
			if err := os.RemoveAll(filepath.Join(base, "moved")); err != nil {
				t.Fatal(err)
			}
			if got, why := answer(s, "a.txt"); why != reason.Missing {
				t.Errorf("deleted: %q, %q", got, why)
			}
		}
	})
}
