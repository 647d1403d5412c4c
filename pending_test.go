package rootbound

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

// eachUploadWay runs a test for both containments, and for both kinds of unfinished file.
func eachUploadWay(t *testing.T, test func(t *testing.T, cfg Config)) {
	t.Helper()
	for _, way := range []struct {
		name string
		cfg  Config
	}{
		{"openat2/unnamed", Config{}},
		{"openat2/named", Config{noTmpfile: true}},
		{"os.Root/unnamed", Config{noOpenat2: true}},
		{"os.Root/named", Config{noOpenat2: true, noTmpfile: true}},
	} {
		way.cfg.Writable = true
		t.Run(way.name, func(t *testing.T) { test(t, way.cfg) })
	}
}

// uploadBase is a base directory with an outside beside it, as a Dir and as a path.
func uploadBase(t *testing.T, cfg Config) (d *Dir, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "base")
	for _, sub := range []string{path, filepath.Join(path, "sub"), filepath.Join(path, "..", "outside")} {
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return openUploads(t, path, cfg), path
}

func openUploads(t *testing.T, path string, cfg Config) *Dir {
	t.Helper()
	d, err := Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// upload creates, writes and commits, and returns the first error.
func upload(d *Dir, text, content string, o CreateOptions) error {
	p, err := d.Create(text, o)
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := io.WriteString(p, content); err != nil {
		return err
	}
	return p.Commit()
}

func wantReason(t *testing.T, what string, err error, want reason.Code) {
	t.Helper()
	if got := ReasonOf(err); got != want {
		t.Errorf("%s: %v (reason %q), want reason %q", what, err, got, want)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", filepath.Base(path), got, err, want)
	}
}

// wantOnly checks what a directory of the system holds, reserved names included.
func wantOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", filepath.Base(dir), got, want)
	}
}

func TestCreate(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		p, err := d.Create("sub/file", CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if n, err := p.Write([]byte("he")); n != 2 || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		if n, err := p.ReadFrom(iotest.OneByteReader(strings.NewReader("llo"))); n != 3 || err != nil {
			t.Errorf("ReadFrom = %d, %v", n, err)
		}
		if _, err := d.Open("sub/file"); !errors.Is(err, ErrNotFound) {
			t.Errorf("Open before Commit: %v, want not found", err)
		}
		if err := p.Commit(); err != nil {
			t.Fatalf("Commit: %v", err)
		}
		if p.Written() != 5 || p.Name().String() != "sub/file" {
			t.Errorf("Written, Name = %d, %q", p.Written(), p.Name())
		}
		if err := p.Close(); err != nil {
			t.Errorf("Close after Commit: %v", err)
		}
		if err := p.Commit(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("second Commit: %v, want closed", err)
		}
		if _, err := p.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Write after Commit: %v, want closed", err)
		}
		wantContent(t, filepath.Join(path, "sub", "file"), "hello")
		wantOnly(t, filepath.Join(path, "sub"), "file")
		if err := upload(d, "empty", "", CreateOptions{}); err != nil {
			t.Errorf("an empty file: %v", err)
		}
		wantContent(t, filepath.Join(path, "empty"), "")
	})
}

func TestCreateReadOnly(t *testing.T) {
	d, path := uploadBase(t, Config{})
	_, err := d.Create("file", CreateOptions{})
	wantReason(t, "Create", err, reason.ReadOnly)
	if Status(err) != 403 {
		t.Errorf("Status = %d, want 403", Status(err))
	}
	wantOnly(t, path, "sub")
}

