package gate_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/gate"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for; nothing is judged by speed.
const patience = 3 * time.Minute

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

// gated is a gate of a test, with a planted tree as the root of its application.
type gated struct {
	addr   string
	layout attack.Layout
	log    *syncBuffer
}

// setup is what a test changes before the gate starts.
type setup struct {
	layout attack.Layout
	dir    *rootbound.Dir
	up     gate.Upstream
	cfg    gate.Config
	server server.Config
}

// start runs a gate in front of the application at url until the test ends.
func start(t *testing.T, url string, change func(*setup)) *gated {
	t.Helper()
	u := setup{layout: plant.New(t)}
	u.dir = openDir(t, u.layout.Base, rootbound.Config{})
	u.up = gate.Upstream{URL: url, Roots: []gate.Root{{Paths: []string{u.layout.Base}, Dir: u.dir}}}
	log := new(syncBuffer)
	u.cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if change != nil {
		change(&u)
	}
	if u.cfg.Upstreams == nil {
		u.cfg.Upstreams = []gate.Upstream{u.up}
	}
	g, err := gate.New(u.cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.server.App, u.server.Listeners = g, []net.Listener{l}
	u.server.Log, u.server.Access = u.cfg.Log, u.cfg.Log
	s, err := server.New(u.server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		g.Close()
	})
	return &gated{addr: l.Addr().String(), layout: u.layout, log: log}
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

// app runs an application until the test ends.
func app(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// rawApp answers each connection's first request with bytes as they are.
func rawApp(t *testing.T, answer string) (url string) {
	t.Helper()
	return listenRaw(t, func(c net.Conn) { _, _ = io.WriteString(c, answer) })
}

// listenRaw reads each connection's first head and leaves the rest to answer.
func listenRaw(t *testing.T, answer func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				buf := make([]byte, 64<<10)
				if _, err := c.Read(buf); err == nil {
					answer(c)
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); conns.Wait() })
	return "http://" + l.Addr().String()
}

// request sends one request as bytes, over a connection of its own.
func (g *gated) request(t *testing.T, method, target string, headers ...string) *attack.Answer {
	t.Helper()
	c := &attack.Client{Addr: g.addr}
	defer func() { _ = c.Close() }()
	a, err := c.Do(method, target, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

func (g *gated) get(t *testing.T, target string, headers ...string) *attack.Answer {
	t.Helper()
	return g.request(t, "GET", target, headers...)
}

// logs waits for a text in the log. A line may be written a moment after its answer.
func (g *gated) logs(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(g.log.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log does not say %q:\n%s", text, g.log.String())
		}
	}
}

// counts waits for a line of the metrics. A request may be counted a moment after its answer.
func (g *gated) counts(t *testing.T, line string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		page := string(g.get(t, "/-/metrics", "Host: localhost").Body)
		if strings.Contains(page, "\n"+line+"\n") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the metrics do not say %q:\n%s", line, page)
		}
	}
}

// file writes a file into the base.
func (g *gated) file(t *testing.T, name, body string) string {
	t.Helper()
	return writeFile(t, filepath.Join(g.layout.Base, name), body)
}

func writeFile(t *testing.T, path, body string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour) // past the two seconds in which an ETag is weak
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	return path
}

// isUniform says what is wrong with an answer that ought to be the one 404.
func isUniform(g *gated, a *attack.Answer) string {
	var wrong []string
	if a.Status != 404 {
		wrong = append(wrong, "its status is not 404")
	}
	if a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(string(a.Body), "There is nothing here under that name.") {
		wrong = append(wrong, "it is not the page")
	}
	for _, key := range []string{"Content-Disposition", "Etag", "Last-Modified", "Set-Cookie", "X-App"} {
		if a.Header.Get(key) != "" {
			wrong = append(wrong, "it has "+key)
		}
	}
	if what := leaks(g, a); what != "" {
		wrong = append(wrong, what)
	}
	return strings.Join(wrong, ", ")
}

// leaks says what an answer gives away: a canary, or a path of this machine.
func leaks(g *gated, a *attack.Answer) string {
	all := append(a.Head(), a.Body...)
	for _, c := range g.layout.Canaries {
		if bytes.Contains(all, []byte(c.Token)) {
			return "it has the canary " + c.Name
		}
	}
	if bytes.Contains(all, []byte(filepath.Dir(g.layout.Base))) {
		return "it has a path"
	}
	return ""
}

// listenRawString answers with what answer returns, and keeps the connection open until release.
func listenRawString(t *testing.T, answer func() string, release <-chan struct{}) (url string) {
	t.Helper()
	return listenRaw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, answer())
		<-release
	})
}

var noRules rootbound.Config

// certificate writes a key pair and returns the pool that trusts it.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	if err := testenv.WriteCertificate(cert, key, "gate"); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return cert, key, pool
}

func openCertificates(t *testing.T, cert, key string) *server.Certificates {
	t.Helper()
	c, err := server.OpenCertificates(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
