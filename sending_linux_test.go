package rootbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What tests of sending share: servers and clients on real sockets whose buffers are small, so that a file of bodySize
// is certainly on its way still when a client has read bodyStart of it.
const (
	bodySize  = 4 << 20
	bodyStart = 256 << 10
	smallBuf  = 32 << 10
)

// protocols are the ways an answer travels.
var protocols = []string{"http", "https", "h2"}

// buffered gives each accepted connection a send buffer of so many bytes, and leaves it a *net.TCPConn.
type buffered struct {
	net.Listener
	size int
}

func (l buffered) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return c, c.(*net.TCPConn).SetWriteBuffer(l.size)
}

// startServer serves h by the protocol and returns a client that reads no further ahead than it must. The buffers of
// both sides are small unless said otherwise.
func startServer(t testing.TB, protocol string, h http.Handler, size ...int) (*http.Client, string) {
	t.Helper()
	size = append(size, smallBuf)
	s := httptest.NewUnstartedServer(h)
	s.Listener = buffered{s.Listener, size[0]}
	tr := &http.Transport{
		DialContext:        dialBuffered(size[0]),
		DisableCompression: true,
		HTTP2:              &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
	}
	if protocol == "http" {
		s.Start()
	} else {
		s.EnableHTTP2 = protocol == "h2"
		s.StartTLS()
		tr.ForceAttemptHTTP2 = s.EnableHTTP2
		tr.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	}
	t.Cleanup(s.Close)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}, s.URL
}

func dialBuffered(size int) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return c, c.(*net.TCPConn).SetReadBuffer(size)
	}
}

// ask sends a GET with header fields given in pairs, and sees to it that the protocol is the one that was meant.
func ask(t testing.TB, c *http.Client, url string, fields ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] != "" {
			req.Header.Set(fields[i], fields[i+1])
		}
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[bool]int{true: 2, false: 1}[c.Transport.(*http.Transport).ForceAttemptHTTP2]; res.ProtoMajor != want {
		t.Fatalf("answered by HTTP/%d, want %d", res.ProtoMajor, want)
	}
	return res
}

// begin asks, and reads bodyStart bytes of the answer.
func begin(t testing.TB, c *http.Client, url string, fields ...string) (*http.Response, []byte) {
	t.Helper()
	res := ask(t, c, url, fields...)
	t.Cleanup(func() { _ = res.Body.Close() })
	first := make([]byte, bodyStart)
	if _, err := io.ReadFull(res.Body, first); err != nil {
		t.Fatal(err)
	}
	return res, first
}

// writeOld writes a file of one letter that was last changed an hour ago, so that its validators are strong and every
// change of it can be seen.
func writeOld(t testing.TB, path string, letter byte) {
	t.Helper()
	if err := os.WriteFile(path, bytes.Repeat([]byte{letter}, bodySize), 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

// heldBeneath returns what this process has open beneath the base, by name.
func heldBeneath(t testing.TB, base string) []string {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var held []string
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil && strings.HasPrefix(to, base+"/") {
			held = append(held, to)
		}
	}
	return held
}
