package attack_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/attack"
)

// answerer accepts connections; on each it reads requests and answers them in turn with the next responses, then
// closes. It reports every request as the bytes it read.
func answerer(t *testing.T, l net.Listener, conns ...[]string) <-chan string {
	t.Helper()
	requests := make(chan string, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, responses := range conns {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			for _, res := range responses {
				req, err := readHead(r)
				if err != nil {
					break
				}
				requests <- req
				if _, err := io.WriteString(c, res); err != nil {
					break
				}
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return requests
}

func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String(), err
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi"

func TestRawSendsBytes(t *testing.T) {
	l := listen(t)
	addr := l.Addr().String()
	requests := answerer(t, l, []string{ok})
	target := "/../a%zz\\\x00\xff//./#?;\t"
	a, err := attack.Raw(addr, target, "Range: bytes=0-")
	if err != nil {
		t.Fatal(err)
	}
	if want := "GET " + target + " HTTP/1.1\r\nRange: bytes=0-\r\nHost: " + addr + "\r\n\r\n"; <-requests != want {
		t.Errorf("server did not read %q", want)
	}
	if a.Status != 200 || string(a.Body) != "hi" || a.Header.Get("X-A") != "b" {
		t.Errorf("answer %d %q %v", a.Status, a.Body, a.Header)
	}
	if head := string(a.Head()); !strings.HasPrefix(head, "200\r\n") || !strings.Contains(head, "X-A: b\r\n") {
		t.Errorf("Head() = %q", head)
	}
}

func TestRawRefusesTargets(t *testing.T) {
	for _, target := range []string{"", "/a b", "/a\r", "/a\nb"} {
		if _, err := attack.Raw("127.0.0.1:1", target); !errors.Is(err, attack.ErrNotOnLine) {
			t.Errorf("Raw(%q) = %v, want ErrNotOnLine", target, err)
		}
	}
}

func TestClientKeepsAndReopens(t *testing.T) {
	l := listen(t)
	requests := answerer(t, l, []string{ok, ok}, []string{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"})
	c := &attack.Client{Addr: l.Addr().String(), Host: "h.example"}
	defer func() { _ = c.Close() }()
	// The first connection takes two requests; the third finds it closed.
	for i, want := range []int{200, 200, 404} {
		a, err := c.Do("GET", "/")
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if a.Status != want {
			t.Errorf("request %d: status %d, want %d", i, a.Status, want)
		}
		if r := <-requests; !strings.Contains(r, "Host: h.example\r\n") {
			t.Errorf("request %d: %q", i, r)
		}
	}
}

func TestClientHostHeader(t *testing.T) {
	l := listen(t)
	requests := answerer(t, l, []string{ok})
	if _, err := attack.Raw(l.Addr().String(), "/", "host: evil.example"); err != nil {
		t.Fatal(err)
	}
	if got, want := <-requests, "GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n"; got != want {
		t.Errorf("request %q, want %q", got, want)
	}
}

func TestClientBounds(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100)
	endless := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 3<<20) + "\r\n\r\n"
	for name, res := range map[string]string{"body": long, "head": endless} {
		l := listen(t)
		answerer(t, l, []string{res})
		c := &attack.Client{Addr: l.Addr().String(), MaxBody: 99}
		if a, err := c.Do("GET", "/"); err == nil {
			t.Errorf("%s: no error, but status %d", name, a.Status)
		}
		_ = c.Close()
	}
}

func TestClientTimeout(t *testing.T) {
	l := listen(t)
	defer func() { _ = l.Close() }()
	c := &attack.Client{Addr: l.Addr().String(), Timeout: 20 * time.Millisecond}
	_, err := c.Do("GET", "/")
	var timed net.Error
	if !errors.As(err, &timed) || !timed.Timeout() {
		t.Errorf("Do = %v, want a timeout", err)
	}
	if errors.Is(err, attack.ErrNoAnswer) {
		t.Errorf("a timeout counts as a closed connection: %v", err)
	}
}

func TestClientNoAnswer(t *testing.T) {
	l := listen(t)
	answerer(t, l, []string{""})
	if _, err := attack.Raw(l.Addr().String(), "/"); !errors.Is(err, attack.ErrNoAnswer) {
		t.Errorf("Raw = %v, want ErrNoAnswer", err)
	}
}

func TestClientUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	requests := answerer(t, l, []string{ok})
	if _, err := attack.Raw("unix:"+path, "/"); err != nil {
		t.Fatal(err)
	}
	if r := <-requests; !strings.Contains(r, "Host: localhost\r\n") {
		t.Errorf("request %q", r)
	}
}
