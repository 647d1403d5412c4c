package gate_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/gate"
)

// What is between application and gate passes in neither direction, in no spelling; who a client is, only the gate says.
func TestHeaders(t *testing.T) {
	seen := make(chan http.Header, 1)
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		if n, err := io.Copy(io.Discard, r.Body); err == nil && n > 0 {
			for k, v := range r.Trailer {
				h["Trailer-"+k] = v
			}
		}
		seen <- h
		fmt.Fprint(w, "ok")
	})
	spoken := []string{
		"X-Sendfile-Type: X-Sendfile", "X_Sendfile_Type: X-Sendfile", "X-Accel-Mapping: /=/", "x_accel_mapping: /=/", "X-Accel-Anything: 1", "X-Sendfile: /etc/passwd",
		"X-Forwarded-For: 1.2.3.4", "X_Forwarded_For: 1.2.3.4", "X-Forwarded-Host: evil", "X-Forwarded-User: root", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4",
		"Remote-User: root", "REMOTE_USER: root", "X-Remote-User: root", "X-Auth-Request-Email: root", "X-Original-URI: /x", "X-Original-URL: /x", "X-Rewrite-URL: /x", "X-Original-Method: GET",
		"Request-Id: mine", "Proxy: http://evil", "X-SSL-Client-Verify: SUCCESS",
		"Remote.User: root", "X.Forwarded.For: 1.2.3.4", "X-Accel.Mapping: /=/", "Remote~User: root", "X!Sendfile+Type: X-Sendfile", // TestPHPReadsDots
	}
	kept := []string{"X-Custom: 1", "Cookie: a=b", "Authorization: Basic eA==", "X_Custom: 2"}
	dropMe := "Connection: close, X-Forwarded-For, X-Forwarded-Proto, Request-Id"
	g := start(t, url, nil)
	g.get(t, "/", append(append(spoken, kept...), dropMe)...)
	h := <-seen
	want := map[string]string{
		"X-Custom": "1", "X_custom": "2", "Cookie": "a=b", "Authorization": "Basic eA==", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": g.addr, "X-Forwarded-Proto": "http",
		"Request-Id": h.Get("Request-Id"),
	}
	got := map[string]string{}
	for k, v := range h {
		got[k] = strings.Join(v, "|")
	}
	if diff := cmp.Diff(want, got); diff != "" || len(h.Get("Request-Id")) != 16 {
		t.Errorf("the application saw (-want +got):\n%s", diff)
	}

	trusting := start(t, url, func(u *setup) { u.cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	trusting.get(t, "/", append(spoken, kept...)...)
	h = <-seen
	for key, want := range map[string]string{
		"X-Forwarded-For": "1.2.3.4, 127.0.0.1", "X-Forwarded-Host": "evil", "Forwarded": "for=1.2.3.4", "X-Forwarded-User": "root",
		"Remote-User": "", "X-Sendfile-Type": "", "X_forwarded_for": "", "X-Original-Uri": "",
	} {
		if h.Get(key) != want && strings.Join(h[key], "") != want {
			t.Errorf("behind a trusted proxy %s is %q, want %q", key, h[key], want)
		}
	}

	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Sendfile-Type\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 9\r\nX-Sendfile-Type: X-Sendfile\r\nX-Accel-Mapping: /=/\r\n\r\n")
	h = <-seen
	if h.Get("Trailer-X-Sum") != "9" || h.Get("Trailer-X-Sendfile-Type") != "" || h.Get("Trailer-X-Accel-Mapping") != "" {
		t.Errorf("trailers: %v", h)
	}
}

// Not in the header, not in an interim answer, not in a trailer, not in an upgrade.
func TestNothingLeavesTheGate(t *testing.T) {
	const sendfile = "X-Accel-Buffering: no\r\nX-Accel-Expires: 3\r\nX_Accel_Limit: 1\r\nX-Sendfile-Type: x\r\n"
	for _, tt := range []struct{ name, answer, want string }{
		{"header", "HTTP/1.1 200 OK\r\n" + sendfile + "Content-Length: 2\r\n\r\nok", "ok"},
		{"interim", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nX-Accel-Redirect: /protected/x\r\n" + sendfile + "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
		{"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sendfile, X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 9\r\nX-Sendfile: /etc/passwd\r\nX-Accel-Redirect: /p\r\n\r\n", "X-Sum: 9"},
		{"error", "HTTP/1.1 500 No\r\n" + sendfile + "Content-Length: 2\r\n\r\nok", "ok"},
		{"unmodified", "HTTP/1.1 304 Not Modified\r\n" + sendfile + "X-Sendfile: /etc/passwd\r\n\r\n", "304 Not Modified"},
	} {
		g := start(t, rawApp(t, tt.answer), nil)
		got := strings.ToLower(exchange(t, g.addr, "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n"))
		if strings.Contains(got, "x-accel") || strings.Contains(got, "x_accel") || strings.Contains(got, "x-sendfile") || !strings.Contains(got, strings.ToLower(tt.want)) {
			t.Errorf("%s:\n%s", tt.name, got)
		}
	}
}

// exchange sends bytes and returns all that comes back until the other end closes.
func exchange(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	return string(b)
}

// A body is passed on while it comes, in both directions.
func TestStreams(t *testing.T) {
	step := make(chan string)
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			step <- line
			fmt.Fprint(w, "got ", line)
			_ = rc.Flush()
		}
	})
	for _, h2 := range []bool{false, true} {
		g, client := startTLS(t, url, h2)
		pr, pw := io.Pipe()
		req, err := http.NewRequest("POST", "https://"+g.addr+"/", pr)
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan *http.Response, 1)
		go func() {
			res, err := client.Do(req)
			if err != nil {
				t.Errorf("h2 %v: %v", h2, err)
			}
			answers <- res
		}()
		fmt.Fprintln(pw, "one")
		if got := <-step; got != "one\n" {
			t.Errorf("the application saw %q", got)
		}
		res := <-answers
		if res == nil {
			return
		}
		if h2 != (res.ProtoMajor == 2) {
			t.Errorf("protocol %s", res.Proto)
		}
		out := bufio.NewReader(res.Body)
		if line, err := out.ReadString('\n'); line != "got one\n" {
			t.Errorf("the client saw %q, %v", line, err)
		}
		fmt.Fprintln(pw, "two")
		<-step
		if line, err := out.ReadString('\n'); line != "got two\n" {
			t.Errorf("the client saw %q, %v", line, err)
		}
		_ = pw.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = res.Body.Close()
		client.CloseIdleConnections()
	}
}

