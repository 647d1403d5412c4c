package probe_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/probe"
)

// misbehaves accepts connections and answers each request as f does.
func misbehaves(t *testing.T, f func(c net.Conn, r *http.Request)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					f(c, req)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return "http://" + l.Addr().String() + "/"
}

// endless writes until the other side has had enough.
func endless(c net.Conn, head, part string) {
	if _, err := io.WriteString(c, head); err != nil {
		return
	}
	for {
		if _, err := io.WriteString(c, part); err != nil {
			return
		}
	}
}

// drips sends a byte now and then, so that no wait for the next one is long.
func drips(c net.Conn, _ *http.Request) {
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"); err != nil {
		return
	}
	for {
		if _, err := io.WriteString(c, "x"); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// badTarget is a server that does not do what servers do.
type badTarget struct {
	name   string
	answer func(c net.Conn, r *http.Request)
	err    string // why it cannot begin
	note   string
}

func badTargets() []badTarget {
	block := strings.Repeat("x", 64<<10)
	return []badTarget{
		{"hangs", func(net.Conn, *http.Request) {}, "does not answer within", ""},
		{"drops", func(c net.Conn, _ *http.Request) { _ = c.Close() }, "", "closes the connection"},
		{"redirects to another host", func(c net.Conn, _ *http.Request) {
			fmt.Fprint(c, "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n")
		}, "", "redirects to other hosts are not followed"},
		{"redirects to itself", func(c net.Conn, _ *http.Request) {
			fmt.Fprint(c, "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
		}, "", "are redirected"},
		{"endless chunks", func(c net.Conn, _ *http.Request) {
			endless(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n", len(block), block))
		}, "", "answered 200"},
		{"ten gigabytes", func(c net.Conn, _ *http.Request) {
			endless(c, "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", block)
		}, "", "answered 200"},
		{"endless headers", func(c net.Conn, _ *http.Request) { endless(c, "HTTP/1.1 200 OK\r\n", "X-Header: value\r\n") }, "the answer is not HTTP", ""},
		{"an endless header", func(c net.Conn, _ *http.Request) { endless(c, "HTTP/1.1 200 OK\r\nX: ", block) }, "the answer is not HTTP", ""},
		{"endless interim answers", func(c net.Conn, _ *http.Request) { endless(c, "", "HTTP/1.1 103 Early Hints\r\n\r\n") }, "the answer is not HTTP", ""},
		{"garbage", func(c net.Conn, _ *http.Request) { fmt.Fprint(c, "SSH-2.0-OpenSSH_9.2\r\n") }, "the answer is not HTTP", ""},
		{"drips", drips, "does not end it within", ""},
		{"a bad chunk", func(c net.Conn, _ *http.Request) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
			_ = c.Close()
		}, "", "answered 200"},
		{"a gzip bomb's beginning", func(c net.Conn, _ *http.Request) {
			fmt.Fprint(c, "HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
		}, "", ""},
	}
}

// TestBadTargets: a server that hangs, drops, redirects, never ends or speaks no HTTP gives a note or one clear line. The run
// comes to its end, and nothing is found.
func TestBadTargets(t *testing.T) {
	for _, tt := range badTargets() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report := finding.NewReport("probe", "test", "", finding.Options{})
			base := plot(t)
			before := tree(t, base)
			err := probe.Run(context.Background(), probe.Config{
				URL: misbehaves(t, tt.answer), Base: base, Plant: true, Depth: 3, Sample: 2, Most: 60, Timeout: 2 * time.Second, Blind: true, Journals: t.TempDir(), HTTP: "1.1",
				Only: []string{"traversal-plain", "absolute"}, Workers: 4,
			}, report)
			report.Finish()
			var wrong *probe.ConfigError
			switch {
			case tt.err != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want %q", err, tt.err)
			case tt.err == "" && err != nil:
				t.Error(err)
			}
			if got := rules(report); len(got) > 0 {
				t.Errorf("found %v", got)
			}
			if !noted(report, tt.note) {
				t.Errorf("no note says %q: %v", tt.note, report.Notes)
			}
			if after := tree(t, base); len(after) != len(before) {
				t.Errorf("something stays: %v", after)
			}
		})
	}
}

func noted(r *finding.Report, what string) bool {
	for _, n := range r.Notes {
		if strings.Contains(n.Text, what) {
			return true
		}
	}
	return what == ""
}

// TestDiesMeanwhile: a server that stops answering in the middle, or ends no answer any more, ends the run, with a note.
func TestDiesMeanwhile(t *testing.T) {
	for name, f := range map[string]func(net.Conn, *http.Request){"silent": func(net.Conn, *http.Request) {}, "drips": drips} {
		t.Run(name, func(t *testing.T) { diesMeanwhile(t, f) })
	}
}

