package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/testenv"
)

// alone is a server whose process is looked at from outside.
type alone struct {
	pid  int
	addr string
	p    *testenv.Process
}

// startAlone starts a server that may have so many descriptors; 0 is as many as we.
func startAlone(t *testing.T, descriptors int, args ...string) *alone {
	t.Helper()
	args = append([]string{testenv.Binary(t), "serve", "--listen", "127.0.0.1:0", "--access-log", "off"}, args...)
	cmd := exec.Command(args[0], args[1:]...)
	if descriptors > 0 {
		cmd = exec.Command("/bin/sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, descriptors)}, args...)...)
	}
	p := testenv.Start(t, cmd, testenv.Output(listening))
	return &alone{pid: cmd.Process.Pid, addr: listening.FindStringSubmatch(p.Log())[1], p: p}
}

// cpu is how many ticks of a hundredth of a second the process has used (proc(5), stat, fields 14 and 15).
func (a *alone) cpu(t *testing.T) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return user + system
}

// idles fails where the process spends its time though nothing moves.
func (a *alone) idles(t *testing.T) {
	t.Helper()
	const watch = 2 * time.Second
	before := a.cpu(t)
	time.Sleep(watch) // the time over which it is judged
	if used := a.cpu(t) - before; used > int(watch/time.Second)*100/5 {
		t.Errorf("%d hundredths of a second of CPU in %v in which nothing moves", used, watch)
	}
}

// allow sets how many descriptors the running process may have.
func (a *alone) allow(t *testing.T, n uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(a.pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	old.Cur = n
	if err := unix.Prlimit(a.pid, unix.RLIMIT_NOFILE, &old, nil); err != nil {
		t.Fatal(err)
	}
}

func (a *alone) dial(t *testing.T) *client {
	t.Helper()
	c, err := dial(a.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// wants asks over a connection that is kept.
func (c *client) wants(t *testing.T, target string, want ...int) (status int) {
	t.Helper()
	status, _, err := c.get(target)
	for _, w := range want {
		if err == nil && status == w {
			return status
		}
	}
	t.Errorf("GET %s = %d, %v; want %d", target, status, err, want)
	return status
}

// plantLarge makes files that are too large for the memory, and that no buffer between two processes can hold.
func plantLarge(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("large%d", i))
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 64<<20); err != nil {
			t.Fatal(err)
		}
	}
}

func eachLane(t *testing.T, test func(t *testing.T, lane string)) {
	for _, lane := range []string{"on", "off"} {
		t.Run("fast lane "+lane, func(t *testing.T) { t.Parallel(); test(t, lane) })
	}
}

// TestConnectionsLeaveRoom: connections that do nothing do not take the descriptors that files are opened with. Those who
// are in are served on, cold files too; those beyond are told at once; and when some go, others come in.
func TestConnectionsLeaveRoom(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		const limit, places = 128, 96
		dir := t.TempDir()
		plantHot(t, dir)
		for i := range places {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("cold%d", i)), []byte("cold\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s := startAlone(t, limit, "--fast-lane", lane, dir)
		if log := s.p.Log(); !strings.Contains(log, "fewer connections than asked for") {
			t.Errorf("the operator is not told:\n%s", log)
		}
		var in []*client
		for range places {
			c := s.dial(t)
			c.wants(t, "/hot.txt", 200)
			in = append(in, c)
		}
		for range 2 * limit {
			turnedAway(t, s.addr)
		}
		for i, c := range in {
			c.wants(t, fmt.Sprintf("/cold%d", i), 200)
		}
		s.idles(t)
		for _, c := range in[:10] {
			_ = c.Close()
		}
		for range 10 {
			letInTo(t, s.addr, "/hot.txt")
		}
	})
}

// letInTo waits until a new client is served.
func letInTo(t *testing.T, addr, target string) *client {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := dial(addr)
		if err != nil {
			t.Fatal(err)
		}
		if status, _, err := c.get(target); status == 200 && err == nil {
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		_ = c.Close()
		if time.Now().After(end) {
			t.Fatal("nobody is let in")
		}
	}
}

