package rootbound

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
)

// undefendedUpload is the control: join, and write by path. It must leak where Create must not.
func undefendedUpload(base, text, content string) error {
	return os.WriteFile(filepath.Join(base, text), []byte(content), 0o777)
}

func mustSymlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

func mustWrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// withUmask sets the process's umask for the rest of the test, which must not be parallel.
func withUmask(t *testing.T, mask int) {
	t.Helper()
	old := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(old) })
}

func TestCreateMode(t *testing.T) {
	all := fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	for _, mask := range []int{0, 0o022, 0o777} {
		withUmask(t, mask)
		eachUploadWay(t, func(t *testing.T, cfg Config) {
			syscall.Umask(0) // the directories of the test itself
			d, path := uploadBase(t, cfg)
			if err := os.Chmod(filepath.Join(path, "sub"), 0o777|fs.ModeSetgid); err != nil {
				t.Fatal(err)
			}
			syscall.Umask(mask)
			for _, tt := range []struct{ asked, want fs.FileMode }{
				{0, 0o600},
				{0o600, 0o600},
				{0o644, 0o644},
				{0o640, 0o640},
				{0o444, 0o444},
				{0o755, 0o644},
				{0o666, 0o664},
				{all, 0o664},
				{0o4711, 0o600},
			} {
				err := upload(d, "sub/file", "x", CreateOptions{Mode: tt.asked, Overwrite: true})
				if err != nil {
					t.Fatal(err)
				}
				fi, err := os.Lstat(filepath.Join(path, "sub", "file"))
				if err != nil || fi.Mode() != tt.want {
					t.Errorf("umask %03o, Mode %v: the file has %v, %v; want %v", mask, tt.asked, fi.Mode(), err, tt.want)
				}
			}
			syscall.Umask(0)
		})
	}
}

// Until it is committed, nobody else can read an upload that has a name.
func TestPendingModeBeforeCommit(t *testing.T) {
	withUmask(t, 0)
	d, path := uploadBase(t, Config{Writable: true, noTmpfile: true})
	p, err := d.Create("file", CreateOptions{Mode: 0o644})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	fi, err := os.Lstat(filepath.Join(path, p.temp))
	if err != nil || fi.Mode() != 0o600 {
		t.Errorf("the unfinished file has mode %v, %v; want 0600", fi.Mode(), err)
	}
}

// A directory on the way that is a link out of the base.
func TestCreateThroughLinkOut(t *testing.T) {
	for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
		eachUploadWay(t, func(t *testing.T, cfg Config) {
			cfg.Symlinks = links
			d, path := uploadBase(t, cfg)
			outside := filepath.Join(path, "..", "outside")
			mustSymlink(t, "../outside", filepath.Join(path, "out"))
			mustSymlink(t, outside, filepath.Join(path, "abs"))
			mustSymlink(t, "../out", filepath.Join(path, "sub", "chain"))
			for _, text := range []string{"out/file", "abs/file", "sub/chain/file"} {
				if err := undefendedUpload(path, text, "leak"); err != nil {
					t.Fatal(err)
				}
				wantContent(t, filepath.Join(outside, "file"), "leak")
				if err := os.Remove(filepath.Join(outside, "file")); err != nil {
					t.Fatal(err)
				}
				err := upload(d, text, "x", CreateOptions{Overwrite: true})
				if !errors.Is(err, ErrNotFound) || Status(err) != 404 {
					t.Errorf("Create(%q): %v, want not found", text, err)
				}
				wantOnly(t, outside)
			}
		})
	}
}

// Links within the base are followed where that is allowed, and the file's own name must pass the rules.
func TestCreateThroughLinkWithin(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		cfg.Symlinks, cfg.Deny, cfg.Allow = SymlinksWithin, []string{"sub/denied"}, []string{"**/*.txt"}
		d, path := uploadBase(t, cfg)
		for _, dir := range []string{"sub/open", "sub/denied", ".git"} {
			if err := os.Mkdir(filepath.Join(path, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for link, target := range map[string]string{
			"open": "sub/open", "absolute": filepath.Join(path, "sub/open"), "denied": "sub/denied", "git": ".git",
			"sub/up": "..",
		} {
			mustSymlink(t, target, filepath.Join(path, link))
		}
		for _, tt := range []struct {
			text, own string
			want      reason.Code
		}{
			{"open/1.txt", "sub/open/1.txt", ""},
			{"absolute/2.txt", "sub/open/2.txt", ""},
			{"sub/up/sub/up/3.txt", "3.txt", ""},
			{"open/4.exe", "", reason.NameDenied},
			{"denied/5.txt", "", reason.OpenedName},
			{"git/6.txt", "", reason.OpenedName},
		} {
			p, err := d.Create(tt.text, CreateOptions{})
			wantReason(t, tt.text, err, tt.want)
			if err != nil {
				continue
			}
			if p.Name().String() != tt.own {
				t.Errorf("%s: Name = %q, want %q", tt.text, p.Name(), tt.own)
			}
			if err := p.Commit(); err != nil {
				t.Errorf("%s: %v", tt.text, err)
			}
			wantContent(t, filepath.Join(path, tt.own), "")
		}
		wantOnly(t, filepath.Join(path, ".git"))
		wantOnly(t, filepath.Join(path, "sub", "denied"))

		cfg.Symlinks = SymlinksRefuse
		_, err := openUploads(t, path, cfg).Create("open/7.txt", CreateOptions{})
		wantReason(t, "a link where links are refused", err, reason.LinkRefused)
	})
}

// The directory is swapped for a link out while the upload is on its way: whatever the path now says, the file
// goes into the directory that was checked.
//
//	Create("sub/file")      sub is a directory
//	                        mv sub moved; ln -s ../outside sub
//	Commit                  writes moved/file, not outside/file
func TestCreateParentSwapped(t *testing.T) {
	for _, over := range []bool{false, true} {
		eachUploadWay(t, func(t *testing.T, cfg Config) {
			d, path := uploadBase(t, cfg)
			outside := filepath.Join(path, "..", "outside")
			mustWrite(t, filepath.Join(path, "sub", "file"), "old")
			if !over {
				if err := os.Remove(filepath.Join(path, "sub", "file")); err != nil {
					t.Fatal(err)
				}
			}
			p, err := d.Create("sub/file", CreateOptions{Overwrite: over})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			discarded, err := d.Create("sub/other", CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(path, "sub"), filepath.Join(path, "moved")); err != nil {
				t.Fatal(err)
			}
			mustSymlink(t, "../outside", filepath.Join(path, "sub"))
			if err := undefendedUpload(path, "sub/control", "leak"); err != nil {
				t.Fatal(err)
			}
			wantOnly(t, outside, "control")

			if err := discarded.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if _, err := p.Write([]byte("new")); err != nil {
				t.Fatal(err)
			}
			if err := p.Commit(); err != nil {
				t.Errorf("Commit: %v", err)
			}
			wantOnly(t, outside, "control")
			wantOnly(t, filepath.Join(path, "moved"), "file")
			wantContent(t, filepath.Join(path, "moved", "file"), "new")
		})
	}
}

// The directory is removed while the upload is on its way.
func TestCreateParentRemoved(t *testing.T) {
	d, path := uploadBase(t, Config{Writable: true})
	p, err := d.Create("sub/file", CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, "sub")); err != nil {
		t.Fatal(err)
	}
	wantReason(t, "Commit", p.Commit(), reason.Missing)
}

