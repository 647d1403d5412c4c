package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/testenv"
)

// A real file system without room: decisions are refused for as long as there is none, and go on when there is; the
// chain has no gap and every acknowledged decision is in it.
func TestFullDisk(t *testing.T) {
	if !testenv.InChild(t, testenv.OwnMounts()) {
		return
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	path := filepath.Join(dir, "audit.log")
	l := open(t, Config{Path: path, Required: true})
	acknowledged, refused := 0, 0
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 900<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	decide := func() error {
		f := &request.Facts{ID: fmt.Sprint(acknowledged + refused), Method: "GET", Target: "/" + string(make([]byte, 3000))}
		err := l.Decided(time.Now(), f, request.Subject{}, request.Decision{Allowed: true}, nil)
		if err == nil {
			acknowledged++
		} else {
			refused++
		}
		return err
	}
	for refused < 3 {
		if err := decide(); err != nil && reason.Of(err) != reason.NotRecorded {
			t.Fatal(err)
		}
		if acknowledged > 1000 {
			t.Fatal("the disk does not fill")
		}
	}
	full := acknowledged
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); decide() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("there is room again, and decisions are still refused")
		}
	}
	closeLog(t, l)
	good(t, path, VerifyOptions{})
	found := 0
	err := Search(path, Query{}, func(r Record) error { found++; return nil })
	if err != nil || found < acknowledged || full == 0 {
		t.Errorf("%d decisions acknowledged (%d before the disk was full), %d in the log, %v", acknowledged, full, found, errors.Join(err))
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		t.Errorf("it was no small file system: %#x, %v", st.Type, err)
	}
}
