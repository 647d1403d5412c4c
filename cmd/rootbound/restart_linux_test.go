package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/testenv"
)

// TestRestartLosesNobody: where the socket is somebody else's, as systemd's is, whoever connects between two servers waits
// and is answered by the second. The control has its own socket, and is not there between.
func TestRestartLosesNobody(t *testing.T) {
	dir := t.TempDir()
	plantHot(t, dir)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	activated := func() *alone {
		// LISTEN_PID must be the process's own id (sd_listen_fds(3)): the shell knows it and becomes the server.
		cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" serve "$@"`, testenv.Binary(t), dir)
		cmd.ExtraFiles = []*os.File{f}
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=web")
		p := testenv.Start(t, cmd, testenv.Output(listening))
		return &alone{pid: cmd.Process.Pid, addr: listening.FindStringSubmatch(p.Log())[1], p: p}
	}
	end := func(s *alone) {
		s.get(t, "/hot.txt")
		s.signal(t, syscall.SIGTERM)
		s.gone(t)
	}
	end(activated())
	var waiting []net.Conn
	for range 20 {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatalf("between two servers: %v", err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET /hot.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
		waiting = append(waiting, c)
	}
	second := activated()
	for i, c := range waiting {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		if body, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(body) != "hot\n" {
			t.Errorf("client %d: %d %q, %v", i, resp.StatusCode, body, err)
		}
	}
	end(second)

	control := startAlone(t, 0, dir)
	end(control)
	if c, err := net.Dial("tcp4", control.addr); err == nil {
		_ = c.Close()
		t.Error("the control is there between: the test shows nothing")
	}
}
