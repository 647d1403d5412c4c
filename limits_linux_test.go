package rootbound

import (
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
)

// TestMaxOpens: while as many opens as allowed are blocked, one more is told to come back.
func TestMaxOpens(t *testing.T) {
	d := openBaseDir(t, world(t, "f="+inside, "sub/"), Config{MaxOpens: 2})
	var blocked []func()
	for range 2 {
		release, err := d.acquire()
		if err != nil {
			t.Fatal(err)
		}
		blocked = append(blocked, release)
	}
	_, err := d.Open("f")
	if ReasonOf(err) != reason.ShortOpens || Status(err) != 503 || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open = %v, status %d", err, Status(err))
	}
	if _, err := d.Sub("sub"); ReasonOf(err) != reason.ShortOpens {
		t.Errorf("Sub = %v", err)
	}
	blocked[0]()
	if got, why := answer(d, "f"); got != inside {
		t.Errorf("with one free: %q, %q", got, why)
	}
	blocked[1]()
}

// childVariable says which part of a test its child process plays.
const childVariable = "ROOTBOUND_TEST_CHILD"

// inOwnProcess runs the same test again in a process of its own, for what cannot be undone. It returns true in the child.
func inOwnProcess(t *testing.T, part string, prefix ...string) bool {
	t.Helper()
	if playing := os.Getenv(childVariable); playing != "" {
		return playing == part
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(prefix[:len(prefix):len(prefix)], self, "-test.v", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childVariable+"="+part)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("child %q: %v\n%s", part, err, out)
	}
	return false
}

// TestOutOfDescriptors: a shortage of ours is a 503 that says nothing about the name.
func TestOutOfDescriptors(t *testing.T) {
	if !inOwnProcess(t, "descriptors") {
		return
	}
	base := world(t, "sub/f="+inside, "in => sub/f", "abs => BASE/sub/f", "link => sub")
	for _, noOpenat2 := range []bool{false, true} {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, noOpenat2: noOpenat2})
			fill := fillDescriptors(t)
			for _, name := range []string{"sub/f", "sub/none", "in", "abs", "link/f"} {
				_, err := d.Open(name)
				link := links == SymlinksRefuse && ReasonOf(err) == reason.LinkRefused
				if ReasonOf(err) != reason.ShortDescriptors && !link && !errors.Is(err, ErrNotFound) || err == nil {
					t.Errorf("%v %s: Open(%q) = %v", noOpenat2, links, name, err)
				}
				if name == "sub/f" && (ReasonOf(err) != reason.ShortDescriptors || Status(err) != 503) {
					t.Errorf("%v %s: Open(%q) = %v, a 404 for a file that is there", noOpenat2, links, name, err)
				}
				if discloses(err, base) {
					t.Errorf("%v", err)
				}
			}
			if _, err := d.Sub("sub"); ReasonOf(err) != reason.ShortDescriptors {
				t.Errorf("Sub = %v", err)
			}
			if _, err := Open(base, Config{}); err == nil {
				t.Error("Open of a base worked without descriptors")
			}
			for _, f := range fill {
				_ = f.Close()
			}
			if got, why := answer(d, "sub/f"); got != inside {
				t.Errorf("afterwards: %q, %q", got, why)
			}
		}
	}
}

func fillDescriptors(t *testing.T) (fill []*os.File) {
	t.Helper()
	limit := unix.Rlimit{Cur: 64, Max: 64}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			if !errors.Is(err, syscall.EMFILE) {
				t.Fatal(err)
			}
			return fill
		}
		fill = append(fill, f)
	}
}

// TestLease: another program's lease (fcntl(2), F_SETLEASE) makes the open EAGAIN. It is tried again a bounded number
// of times and is then a 503, never a wait and never a 404.
func TestLease(t *testing.T) {
	base := world(t, "f="+inside)
	held, err := os.OpenFile(filepath.Join(base, "f"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	signals := make(chan os.Signal, 16) // the kernel asks the holder for the lease by SIGIO, which would end the process
	signal.Notify(signals, syscall.SIGIO)
	defer signal.Stop(signals)
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		if _, err := unix.FcntlInt(held.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
			t.Fatal(err)
		}
		_, err := d.Open("f")
		if ReasonOf(err) != reason.Busy || Status(err) != 503 {
			t.Errorf("Open beside a lease: %v, status %d", err, Status(err))
		}
		<-signals
		if _, err := unix.FcntlInt(held.Fd(), unix.F_SETLEASE, unix.F_UNLCK); err != nil {
			t.Fatal(err)
		}
		if got, why := answer(d, "f"); got != inside {
			t.Errorf("without the lease: %q, %q", got, why)
		}
	})
}

