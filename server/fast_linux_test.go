package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/lane"
	"github.com/rootbound/rootbound/internal/request"
)

// TestSmuggling: what two readers could take for different requests. Either lane refuses it or both read it alike; the
// fast lane never answers it, and nothing that is hidden in it is answered as a request of its own by one of them only.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	eachWire(t, testSmuggling)
}

func testSmuggling(t *testing.T, wire func(*setup)) {
	quick, general := twins(t, smallTree, func(u *setup) { wire(u); u.cfg.Access = nil })
	const hidden = "GET /sub/b.txt HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: 1\r\n\r\n"
	post := func(fields, body string) string {
		return "POST /a.txt HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n" + body
	}
	get := func(fields string) string { return "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n" }
	for name, raw := range map[string]string{
		"CL.TE":                  post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"+hidden),
		"TE.CL":                  post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\n"+hidden+"\r\n0\r\n\r\n"),
		"TE.TE":                  post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "0\r\n\r\n"+hidden),
		"CL.CL":                  post("Content-Length: 0\r\nContent-Length: "+strconv.Itoa(len(hidden))+"\r\n", hidden),
		"CL of 0 on GET":         get("Content-Length: 0\r\n") + hidden,
		"CL on GET":              get("Content-Length: "+strconv.Itoa(len(hidden))+"\r\n") + hidden,
		"CL with a sign":         get("Content-Length: +0\r\n") + hidden,
		"odd TE":                 get("Transfer-Encoding: xchunked\r\n") + hidden,
		"TE with a space":        get("Transfer-Encoding : chunked\r\n") + "0\r\n\r\n" + hidden,
		"TE with a tab":          get("Transfer-Encoding:\tchunked\r\n") + "0\r\n\r\n" + hidden,
		"TE folded":              get("Transfer-Encoding:\r\n chunked\r\n") + "0\r\n\r\n" + hidden,
		"obs-fold":               get("X: y\r\n Content-Length: 5\r\n") + hidden,
		"bare LF":                strings.ReplaceAll(get("X: y\r\n"), "\r\n", "\n") + hidden,
		"bare LF before a field": get("X: y\nContent-Length: 5\r\n") + hidden,
		"bare CR before a field": get("X: y\rContent-Length: 5\r\n") + hidden,
		"space before the colon": get("Content-Length : 5\r\n") + hidden,
		"NUL":                    get("X: y\x00\r\n") + hidden,
		"NUL in a name":          get("Content-Length\x00: 5\r\n") + hidden,
		"two Hosts":              get("Host: other\r\n") + hidden,
		"two equal Hosts":        get("Host: localhost\r\n") + hidden,
		"absolute-form":          "GET http://other/a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n" + hidden,
		"absolute-form of ours":  "GET http://localhost/a.txt HTTP/1.1\r\nHost: other\r\n\r\n" + hidden,
		"after a body":           post("Content-Length: 3\r\n", "abc") + hidden,
		"after a chunked body":   post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n") + hidden,
		"Expect":                 post("Content-Length: 3\r\nExpect: 100-continue\r\n", "abc") + hidden,
		"Upgrade":                get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n") + hidden,
		"HTTP/1.0 with TE":       "GET /a.txt HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"HTTP/0.9":               "GET /a.txt\r\n" + hidden,
		"an empty line first":    "\r\n" + get("") + hidden,
		"space before a field":   "GET /a.txt HTTP/1.1\r\n Host: localhost\r\n\r\n" + hidden,
		"Connection names it":    get("Connection: Content-Length\r\nContent-Length: 3\r\n") + "abc" + hidden,
	} {
		var r lane.Request
		if _, v := r.Parse([]byte(raw)); v != lane.Foreign {
			t.Errorf("%s: the fast lane would answer it", name)
		}
		before := answeredFast(t, quick)
		sameOnBoth(t, quick, general, raw)
		sameOnBoth(t, quick, general, get(""), raw) // the connection was the fast lane's until then
		if n := answeredFast(t, quick) - before; n != 1 {
			t.Errorf("%s: the fast lane answered %d requests beside the good one", name, n-1)
		}
	}
	// The control: the hidden request is one that is answered, where nothing hides it.
	if got, err := talk(quick, []string{get(""), hidden}, nil); err != nil || len(got) != 2 || got[1].Body != "bee\n" {
		t.Errorf("in the open: %v, %v", got, err)
	}
}