func TestUpgrade(t *testing.T) {
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			t.Errorf("no upgrade was asked for: %v", r.Header)
		}
		c, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Accel-Buffering: no\r\n\r\n")
		line, _ := buf.ReadString('\n')
		fmt.Fprint(c, "echo ", line)
	})
	g := start(t, url, nil)
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("X-Accel-Buffering") != "" {
		t.Fatalf("%v %v", res, err)
	}
	fmt.Fprint(c, "hello\n")
	if line, err := r.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("%q %v", line, err)
	}
	_, _ = io.Copy(io.Discard, r)
	_ = c.Close()
	g.logs(t, "status=101")
}

func TestUnixSocket(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "app.sock"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(naming))
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	g := start(t, "unix:"+l.Addr().String(), nil)
	if a := g.get(t, asking("X-Sendfile", g.layout.Base+"/"+g.layout.File)); a.Status != 200 || string(a.Body) != g.layout.Body {
		t.Errorf("%d %q", a.Status, a.Body)
	}
}

// What the application does wrong is a page of the gate's that says nothing of it, and the gate goes on.
func TestBadApplications(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	hang := make(chan struct{})
	defer close(hang)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, tt := range []struct {
		name, url string
		status    int
		reason    string
	}{
		{"down", "http://" + closed.Addr().String(), 502, "upstream-down"},
		{"no socket", "unix:" + filepath.Join(t.TempDir(), "none.sock"), 502, "upstream-down"},
		{"closes", rawApp(t, ""), 502, "upstream-invalid"},
		{"nonsense", rawApp(t, "SSH-2.0-OpenSSH_9.2\r\n"), 502, "upstream-invalid"},
		{"header bomb", rawApp(t, ok+strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 200)+"\r\nok"), 502, "upstream-invalid"},
		{"huge sendfile", rawApp(t, ok+"X-Sendfile: /"+strings.Repeat("a", 100<<10)+"\r\n\r\nok"), 502, "upstream-invalid"},
		{"long sendfile", rawApp(t, ok+"X-Sendfile: /"+strings.Repeat("a", 20<<10)+"\r\n\r\nok"), 404, "file-outside"},
		{"bad length", rawApp(t, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), 502, "upstream-invalid"},
		{"two lengths", rawApp(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), 502, "upstream-invalid"},
		{"slow", listenRawString(t, func() string { return "" }, hang), 504, "upstream-slow"},
	} {
		g := start(t, tt.url, func(u *setup) {
			if tt.name == "slow" {
				u.up.Timeout = 1
			}
		})
		a := g.get(t, "/")
		if a.Status != tt.status || leaks(g, a) != "" || a.Header.Get("Cache-Control") != "no-store" || strings.Contains(string(a.Body), "127.0.0.1") {
			t.Errorf("%s: %d %v %s", tt.name, a.Status, a.Header, a.Body)
		}
		g.logs(t, "reason="+tt.reason)
		if a := g.get(t, "/-/healthz", "Host: localhost"); a.Status != 200 {
			t.Errorf("%s: then health is %d", tt.name, a.Status)
		}
	}
}

