package main_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/audit"
	"github.com/rootbound/rootbound/internal/testenv"
)

// acknowledged are the request ids of downloads that clients got.
type acknowledged struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (a *acknowledged) add(id string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[id] = true
	return len(a.ids)
}

// load has clients download until the server is gone, and returns when they have noticed. enough is called once, when so
// many downloads were answered.
func (a *acknowledged) load(t *testing.T, addr string, many int, enough func()) {
	t.Helper()
	a.mu.Lock()
	many += len(a.ids)
	a.mu.Unlock()
	once := sync.OnceFunc(enough)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			c := &http.Client{Transport: &http.Transport{}, Timeout: patience}
			defer c.CloseIdleConnections()
			for {
				resp, err := c.Get("http://" + addr + "/a.txt")
				if err != nil {
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if err == nil && resp.StatusCode == http.StatusOK && a.add(resp.Header.Get("Request-Id")) >= many {
					once()
				}
			}
		})
	}
	clients.Wait()
}

// missing counts the acknowledged downloads without a decision in the log.
func (a *acknowledged) missing(t *testing.T, path string) int {
	t.Helper()
	recorded := map[string]bool{}
	err := audit.Search(path, audit.Query{}, func(r audit.Record) error {
		if r.Kind == audit.Decided && r.Allowed {
			recorded[r.ID] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for id := range a.ids {
		if !recorded[id] {
			n++
		}
	}
	return n
}

func wholeLog(t *testing.T, path string) *audit.Report {
	t.Helper()
	r, err := audit.Verify(path, audit.VerifyOptions{})
	if err != nil || r.Fault != nil {
		t.Fatalf("verify: %v, %v", r, err)
	}
	return r
}

// TestKilledUnderLoad: a server that is killed at any moment, again and again, has recorded every download that a client
// got, where the record is required. The control, which does not require it, loses some.
func TestKilledUnderLoad(t *testing.T) {
	kills := 10
	if os.Getenv("ROOTBOUND_SOAK") != "" {
		kills = 100
	}
	eachLane(t, func(t *testing.T, lane string) {
		for _, required := range []bool{true, false} {
			files, path := t.TempDir(), filepath.Join(t.TempDir(), "audit.log")
			if err := os.WriteFile(filepath.Join(files, "a.txt"), []byte("hello\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"--fast-lane", lane, "--audit", path, "--audit-max-size", "64KiB", files}
			if required {
				args = append([]string{"--audit-required"}, args...)
			}
			a := &acknowledged{ids: map[string]bool{}}
			for n := range kills {
				s := startAlone(t, 0, args...)
				a.load(t, s.addr, 20+n*37%200, func() { s.signal(t, syscall.SIGKILL) })
				s.gone(t)
			}
			r, missing := wholeLog(t, path), a.missing(t, path)
			t.Logf("note: record: required=%v: %d kills, %d downloads acknowledged, %d records in %d files, %d decisions without an end, %d downloads not recorded",
				required, kills, len(a.ids), r.Records, len(r.Files), len(r.Open), missing)
			if required && missing > 0 {
				t.Errorf("%d of %d downloads are not recorded", missing, len(a.ids))
			}
			if !required && missing == 0 {
				t.Error("the control lost nothing: the kills prove nothing")
			}
		}
	})
}

// TestRecordOnFullDisk: a real file system without room. Where the record is required every download is the 503, and
// refusals, health and metrics are answered; otherwise all is answered. When there is room again so it is said, and the
// chain accounts for what is missing.
func TestRecordOnFullDisk(t *testing.T) {
	if !testenv.InChild(t, testenv.OwnMounts()) {
		return
	}
	for _, lane := range []string{"on", "off"} {
		for _, required := range []bool{true, false} {
			disk, files := t.TempDir(), t.TempDir()
			if err := unix.Mount("none", disk, "tmpfs", 0, "size=256k"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
			path, ballast := filepath.Join(disk, "audit.log"), filepath.Join(disk, "ballast")
			if err := os.WriteFile(filepath.Join(files, "a.txt"), []byte("hello\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"--fast-lane", lane, "--audit", path, files}
			if required {
				args = append([]string{"--audit-required"}, args...)
			}
			s := startAlone(t, 0, args...)
			if status := statusOf(t, s.addr, "/a.txt"); status != 200 {
				t.Errorf("with room for the record: %d", status)
			}
			err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600)
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("the disk does not fill: %v", err)
			}
			until(t, "the disk to be noticed as full", func() bool {
				for range 50 {
					if status := statusOf(t, s.addr, "/a.txt"); status != 200 && !(required && status == 503) {
						t.Fatalf("required=%v: %d", required, status)
					}
				}
				return strings.Contains(page(t, s.addr, "/-/metrics"), "rootbound_audit_failing 1\n")
			})
			s.says(t, "the audit log cannot be written")
			for target, want := range map[string]int{"/a.txt": map[bool]int{true: 503, false: 200}[required], "/none": 404, "/.x": 403, "/-/readyz": 200} {
				if status := statusOf(t, s.addr, target); status != want {
					t.Errorf("lane %s, required=%v: on a full disk %s is %d, want %d", lane, required, target, status, want)
				}
			}
			if n := strings.Count(s.p.Log(), "the audit log cannot be written"); n != 1 {
				t.Errorf("it is said %d times that the disk is full", n)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			until(t, "downloads to be answered again", func() bool { return statusOf(t, s.addr, "/a.txt") == 200 })
			s.says(t, "the audit log is written again")
			s.signal(t, syscall.SIGTERM)
			s.gone(t)
			if r := wholeLog(t, path); len(r.Open) > 0 {
				t.Errorf("lane %s, required=%v: decisions without an end though it stopped in order: %d", lane, required, len(r.Open))
			}
		}
	}
}

// page is the body of a page; statusOf its status. Each comes over a connection of its own.
func page(t *testing.T, addr, target string) string {
	t.Helper()
	body, _ := fetched(t, addr, target)
	return body
}

func statusOf(t *testing.T, addr, target string) int {
	t.Helper()
	_, status := fetched(t, addr, target)
	return status
}

func fetched(t *testing.T, addr, target string) (string, int) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := c.Get("http://" + addr + target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), resp.StatusCode
}

// TestStopKeepsTheRecord: SIGTERM writes everything, the end and a last checkpoint, and the log goes on with the next
// process.
func TestStopKeepsTheRecord(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		files, path := t.TempDir(), filepath.Join(t.TempDir(), "audit.log")
		if err := os.WriteFile(filepath.Join(files, "a.txt"), []byte("hello\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		a := &acknowledged{ids: map[string]bool{}}
		for n := range 3 {
			s := startAlone(t, 0, "--fast-lane", lane, "--audit", path, files)
			a.load(t, s.addr, 100, func() { s.signal(t, syscall.SIGTERM) })
			s.gone(t)
			ends := 0
			for _, line := range strings.Split(readAll(t, path), "\n") {
				if strings.HasPrefix(line, `{"kind":"end"`) {
					ends++
				}
			}
			if r := wholeLog(t, path); len(r.Open) > 0 || ends != n+1 || a.missing(t, path) > 0 {
				t.Errorf("after %d stops: %d ends, %d decisions without an end, %d downloads not recorded", n+1, ends, len(r.Open), a.missing(t, path))
			}
		}
	})
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
