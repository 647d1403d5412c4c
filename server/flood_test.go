package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	runtimemetrics "runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// bothLanes runs a test with the fast lane and without.
func bothLanes(t *testing.T, test func(t *testing.T, noFastLane bool)) {
	for _, off := range []bool{false, true} {
		t.Run(fmt.Sprintf("fast lane %v", !off), func(t *testing.T) {
			t.Parallel() // they mostly wait
			test(t, off)
		})
	}
}

// crowd is how many clients misbehave at once.
const crowd = 100

// idleAgain waits until nothing of any client is left.
func idleAgain(t *testing.T, s *served) {
	t.Helper()
	for _, name := range []string{"rootbound_connections", "rootbound_requests_in_flight", "rootbound_open_files"} {
		await(t, name+" to be 0", func() bool { return s.metric(t, name) == "0" })
	}
}

// servesOn has one well-behaved client ask many times, while others do what they do.
func servesOn(t *testing.T, s *served) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	for i := range 200 {
		fmt.Fprintf(c, "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("request %d of a good client: %v", i, err)
		}
		if b, err := io.ReadAll(res.Body); res.StatusCode != 200 || string(b) != "hello\n" || err != nil {
			t.Fatalf("request %d of a good client: %d %q %v", i, res.StatusCode, b, err)
		}
	}
}

// TestStalledRequests: clients that send their header or a body byte by byte, or stop in the middle, hold nobody up, and
// are closed by the server, without a word from them, when their time is over.
func TestStalledRequests(t *testing.T) {
	t.Parallel()
	bothLanes(t, func(t *testing.T, off bool) {
		s := serve(t, smallTree, func(u *setup) { u.cfg.NoFastLane, u.cfg.Access = off, nil })
		const header = "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
		var conns []net.Conn
		begin := func(raw string) {
			c := dialSmall(t, s.addr)
			if _, err := io.WriteString(c, raw); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
		}
		for range crowd / 4 {
			begin("")
			begin("GET /a")
			begin(header)
			begin("POST /a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
		}
		stop := make(chan struct{})
		var trickling sync.WaitGroup
		for _, c := range conns[crowd/2:] {
			trickling.Go(func() {
				for { // a byte a second, for as long as it goes; the body's and the header's alike
					select {
					case <-stop:
						return
					case <-time.After(time.Second):
					}
					if _, err := io.WriteString(c, "x"); err != nil {
						return
					}
				}
			})
		}
		servesOn(t, s)
		if got := s.metric(t, "rootbound_connections"); got == "0" {
			t.Error("nobody stalls: the test sees nothing")
		}
		for i, c := range conns {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, errTimeout(err)) {
				t.Errorf("client %d is still connected", i)
			}
		}
		close(stop)
		trickling.Wait()
		idleAgain(t, s)
	})
}

// errTimeout is err where that is a timeout, else an error that it is not.
func errTimeout(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return err
	}
	return errors.New("no timeout")
}

// TestStalledHandshakes: a TLS handshake that is not finished ends as a slow header does, and holds nobody up.
func TestStalledHandshakes(t *testing.T) {
	t.Parallel()
	certs := newCertificate(t, t.TempDir(), "first")
	s := serve(t, smallTree, func(u *setup) { u.cfg.Certificates, u.cfg.Access = certs.open(t), nil })
	var conns []net.Conn
	for i := range crowd {
		c := dialSmall(t, s.addr)
		if i%2 == 0 {
			_, _ = io.WriteString(c, "\x16\x03\x01\x02\x00\x01\x00") // the beginning of a ClientHello
		}
		conns = append(conns, c)
	}
	client := &http.Client{Transport: certs.transport(true), Timeout: patience}
	for range 100 {
		res, err := client.Get("https://" + s.addr + "/a.txt")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); string(b) != "hello\n" || err != nil {
			t.Fatalf("%q, %v", b, err)
		}
		_ = res.Body.Close()
	}
	client.CloseIdleConnections()
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, errTimeout(err)) {
			t.Errorf("handshake %d is still waited for", i)
		}
	}
	idleAgain(t, s)
}

// heapNow is what the last collection found alive on the heap, in bytes: what was allocated meanwhile, and waits to be
// collected, is the collector's affair.
func heapNow() int64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool held goes with the second
	live := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(live)
	return int64(live[0].Value.Uint64())
}