// An answer that breaks off breaks off for the client too: it must not look whole.
func TestBrokenOff(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz",
	} {
		g := start(t, rawApp(t, answer), nil)
		if res, err := http.Get("http://" + g.addr + "/"); err == nil { // nothing at all is as good
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err == nil {
				t.Errorf("%q looks whole: %q", answer, body)
			}
		}
		g.logs(t, "result=aborted")
		http.DefaultClient.CloseIdleConnections()
	}
}

// A file that went between the answer that names it and the open.
func TestVanished(t *testing.T) {
	var path string
	url := app(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = os.Remove(path)
		w.Header().Set("X-Sendfile", path)
	})
	g := start(t, url, nil)
	path = g.file(t, "going.txt", "x")
	if wrong := isUniform(g, g.get(t, "/")); wrong != "" {
		t.Error(wrong)
	}
}

// Targets that are no path are not for the application.
func TestTargets(t *testing.T) {
	url := app(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RequestURI) })
	g := start(t, url, nil)
	for _, tt := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/a%2fb/../c?x=%zz;y", 200, "/a%2fb/../c?x=%zz;y"},
		{"GET", "//a//b", 200, "//a//b"},
		{"GET", "http://other/a", 200, "/a"},
		{"GET", "/a#b", 400, ""},
		{"CONNECT", "other:443", 405, ""},
		{"TRACE", "/", 405, ""},
	} {
		a := g.request(t, tt.method, tt.target)
		if a.Status != tt.status || tt.body != "" && string(a.Body) != tt.body {
			t.Errorf("%s %s = %d %q, want %d %q", tt.method, tt.target, a.Status, a.Body, tt.status, tt.body)
		}
	}
}