// What is not a regular file is never replaced, and never written through.
func TestCreateOverNoFile(t *testing.T) {
	for _, over := range []bool{false, true} {
		eachUploadWay(t, func(t *testing.T, cfg Config) {
			d, path := uploadBase(t, cfg)
			outside := filepath.Join(path, "..", "outside")
			mustWrite(t, filepath.Join(outside, "victim"), "precious")
			mustSymlink(t, "../outside/victim", filepath.Join(path, "link"))
			mustSymlink(t, "../outside/new", filepath.Join(path, "dangling"))
			mustSymlink(t, "loop", filepath.Join(path, "loop"))
			mustSymlink(t, "sub", filepath.Join(path, "dirlink"))
			if err := unix.Mkfifo(filepath.Join(path, "fifo"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"link", "dangling", "loop", "dirlink", "fifo", "sub"} {
				err := upload(d, text, "x", CreateOptions{Overwrite: over})
				wantReason(t, "Create("+text+")", err, reason.Exists)
			}
			wantOnly(t, path, "dangling", "dirlink", "fifo", "link", "loop", "sub")
			wantOnly(t, outside, "victim")
			wantContent(t, filepath.Join(outside, "victim"), "precious")
		})
	}
}

// The same, planted after Create looked: at Commit nothing of it is followed. With Overwrite it is refused, too.
func TestCreateLinkPlantedWhilePending(t *testing.T) {
	for _, over := range []bool{false, true} {
		eachUploadWay(t, func(t *testing.T, cfg Config) {
			d, path := uploadBase(t, cfg)
			outside := filepath.Join(path, "..", "outside")
			p, err := d.Create("sub/file", CreateOptions{Overwrite: over})
			if err != nil {
				t.Fatal(err)
			}
			mustSymlink(t, "../../outside/new", filepath.Join(path, "sub", "file"))
			wantReason(t, "Commit", p.Commit(), reason.Exists)
			wantOnly(t, outside)
			wantOnly(t, filepath.Join(path, "sub"), "file")
			if err := undefendedUpload(path, "sub/file", "leak"); err != nil {
				t.Fatal(err)
			}
			wantOnly(t, outside, "new")
		})
	}
}

// Every descriptor is given back, whatever becomes of the upload.
func TestCreateNoLeak(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		cfg.MaxUpload = 5
		d, path := uploadBase(t, cfg)
		mustSymlink(t, "sub", filepath.Join(path, "link"))
		all := func() {
			for _, text := range []string{"new", "new", "sub", "link/x", "missing/x", "new/x", "../x", "link"} {
				for _, over := range []bool{false, true} {
					for _, content := range []string{"x", "too long"} {
						_ = upload(d, text, content, CreateOptions{Overwrite: over}) // only the descriptors matter
					}
				}
			}
			_, _ = d.ClearLeftovers(t.Context())
		}
		all()
		before := count()
		for range 20 {
			all()
		}
		if after := count(); after > before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	})
}

// The left-over of a process that wrote it with other permissions, or a link with a left-over's name.
func TestLeftoverLink(t *testing.T) {
	d, path := uploadBase(t, Config{Writable: true})
	victim := filepath.Join(path, "..", "outside", "victim")
	mustWrite(t, victim, "precious")
	link := filepath.Join(path, reservedName())
	mustSymlink(t, "../outside/victim", link)
	if n, err := d.ClearLeftovers(t.Context()); n != 0 || err != nil {
		t.Errorf("ClearLeftovers = %d, %v", n, err)
	}
	wantContent(t, victim, "precious")
	if _, err := os.Lstat(link); err != nil {
		t.Errorf("a link was taken for a left-over: %v", err)
	}
}