// TestNeverRead: clients that ask for much, one download or thousands of pipelined answers, and read nothing, cost
// little memory, and are cut for want of progress.
func TestNeverRead(t *testing.T) {
	const pipelined, bound = 4000, 2 << 20 // of memory, for each client
	for name, raw := range map[string]string{
		"a large file":    "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"many ranges":     "GET /big HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-9999999,10000001-19999999,20000001-39999999\r\n\r\n",
		"pipelined":       strings.Repeat("GET /medium HTTP/1.1\r\nHost: localhost\r\n\r\n", pipelined),
		"pipelined large": strings.Repeat("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n", pipelined),
		"pipelined small": strings.Repeat("GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n", 10*pipelined),
	} {
		for _, off := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, fast lane %v", name, !off), func(t *testing.T) {
				s := serve(t, smallTree, func(u *setup) {
					u.cfg.NoFastLane, u.cfg.Access, u.cfg.Log = off, nil, nil
					u.cfg.MinRate, u.cfg.MinRateWindow = 1<<20, 2*time.Second
				})
				plantBig(t, filepath.Join(s.base, "big"), bigSize)
				plantBig(t, filepath.Join(s.base, "medium"), 100<<10)
				s.get(t, "/medium")
				clients := crowd / 4
				if strings.HasSuffix(name, "small") {
					clients = crowd / 20 // each has thousands of answers before it is stuck
				}
				asked := []byte(raw) // once: what clients hold of it is not what the server does
				before := heapNow()
				var sending sync.WaitGroup
				for range clients {
					c := dialSmall(t, s.addr)
					sending.Go(func() { _, _ = c.Write(asked) }) // as far as the server reads
				}
				await(t, "requests", func() bool { return s.metric(t, "rootbound_connections") == fmt.Sprint(clients) })
				servesOn(t, s)
				grown := heapNow() - before
				t.Logf("%d clients: the heap has grown by %d KiB", clients, grown>>10)
				if grown > int64(clients*bound) {
					t.Errorf("the heap has grown by %d MiB for %d clients, want less than %d", grown>>20, clients, clients*bound>>20)
				}
				sending.Wait() // cut
				idleAgain(t, s)
			})
		}
	}
}

