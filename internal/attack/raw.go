package attack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// ErrNotOnLine says that a target cannot be put on a request line, because it is empty or holds a space, CR or LF.
var ErrNotOnLine = errors.New("target cannot be put on a request line")

// ErrNoAnswer says that the server closed the connection without a response: how some refuse a bad request.
var ErrNoAnswer = errors.New("connection closed without a response")

// OnLine reports whether a request line can carry target as it is. Every Case's Target can be carried.
func OnLine(target string) bool {
	return target != "" && !strings.ContainsAny(target, " \r\n")
}

// Answer is one response, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Head returns status and headers as text, to look for tokens and paths in.
func (a *Answer) Head() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\r\n", a.Status)
	_ = a.Header.Write(&b) // a bytes.Buffer takes everything
	return b.Bytes()
}

// Client sends requests over HTTP/1.1 as bytes, so that nothing tidies a target on its way. It keeps its connection
// while the server does. It is not for use by several goroutines at once. The zero value but for Addr is usable.
type Client struct {
	// Addr is host:port, or "unix:" and the path of a socket.
	Addr string
	// Dial replaces the dialling of Addr, for TLS or a proxy.
	Dial func() (net.Conn, error)
	// Host is the Host header; Addr by default ("localhost" for a socket).
	Host string
	// Timeout bounds one request with its whole response; 30 seconds by default.
	Timeout time.Duration
	// MaxBody bounds the body in bytes, a longer one is an error; 16 MiB by default.
	MaxBody int64

	conn    net.Conn
	limited *io.LimitedReader // bounds what one response may be
	r       *bufio.Reader
}

// maxHead is how much status line, headers and the framing of the body may be, in bytes.
const maxHead = 1 << 20

// Raw sends one GET over a connection of its own. Each header is a whole line without its end.
func Raw(addr, target string, headers ...string) (*Answer, error) {
	c := &Client{Addr: addr}
	defer func() { _ = c.Close() }()
	return c.Do("GET", target, headers...)
}

// Close closes the connection, if there is one.
func (c *Client) Close() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn, c.limited, c.r = nil, nil, nil
	return err
}

// Do sends one request and reads its response. Headers are whole lines without their end; one that starts with
// "Host:" replaces ours. A kept connection that turns out closed is opened again, once.
func (c *Client) Do(method, target string, headers ...string) (*Answer, error) {
	if !OnLine(target) {
		return nil, ErrNotOnLine
	}
	kept := c.conn != nil
	a, err := c.exchange(method, target, headers)
	if err != nil && kept && errors.Is(err, ErrNoAnswer) {
		a, err = c.exchange(method, target, headers)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return a, nil
}

func (c *Client) exchange(method, target string, headers []string) (*Answer, error) {
	if err := c.connect(); err != nil {
		return nil, err
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	if err := c.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	c.limited.N = maxHead + c.maxBody()
	// A server may refuse a long request and answer before it has read all of it: the response counts, not the
	// error of the write.
	_, werr := io.WriteString(c.conn, c.request(method, target, headers))
	if _, err := c.r.Peek(1); err != nil {
		_ = c.Close()
		var timed net.Error
		if errors.As(err, &timed) && timed.Timeout() {
			return nil, err
		}
		return nil, errors.Join(ErrNoAnswer, err, werr)
	}
	return c.response(method)
}

func (c *Client) connect() error {
	if c.conn != nil {
		return nil
	}
	dial := c.Dial
	if dial == nil {
		dial = func() (net.Conn, error) {
			if path, ok := strings.CutPrefix(c.Addr, "unix:"); ok {
				return net.Dial("unix", path)
			}
			return net.DialTimeout("tcp", c.Addr, 10*time.Second)
		}
	}
	conn, err := dial()
	if err != nil {
		return err
	}
	c.conn, c.limited = conn, &io.LimitedReader{R: conn}
	c.r = bufio.NewReader(c.limited)
	return nil
}

func (c *Client) request(method, target string, headers []string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\n")
	hasHost := false
	for _, h := range headers {
		hasHost = hasHost || strings.HasPrefix(strings.ToLower(h), "host:")
		b.WriteString(h + "\r\n")
	}
	if !hasHost {
		b.WriteString("Host: " + c.host() + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

func (c *Client) host() string {
	switch {
	case c.Host != "":
		return c.Host
	case c.Addr == "" || strings.HasPrefix(c.Addr, "unix:"):
		return "localhost"
	}
	return c.Addr
}

func (c *Client) maxBody() int64 {
	if c.MaxBody == 0 {
		return 16 << 20
	}
	return c.MaxBody
}

func (c *Client) response(method string) (*Answer, error) {
	limit := c.maxBody()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	for err == nil && res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
		// Interim responses, RFC 9110 section 15.2, have no body.
		res, err = http.ReadResponse(c.r, &http.Request{Method: method})
	}
	if err != nil {
		return nil, fmt.Errorf("read response: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("body of more than %d bytes", limit)
	}
	if res.Close {
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}