// TestReplacedWhileServed: files are replaced by rename while they are asked for. No answer ever mixes two versions, and
// none is of one that was replaced longer ago than the cache believes. The control believes for an hour, and is stale.
func TestReplacedWhileServed(t *testing.T) {
	t.Parallel()
	bothLanes(t, replacedWhileServed)
}

func replacedWhileServed(t *testing.T, off bool) {
	const check = 100 * time.Millisecond
	start := func(check time.Duration) *served {
		return serve(t, map[string]string{"f": "start"}, func(u *setup) { u.cfg.CacheCheck, u.cfg.Access, u.cfg.NoFastLane = check, nil, off })
	}
	s, control := start(check), start(time.Hour)
	version := func(n int) []byte { return bytes.Repeat([]byte(fmt.Sprintf("%06d,", n)), 700+n%50) }
	var mu sync.Mutex
	replaced := []time.Time{time.Now()} // when version n was in place
	put := func(base string, n int) {
		tmp := filepath.Join(base, "new")
		if err := os.WriteFile(tmp, version(n), 0o644); err != nil {
			t.Error(err)
		}
		if err := os.Rename(tmp, filepath.Join(base, "f")); err != nil {
			t.Error(err)
		}
	}
	put(s.base, 0)
	put(control.base, 0)
	control.get(t, "/f")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; n < 300; n++ {
			put(s.base, n)
			mu.Lock()
			replaced = append(replaced, time.Now())
			mu.Unlock()
			time.Sleep(4 * time.Millisecond) // the pace of the replacing
		}
	}()
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := &attack.Client{Addr: s.addr}
			defer c.Close()
			for {
				asked := time.Now()
				a := mustDo(t, c, "/f")
				n, err := strconv.Atoi(string(a.Body[:6]))
				if err != nil || !bytes.Equal(a.Body, version(n)) {
					t.Errorf("a mixture: %.80q", a.Body)
					return
				}
				mu.Lock()
				if n+1 < len(replaced) && replaced[n+1].Before(asked.Add(-check)) {
					t.Errorf("version %d was replaced %v before it was asked for", n, asked.Sub(replaced[n+1]))
				}
				mu.Unlock()
				select {
				case <-done:
					return
				default:
				}
			}
		}()
	}
	wg.Wait()
	put(control.base, 1)
	time.Sleep(2 * check)
	if a := control.get(t, "/f"); !bytes.Equal(a.Body, version(0)) {
		t.Errorf("the control looked again: %.20q", a.Body)
	}
	if !off && answeredFast(t, s) < 300 {
		t.Error("few were answered by the fast lane")
	}
}

// blocker is a record that waits for the names that hang, as an open in a dead file system would.
type blocker struct {
	release chan struct{}
	held    chan struct{}
}

func (b *blocker) Decided(_ time.Time, f *request.Facts, _ request.Subject, _ request.Decision, err error) error {
	if err == nil && strings.Contains(f.Target, "hang") {
		b.held <- struct{}{}
		<-b.release
	}
	return nil
}

func (*blocker) Done(time.Time, *request.Facts, request.Subject, request.Outcome) {}
func (*blocker) Waits() bool                                                      { return false }
func (*blocker) Gather() request.Gatherer                                         { return nil }
func (*blocker) Stats() request.RecordStats                                       { return request.RecordStats{} }

// TestFairness: a hundred clients that do not read, and more requests that hang in one mount than it has workers, hold up
// neither the loops nor another mount.
func TestFairness(t *testing.T) {
	b := &blocker{release: make(chan struct{}), held: make(chan struct{}, 10*workersOfMount)}
	other := t.TempDir()
	plantFiles(t, other, map[string]string{"cold.txt": "cold\n"})
	s := serve(t, smallTree, func(u *setup) {
		u.cfg.Mounts = []Mount{{Dir: openDir(t, u.base, u.dir)}, {Name: "other", Dir: openDir(t, other, u.dir)}}
		u.before = func(s *Server) { s.stages.record = b }
		u.cfg.Access = nil
	})
	defer close(b.release)
	plantBig(t, filepath.Join(s.base, "big"), bigSize)
	plantFiles(t, s.base, map[string]string{"hang": strings.Repeat("x", 300<<10)}) // larger than what is kept in memory
	ask := func(target string) net.Conn {
		c := dialSmall(t, s.addr)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
		return c
	}
	s.get(t, "/a.txt") // hot from now on
	for range 100 {
		ask("/big")
	}
	for range workersOfMount + 50 {
		ask("/hang")
	}
	for range workersOfMount {
		<-b.held
	}
	for target, want := range map[string]int{"/a.txt": 200, "/../x": 403, "/-/readyz": 200, "/other/cold.txt": 200} {
		c := &attack.Client{Addr: s.addr, Host: "localhost", Timeout: patience}
		a := mustDo(t, c, target)
		_ = c.Close()
		if a.Status != want {
			t.Errorf("GET %s = %d, want %d", target, a.Status, want)
		}
	}
	if len(b.held) != 0 {
		t.Errorf("%d more are held than there are workers", len(b.held))
	}
}

