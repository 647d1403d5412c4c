package undefended

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// maxLine bounds a request line or header line, in bytes.
const maxLine = 1 << 20

// Serve runs the twin over HTTP/1.1 on a loopback port until the test ends, and returns the address. It reads the
// request line itself: net/http would refuse or change some targets before a handler sees them.
func Serve(tb testing.TB, t Twin, base string) (addr string) {
	tb.Helper()
	s, err := Listen(t, base)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s.Addr
}

// Server is a running twin.
type Server struct {
	Addr string // host:port

	l     net.Listener
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]bool
}

// Listen is Serve outside a test function; the caller calls Close.
func Listen(t Twin, base string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: l.Addr().String(), l: l, conns: make(map[net.Conn]bool)}
	s.wg.Go(func() { s.accept(t, base) })
	return s, nil
}

// Close closes the listener and every connection and waits for both to be done.
func (s *Server) Close() {
	_ = s.l.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Server) accept(t Twin, base string) {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.conns == nil {
			_ = c.Close()
		} else {
			s.conns[c] = true
			s.wg.Go(func() { s.serve(c, t, base) })
		}
		s.mu.Unlock()
	}
}

func (s *Server) serve(c net.Conn, t Twin, base string) {
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	}()
	r := bufio.NewReader(c)
	for {
		method, target, err := readRequest(r)
		if err != nil {
			return
		}
		body, err := t.Answer(base, target)
		if err != nil {
			// The error's text names absolute paths: the mistake that Discloses looks for.
			body = []byte(err.Error() + "\n")
		}
		if err := respond(c, method, Status(err), body); err != nil {
			return
		}
	}
}

// readRequest reads a request without a body. The target is everything between the first and the last space of
// the request line.
func readRequest(r *bufio.Reader) (method, target string, err error) {
	line, err := readLine(r)
	if err != nil {
		return "", "", err
	}
	method, rest, ok := strings.Cut(line, " ")
	end := strings.LastIndexByte(rest, ' ')
	if !ok || end < 0 {
		return "", "", errors.New("malformed request line")
	}
	for {
		h, err := readLine(r)
		if err != nil {
			return "", "", err
		}
		if h == "" {
			return method, rest[:end], nil
		}
	}
}

func readLine(r *bufio.Reader) (string, error) {
	var b []byte
	for {
		part, err := r.ReadSlice('\n')
		b = append(b, part...)
		if err == nil {
			return strings.TrimRight(string(b), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		if len(b) > maxLine {
			return "", errors.New("line too long")
		}
	}
}

func respond(w io.Writer, method string, status int, body []byte) error {
	head := fmt.Sprintf("HTTP/1.1 %d Twin\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", status, len(body))
	if method == "HEAD" {
		body = nil
	}
	_, err := w.Write(append([]byte(head), body...))
	return err
}