// TestErrno is the table of what a failed open may be, whatever a file system answers.
func TestErrno(t *testing.T) {
	want := map[syscall.Errno]Reason{
		unix.ENOENT: reason.Missing, unix.ENAMETOOLONG: reason.Missing, unix.EXDEV: reason.LinkEscape, unix.ELOOP: reason.LinkLoop,
		unix.ENOTDIR: reason.NotDirectory, unix.EISDIR: reason.Directory, unix.EACCES: reason.Unreadable, unix.EPERM: reason.Unreadable,
		unix.ENXIO: reason.SpecialFile, unix.ENODEV: reason.SpecialFile, unix.EOPNOTSUPP: reason.SpecialFile,
		unix.EMFILE: reason.ShortDescriptors, unix.ENFILE: reason.ShortDescriptors, unix.ENOMEM: reason.ShortMemory, unix.EIO: reason.InputOutput,
		unix.ESTALE: reason.Stale, unix.ETIMEDOUT: reason.Stale, unix.ENOTCONN: reason.Stale, unix.EAGAIN: reason.Busy,
	}
	for e := syscall.Errno(1); e < 134; e++ {
		err := openReason(systemReason(&fs.PathError{Op: "open", Path: "/path/of/the/system", Err: e}))
		w := want[e]
		if w == "" {
			w = reason.Unforeseen // a file system in user space may answer anything: no 403, 409, 413 or 507
		}
		if ReasonOf(err) != w {
			t.Errorf("%v (%d) = %q, want %q", e, int(e), ReasonOf(err), w)
		}
		status := 404
		switch reason.Lookup(w).Kind {
		case reason.ErrUnavailable:
			status = 503
		}
		if Status(err) != status || errors.Is(err, fs.ErrPermission) || discloses(err, "/path") {
			t.Errorf("%v: status %d, want %d; %v", e, Status(err), status, err)
		}
	}
}

// TestMaxReads: while as many reads as allowed are blocked, what must be read first is told to come back.
func TestMaxReads(t *testing.T) {
	d := openBaseDir(t, world(t, "f="+inside), Config{MaxOpens: 2})
	f, err := d.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	blocked, held := make(chan struct{}), make(chan struct{}, 2)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			_ = f.waiting(sendPatience, func() error { held <- struct{}{}; <-blocked; return nil })
		})
	}
	<-held
	<-held
	if _, err := f.Load(1 << 20); ReasonOf(err) != reason.ShortOpens || Status(err) != 503 {
		t.Errorf("Load = %v, status %d", err, Status(err))
	}
	w := httptest.NewRecorder()
	if err := d.Send(w, httptest.NewRequest("GET", "/f", nil), "f", SendOptions{}); ReasonOf(err) != reason.ShortOpens || w.Code != 503 {
		t.Errorf("Send = %v, status %d", err, w.Code)
	}
	close(blocked)
	wg.Wait()
	if l, err := f.Load(1 << 20); err != nil || string(l.Content()) != inside {
		t.Errorf("afterwards: %v", err)
	}
}

// TestCloseWhileBlocked: a close does not wait while as many calls as allowed are blocked, and the descriptor goes when
// one of them has ended.
func TestCloseWhileBlocked(t *testing.T) {
	base := world(t, "f="+inside)
	d := openBaseDir(t, base, Config{MaxOpens: 1})
	f, err := d.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	release, err := d.acquire()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if held := heldBeneath(t, base); len(held) != 1 {
		t.Errorf("held: %v, want the file that waits to be closed", held)
	}
	release()
	for end := time.Now().Add(time.Minute); len(heldBeneath(t, base)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it was never closed")
		}
	}
}