// TestManyPipelined: thousands of requests at once are answered, each in its turn, to a client that only then reads, and
// to one that has closed its side.
func TestManyPipelined(t *testing.T) {
	t.Parallel()
	bothLanes(t, func(t *testing.T, off bool) {
		s := serve(t, smallTree, func(u *setup) { u.cfg.NoFastLane, u.cfg.Access = off, nil })
		const n = 3000
		var raw strings.Builder
		for i := range n {
			fmt.Fprintf(&raw, "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", []string{"a.txt", "sub/b.txt", "none"}[i%3])
		}
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		go func() {
			_, _ = io.WriteString(c, raw.String())
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		r := bufio.NewReader(c)
		for i := range n {
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			body, err := io.ReadAll(res.Body)
			if want := []int{200, 200, 404}[i%3]; err != nil || res.StatusCode != want || want == 200 && string(body) != []string{"hello\n", "bee\n"}[i%3] {
				t.Fatalf("answer %d: %d %q %v", i, res.StatusCode, body, err)
			}
		}
		if b, err := io.ReadAll(r); len(b) > 0 || err != nil {
			t.Errorf("after the last answer: %q %v", b, err)
		}
		idleAgain(t, s)
	})
}

// TestResetInTheMiddle: clients that reset the connection, at once or in the middle of what they asked for, leave
// nothing behind.
func TestResetInTheMiddle(t *testing.T) {
	t.Parallel()
	bothLanes(t, func(t *testing.T, off bool) {
		s := serve(t, smallTree, func(u *setup) { u.cfg.NoFastLane, u.cfg.Access = off, nil })
		plantBig(t, filepath.Join(s.base, "big"), bigSize)
		for i := range crowd {
			c := dialSmall(t, s.addr)
			if i%3 > 0 {
				fmt.Fprintf(c, "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\nGET /a.txt HTTP/1.1\r\n")
			}
			if i%3 == 2 {
				if _, err := io.ReadFull(c, make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
			}
			_ = c.SetLinger(0) // a reset
			_ = c.Close()
		}
		idleAgain(t, s)
		servesOn(t, s)
	})
}

// TestHugeHeads: a header that does not end is refused, and what it costs is bounded.
func TestHugeHeads(t *testing.T) {
	t.Parallel()
	bothLanes(t, func(t *testing.T, off bool) {
		s := serve(t, smallTree, func(u *setup) { u.cfg.NoFastLane, u.cfg.Access = off, nil })
		for name, start := range map[string]string{
			"target": "GET /", "method": "G", "field": "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nX: ", "name": "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nX",
		} {
			c := dialSmall(t, s.addr)
			sent := int64(0)
			_, _ = io.WriteString(c, start)
			part := bytes.Repeat([]byte("x"), 64<<10)
			for sent < 256<<20 {
				n, err := c.Write(part)
				sent += int64(n)
				if err != nil {
					break
				}
			}
			if sent >= 256<<20 {
				t.Errorf("%s: %d bytes were taken", name, sent)
			}
			_ = c.Close()
		}
		c := dialSmall(t, s.addr)
		_, _ = io.WriteString(c, "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n"+strings.Repeat("X: y\r\n", 100_000))
		_ = c.Close()
		idleAgain(t, s)
		servesOn(t, s)
	})
}

// h2Flood connects and writes frames until the server has enough, and returns how many it took.
func h2Flood(t *testing.T, s *served, max int, frame func(c *h2Client, i int) error) int {
	t.Helper()
	c := &h2Client{addr: s.addr}
	if err := c.connect(); err != nil {
		t.Fatal(err)
	}
	defer c.close()
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	drained := make(chan struct{})
	go func(conn *tls.Conn) {
		defer close(drained)
		_, _ = io.Copy(io.Discard, conn)
	}(c.conn)
	n := 0
	for ; n < max; n++ {
		if frame(c, n) != nil {
			break
		}
	}
	_ = c.conn.CloseWrite()
	<-drained
	return n
}

// TestHTTP2Floods: streams that are opened and reset at once, headers that never end, and floods of frames that want
// an answer, cost the connection that sends them; memory stays bounded and others are served.
func TestHTTP2Floods(t *testing.T) {
	t.Parallel()
	certs := newCertificate(t, t.TempDir(), "first")
	s := serve(t, smallTree, func(u *setup) { u.cfg.Certificates, u.cfg.Access = certs.open(t), nil })
	plantBig(t, filepath.Join(s.base, "big"), bigSize)
	client := &http.Client{Transport: certs.transport(true), Timeout: patience}
	defer client.CloseIdleConnections()
	before := heapNow()
	for _, tt := range []struct {
		name    string
		max     int
		endures bool // it may be taken to the end: it costs no more than its bytes
		frame   func(c *h2Client, i int) error
	}{
		{"rapid reset", 20_000, true, func(c *h2Client, i int) error {
			id := uint32(2*i + 1)
			return errors.Join(c.request(id, "/big", nil), c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
		}},
		{"CONTINUATION without end", 100_000, false, func(c *h2Client, i int) error {
			block := bytes.Repeat([]byte{0x40, 1, 'x', 1, 'y'}, 1000)
			if i == 0 {
				return c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block})
			}
			return c.framer.WriteContinuation(1, false, block)
		}},
		{"a header that is too large", 1000, true, func(c *h2Client, i int) error {
			return c.request(uint32(2*i+1), "/a.txt", []hpack.HeaderField{{Name: "x", Value: strings.Repeat("y", 100<<10)}})
		}},
		{"SETTINGS", 50_000, true, func(c *h2Client, _ int) error { return c.framer.WriteSettings() }},
		{"PING", 50_000, true, func(c *h2Client, _ int) error { return c.framer.WritePing(false, [8]byte{}) }},
	} {
		n := h2Flood(t, s, tt.max, tt.frame)
		t.Logf("%s: %d frames were taken", tt.name, n)
		if n == tt.max && !tt.endures {
			t.Errorf("%s: the server takes it for ever", tt.name)
		}
		res, err := client.Get("https://" + s.addr + "/a.txt")
		if err != nil {
			t.Fatalf("after %s: %v", tt.name, err)
		}
		if b, err := io.ReadAll(res.Body); string(b) != "hello\n" || err != nil {
			t.Errorf("after %s: %q, %v", tt.name, b, err)
		}
		_ = res.Body.Close()
	}
	client.CloseIdleConnections()
	idleAgain(t, s)
	if grown := heapNow() - before; grown > 32<<20 {
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	}
}

// TestProfiles: off unless asked for, and then only where the operator alone can see them.
func TestProfiles(t *testing.T) {
	bothLanes(t, func(t *testing.T, off bool) {
		none := serve(t, smallTree, func(u *setup) { u.cfg.NoFastLane = off })
		local := serve(t, smallTree, func(u *setup) { u.cfg.NoFastLane, u.cfg.Profiles = off, true })
		admin := listen(t)
		open := serve(t, smallTree, func(u *setup) {
			public(u)
			u.cfg.NoFastLane, u.cfg.Profiles, u.cfg.AdminListener = off, true, admin
		})
		adm := &served{Server: open.Server, addr: admin.Addr().String()}
		for _, name := range []string{"", "goroutine", "heap", "goroutine?debug=1", "profile?seconds=1"} {
			target := pageProfiles + name
			if got, want := stripped(none.get(t, target)), stripped(none.get(t, "/-/nothing")); got.Status != want.Status || got.Body != want.Body {
				t.Errorf("%s without the flag: %d, want the answer to any such name, %d", target, got.Status, want.Status)
			}
			if got, want := stripped(open.get(t, target)), stripped(open.get(t, "/-/nothing")); got.Status != 404 || got.Body != want.Body {
				t.Errorf("%s elsewhere: %d, want the 404", target, got.Status)
			}
			for _, s := range []*served{local, adm} {
				if a := s.get(t, target); a.Status != 200 || len(a.Body) == 0 || a.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s on %s: %d, %d bytes, %v", target, s.addr, a.Status, len(a.Body), a.Header)
				}
			}
		}
		for target, want := range map[string]int{"/-/debug/pprof": 403, "/-/debug/pprof/cmdline": 403, "/-/debug/pprof/nothing": 403, "/-/debug/pprof/../x": 403} {
			if a := local.get(t, target); a.Status != want {
				t.Errorf("%s = %d, want %d", target, a.Status, want)
			}
		}
		if a := local.request(t, "POST", pageProfiles); a.Status != 405 {
			t.Errorf("POST = %d", a.Status)
		}
		if a := local.get(t, pageProfiles, "Host: rebound.example"); a.Status != 421 {
			t.Errorf("another Host = %d", a.Status)
		}
	})
}