// TestOutOfDescriptors: downloads that nobody reads take every descriptor there is. Those who are in are served on with
// what is in memory, and told to come back for what would have to be opened, never that it is not there. Those who come
// are turned away quickly or served, and the server recovers when the others go.
func TestOutOfDescriptors(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		const limit = 128
		dir := t.TempDir()
		plantHot(t, dir)
		plantLarge(t, dir, limit)
		s := startAlone(t, limit, "--fast-lane", lane, "--cache-check", "1h", dir)
		kept := s.dial(t)
		kept.wants(t, "/hot.txt", 200)
		var stalled []net.Conn
		short := 0
		for i := 0; i < limit && short < 5; i++ { // each costs a connection and a file
			c := s.dial(t)
			if _, err := fmt.Fprintf(c, "GET /large%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(c.r, nil)
			switch {
			case err != nil:
				t.Fatalf("download %d: %v", i, err)
			case resp.StatusCode == 503 && resp.Header.Get("Retry-After") != "":
				short++
			case resp.StatusCode != 200:
				t.Errorf("download %d: %d", i, resp.StatusCode)
			}
			stalled = append(stalled, c)
		}
		if short == 0 {
			t.Fatalf("%d downloads, and there are descriptors left", len(stalled))
		}
		t.Logf("%d downloads, then no descriptors", len(stalled)-short)
		kept.wants(t, "/hot.txt", 200)
		kept.wants(t, "/../x", 403)
		for _, target := range []string{"/cold.txt", "/large127", "/"} {
			kept.wants(t, target, 200, 503) // a short answer may have given its descriptor back
		}
		for range 50 { // at once: not when somebody has gone
			c, err := dial(s.addr)
			if err != nil {
				t.Fatal(err)
			}
			if status, body, err := c.get("/cold.txt"); status != 503 && status != 200 {
				t.Errorf("a new client: %d %q %v", status, body, err)
			}
			_ = c.Close()
		}
		s.idles(t)
		for _, c := range stalled {
			_ = c.Close()
		}
		letInTo(t, s.addr, "/cold.txt")
		letInTo(t, s.addr, "/large0")
		kept.wants(t, "/hot.txt", 200)
	})
}

// TestNoDescriptorsAtAll: where not one descriptor is to be had, not even the spare one, those who wait to be accepted do
// not keep the server busy. Who is in gets what is in memory, and 503 for the rest; when there are descriptors again,
// whoever waited is answered.
func TestNoDescriptorsAtAll(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		dir := t.TempDir()
		plantHot(t, dir)
		s := startAlone(t, 0, "--fast-lane", lane, "--cache-check", "1h", dir)
		kept := s.dial(t)
		kept.wants(t, "/hot.txt", 200)
		var before unix.Rlimit
		if err := unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
			t.Fatal(err)
		}
		s.allow(t, 3)
		var waiting []*client
		for range 20 {
			c := s.dial(t)
			if _, err := io.WriteString(c, "GET /cold.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, c)
		}
		s.idles(t)
		kept.wants(t, "/hot.txt", 200)
		kept.wants(t, "/cold.txt", 503)
		kept.wants(t, "/none", 503, 404) // os.Root asks fstatat(2) first, which needs no descriptor: there is nothing
		if _, err := io.WriteString(kept, "POST /hot.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if status, _, err := kept.answer(); status != 405 && status != 503 { // the other lane may be out of reach
			t.Errorf("POST: %d, %v", status, err)
		}
		s.allow(t, before.Cur)
		for i, c := range waiting {
			if status, body, err := c.answer(); status != 200 && status != 503 || err != nil {
				t.Errorf("client %d that waited: %d %q %v", i, status, body, err)
			}
		}
		letInTo(t, s.addr, "/cold.txt")
		s.idles(t)
	})
}

// stalledClient begins a download and reads a little of it.
func (a *alone) stalledClient(t *testing.T, target, fields string) (*http.Response, *client) {
	t.Helper()
	c := a.dial(t)
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target, fields); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp, c
}
