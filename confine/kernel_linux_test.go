package confine

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// The machine of the tests has all that the documents promise; trying it leaves no trace on this process.
func TestKernel(t *testing.T) {
	before, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Kernel()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("note: %+v", s)
	for what, has := range map[string]bool{
		"files": s.Files(), "refer": s.Refer(), "truncate": s.Truncate(), "TCP": s.TCP(), "devices": s.Devices(), "abstract": s.AbstractSockets(),
		"signals": s.Signals(), "no_new_privs": s.NoNewPrivs, "seccomp": s.Seccomp, "notify": s.Notify,
	} {
		if !has {
			t.Errorf("%s: not enforced, %v", what, s.Why)
		}
	}
	// Whoever is in a chroot, or in many a container, may make no user namespace; unshare(1) is told the same.
	if allowed := exec.Command("unshare", "--user", "--map-root-user", "--mount", "true").Run() == nil; allowed != s.Namespaces {
		t.Errorf("namespaces: %v, and unshare(1) says %v (%v)", s.Namespaces, allowed, s.Why)
	}
	if s.FS>>17 != 0 || s.Net>>4 != 0 || s.Scope>>2 != 0 {
		t.Errorf("unknown rights: %+v", s)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for range tasks { // every thread that can take this goroutine is free
		if nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || nnp != before {
			t.Errorf("no_new_privs here = %d, %v, and was %d", nnp, err, before)
		}
	}
}

// What was tried is over when Kernel returns: a thread that still had a filter would keep Self from setting one.
func TestKernelLeavesNoThread(t *testing.T) {
	filters := func() (most string) {
		t.Helper()
		files, err := filepath.Glob("/proc/self/task/*/status")
		if err != nil || len(files) == 0 {
			t.Fatalf("threads: %q, %v", files, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				continue // it has ended
			}
			if n := regexp.MustCompile(`\nSeccomp_filters:\t(\d+)`).FindSubmatch(b); n != nil && string(n[1]) > most {
				most = string(n[1])
			}
		}
		return most
	}
	before := filters()
	if before == "" {
		t.Fatal("the kernel does not say how many filters a thread has")
	}
	for range 100 {
		if _, err := Kernel(); err != nil {
			t.Fatal(err)
		}
		if after := filters(); after != before {
			t.Fatalf("a thread has %s filters, and had %s", after, before)
		}
	}
	// The control: a thread that has not ended is seen.
	within, release, over := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		onThread(func() {
			err := noNewPrivs()
			if err == nil {
				_, err = setFilter(onlyFor(unix.SYS_GETPRIORITY, refuse(unix.EDOM)), 0)
			}
			within <- err
			<-release
		})
	}()
	if err := <-within; err != nil || filters() == before {
		t.Errorf("control: the filter of a thread was not seen, %v", err)
	}
	close(release)
	<-over
}
