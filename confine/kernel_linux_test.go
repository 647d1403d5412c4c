package confine

import (
	"os"
	"os/exec"
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
