package testenv

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// childVariable marks the child process of InChild with the test's name.
const childVariable = "ROOTBOUND_TEST_CHILD"

// InChild runs a test in a process of its own, since what it does to the process cannot be undone. Its first line is
//
//	if !testenv.InChild(t, attr) {
//		return
//	}
//
// It returns true in the child; in the parent it has taken over the child's result and returns false. attr is how
// the child is started; it may be nil.
func InChild(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		return true
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{childVariable + "=" + t.Name()}
	cmd.SysProcAttr = attr
	inChild(t, cmd)
	return false
}

// inChild runs this one test by the test program that cmd names, with cmd.Env beside our own environment, and fails
// the test where it did not pass there.
func inChild(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Args = append(cmd.Args, "-test.v", "-test.count=1", "-test.run="+exactly(t.Name()))
	// flag.Lookup also finds what "go test" set.
	if f := flag.Lookup("test.timeout"); f != nil && f.Value.String() != "0s" {
		cmd.Args = append(cmd.Args, "-test.timeout="+f.Value.String())
	}
	cmd.Env = append(os.Environ(), cmd.Env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in a child: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Fatalf("the test did not run in its child:\n%s", out)
	}
}

// exactly is the -test.run pattern that matches one test, with its subtests.
func exactly(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
