package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// bigSize is more than all the buffers between a server and a client that reads nothing hold.
const bigSize = 48 << 20

// numbered is content of which no part is like another. Made once: the race detector makes it dear.
var numbered = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < bigSize; i++ {
		fmt.Fprintf(&b, "%015d\n", i)
	}
	return b.Bytes()
})

// plantBig makes a file whose bytes tell where they are.
func plantBig(t *testing.T, path string, size int) []byte {
	t.Helper()
	body := numbered()[:size]
	if err := os.WriteFile(path, body, 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	return body
}

// dialSmall connects with a small receive buffer, so that the server's side fills soon.
func dialSmall(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	// Before the connection is made: what was promised to the other end is not taken back.
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) {
			err = setReceiveBuffer(fd, 4096)
		}), err)
	}}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	tc := c.(*net.TCPConn)
	if err := tc.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	return tc
}

func outcomes(u *setup) chan request.Outcome {
	w := &watcher{out: make(chan request.Outcome, 100)}
	u.before = func(s *Server) { s.stages.record = w }
	return w.out
}

// A client that stops reading is cut after a window; one that is slow but reads is not, however long it takes.
func TestSlowClients(t *testing.T) {
	t.Parallel() // it mostly waits
	eachWire(t, func(t *testing.T, wire func(*setup)) {
		t.Parallel()
		testSlowClients(t, wire)
	})
}

func testSlowClients(t *testing.T, wire func(*setup)) {
	var outs chan request.Outcome
	s := serve(t, nil, func(u *setup) {
		wire(u)
		outs = outcomes(u)
		u.cfg.MinRate, u.cfg.MinRateWindow = 256, 4*time.Second
	})
	plantBig(t, filepath.Join(s.base, "big"), bigSize)

	slow := s.dial(t)
	fmt.Fprintf(slow, "GET /big HTTP/1.1\r\nHost: %s\r\n\r\n", s.addr)
	stalled := s.dial(t)
	fmt.Fprintf(stalled, "GET /big HTTP/1.1\r\nHost: %s\r\n\r\n", s.addr)

	// 4 KiB a second over more than three windows. A kernel takes in steps of some KiB, so that less would be a test of
	// its timers.
	buf := make([]byte, 2048)
	for i := range 26 {
		if _, err := io.ReadFull(slow, buf); err != nil {
			t.Fatalf("the slow client was cut after %d KiB: %v", 2*i, err)
		}
		time.Sleep(500 * time.Millisecond) // the client's pace, which is what is tested
	}
	select {
	case out := <-outs:
		if out.Result != request.Aborted || out.Bytes >= bigSize || abortCause(out.Cause) != causeSlow {
			t.Errorf("the stalled client's outcome: %+v", out)
		}
	default:
		t.Error("the stalled client was not cut")
	}
	select {
	case out := <-outs:
		t.Errorf("the slow client was cut as well: %+v", out)
	default:
	}
	if got := s.metric(t, `rootbound_aborted_sends_total{cause="client-slow"}`); got != "1" {
		t.Errorf("slow clients counted: %s", got)
	}
	if t.Failed() {
		t.Fatalf("log:\n%s", s.log)
	}
	_ = slow.Close()
	if out := <-outs; out.Result != request.Aborted || abortCause(out.Cause) != causeClient {
		t.Errorf("the client that went away: %+v", out)
	}
}

// The paths that a big file takes (sendfile, TLS, HTTP/2) deliver every byte, also in spite of pauses longer than a
// stretch of the pace.
func TestBigFileArrivesWhole(t *testing.T) {
	certs := newCertificate(t, t.TempDir(), "first")
	for _, tt := range []struct {
		name string
		tls  bool
		h2   bool
	}{{"plain", false, false}, {"tls", true, false}, {"h2", true, true}} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, nil, func(u *setup) {
				u.cfg.MinRate, u.cfg.MinRateWindow = 1024, time.Second
				if tt.tls {
					u.cfg.Certificates = certs.open(t)
				}
			})
			want := plantBig(t, filepath.Join(s.base, "big"), bigSize)
			client, url := &http.Client{Transport: &http.Transport{}}, "http://"+s.addr
			if tt.tls {
				client.Transport = certs.transport(tt.h2)
				url = "https://" + s.addr
			}
			defer client.CloseIdleConnections()
			res, err := client.Get(url + "/big")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if (res.ProtoMajor == 2) != tt.h2 {
				t.Errorf("protocol %s", res.Proto)
			}
			got := make([]byte, 0, bigSize)
			buf := make([]byte, 1<<20)
			for i := 0; ; i++ {
				n, err := io.ReadFull(res.Body, buf)
				got = append(got, buf[:n]...)
				if err != nil {
					break
				}
				if i == 8 {
					time.Sleep(300 * time.Millisecond) // fills the buffers
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d of %d bytes, or others", len(got), len(want))
			}
		})
	}
}

