package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// nobodyVariable marks the child process of AsNobody with the test's name.
const nobodyVariable = "ROOTBOUND_TEST_AS_NOBODY"

// Nobody is the user and group number that AsNobody runs tests as.
const Nobody = 65534

// AsNobody sees to it that a test about permissions does not run as root, whom
// the system refuses nothing. Its first line is
//
//	if !testenv.AsNobody(t) {
//		return
//	}
//
// As root it runs this one test again in a child process with user and group
// 65534, no other groups and a TMPDIR of its own, takes over the child's result
// and returns false. In that child, and where the tests run without privileges
// anyway, it returns true. What the test needs root for it does before it calls
// AsNobody, and then twice: again in the child.
func AsNobody(t *testing.T) bool {
	t.Helper()
	if os.Getenv(nobodyVariable) == t.Name() {
		if os.Geteuid() == 0 {
			t.Fatal("the child of AsNobody is still root")
		}
		return true
	}
	if os.Geteuid() != 0 {
		return true
	}
	dir := nobodyDir(t)
	cmd := exec.Command(copyOfSelf(t, dir))
	cmd.Env = []string{nobodyVariable + "=" + t.Name(), "TMPDIR=" + dir, "HOME=" + dir}
	runAs(cmd, Nobody)
	inChild(t, cmd)
	return false
}

// nobodyDir makes a directory that belongs to Nobody. It is no t.TempDir,
// whose parents others may not be able to walk.
func nobodyDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rootbound-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, Nobody, Nobody); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyOfSelf copies the test program to where others may execute it: "go test"
// builds into a directory that only its owner can enter.
func copyOfSelf(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "self.test")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
