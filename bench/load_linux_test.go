package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// loaded runs a load of n requests against a handler and returns its error.
func loaded(t *testing.T, h http.HandlerFunc, w *work, n int) error {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	return against(t, s.Listener.Addr(), w, n)
}

func against(t *testing.T, addr net.Addr, w *work, n int) error {
	t.Helper()
	to := &unix.SockaddrInet4{Port: addr.(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	l, err := newLoad(to, w)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	// Twice, because a measurement follows its warming up on the same connections.
	if err := l.run(n); err != nil {
		return err
	}
	return l.run(n)
}

func get(target string, headers ...string) []byte {
	return request(&server{addr: "127.0.0.1"}, target, headers...)
}

func body(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(n))
		_, _ = w.Write(make([]byte, n)) // a client that has gone is the load's to report
	}
}

// counted counts requests by how many connections they came on.
type counted struct {
	mu          sync.Mutex
	requests    int
	connections map[string]bool
}

func (c *counted) handler(next http.HandlerFunc) http.HandlerFunc {
	c.connections = map[string]bool{}
	return func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.requests++
		c.connections[r.RemoteAddr] = true
		c.mu.Unlock()
		next(w, r)
	}
}

func TestLoad(t *testing.T) {
	const n = 300
	for _, tt := range []struct {
		name        string
		work        work
		size        int
		header      string
		connections int
	}{
		{"keep-alive", work{}, 1000, "", 7},
		{"no body", work{}, 0, "", 7},
		{"larger than a read", work{}, 3 << 20, "", 7},
		{"a new connection each", work{fresh: true}, 1000, "Connection: close", 2 * n},
	} {
		var c counted
		w := tt.work
		w.connections, w.requests, w.want = 7, [][]byte{get("/", tt.header)}, expectation{[]int{200}, int64(tt.size)}
		if tt.header == "" {
			w.requests[0] = get("/")
		}
		if err := loaded(t, c.handler(body(tt.size)), &w, n); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if c.requests != 2*n || len(c.connections) != tt.connections {
			t.Errorf("%s: %d requests on %d connections, want %d on %d", tt.name, c.requests, len(c.connections), 2*n, tt.connections)
		}
	}
}

// TestLoadRefuses shows that a load does not count what is not the answer it wants.
func TestLoadRefuses(t *testing.T) {
	served := 0 // one connection at a time
	for _, tt := range []struct {
		name, want string
		handler    http.HandlerFunc
	}{
		{"another status", "map[status 404 with 10 bytes:20] of 20", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(404)
			_, _ = io.WriteString(w, "0123456789")
		}},
		{"another length", "status 200 with 999 bytes", body(999)},
		{"once another length", "map[status 200 with 999 bytes:1] of 20", func(w http.ResponseWriter, r *http.Request) {
			served++
			if served == 11 {
				body(999)(w, r)
				return
			}
			body(1000)(w, r)
		}},
		{"no length", "Transfer-Encoding", func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
		}},
		{"an end", "closed the connection without an answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"half an answer", "closed with", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(make([]byte, 500))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
	} {
		w := work{connections: 1, requests: [][]byte{get("/")}, want: expectation{[]int{200}, 1000}}
		err := loaded(t, tt.handler, &w, 20)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// TestAsSent shows that targets arrive as they stand, dots, backslashes and all.
func TestAsSent(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	lines := make(chan string, 2*len(climbs))
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for in := bufio.NewReader(conn); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(line, "GET ") {
				lines <- line
			}
			if line == "\r\n" {
				_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
			}
		}
	}()
	w := work{connections: 1, inOrder: true, want: expectation{[]int{403}, 0}}
	for _, target := range climbs {
		w.requests = append(w.requests, get(target))
	}
	if err := against(t, l.Addr(), &w, len(climbs)); err != nil {
		t.Fatal(err)
	}
	for _, target := range climbs {
		if got, want := <-lines, "GET "+target+" HTTP/1.1\r\n"; got != want {
			t.Errorf("the server read %q, want %q", got, want)
		}
	}
}

func TestParseHead(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want head
		bad  bool
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n", head{200, 12, false}, false},
		{"HTTP/1.1 404 Not Found\r\ncontent-length:7\r\nCONNECTION: Close\r\n", head{404, 7, true}, false},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n", head{304, 0, false}, false},
		{"HTTP/1.1 200 OK\r\n", head{}, true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", head{}, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n", head{}, true},
		{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n", head{}, true},
		{"HTTP/1.1 2\r\n", head{}, true},
	} {
		got, err := parseHead([]byte(tt.in))
		if (err != nil) != tt.bad || err == nil && got != tt.want {
			t.Errorf("parseHead(%q) = %v, %v; want %v, error %v", tt.in, got, err, tt.want, tt.bad)
		}
	}
}

func TestParseLanes(t *testing.T) {
	fast, all, err := parseLanes(`# HELP rootbound_requests_total Requests
rootbound_requests_total{lane="fast",method="GET",status="200"} 1.5e+06
rootbound_requests_total{lane="fast",method="GET",status="404"} 7
rootbound_requests_total{lane="net/http",method="GET",status="200"} 3
rootbound_sent_bytes_total{lane="fast"} 99
`)
	if fast != 1500007 || all != 1500010 || err != nil {
		t.Errorf("parseLanes = %v, %v, %v", fast, all, err)
	}
	if _, _, err := parseLanes("rootbound_requests_total{lane=\"fast\"} x\n"); err == nil {
		t.Error("parseLanes took a number that is none")
	}
}

func TestUntilCounted(t *testing.T) {
	var asked []int
	n, err := untilCounted(2, func(seconds int) (float64, error) {
		asked = append(asked, seconds)
		return float64(len(asked) / 3), nil
	})
	if n != 1 || err != nil || !slices.Equal(asked, []int{2, 4, 8}) {
		t.Errorf("untilCounted = %v, %v after %v seconds; want 1 after 2, 4, 8", n, err, asked)
	}
	if n, err := untilCounted(1, func(int) (float64, error) { return 0, nil }); err == nil {
		t.Errorf("untilCounted = %v of what never answers, want an error", n)
	}
}