// Over HTTP/2 a client can stall one answer by flow control alone.
func TestSlowStream(t *testing.T) {
	t.Parallel()
	certs := newCertificate(t, t.TempDir(), "first")
	var outs chan request.Outcome
	s := serve(t, nil, func(u *setup) {
		outs = outcomes(u)
		u.cfg.MinRate, u.cfg.MinRateWindow = 1024, time.Second
		u.cfg.Certificates = certs.open(t)
	})
	plantBig(t, filepath.Join(s.base, "big"), bigSize)
	client := &http.Client{Transport: certs.transport(true)}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://" + s.addr + "/big")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if out := <-outs; out.Result != request.Aborted || out.Bytes >= bigSize || abortCause(out.Cause) != causeSlow {
		t.Errorf("the stalled stream's outcome: %+v", out)
	}
	// The connection serves others still.
	plantFiles(t, s.base, smallTree)
	other, err := client.Get("https://" + s.addr + "/a.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Body.Close()
	if b, err := io.ReadAll(other.Body); err != nil || string(b) != "hello\n" {
		t.Errorf("after the stall: %q, %v", b, err)
	}
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("the stalled stream ended well after %d bytes", n)
	}
}

func TestConnectionLimit(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.cfg.MaxConns = 2 })
	var kept []net.Conn
	ask := func(c net.Conn) (int, error) {
		fmt.Fprintf(c, "GET /a.txt HTTP/1.1\r\nHost: %s\r\n\r\n", s.addr)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode, res.Body.Close()
	}
	for range 2 {
		c := dialSmall(t, s.addr)
		if status, err := ask(c); status != 200 || err != nil {
			t.Fatalf("within the limit: %d, %v", status, err)
		}
		kept = append(kept, c)
	}
	for range 5 {
		c := dialSmall(t, s.addr)
		res, err := http.ReadResponse(bufio.NewReader(c), nil) // before anything was sent
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !res.Close {
			t.Errorf("beyond the limit: %d %v", res.StatusCode, res.Header)
		}
	}
	for _, c := range kept {
		if status, err := ask(c); status != 200 || err != nil {
			t.Errorf("a kept connection: %d, %v", status, err)
		}
	}
	if got := s.metric(t, "rootbound_connections_refused_total"); got != "5" {
		t.Errorf("turned away: %s", got)
	}
	_ = kept[0].Close()
	await(t, "a place", func() bool { return s.metric(t, "rootbound_connections") == "1" })
	if status, err := ask(dialSmall(t, s.addr)); status != 200 || err != nil {
		t.Errorf("after one has gone: %d, %v", status, err)
	}
}

// failing is a listener that is out of descriptors for a while, as accept(2) says it.
type failing struct {
	net.Listener
	left chan error
}

func (f failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.left:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}

func TestOutOfDescriptorsRecovers(t *testing.T) {
	left := make(chan error, 3)
	for range 3 {
		left <- &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept", syscall.EMFILE)}
	}
	s := serve(t, smallTree, func(u *setup) { u.cfg.Listeners = []net.Listener{failing{listen(t), left}} })
	if a := s.get(t, "/a.txt"); a.Status != 200 {
		t.Errorf("GET = %d", a.Status)
	}
	if !s.logs(t, "level=ERROR") {
		t.Error("the operator is not told")
	}
}

// A body that nobody reads cannot hold the connection, and a header that is too large is refused.
func TestBodiesAndHeaders(t *testing.T) {
	s := serve(t, smallTree, nil)
	c := dialSmall(t, s.addr)
	fmt.Fprintf(c, "POST /a.txt HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\nx", s.addr)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 405 {
		t.Errorf("POST = %d", res.StatusCode)
	}
	if a := s.get(t, "/a.txt", "X-Long: "+strings.Repeat("x", 2*maxHeaderBytes)); a.Status != 431 {
		t.Errorf("a header of %d bytes = %d", 2*maxHeaderBytes, a.Status)
	}
}

func TestMalformedHTTPIsCounted(t *testing.T) {
	certs := newCertificate(t, t.TempDir(), "first")
	for _, overTLS := range []bool{false, true} {
		s := serve(t, smallTree, func(u *setup) {
			if overTLS {
				u.cfg.Certificates = certs.open(t)
			}
		})
		dial := func() net.Conn {
			if overTLS {
				return certs.dial(t, s.addr, "http/1.1")
			}
			return dialSmall(t, s.addr)
		}
		count := func() int {
			n, err := strconv.Atoi(s.metric(t, `rootbound_refusals_total{reason="malformed-http"}`))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		want := 0
		for _, tt := range []struct {
			raw       string
			malformed bool
		}{
			{"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", true},
			{"GET /a.txt\r\n\r\n", true},
			{"GET /a.txt HTTP/9.9\r\nHost: x\r\n\r\n", true},
			{"GET /a.txt HTTP/1.1\r\n\r\n", true},
			{"GET /a.txt HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n", true},
			{"GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false},
			{"GET /../x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", false},
			{"GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\nGET /\x01 HTTP/1.1\r\n\r\n", true},
		} {
			c := dial()
			if _, err := io.WriteString(c, tt.raw); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(c)
			if err != nil || len(answer) == 0 {
				t.Errorf("%q: %q, %v", tt.raw, answer, err)
			}
			if tt.malformed {
				want++
			}
			if got := count(); got != want {
				t.Errorf("TLS %v: after %q %d are counted, want %d", overTLS, tt.raw, got, want)
				want = got
			}
		}
		// One that goes away without a word is not malformed.
		_ = dial().Close()
		if overTLS {
			c := dialSmall(t, s.addr)
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			_, _ = io.ReadAll(c)
			want++
		}
		s.stop()
		if got := count(); got != want {
			t.Errorf("TLS %v: at the end %d, want %d", overTLS, got, want)
		}
	}
}
