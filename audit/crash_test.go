//go:build unix

package audit

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// crashVariable makes the test program write a log at that path, and print each request id once its decision is
// acknowledged, until it is killed.
const crashVariable = "ROOTBOUND_TEST_AUDIT_CRASH"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashVariable); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}

func writeUntilKilled(path string) {
	l, err := Open(Config{Path: path, Required: true, MaxBytes: 64 << 10})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for c := range 8 {
		go func() {
			for i := 0; ; i++ {
				f := &request.Facts{ID: fmt.Sprintf("%d-%d-%d", os.Getpid(), c, i), Method: "GET", Target: "/a"}
				if l.Decided(time.Now(), f, request.Subject{}, request.Decision{Allowed: true}, nil) == nil {
					fmt.Println(f.ID) // one write(2) a line
				}
				l.Done(time.Now(), f, request.Subject{}, request.Outcome{Status: 200})
			}
		}()
	}
	select {}
}

// kills is how often the process is killed; the soak does it a hundred times.
func kills() int {
	if os.Getenv("ROOTBOUND_SOAK") != "" {
		return 100
	}
	return 10
}

// Killed at any moment, the log loses no record that was acknowledged, and goes on without a gap.
func TestKilled(t *testing.T) {
	path := logPath(t)
	acknowledged := map[string]bool{}
	for n := range kills() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashVariable+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Fatalf("after %d kills: %s", n, lines.Text())
			}
			acknowledged[lines.Text()] = true
			if i == 50+n*37%400 {
				_ = cmd.Process.Signal(syscall.SIGKILL) // what it has written until then still comes
			}
		}
		_ = cmd.Wait()
	}
	r := good(t, path, VerifyOptions{})
	missing := len(acknowledged)
	err := Search(path, Query{}, func(rec Record) error {
		if rec.Kind == Decided && acknowledged[rec.ID] {
			missing--
		}
		return nil
	})
	if err != nil || missing != 0 {
		t.Errorf("%d of %d acknowledged records are not there, %v", missing, len(acknowledged), err)
	}
	t.Logf("%d kills, %d acknowledged decisions, %d records in %d files, none lost", kills(), len(acknowledged), r.Records, len(r.Files))
}