// descriptorsOf counts the process's descriptors whose name holds a text.
func descriptorsOf(t *testing.T, text string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(name, text) {
			n++
		}
	}
	return n
}

// TestFastLaneLeavesNothing: after the stop every descriptor is closed, and the port is free.
func TestFastLaneLeavesNothing(t *testing.T) { eachWire(t, testFastLaneLeavesNothing) }

func testFastLaneLeavesNothing(t *testing.T, wire func(*setup)) {
	before := descriptorsOf(t, "eventfd")
	s := serve(t, smallTree, wire)
	plantBig(t, filepath.Join(s.base, "big"), bigSize)
	etagOf(t, s)
	if !s.quick() || descriptorsOf(t, "eventfd") <= before {
		t.Fatal("the fast lane is not at work")
	}
	var conns []net.Conn
	for _, raw := range []string{
		"", "GET /a", "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n", "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		c := s.dial(t)
		if _, err := io.WriteString(c, raw); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	if _, err := io.ReadFull(conns[3], make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	_ = conns[3].Close()
	_ = conns[1].Close()
	s.stop()
	await(t, "the descriptors to be closed", func() bool {
		return descriptorsOf(t, "eventfd") == before && descriptorsOf(t, s.base+"/") == 0
	})
	if c, err := net.Dial("tcp", s.addr); err == nil {
		_ = c.Close()
		t.Error("somebody listens still")
	}
	for name, want := range map[string]string{"rootbound_connections": "0", "rootbound_requests_in_flight": "0", "rootbound_open_files": "0"} {
		if got := s.metric(t, name); got != want {
			t.Errorf("%s = %s", name, got)
		}
	}
}

// TestFastLaneOnUnixSocket: the peer has no address, and the log says so.
func TestFastLaneOnUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := serve(t, smallTree, func(u *setup) {
		l, err := ListenUnix(path)
		if err != nil {
			t.Fatal(err)
		}
		u.cfg.Listeners = []net.Listener{l}
	})
	c := &attack.Client{Addr: "unix:" + path}
	defer c.Close()
	for range 3 {
		if a := mustDo(t, c, "/a.txt"); a.Status != 200 || string(a.Body) != "hello\n" {
			t.Errorf("GET = %d %q", a.Status, a.Body)
		}
	}
	if !s.logs(t, "peer=unix") || answeredFast(t, s) != 3 {
		t.Error("not answered by the fast lane")
	}
}

// TestManyIdleConnections: what waits costs little.
func TestManyIdleConnections(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.dir = rootbound.Config{} })
	for range 300 {
		c := dialSmall(t, s.addr)
		fmt.Fprintf(c, "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := io.ReadFull(c, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.metric(t, "rootbound_connections"); got != "300" {
		t.Errorf("%s connections", got)
	}
	if got := s.metric(t, "go_goroutines"); len(got) > 2 {
		t.Errorf("%s goroutines for 300 connections that wait", got)
	}
}

// The line of a request is written even where its loop ends without ever waiting again.
func TestLogOfTheLastRequest(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) {
		u.before = func(s *Server) {
			s.stages.who = func(*request.Facts, bool) (request.Subject, error) {
				s.fastMu.Lock()
				defer s.fastMu.Unlock()
				s.fast.lane.Drain()
				return request.Subject{}, nil
			}
		}
	})
	if a := s.get(t, "/../a.txt"); a.Status != 403 {
		t.Errorf("GET /../a.txt = %d", a.Status)
	}
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "reason=name-traversal") {
		t.Errorf("log: %s", log)
	}
}
