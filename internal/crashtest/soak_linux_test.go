package crashtest

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rootbound/rootbound"
)

// TestSoak kills a program with many uploads on their way, at any moment, again and again over the same directory:
// what was acknowledged is there, and whatever is there is whole. ROOTBOUND_SOAK=1 makes it a hundred kills for
// each way of writing.
func TestSoak(t *testing.T) {
	kills := 5
	if os.Getenv("ROOTBOUND_SOAK") == "1" {
		kills = 100
	}
	binary := Build(t, crashwrite)
	for _, refuse := range []string{"", "tmpfile", "tmpfile,openat2,renameat2"} {
		t.Run("refuse "+refuse, func(t *testing.T) {
			s := &soak{base: t.TempDir(), acknowledged: map[string]bool{}}
			s.argv = []string{binary, "-dir", s.base, "-soak", "16"}
			if refuse != "" {
				s.argv = append(s.argv, "-refuse", refuse)
			}
			for range kills {
				s.kill(t)
				s.check(t)
				if t.Failed() {
					return
				}
			}
			t.Logf("note: crash: %d kills, %d uploads acknowledged, %d left-overs met", kills, len(s.acknowledged), s.leftovers)
			if len(s.acknowledged) == 0 {
				t.Error("nothing was acknowledged")
			}
			if refuse != "" && s.leftovers == 0 {
				t.Error("no upload was met on its way")
			}
		})
	}
}

type soak struct {
	base         string
	argv         []string
	acknowledged map[string]bool
	leftovers    int
}

// kill lets the program acknowledge some uploads and kills it there and then; what is still in the pipe counts.
func (s *soak) kill(t *testing.T) {
	t.Helper()
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for n := rand.IntN(60); ; n-- {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, "refused ") {
			t.Errorf("the program gave up: %s", line)
		}
		if err != nil { // the last line may be a part
			break
		}
		s.acknowledged[strings.TrimSpace(line)] = true
		if n == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the program ended by itself: %v", err)
	}
}

func (s *soak) check(t *testing.T) {
	t.Helper()
	s.leftovers += len(s.entries(t, true))
	dir, err := rootbound.Open(s.base, rootbound.Config{Writable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if left := s.entries(t, true); len(left) > 0 {
		t.Errorf("%q left after Open", left)
	}
	there := map[string]bool{}
	for _, n := range s.entries(t, false) {
		there[n] = true
		if err := wholeUpload(filepath.Join(s.base, n)); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	for n := range s.acknowledged {
		if !there[n] {
			t.Errorf("%s was acknowledged and is gone", n)
		}
	}
}

func (s *soak) entries(t *testing.T, hidden bool) []string {
	t.Helper()
	entries, err := os.ReadDir(s.base)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") == hidden {
			names = append(names, e.Name())
		}
	}
	return names
}

// wholeUpload reads how long the file says it is; see crashwrite's soak.
func wholeUpload(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var size int
	if _, err := fmt.Sscanf(string(b[:min(16, len(b))]), "%016d", &size); err != nil || len(b) != 16+size {
		return fmt.Errorf("%d bytes, and it says %d: %w", len(b), size, fs.ErrInvalid)
	}
	if strings.Trim(string(b[16:]), "s") != "" {
		return fmt.Errorf("bytes that nobody wrote: %w", fs.ErrInvalid)
	}
	return nil
}
