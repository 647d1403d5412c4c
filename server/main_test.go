package server

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/attack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for; nothing is judged by speed.
const patience = 3 * time.Minute

// running server of a test.
type served struct {
	*Server
	addr string
	base string // path of the base directory
	log  *syncBuffer
	stop func() // Serve has returned when it returns
	tls  bool
}

// dial connects without much room for what comes back, over TLS where the server speaks that.
func (s *served) dial(t *testing.T) net.Conn {
	t.Helper()
	if s.tls {
		return certificate{}.dial(t, s.addr, "http/1.1")
	}
	return dialSmall(t, s.addr)
}

// eachWire runs a test on servers without TLS and on such with it.
func eachWire(t *testing.T, f func(t *testing.T, wire func(*setup))) {
	certs := newCertificate(t, t.TempDir(), "first")
	t.Run("plain", func(t *testing.T) { f(t, func(*setup) {}) })
	t.Run("tls", func(t *testing.T) { f(t, func(u *setup) { u.cfg.Certificates = certs.open(t) }) })
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// setup is what a test changes before the server starts.
type setup struct {
	cfg    Config
	dir    rootbound.Config
	base   string
	before func(*Server)
}

// serve runs a server on a tree of files until the test ends.
func serve(t *testing.T, files map[string]string, change func(*setup)) *served {
	t.Helper()
	u := setup{base: t.TempDir()}
	plantFiles(t, u.base, files)
	buf := new(syncBuffer)
	u.cfg.Log = slog.New(slog.NewTextHandler(buf, &slog.HandlerOptions{Level: slog.LevelDebug}))
	u.cfg.Access = u.cfg.Log
	u.cfg.Version = "test"
	if change != nil {
		change(&u)
	}
	if u.cfg.Mounts == nil {
		u.cfg.Mounts = []Mount{{Dir: openDir(t, u.base, u.dir)}}
	}
	if u.cfg.Listeners == nil {
		u.cfg.Listeners = []net.Listener{listen(t)}
	}
	s, err := New(u.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if u.before != nil {
		u.before(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	l := u.cfg.Listeners[0]
	if e, ok := l.(elsewhere); ok {
		l = e.Listener
	}
	return &served{Server: s, addr: l.Addr().String(), base: u.base, log: buf, stop: stop, tls: u.cfg.Certificates != nil}
}

func plantFiles(t *testing.T, base string, files map[string]string) {
	t.Helper()
	for n, body := range files {
		full := filepath.Join(base, filepath.FromSlash(n))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour) // past the two seconds in which an ETag is weak
		if err := os.Chtimes(full, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

func openDir(t *testing.T, path string, cfg rootbound.Config) *rootbound.Dir {
	t.Helper()
	d, err := rootbound.Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// elsewhere is a listener that others can reach, as far as its address says.
type elsewhere struct{ net.Listener }

func (e elsewhere) Addr() net.Addr {
	a := *e.Listener.Addr().(*net.TCPAddr)
	a.IP = net.IPv4(192, 0, 2, 7)
	return &a
}

// request sends one request as bytes, over a connection of its own.
func (s *served) request(t *testing.T, method, target string, headers ...string) *attack.Answer {
	t.Helper()
	c := &attack.Client{Addr: s.addr}
	defer func() { _ = c.Close() }()
	a, err := c.Do(method, target, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

func (s *served) get(t *testing.T, target string, headers ...string) *attack.Answer {
	t.Helper()
	return s.request(t, "GET", target, headers...)
}

// logs says whether the log holds a text. A line may be written a moment after its answer.
func (s *served) logs(t *testing.T, text string) bool {
	t.Helper()
	await(t, "the log to say "+text, func() bool { return strings.Contains(s.log.String(), text) })
	return true
}

// quick says whether the fast lane is at work.
func (s *served) quick() bool {
	s.fastMu.Lock()
	defer s.fastMu.Unlock()
	return s.fast != nil
}

// metric reads one line of /-/metrics, such as `rootbound_open_files`.
func (s *served) metric(t *testing.T, line string) string {
	t.Helper()
	p := s.metricsPage()
	for l := range strings.SplitSeq(p.Segments[0].Text, "\n") {
		if v, ok := strings.CutPrefix(l, line+" "); ok {
			return v
		}
	}
	t.Fatalf("no metric %q", line)
	return ""
}

// await polls until a condition on the server holds that it does not signal.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
