package main_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// TestGoTree is the main job on real input: the Go toolchain's own sources, every file of which must arrive as it is
// on the disk, and a sample of them by ranges through curl. What is hidden must be refused.
func TestGoTree(t *testing.T) {
	t.Parallel()
	curl := testenv.Need(t, "curl")
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(out)), "src")
	base := startServe(t, src)
	var files, hidden, sampled atomic.Int64
	check := func(path string) error {
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		target := base + (&url.URL{Path: "/" + filepath.ToSlash(rel)}).EscapedPath()
		if strings.Contains("/"+filepath.ToSlash(rel), "/.") {
			hidden.Add(1)
			return wantStatus(target, http.StatusForbidden)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if files.Add(1)%500 == 0 && len(want) > 100 {
			sampled.Add(1)
			if err := checkRange(curl, target, want); err != nil {
				return err
			}
		}
		return checkFile(target, want)
	}
	paths := make(chan string)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for path := range paths {
				if err := check(path); err != nil {
					t.Error(err)
				}
			}
		})
	}
	err = filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			paths <- path
		}
		return err
	})
	close(paths)
	workers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("note: the Go tree: %d files with the right content, %d by ranges through curl, %d hidden ones refused\n", files.Load(), sampled.Load(), hidden.Load())
	if files.Load() < 10000 || sampled.Load() == 0 {
		t.Errorf("%d files, %d sampled: want over 10,000, and some", files.Load(), sampled.Load())
	}
}

// startServe runs the binary as it ships and returns its URL.
func startServe(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	cmd := exec.Command(testenv.Binary(t), append([]string{"serve", "--listen", "127.0.0.1:0", "--access-log", "off", dir}, flags...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	base, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("the first line is %q", line)
	}
	return strings.TrimSuffix(base, "/")
}

func wantStatus(target string, want int) error {
	resp, err := http.Get(target)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s: status %d, want %d", target, resp.StatusCode, want)
	}
	return err
}

func checkFile(target string, want []byte) error {
	resp, err := http.Get(target)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, resp.Body); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if got := [32]byte(h.Sum(nil)); resp.StatusCode != http.StatusOK || got != sha256.Sum256(want) {
		return fmt.Errorf("%s: status %d, or other bytes than the file's", target, resp.StatusCode)
	}
	return nil
}

// checkRange asks curl for the middle and for the end.
func checkRange(curl, target string, want []byte) error {
	for spec, part := range map[string][]byte{"10-59": want[10:60], "-20": want[len(want)-20:]} {
		got, err := exec.Command(curl, "-sS", "--fail", "-r", spec, target).Output()
		if err != nil {
			return fmt.Errorf("curl -r %s %s: %w", spec, target, err)
		}
		if string(got) != string(part) {
			return fmt.Errorf("curl -r %s %s: %d bytes, not those of the file", spec, target, len(got))
		}
	}
	return nil
}
