package probe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Bounds of one answer. A server under attack may send anything.
const (
	maxHeadBytes = 64 << 10
	maxHeadLines = 256
	maxInterim   = 16
	maxBody      = 1 << 20
)

// errGarbage says that what came back is not HTTP.
var errGarbage = errors.New("the answer is not HTTP")

// exchanger sends one request after the other. It is not for several goroutines at once.
type exchanger interface {
	// do returns what came back. A connection closed without an answer is an answer of status 0; an error means that there
	// was no connection, no answer in time, or one that cannot be read.
	do(ctx context.Context, r *request) (*answer, error)
	close()
}

// http1 writes HTTP/1.1 as bytes: whatever a target holds is what the server gets.
type http1 struct {
	dial    func(ctx context.Context) (net.Conn, error)
	host    string
	timeout time.Duration
	grace   time.Duration // for the answer that is waited for when ctx ends

	conn net.Conn
	r    *bufio.Reader
}

func (c *http1) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *http1) do(ctx context.Context, r *request) (*answer, error) {
	kept := c.conn != nil
	a, err := c.exchange(ctx, r)
	if err == nil && a.status == 0 && kept { // the server may have closed the kept connection before
		a, err = c.exchange(ctx, r)
	}
	if err != nil || a.status == 0 || a.cut {
		c.close()
	}
	return a, err
}

func (c *http1) exchange(ctx context.Context, r *request) (*answer, error) {
	if c.conn == nil {
		conn, err := c.dial(ctx)
		if err != nil {
			return nil, err
		}
		c.conn, c.r = conn, bufio.NewReaderSize(conn, 8<<10)
	}
	conn := c.conn
	if err := conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		c.close()
		return &answer{}, nil
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now().Add(c.grace)) })
	defer stop()
	// A server may refuse before it has read everything: its answer counts, not the error of the write.
	_, _ = conn.Write(c.bytes(r))
	if _, err := c.r.Peek(1); err != nil {
		c.close()
		if timedOut(err) {
			return nil, err
		}
		return &answer{}, nil
	}
	a, err := readAnswer(c.r, r.method)
	if err != nil {
		c.close()
		return nil, err
	}
	if strings.EqualFold(a.get("Connection"), "close") || a.proto == "HTTP/1.0" {
		c.close()
	}
	return a, nil
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func (c *http1) bytes(r *request) []byte {
	var b bytes.Buffer
	b.WriteString(r.method + " " + r.target + " HTTP/1.1\r\nHost: " + c.host + "\r\n")
	for _, h := range r.headers {
		b.WriteString(h + "\r\n")
	}
	if r.body != nil {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n")
	b.Write(r.body)
	return b.Bytes()
}

// readAnswer reads the answer behind interim ones (RFC 9110 section 15.2).
func readAnswer(r *bufio.Reader, method string) (*answer, error) {
	for range maxInterim {
		a, err := readHead(r)
		if err != nil {
			return nil, err
		}
		if a.status >= 100 && a.status < 200 && a.status != 101 {
			continue
		}
		if method != "HEAD" && a.status != 204 && a.status != 304 {
			readBody(r, a)
		}
		return a, nil
	}
	return nil, fmt.Errorf("%w: more than %d interim answers", errGarbage, maxInterim)
}

func readHead(r *bufio.Reader) (*answer, error) {
	left := maxHeadBytes
	line, err := readLine(r, &left)
	if err != nil {
		return nil, err
	}
	proto, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if !strings.HasPrefix(proto, "HTTP/") || err != nil || status < 100 || status > 999 {
		return nil, fmt.Errorf("%w: it begins with %.40q", errGarbage, line)
	}
	if proto != "HTTP/1.0" { // findings are counted by it, so what it may be is not up to the server
		proto = "HTTP/1.1"
	}
	a := &answer{status: status, proto: proto}
	for range maxHeadLines {
		line, err := readLine(r, &left)
		if err != nil {
			return nil, err
		}
		if line == "" {
			return a, nil
		}
		if n := len(a.header); n > 0 && (line[0] == ' ' || line[0] == '\t') { // obs-fold, RFC 9112 section 5.2
			a.header[n-1].value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%w: a header is %.40q", errGarbage, line)
		}
		a.header = append(a.header, field{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return nil, fmt.Errorf("%w: more than %d headers", errGarbage, maxHeadLines)
}

// readLine reads up to LF. left is how much the head may still be.
func readLine(r *bufio.Reader, left *int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if *left -= len(part); *left < 0 {
			return "", fmt.Errorf("%w: its head is longer than %d bytes", errGarbage, maxHeadBytes)
		}
		switch {
		case err == nil:
			return strings.TrimRight(string(line), "\r\n"), nil
		case errors.Is(err, io.EOF):
			return "", fmt.Errorf("%w: it ends in its head, at %.40q", errGarbage, line)
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// readBody reads at most maxBody bytes. A body that is broken off, too long or too slow is kept as far as it came: what leaks
// may stand at its start.
func readBody(r *bufio.Reader, a *answer) {
	body := io.LimitReader(r, maxBody+1)
	length := int64(-1)
	switch coding := a.get("Transfer-Encoding"); {
	case strings.Contains(strings.ToLower(coding), "chunked"):
		body = io.LimitReader(&chunks{r: r}, maxBody+1)
	case a.get("Content-Length") != "":
		n, err := strconv.ParseInt(a.get("Content-Length"), 10, 64)
		if err != nil || n < 0 {
			a.cut = true
			return
		}
		length = n
		body = io.LimitReader(r, min(n, maxBody+1))
	default:
		a.proto = "HTTP/1.0" // only the end of the connection ends it
	}
	var err error
	a.body, err = io.ReadAll(body)
	a.cut = err != nil || len(a.body) > maxBody || length > int64(len(a.body))
	a.late = err != nil && timedOut(err)
}

// chunks reads a chunked body, RFC 9112 section 7.1.
type chunks struct {
	r    *bufio.Reader
	left int64
	open bool // a chunk was read, and its line end was not
	done bool
}

func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.done {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *chunks) next() error {
	left := maxHeadBytes
	if c.open {
		if _, err := readLine(c.r, &left); err != nil {
			return err
		}
	}
	line, err := readLine(c.r, &left)
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(line, ";")
	if c.left, err = strconv.ParseInt(strings.TrimSpace(size), 16, 64); err != nil || c.left < 0 {
		return fmt.Errorf("%w: a chunk's size is %.40q", errGarbage, line)
	}
	c.open = true
	for c.left == 0 { // the trailer
		c.done = true
		if line, err = readLine(c.r, &left); err != nil || line == "" {
			return err
		}
	}
	return nil
}
