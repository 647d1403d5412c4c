package gate_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Where a request is answered before its body was read, the connection serves the next one. With full duplex net/http
// alone panics there (TestBodyNobodyReadAlone), and the client's next request is lost.
func TestBodyNobodyRead(t *testing.T) {
	var path string
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/named" {
			w.Header().Set("X-Sendfile", path)
		}
		w.Header().Set("Connection", "close") // answers without reading, as many do that refuse an upload
		w.WriteHeader(http.StatusAccepted)
	})
	g := start(t, url, func(u *setup) { u.up.Take = []string{"GET /download?file={name}"} })
	path = g.file(t, "x.txt", "x\n")
	for _, tt := range []struct {
		target string
		status int
	}{
		{"/download?file=x.txt", http.StatusMethodNotAllowed},
		{"/download/", http.StatusNotFound},
		{"/x%23#", http.StatusBadRequest},
		{"/named", http.StatusAccepted},
		{"/early", http.StatusAccepted},
	} {
		for _, body := range []string{
			"Content-Length: 5\r\n\r\nhello",
			"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			"Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000),
		} {
			if err := twice(g.addr, "POST "+tt.target+" HTTP/1.1\r\nHost: x\r\n"+body, tt.status); err != nil {
				t.Errorf("%s %.20q: %v", tt.target, body, err)
			}
		}
	}
	// More than is worth reading: answered, and then the connection ends.
	huge := 1 << 20
	got := exchange(t, g.addr, fmt.Sprintf("POST /download?file=x.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", huge)+strings.Repeat("x", 1000))
	if !strings.HasPrefix(got, "HTTP/1.1 405 ") {
		t.Errorf("a huge body: %.100q", got)
	}
	if log := g.log.String(); strings.Contains(log, "panic") {
		t.Errorf("the log has a panic:\n%s", log)
	}
}

// A client that waits for the answer before it sends the rest of its body has it.
func TestAnsweredBeforeTheBody(t *testing.T) {
	g := start(t, app(t, func(http.ResponseWriter, *http.Request) {}), func(u *setup) { u.up.Take = []string{"GET /download?file={name}"} })
	for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /download?file=x HTTP/1.1\r\nHost: x\r\n%sContent-Length: 10\r\n\r\n", expect)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%q: %v, %v", expect, res, err)
		}
		_ = c.Close()
	}
}

// An application that knows nothing of "Expect: 100-continue" gets the body all the same, and not only when its time is over.
func TestExpectIgnored(t *testing.T) {
	url := listenRaw(t, func(c net.Conn) {
		body := make([]byte, 5)
		if _, err := io.ReadFull(c, body); err == nil { // the head was read
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n%s", body)
		}
	})
	g := start(t, url, func(u *setup) { u.up.Timeout = time.Hour })
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
	got, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(got), "\r\n\r\nhello") {
		t.Errorf("%q, %v", got, err)
	}
}

// Control: net/http's own handling of a body that nobody read, with full duplex, loses the next request. When this
// fails net/http was mended, and endBody in the server package can go.
func TestBodyNobodyReadAlone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ErrorLog: log.New(new(syncBuffer), "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusMethodNotAllowed)
	})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	for range 1000 { // it is a race, if one that is nearly always lost
		if err = twice(l.Addr().String(), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", http.StatusMethodNotAllowed); err != nil {
			break
		}
	}
	_ = s.Close()
	<-done
	if err == nil {
		t.Error("both requests were answered")
	}
}

// twice sends a request and, when it was answered, another on the same connection.
func twice(addr, first string, status int) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	for _, tt := range []struct {
		request string
		status  int
	}{{first, status}, {"GET /-/readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 0}} {
		if _, err := io.WriteString(c, tt.request); err != nil {
			return err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if tt.status != 0 && res.StatusCode != tt.status {
			return fmt.Errorf("status %d, want %d", res.StatusCode, tt.status)
		}
	}
	return nil
}