// The names of an upload pass the same rules as those that are read: what could not be served cannot be stored.
func TestCreateNames(t *testing.T) {
	long := strings.Repeat("n", 256)
	tests := []struct {
		text string
		cfg  Config
		want reason.Code
	}{
		{"", Config{}, reason.NameEmpty},
		{".", Config{}, reason.NameDot},
		{"../x", Config{}, reason.NameTraversal},
		{"sub/../../x", Config{}, reason.NameTraversal},
		{`..\x`, Config{}, reason.NameBackslash},
		{"/x", Config{}, reason.NameAbsolute},
		{"sub/", Config{}, reason.NameEmptyElement},
		{"sub//x", Config{}, reason.NameEmptyElement},
		{".htaccess", Config{}, reason.NameHidden},
		{"sub/.htaccess", Config{}, reason.NameHidden},
		{"x\x00.png", Config{}, reason.NameNUL},
		{"x\n", Config{}, reason.NameControl},
		{"x\xff", Config{}, reason.NameUTF8},
		{long, Config{}, reason.NameTooLong},
		{long[1:], Config{}, ""},
		{".htaccess", Config{AllowHidden: true}, ""},
		{reservedName(), Config{AllowHidden: true}, reason.NameReserved},
		{name.ReservedPrefix + "x", Config{AllowHidden: true}, reason.NameReserved},
		{"sub/" + name.ReservedPrefix + "x/y", Config{AllowHidden: true}, reason.NameReserved},
		{"a b", Config{Names: Strict}, reason.NameStrict},
		{"CON", Config{Names: Portable}, reason.NamePortable},
		{"sub/nul.txt", Config{Names: Portable}, reason.NamePortable},
		{"x.", Config{Names: Portable}, reason.NamePortable},
		{"x.php", Config{Deny: []string{"*.php"}}, reason.NameDenied},
		{"x.exe", Config{Allow: []string{"*.png"}}, reason.NameDenied},
		{"sub/x.png", Config{Allow: []string{"*.png"}}, ""},
		{"missing/x", Config{}, reason.Missing},
		{"file/x", Config{}, reason.NotDirectory},
		{"sub", Config{}, reason.Exists},
		{"file", Config{}, reason.Exists},
	}
	eachUploadWay(t, func(t *testing.T, way Config) {
		for _, tt := range tests {
			tt.cfg.Writable, tt.cfg.noOpenat2, tt.cfg.noTmpfile = true, way.noOpenat2, way.noTmpfile
			d, path := uploadBase(t, tt.cfg)
			if err := os.WriteFile(filepath.Join(path, "file"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := upload(d, tt.text, "new", CreateOptions{})
			wantReason(t, "Create("+tt.text+")", err, tt.want)
			wantContent(t, filepath.Join(path, "file"), "old")
			wantOnly(t, filepath.Join(path, "..", "outside"))
			wantOnly(t, filepath.Dir(path), "base", "outside")
			var pe *fs.PathError
			if err != nil && (!errors.As(err, &pe) || pe.Path != tt.text) {
				t.Errorf("Create(%q): %v is not a PathError with the requested name", tt.text, err)
			}
			if err != nil && strings.Contains(err.Error(), path) {
				t.Errorf("Create(%q): the error tells the base's path: %v", tt.text, err)
			}
		}
	})
}

func TestCreateOverwrite(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		over := CreateOptions{Overwrite: true}
		for _, content := range []string{"first", "second, longer", ""} {
			if err := upload(d, "sub/file", content, over); err != nil {
				t.Fatalf("upload of %q: %v", content, err)
			}
			wantContent(t, filepath.Join(path, "sub", "file"), content)
		}
		wantOnly(t, filepath.Join(path, "sub"), "file")

		err := upload(d, "sub/file", "x", CreateOptions{})
		wantReason(t, "without Overwrite", err, reason.Exists)
		if !errors.Is(err, ErrExists) || !errors.Is(err, fs.ErrExist) || Status(err) != 409 {
			t.Errorf("%v does not match ErrExists, fs.ErrExist and 409", err)
		}
		err = upload(d, "sub", "x", over)
		wantReason(t, "over a directory", err, reason.Exists)
		wantOnly(t, filepath.Join(path, "sub"), "file")
	})
}

// Who has the old file open keeps it: it is replaced, not written into.
func TestCreateOverwriteKeepsReaders(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, _ := uploadBase(t, cfg)
		if err := upload(d, "file", "old", CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		f, err := d.Open("file")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := upload(d, "file", "new", CreateOptions{Overwrite: true}); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); string(got) != "old" || err != nil {
			t.Errorf("the open file now reads %q, %v", got, err)
		}
	})
}

func TestCreateBound(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		cfg.MaxUpload = 10
		d, path := uploadBase(t, cfg)
		for _, tt := range []struct {
			size int
			max  int64
			want reason.Code
		}{
			{10, 0, ""}, {11, 0, reason.TooLarge}, {11, 100, reason.TooLarge}, {5, 5, ""}, {6, 5, reason.TooLarge},
		} {
			content := strings.Repeat("x", tt.size)
			o := CreateOptions{MaxBytes: tt.max, Overwrite: true}
			wantReason(t, "Write", upload(d, "written", content, o), tt.want)
			p, err := d.Create("read", o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(p, iotest.HalfReader(strings.NewReader(content)))
			wantReason(t, "ReadFrom", err, tt.want)
			wantReason(t, "Commit", p.Commit(), tt.want)
			if tt.want != "" {
				wantOnly(t, path, "sub")
			}
			for _, f := range []string{"read", "written"} {
				if err := os.Remove(filepath.Join(path, f)); tt.want == "" && err != nil {
					t.Error(err)
				}
			}
		}
	})
	d, _ := uploadBase(t, Config{Writable: true})
	if _, err := d.Create("x", CreateOptions{MaxBytes: -1}); err == nil {
		t.Error("a negative bound was taken")
	}
}

// A sender that breaks off must not leave half of a file, even where the caller commits without looking.
func TestCreateBrokenOff(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		p, err := d.Create("file", CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		broken := errors.New("connection reset")
		body := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
		if n, err := io.Copy(p, body); n != 4 || !errors.Is(err, broken) {
			t.Errorf("Copy = %d, %v", n, err)
		}
		if err := p.Commit(); !errors.Is(err, broken) {
			t.Errorf("Commit: %v, want the sender's error", err)
		}
		wantOnly(t, path, "sub")
	})
}

func TestPendingClose(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		p, err := d.Create("file", CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := p.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if err := p.Commit(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Commit after Close: %v, want closed", err)
		}
		wantOnly(t, path, "sub")
	})
}

// A Pending outlives its Dir, as an open file does.
func TestCreateAfterDirClose(t *testing.T) {
	d, path := uploadBase(t, Config{Writable: true})
	p, err := d.Create("file", CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Commit(); err != nil {
		t.Errorf("Commit: %v", err)
	}
	wantOnly(t, path, "file", "sub")
	_, err = d.Create("other", CreateOptions{})
	wantReason(t, "Create on a closed Dir", err, reason.Closed)
	_, err = d.ClearLeftovers(t.Context())
	wantReason(t, "ClearLeftovers on a closed Dir", err, reason.Closed)
}

func TestRandomName(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		n := RandomName()
		if len(n) != 26 || Strict(n) != nil || Portable(n) != nil || strings.ToLower(n) != n || seen[n] {
			t.Fatalf("RandomName() = %q", n)
		}
		seen[n] = true
		if !isReservedName(name.ReservedPrefix + n) {
			t.Fatalf("%q is not known as a reserved name", n)
		}
	}
}
