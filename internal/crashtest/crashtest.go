// Package crashtest kills a program at every system call it writes with, and makes each of them fail, by the fault
// injection of strace(1). It knows nothing of what the program does: the caller starts it and judges what is left.
package crashtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// WriteCalls are the system calls that change what a file system holds, or end with it being changed.
var WriteCalls = []string{
	"openat", "openat2", "write", "pwrite64", "copy_file_range", "fsync", "fdatasync", "linkat", "renameat2", "renameat", "unlinkat",
	"fchmod", "ftruncate", "flock", "fcntl", "close",
}

// Outcome is how one run of the program ended.
type Outcome struct {
	// Acknowledged says that the program told somebody the file is stored: from then on it has to be.
	Acknowledged bool
	// Killed says that the program was killed, and so not all of it was seen.
	Killed bool
	// Output is what the program printed.
	Output string
}

// Program runs the program once, from a fresh start, with its command line behind prefix (nothing, or strace with
// options), and returns when it has ended.
type Program func(t testing.TB, prefix []string) Outcome

// Check judges what one run left behind; at names the system call, for messages.
type Check func(t testing.TB, at string, o Outcome)

// mostCalls ends a search that does not come to an end by itself.
const mostCalls = 2000

// Kill runs the program again and again, killed as it enters the first call of each kind, the second, and so on
// until it gets to its end unharmed. It returns at how many points it was killed.
func Kill(t testing.TB, calls []string, run Program, check Check) (points int) {
	t.Helper()
	strace := testenv.Need(t, "strace")
	for _, call := range calls {
		for n := 1; ; n++ {
			if n > mostCalls {
				t.Fatalf("%s: the program still calls it after %d kills", call, mostCalls)
			}
			o := run(t, []string{
				strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + call,
				"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n),
			})
			check(t, fmt.Sprintf("killed at %s %d", call, n), o)
			if t.Failed() || !o.Killed {
				break
			}
			points++
		}
	}
	return points
}

// Fail runs the program again and again, with the first call of a kind failing with an error, then the second, and
// so on until none was left to fail. errno is as errno(3) writes it. It returns how many calls failed.
func Fail(t testing.TB, call, errno string, run Program, check Check) (points int) {
	t.Helper()
	strace := testenv.Need(t, "strace")
	log := filepath.Join(t.TempDir(), "strace")
	for n := 1; ; n++ {
		if n > mostCalls {
			t.Fatalf("%s: the program still calls it after %d failures", call, mostCalls)
		}
		o := run(t, []string{
			strace, "-f", "-qq", "-o", log, "-e", "trace=" + call,
			"-e", fmt.Sprintf("inject=%s:error=%s:when=%d", call, errno, n),
		})
		traced, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		injected := bytes.Contains(traced, []byte("(INJECTED)"))
		check(t, fmt.Sprintf("%s at %s %d", errno, call, n), o)
		if t.Failed() || !injected {
			return points
		}
		points++
	}
}

// Build builds a command of this module as what ships is built, without cgo, and returns its path.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, strings.TrimSpace(string(b)))
	}
	return out
}