// Each path has its application, whatever its spelling.
func TestSeveralUpstreams(t *testing.T) {
	say := func(what string) string {
		return app(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, what) })
	}
	one, two := say("one"), say("two")
	g := start(t, one, func(u *setup) {
		u.cfg.Upstreams = []gate.Upstream{{URL: one}, {URL: two, At: "/two"}}
	})
	for target, want := range map[string]string{"/": "one", "/two": "two", "/two/x": "two", "/twoo": "one", "/%74wo/x": "two", "//two": "two", "/x/../two": "two", "/TWO": "two"} {
		if a := g.get(t, target); string(a.Body) != want {
			t.Errorf("%s went to %s", target, a.Body)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	d := openDir(t, t.TempDir(), noRules)
	root := []gate.Root{{Paths: []string{"/srv"}, Dir: d}}
	for _, tt := range []struct {
		up   gate.Upstream
		want string
	}{
		{gate.Upstream{}, "it is not http"},
		{gate.Upstream{URL: "ftp://x"}, "it is not http"},
		{gate.Upstream{URL: "http://x/path"}, "more than a scheme"},
		{gate.Upstream{URL: "unix:"}, "no path"},
		{gate.Upstream{URL: "http://x:99999"}, "no port"},
		{gate.Upstream{URL: "http://x", At: "/a/../b"}, "no path such as /app"},
		{gate.Upstream{URL: "http://x", Roots: []gate.Root{{Paths: []string{"srv"}, Dir: d}}}, "not an absolute path"},
		{gate.Upstream{URL: "http://x", Roots: []gate.Root{{Paths: []string{"/srv", "/srv/a"}, Dir: d}}}, "overlap"},
		{gate.Upstream{URL: "http://x", Accel: []gate.Accel{{Prefix: "/p/", Dir: d}, {Prefix: "/p/q/", Dir: d}}}, "overlap"},
		{gate.Upstream{URL: "http://x", Accel: []gate.Accel{{Prefix: "/", Dir: d}}}, "is not a path"},
		{gate.Upstream{URL: "http://x", Take: []string{"GET /a/{name}"}}, "no root"},
		{gate.Upstream{URL: "http://x", Roots: root, Take: []string{"POST /a/{name}"}}, "begins with GET"},
		{gate.Upstream{URL: "http://x", Roots: root, Take: []string{"GET /a/*"}}, "ends in an element"},
		{gate.Upstream{URL: "http://x", Roots: root, Take: []string{"GET /a?file={name}&b=c"}}, "one field"},
		{gate.Upstream{URL: "http://x", Roots: root, Take: []string{"GET /a%20b?file={name}"}}, "letters, digits"},
		{gate.Upstream{URL: "http://x", Roots: root, Take: []string{"GET /{name}"}}, "ends in an element"},
		{gate.Upstream{URL: "http://x", Ask: "check"}, "no path such as /auth-check"},
		{gate.Upstream{URL: "http://x", Ask: "/check"}, "nothing is taken over"},
		{gate.Upstream{URL: "http://x", UniformErrors: []string{"/"}}, "no path such as /download"},
		{gate.Upstream{URL: "http://x", Announce: "X-Other"}, "cannot be announced"},
		{gate.Upstream{URL: "http://x", Announce: gate.AnnounceAccel}, "no prefix"},
		{gate.Upstream{URL: "http://x", Timeout: -1}, "negative"},
	} {
		if _, err := gate.New(gate.Config{Upstreams: []gate.Upstream{tt.up}}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.up, err, tt.want)
		}
	}
	if _, err := gate.New(gate.Config{}); err == nil {
		t.Error("a gate in front of nothing")
	}
	two := []gate.Upstream{{URL: "http://x", At: "/a"}, {URL: "http://y", At: "/a/"}}
	if _, err := gate.New(gate.Config{Upstreams: two}); err == nil || !strings.Contains(err.Error(), "two upstreams") {
		t.Errorf("two at one path: %v", err)
	}
}

// startTLS runs a gate that speaks TLS, and a client that trusts it.
func startTLS(t *testing.T, url string, h2 bool) (*gated, *http.Client) {
	t.Helper()
	cert, key, pool := certificate(t)
	g := start(t, url, func(u *setup) { u.server.Certificates = openCertificates(t, cert, key) })
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: h2}
	if !h2 {
		tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return g, &http.Client{Transport: tr}
}
