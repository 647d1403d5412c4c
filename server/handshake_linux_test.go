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
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// odd is a connection beneath a client's TLS that cuts what it sends: into single bytes, or not at all until it is told.
type odd struct {
	net.Conn
	single bool
	held   bytes.Buffer
	hold   bool
}

func (o *odd) Write(b []byte) (int, error) {
	switch {
	case o.hold:
		return o.held.Write(b)
	case !o.single:
		return o.Conn.Write(b)
	}
	for i := range b {
		if _, err := o.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
		if i%16 == 0 {
			time.Sleep(time.Millisecond) // so that the server reads in between
		}
	}
	return len(b), nil
}

// release sends at once what was held.
func (o *odd) release() error {
	o.hold = false
	_, err := o.Conn.Write(o.held.Bytes())
	return err
}

// oddly serves one small file over TLS, and connects.
func oddly(t *testing.T, change func(*setup)) (*served, *odd, *tls.Conn) {
	t.Helper()
	certs := newCertificate(t, t.TempDir(), "first")
	s := serve(t, smallTree, func(u *setup) {
		u.cfg.Certificates = certs.open(t)
		if change != nil {
			change(u)
		}
	})
	o := &odd{Conn: dialSmall(t, s.addr)}
	c := tls.Client(o, &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return s, o, c
}

const getA = "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"

func wantA(t *testing.T, r *bufio.Reader) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || string(body) != smallTree["a.txt"] {
		t.Fatalf("%d %q, %v", res.StatusCode, body, err)
	}
	_ = res.Body.Close()
}

// However records come, the fast lane reads what is in them: cut anywhere, and many at once.
func TestRecordsHoweverTheyCome(t *testing.T) {
	s, o, c := oddly(t, nil)
	r := bufio.NewReader(c)
	fmt.Fprint(c, getA)
	wantA(t, r)
	o.single = true
	for range 3 {
		fmt.Fprint(c, getA)
		wantA(t, r)
	}
	o.single, o.hold = false, true
	const many = 50
	for i := range many { // in one piece or three, each a record
		for _, part := range [][]string{{getA}, {getA[:7], getA[7:20], getA[20:]}}[i%2] {
			fmt.Fprint(c, part)
		}
	}
	if err := o.release(); err != nil {
		t.Fatal(err)
	}
	for range many {
		wantA(t, r)
	}
	if n := answeredFast(t, s); n != 4+many {
		t.Errorf("the fast lane answered %d, want %d", n, 4+many)
	}
	fmt.Fprint(c, "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	wantA(t, r)
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the connection ended with %v: nobody could tell that from a cut", err)
	}
}

// A record that somebody changed on its way ends the connection, and nothing of it is answered.
func TestRecordChanged(t *testing.T) {
	s, o, c := oddly(t, nil)
	r := bufio.NewReader(c)
	fmt.Fprint(c, getA)
	wantA(t, r)
	o.hold = true
	fmt.Fprint(c, getA)
	o.held.Bytes()[o.held.Len()-3] ^= 1
	if err := o.release(); err != nil {
		t.Fatal(err)
	}
	if res, err := http.ReadResponse(r, nil); err == nil {
		t.Errorf("answered %d", res.StatusCode)
	}
	if n := answeredFast(t, s); n != 1 {
		t.Errorf("the fast lane answered %d, want 1", n)
	}
	await(t, "its place to be free", func() bool { return s.metric(t, "rootbound_connections") == "0" })
}

// What the fast lane hands over goes on where it was, with what had come already, and is over TLS still.
func TestHandedOverWithTLS(t *testing.T) {
	seen := make(chan bool, 1)
	s, _, c := oddly(t, func(u *setup) {
		u.before = func(s *Server) {
			s.stages.record = &tlsWatcher{seen: seen}
		}
	})
	r := bufio.NewReader(c)
	fmt.Fprint(c, getA)
	wantA(t, r)
	if !<-seen {
		t.Error("the fast lane does not know that it is over TLS")
	}
	fmt.Fprint(c, "POST /a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"+getA)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 405 {
		t.Fatalf("POST: %v, %v", res, err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	if !<-seen {
		t.Error("net/http does not know that it is over TLS")
	}
	wantA(t, r)
	<-seen
	if n := answeredFast(t, s); n != 1 {
		t.Errorf("the fast lane answered %d, want 1", n)
	}
}

// Who does not shake hands holds up neither others nor the end of the server.
func TestHandshakesThatStall(t *testing.T) {
	s, _, c := oddly(t, func(u *setup) { u.cfg.Grace = patience })
	for range 30 {
		stalled := dialSmall(t, s.addr)
		if _, err := stalled.Write([]byte{22, 3, 1}); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReader(c)
	fmt.Fprint(c, getA)
	wantA(t, r)
	await(t, "all of them to have a place", func() bool { return s.metric(t, "rootbound_connections") == "31" })
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("the server waited %v for hands to be shaken", took)
	}
	if strings.Contains(s.log.String(), "downloads were cut") {
		t.Error("they counted as downloads")
	}
}

// tlsWatcher says of each request whether it came over TLS.
type tlsWatcher struct {
	noRecord
	seen chan bool
}

func (w *tlsWatcher) Done(_ time.Time, f *request.Facts, _ request.Subject, _ request.Outcome) {
	w.seen <- f.TLS
}
