package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// connectionsAtOnce is how many clients TestManyConnections has; the soak has ten thousand.
func connectionsAtOnce(t *testing.T) int {
	n := 500
	if os.Getenv("ROOTBOUND_SOAK") == "1" {
		n = 10_000
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if int(limit.Cur) < n+600 {
		t.Fatalf("%d descriptors are allowed and %d are needed: raise the hard limit (ulimit -Hn)", limit.Cur, n+600)
	}
	return n
}

// headerTime is how long a client has to send a request's header; docs/serve.md says so.
const headerTime = 10 * time.Second

// client is one connection that is kept.
type client struct {
	net.Conn
	r *bufio.Reader
}

func dial(addr string) (*client, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{c, bufio.NewReader(c)}, nil
}

// get asks and reads the answer to its end.
func (c *client) get(target string) (status int, body string, err error) {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target); err != nil {
		return 0, "", err
	}
	return c.answer()
}

func (c *client) answer() (status int, body string, err error) {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// TestManyConnections fills the server to its limit: clients that are idle, some in the middle of a request, some in
// the middle of a download that they do not read. Whoever comes then is turned away at once; all others are still
// served, and places that become free are given anew.
func TestManyConnections(t *testing.T) {
	for _, lane := range []string{"on", "off"} {
		t.Run("fast lane "+lane, func(t *testing.T) { manyConnections(t, lane) })
	}
}

func manyConnections(t *testing.T, lane string) {
	n := connectionsAtOnce(t)
	dir := t.TempDir()
	large := strings.Repeat("0123456789abcdef", 1<<19)
	for name, content := range map[string]string{"hello.txt": "hello\n", "large": large} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	addr := strings.TrimPrefix(startServe(t, dir, "--fast-lane", lane, "--max-connections", fmt.Sprint(n)), "http://")
	clients := make([]*client, n)
	for i := range clients {
		c, err := dial(addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer c.Close()
		if status, body, err := c.get("/hello.txt"); status != 200 || body != "hello\n" || err != nil {
			t.Fatalf("connection %d: %d %q %v", i, status, body, err)
		}
		clients[i] = c
	}
	stalled, reading := clients[:n/10], clients[n/10:n/10+20]
	began := time.Now()
	for i, c := range stalled {
		if _, err := io.WriteString(c, "GET /hello.txt HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
			t.Fatalf("stalled connection %d: %v", i, err)
		}
	}
	for i, c := range reading {
		if _, err := io.WriteString(c, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatalf("reading connection %d: %v", i, err)
		}
	}

	for range 20 {
		turnedAway(t, addr)
	}
	idle := clients[n/10+20:]
	for i, c := range idle {
		if status, body, err := c.get("/hello.txt"); status != 200 || body != "hello\n" || err != nil {
			t.Fatalf("idle connection %d of a full server: %d %q %v", i, status, body, err)
		}
	}
	for i, c := range stalled {
		_, _ = io.WriteString(c, "1\r\n\r\n")
		status, body, err := c.answer()
		if time.Since(began) >= headerTime {
			break // the server may have closed them for being slow: TestStalledRequests is about that
		}
		if status != 200 || body != "hello\n" || err != nil {
			t.Fatalf("stalled connection %d: %d %q %v", i, status, body, err)
		}
	}
	for i, c := range reading {
		if status, body, err := c.answer(); status != 200 || body != large || err != nil {
			t.Errorf("download %d: %d, %d bytes, %v", i, status, len(body), err)
		}
	}
	for _, c := range idle[:10] {
		c.Close()
	}
	letIn(t, addr, 10)
	fmt.Printf("note: connections: fast lane %s: %d at once, %d stalled, %d downloads; all served\n", lane, n, len(stalled), len(reading))
}

// turnedAway fails unless a new client is told at once that there is no place.
func turnedAway(t *testing.T, addr string) {
	t.Helper()
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	status, body, err := c.answer() // it need not even ask
	if status != 503 || !strings.Contains(body, "Too many connections") {
		t.Errorf("beyond the limit: %d %q %v", status, body, err)
	}
}

// letIn waits until so many new clients are served: a place is free a moment after its client has gone.
func letIn(t *testing.T, addr string, want int) {
	t.Helper()
	for end := time.Now().Add(patience); want > 0; {
		c, err := dial(addr)
		if err != nil {
			t.Fatal(err)
		}
		status, _, _ := c.get("/hello.txt")
		if status == 200 {
			want--
			defer c.Close()
			continue
		}
		c.Close()
		if time.Now().After(end) {
			t.Fatalf("places became free, and %d clients are not let in", want)
		}
	}
}

// cmdHold opens connections that stay open, idle, until the script ends or it is called with "0".
func cmdHold(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	for _, c := range s.held {
		ts.Check(c.Close())
	}
	s.held = nil
	addr := strings.TrimPrefix(ts.Getenv("URL"), "http://")
	var n int
	_, err := fmt.Sscan(args[0], &n)
	ts.Check(err)
	for range n {
		c, err := dial(addr)
		ts.Check(err)
		s.held = append(s.held, c)
		ts.Defer(func() { _ = c.Close() })
		if status, _, err := c.get("/hello.txt"); status != 200 {
			ts.Fatalf("a connection to hold: %d %v", status, err)
		}
	}
}

// cmdEventually asks until the answer has this status: what it waits for is another process's doing.
func cmdEventually(ts *testscript.TestScript, _ bool, args []string) {
	var want int
	_, err := fmt.Sscan(args[0], &want)
	ts.Check(err)
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(ts.Getenv("URL") + args[1])
		if err == nil {
			_ = resp.Body.Close()
			http.DefaultClient.CloseIdleConnections()
			if resp.StatusCode == want {
				return
			}
		}
		if time.Now().After(end) {
			ts.Fatalf("%s is not %d: %v", args[1], want, err)
		}
	}
}