func diesMeanwhile(t *testing.T, f func(net.Conn, *http.Request)) {
	t.Parallel()
	var mu sync.Mutex
	asked := 0
	url := misbehaves(t, func(c net.Conn, r *http.Request) {
		mu.Lock()
		asked++
		n := asked
		mu.Unlock()
		if n > 20 {
			f(c, r)
			return
		}
		fmt.Fprint(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	})
	report := finding.NewReport("probe", "test", "", finding.Options{})
	err := probe.Run(context.Background(), probe.Config{URL: url, Timeout: 300 * time.Millisecond, Workers: 16, HTTP: "1.1"}, report)
	report.Finish()
	if !errors.Is(err, probe.ErrUnanswered) || !noted(report, "has stopped answering") {
		t.Errorf("%v, notes %v", err, report.Notes)
	}
}

// TestUnanswered: a server that leaves some requests without an answer does not pass for one that has refused them.
func TestUnanswered(t *testing.T) {
	url := misbehaves(t, func(c net.Conn, req *http.Request) {
		if !strings.Contains(req.RequestURI, "passwd") || len(req.RequestURI)%3 > 0 {
			fmt.Fprint(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			return
		}
		fmt.Fprint(c, "nonsense\r\n\r\n")
		_ = c.Close()
	})
	for _, tt := range []struct {
		sample int
		err    error
	}{{4, nil}, {0, probe.ErrUnanswered}} {
		report := finding.NewReport("probe", "test", "", finding.Options{})
		err := probe.Run(context.Background(), probe.Config{URL: url, Workers: 1, Sample: tt.sample, HTTP: "1.1"}, report)
		report.Finish()
		if !errors.Is(err, tt.err) || !noted(report, "got no whole answer that could be read") {
			t.Errorf("sample %d: %v, notes %v", tt.sample, err, report.Notes)
		}
	}
}

// TestRefusals: what contradicts itself, and what is not this machine, is refused before anything is sent or planted.
func TestRefusals(t *testing.T) {
	base := plot(t)
	for _, tt := range []struct {
		change func(c *probe.Config)
		want   string
	}{
		{func(c *probe.Config) { c.URL = "http://192.0.2.1/" }, "--i-am-authorized-for 192.0.2.1"},
		{func(c *probe.Config) { c.URL, c.Authorized = "http://192.0.2.1/", []string{"192.0.2.2"} }, "--i-am-authorized-for 192.0.2.1"},
		{func(c *probe.Config) { c.URL = "ftp://127.0.0.1/" }, "not an http or https URL"},
		{func(c *probe.Config) { c.URL = "http://u:p@127.0.0.1/" }, "it holds a user"},
		{func(c *probe.Config) { c.URL = "http:///x" }, "names no host"},
		{func(c *probe.Config) { c.Mode = probe.Query }, "where the names go"},
		{func(c *probe.Config) { c.Mode = probe.Header }, "where the names go"},
		{func(c *probe.Config) { c.Mode, c.Data = probe.JSON, "{}" }, "where the names go"},
		{func(c *probe.Config) { c.Mode = "telepathy" }, "no such mode"},
		{func(c *probe.Config) { c.Headers = []string{"no colon"} }, "not NAME: VALUE"},
		{func(c *probe.Config) { c.Base, c.Plant = "", true }, "nothing says where"},
		{func(c *probe.Config) { c.Race = t.TempDir() }, "does not lie beneath"},
		{func(c *probe.Config) { c.Base = base + "/missing" }, "cannot be found"},
		{func(c *probe.Config) { c.Base = base + "/hello.txt" }, "not a directory"},
		{func(c *probe.Config) { c.Journals = base }, "would be served"},
		{func(c *probe.Config) { c.Journals = "" }, "no place for the journal"},
	} {
		c := probe.Config{URL: "http://127.0.0.1:1/", Base: base, Journals: t.TempDir()}
		tt.change(&c)
		before := tree(t, base)
		err := probe.Run(context.Background(), c, finding.NewReport("probe", "test", "", finding.Options{}))
		var wrong *probe.ConfigError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
		if len(tree(t, base)) != len(before) {
			t.Errorf("%q: something was planted", tt.want)
		}
	}
}

// TestBounds: --max-requests holds, and says that it did.
func TestBounds(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	url := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		http.Error(w, "no", http.StatusNotFound)
	}))
	report := finding.NewReport("probe", "test", "", finding.Options{})
	if err := probe.Run(context.Background(), probe.Config{URL: url, Most: 100, HTTP: "1.1"}, report); err != nil {
		t.Fatal(err)
	}
	report.Finish()
	mu.Lock()
	defer mu.Unlock()
	if asked > 100 || asked < 50 || !noted(report, "bound on requests") {
		t.Errorf("%d requests, notes %v", asked, report.Notes)
	}
}

// TestSlowed: answers 429 are told.
func TestSlowed(t *testing.T) {
	url := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }))
	r := attackOn(t, url, "", func(c *probe.Config) { c.Sample = 1 })
	if !noted(r, "were 429") || len(r.Findings) > 0 {
		t.Errorf("notes %v, findings %v", r.Notes, r.Findings)
	}
}
