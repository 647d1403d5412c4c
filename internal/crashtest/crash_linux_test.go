package crashtest

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rootbound/rootbound"
)

const crashwrite = "github.com/rootbound/rootbound/internal/crashwrite"

// The old file and the new one are of different bytes and lengths, and the new one takes several writes.
const (
	oldSize = 5_000
	newSize = 200_000
)

// uploader is crashwrite, with what it is told.
type uploader struct {
	binary    string
	base      string
	overwrite bool
	args      []string
}

// ways are the kinds of upload whose system calls differ.
var ways = []struct {
	name      string
	overwrite bool
	args      []string
}{
	{"unnamed", false, nil},
	{"unnamed, overwriting", true, []string{"-overwrite"}},
	{"named", false, []string{"-refuse", "tmpfile"}},
	{"named, overwriting", true, []string{"-refuse", "tmpfile", "-overwrite"}},
	{"os.Root, no renameat2", false, []string{"-refuse", "tmpfile,openat2,renameat2"}},
	{"os.Root, no renameat2, overwriting", true, []string{"-refuse", "tmpfile,openat2,renameat2", "-overwrite"}},
}

// run starts from a directory that holds the old file, or none, and nothing else.
func (u *uploader) run(t testing.TB, prefix []string) Outcome {
	t.Helper()
	if err := errors.Join(os.RemoveAll(u.base), os.MkdirAll(filepath.Join(u.base, "sub"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if u.overwrite {
		if err := os.WriteFile(u.file(), []byte(strings.Repeat("o", oldSize)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	argv := append(append([]string{}, prefix...), u.binary, "-dir", u.base, "-name", "sub/file", "-size", "200000", "-byte", "n")
	argv = append(argv, u.args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Join(u.base, "..", "none")) // no self-test: it has files of its own
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	o := Outcome{Acknowledged: strings.HasPrefix(string(stdout), "committed"), Output: string(stdout) + stderr.String()}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		o.Killed = true
	case errors.As(err, &exit) && strings.HasPrefix(o.Output, "refused "):
	case errors.As(err, &exit) && strings.Contains(o.Output, "runtime: "): // a failure the Go runtime does not survive
	default:
		t.Fatalf("%q: %v\n%s", argv, err, o.Output)
	}
	return o
}

func (u *uploader) file() string { return filepath.Join(u.base, "sub", "file") }

// state says what is there now: "none", "old", "new" or, for anything else, "part".
func (u *uploader) state(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(u.file())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "none"
	case err != nil:
		t.Fatal(err)
	case string(b) == strings.Repeat("o", oldSize):
		return "old"
	case string(b) == strings.Repeat("n", newSize):
		return "new"
	}
	return "part"
}

// whole says whether what is there may be there.
func (u *uploader) whole(t testing.TB, o Outcome) bool {
	t.Helper()
	switch u.state(t) {
	case "new":
		return true
	case "old":
		return u.overwrite && !o.Acknowledged
	case "none":
		return !u.overwrite && !o.Acknowledged
	}
	return false
}

// check is the promise: the whole file or none, or the whole old one; left-overs are invisible, and go at open.
func (u *uploader) check(t testing.TB, at string, o Outcome) {
	t.Helper()
	if !u.whole(t, o) {
		t.Errorf("%s: acknowledged %v, and the file is %q", at, o.Acknowledged, u.state(t))
	}
	u.checkInvisible(t, at)
	dir, err := rootbound.Open(u.base, rootbound.Config{Writable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, left := range u.reserved(t) {
		t.Errorf("%s: %s is left after Open", at, left)
	}
	if !u.whole(t, o) {
		t.Errorf("%s: after Open the file is %q", at, u.state(t))
	}
	opening := strings.Contains(o.Output, "rootbound: base directory:") // says to the operator what the operator said
	if strings.Contains(o.Output, u.base) && !opening {
		t.Errorf("%s: the output tells the base's path: %s", at, o.Output)
	}
}

func (u *uploader) reserved(t testing.TB) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(u.base, func(p string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(p), ".") {
			names = append(names, filepath.Base(p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// checkInvisible looks at the base as a server does that shows hidden names.
func (u *uploader) checkInvisible(t testing.TB, at string) {
	t.Helper()
	dir, err := rootbound.Open(u.base, rootbound.Config{AllowHidden: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	err = fs.WalkDir(dir.FS(), ".", func(p string, _ fs.DirEntry, err error) error {
		if p != "." && p != "sub" && p != "sub/file" {
			t.Errorf("%s: %s is listed", at, p)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, n := range u.reserved(t) {
		if f, err := dir.Open("sub/" + n); err == nil {
			t.Errorf("%s: the left-over %s is served", at, n)
			_ = f.Close()
		}
	}
}

func TestCrash(t *testing.T) {
	binary := Build(t, crashwrite)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			u := &uploader{binary: binary, base: filepath.Join(t.TempDir(), "base"), overwrite: way.overwrite, args: way.args}
			left := 0
			points := Kill(t, WriteCalls, u.run, func(t testing.TB, at string, o Outcome) {
				left += len(u.reserved(t))
				u.check(t, at, o)
			})
			t.Logf("note: crash: killed at %d points, %d left-overs met", points, left)
			if points == 0 {
				t.Error("the program was never killed")
			}
			if named := way.name != "unnamed"; named != (left > 0) {
				t.Errorf("%d left-overs met: the kills did not reach what they should", left)
			}
		})
	}
}

// The control: a file written in place is met half written by the same kills and the same question.
func TestCrashControl(t *testing.T) {
	u := &uploader{
		binary: Build(t, crashwrite), base: filepath.Join(t.TempDir(), "base"),
		overwrite: true, args: []string{"-naive"},
	}
	leaks := 0
	points := Kill(t, []string{"openat", "write", "close"}, u.run, func(t testing.TB, _ string, o Outcome) {
		if !u.whole(t, o) {
			leaks++
		}
	})
	t.Logf("note: crash: killed at %d points, the file was not whole after %d of them", points, leaks)
	if leaks == 0 {
		t.Error("the control did not leak: the kills prove nothing")
	}
}

// internal/durable promises the same of a file that is replaced; what a kill leaves there has another name.
func TestCrashDurable(t *testing.T) {
	u := &uploader{
		binary: Build(t, crashwrite), base: filepath.Join(t.TempDir(), "base"),
		overwrite: true, args: []string{"-durable"},
	}
	left := 0
	points := Kill(t, WriteCalls, u.run, func(t testing.TB, at string, o Outcome) {
		left += len(u.reserved(t))
		if !u.whole(t, o) {
			t.Errorf("%s: acknowledged %v, and the file is %q", at, o.Acknowledged, u.state(t))
		}
	})
	t.Logf("note: crash: killed at %d points, %d unfinished files met", points, left)
	if points == 0 || left == 0 {
		t.Error("the kills did not reach the writing")
	}
}

// Whatever fails, nothing is left, what was there before stands, and the reason is the right one.
func TestFail(t *testing.T) {
	binary := Build(t, crashwrite)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			u := &uploader{binary: binary, base: filepath.Join(t.TempDir(), "base"), overwrite: way.overwrite, args: way.args}
			points := 0
			for _, tt := range []struct{ call, errno, reason string }{
				{"write", "ENOSPC", "no-space"},
				{"write", "EDQUOT", "no-space"},
				{"write", "EFBIG", "too-large"},
				{"write", "EIO", "input-output"},
				{"fsync", "ENOSPC", "no-space"},
				{"fsync", "EDQUOT", "no-space"},
				{"fsync", "EIO", "not-durable"},
				{"openat", "EACCES", ""},
				{"openat", "ENOSPC", ""},
				{"linkat", "ENOSPC", ""},
				{"linkat", "EPERM", ""},
				{"linkat", "ENOENT", ""},
				{"renameat2", "EROFS", ""},
				{"renameat", "EIO", "input-output"},
				{"unlinkat", "EIO", ""},
				{"fchmod", "EIO", "input-output"},
				{"fchmod", "EPERM", ""},
			} {
				want := "refused " + tt.reason
				failed := Fail(t, tt.call, tt.errno, u.run, func(t testing.TB, at string, o Outcome) {
					u.checkFailed(t, at, o)
					if !o.Acknowledged && tt.reason != "" && strings.HasPrefix(o.Output, "refused ") && !strings.HasPrefix(o.Output, want) {
						t.Errorf("%s: %q, want %q", at, o.Output, want)
					}
				})
				if tt.call == "fsync" && failed != 2 {
					t.Errorf("%d syncs failed, want 2: of the file and of the directory", failed)
				}
				points += failed
			}
			t.Logf("%d calls failed", points)
			if points == 0 {
				t.Error("no call failed")
			}
		})
	}
}

// checkFailed is check for a program that lives: it has to clean up itself, unless it is its cleaning that fails.
func (u *uploader) checkFailed(t testing.TB, at string, o Outcome) {
	t.Helper()
	if left := u.reserved(t); len(left) > 0 && !strings.Contains(at, "unlinkat") && !strings.Contains(o.Output, "runtime: ") {
		t.Errorf("%s: %q left by a program that was not killed", at, left)
	}
	if strings.HasPrefix(o.Output, "refused ") && u.state(t) == "new" && !u.overwrite {
		t.Errorf("%s: %q, but the file is there", at, o.Output)
	}
	u.check(t, at, o)
}
