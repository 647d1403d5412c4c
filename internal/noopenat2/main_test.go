//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// childVariable tells the test program, started again, which answer of
// openat2 it must see.
const childVariable = "ROOTBOUND_TEST_OPENAT2"

func openat2() error {
	fd, err := unix.Openat2(unix.AT_FDCWD, ".", &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC})
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// TestChild is the command that TestRefused runs beneath the filter. By itself
// it opens without one, the control.
func TestChild(t *testing.T) {
	want := map[string]error{"": nil, "ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM}[os.Getenv(childVariable)]
	if want == nil && os.Getenv("ROOTBOUND_EXPECT_CONTAINMENT") == "os.Root" {
		want = unix.ENOSYS // the suite itself runs beneath the filter
	}
	if err := openat2(); !errors.Is(err, want) {
		t.Errorf("openat2 = %v, want %v", err, want)
	}
	if _, err := os.ReadFile("main_test.go"); err != nil {
		t.Errorf("another way to open: %v", err)
	}
}

func TestRefused(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "noopenat2")
	if out, err := exec.Command("go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, errno := range []string{"ENOSYS", "EPERM"} {
		cmd := exec.Command(tool, "-errno", errno, "--", os.Args[0], "-test.v", "-test.run=^TestChild$")
		cmd.Env = append(os.Environ(), childVariable+"="+errno)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestChild") {
			t.Errorf("beneath %s: %v\n%s", errno, err, out)
		}
	}
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{{"run", "."}, {"run", ".", "-errno", "EIO", "--", "true"}, {"run", ".", "--", "/nowhere/at/all"}} {
		out, err := exec.Command("go", args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "noopenat2: ") {
			t.Errorf("go %q = %v, %q; want a line that begins with noopenat2:", args, err, out)
		}
	}
}
