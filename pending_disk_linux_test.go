package rootbound

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/testenv"
)

// A full disk: the upload that does not fit is refused and leaves nothing, those before it stay, and once there is
// space again the next one fits.
func TestCreateDiskFull(t *testing.T) {
	if !testenv.InChild(t, testenv.OwnMounts()) {
		return
	}
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		path := t.TempDir()
		if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=64k,mode=755"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
		d := openUploads(t, path, cfg)
		content := strings.Repeat("x", 10_000)
		var stored []string
		var err error
		for i := 0; i < 100 && err == nil; i++ {
			n := fmt.Sprint("file-", i)
			if err = upload(d, n, content, CreateOptions{}); err == nil {
				stored = append(stored, n)
			}
		}
		wantReason(t, "on a full disk", err, reason.NoSpace)
		if Status(err) != 507 {
			t.Errorf("Status = %d, want 507", Status(err))
		}
		if len(stored) == 0 {
			t.Fatal("nothing fitted")
		}
		wantOnly(t, path, stored...)
		err = upload(d, stored[0], strings.Repeat("y", 60_000), CreateOptions{Overwrite: true})
		wantReason(t, "overwriting on a full disk", err, reason.NoSpace)
		for _, n := range stored {
			wantContent(t, filepath.Join(path, n), content)
		}
		wantOnly(t, path, stored...)
		if err := os.Remove(filepath.Join(path, stored[0])); err != nil {
			t.Fatal(err)
		}
		if err := upload(d, "after", content, CreateOptions{}); err != nil {
			t.Errorf("with space again: %v", err)
		}
	})
}

// A disk without inodes, a read-only one, and a directory of another mount beneath the base.
func TestCreateMounts(t *testing.T) {
	if !testenv.InChild(t, testenv.OwnMounts()) {
		return
	}
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		sub := filepath.Join(path, "sub")
		if err := unix.Mount("tmpfs", sub, "tmpfs", 0, "nr_inodes=2,mode=755"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(sub, unix.MNT_DETACH) })
		if err := upload(d, "sub/one", "x", CreateOptions{}); err != nil {
			t.Errorf("on another mount: %v", err)
		}
		wantReason(t, "without inodes", upload(d, "sub/two", "x", CreateOptions{}), reason.NoSpace)
		if err := unix.Mount("", sub, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		err := upload(d, "sub/three", "x", CreateOptions{})
		wantReason(t, "on a read-only mount", err, reason.ReadOnly)
		wantOnly(t, sub, "one")
	})
}

// A base on overlayfs, as in a container: files of the lower layer are replaced, and left-overs known by their lock.
func TestCreateOverlay(t *testing.T) {
	if !testenv.InChild(t, testenv.OwnMounts()) {
		return
	}
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		layers := t.TempDir()
		if err := unix.Mount("tmpfs", layers, "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(layers, unix.MNT_DETACH) })
		for _, dir := range []string{"lower", "upper", "work", "base"} {
			if err := os.Mkdir(filepath.Join(layers, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(layers, "base")
		mustWrite(t, filepath.Join(layers, "lower", "old"), "old")
		options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", layers)
		if err := unix.Mount("overlay", path, "overlay", 0, options); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
		d := openUploads(t, path, cfg)
		if err := upload(d, "new", "new", CreateOptions{}); err != nil {
			t.Errorf("a new file: %v", err)
		}
		wantReason(t, "a file of the lower layer", upload(d, "old", "x", CreateOptions{}), reason.Exists)
		if err := upload(d, "old", "replaced", CreateOptions{Overwrite: true}); err != nil {
			t.Errorf("overwriting a file of the lower layer: %v", err)
		}
		wantContent(t, filepath.Join(path, "old"), "replaced")
		wantContent(t, filepath.Join(layers, "lower", "old"), "old")
		mustWrite(t, filepath.Join(path, reservedName()), "part")
		alive, err := d.Create("alive", CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := d.ClearLeftovers(t.Context()); n != 1 || err != nil {
			t.Errorf("ClearLeftovers = %d, %v; want the dead one", n, err)
		}
		if err := alive.Commit(); err != nil {
			t.Errorf("what was still written was cleared: %v", err)
		}
		wantOnly(t, path, "alive", "new", "old")
	})
}

// A limit on file sizes (setrlimit(2), RLIMIT_FSIZE).
func TestCreateFileSizeLimit(t *testing.T) {
	if !testenv.InChild(t, nil) {
		return
	}
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		var was unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
		limit := unix.Rlimit{Cur: 1000, Max: was.Max}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		err := upload(d, "file", strings.Repeat("x", 2000), CreateOptions{})
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
		wantReason(t, "past the limit", err, reason.TooLarge)
		wantOnly(t, path, "sub")
	})
}

// A directory in which the process may not write, or which it may not enter. Root may all, so this is nobody.
func TestCreateForbidden(t *testing.T) {
	if !testenv.InChild(t, nil) {
		return
	}
	path, err := os.MkdirTemp("", "rootbound-forbidden-*") // t.TempDir's parent is closed to others
	if err != nil {
		t.Fatal(err)
	}
	closed, shut := filepath.Join(path, "closed"), filepath.Join(path, "shut")
	for _, dir := range []string{closed, shut} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mustWrite(t, filepath.Join(closed, "old"), "old")
	for dir, mode := range map[string]fs.FileMode{path: 0o777, closed: 0o555, shut: 0} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		if err := syscall.Setresuid(65534, 65534, 0); err != nil { // the saved one is for cleaning up
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setresuid(0, 0, 0); err != nil {
				t.Error(err)
			}
			_ = os.RemoveAll(path)
		}()
	}
	if f, err := os.Create(filepath.Join(closed, "control")); err == nil {
		_ = f.Close()
		t.Fatal("this user may write everywhere: the test proves nothing")
	}
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d := openUploads(t, path, cfg)
		for _, text := range []string{"closed/new", "closed/old", "shut/new"} {
			p, err := d.Create(text, CreateOptions{Overwrite: true})
			if err == nil { // nothing is written into "old", only its name is replaced: that comes at Commit
				_, err = io.WriteString(p, "x")
			}
			want := reason.Unwritable
			if text == "shut/new" {
				want = reason.Unreadable
			}
			wantReason(t, text, err, want)
			if err != nil && (Status(err) != 404 || strings.Contains(err.Error(), path)) {
				t.Errorf("%s: %v, status %d; want 404 and no path of the system", text, err, Status(err))
			}
		}
		if err := upload(d, "mine", "x", CreateOptions{Overwrite: true}); err != nil {
			t.Errorf("where writing is allowed: %v", err)
		}
	})
	wantOnly(t, closed, "old")
}
