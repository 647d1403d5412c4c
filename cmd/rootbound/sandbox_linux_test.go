package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rootbound/rootbound/internal/crashtest"
	"github.com/rootbound/rootbound/internal/testenv"
)

// get asks a server for the body of a target.
func (a *alone) get(t *testing.T, target string) string {
	t.Helper()
	resp, err := http.Get("http://" + a.addr + target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("GET %s = %d %q %v", target, resp.StatusCode, b, err)
	}
	return string(b)
}

// sandboxOf is what the health page says of it.
func (a *alone) sandboxOf(t *testing.T) map[string]bool {
	t.Helper()
	var health struct {
		Sandbox map[string]bool `json:"sandbox"`
	}
	if err := json.Unmarshal([]byte(a.get(t, "/-/healthz")), &health); err != nil {
		t.Fatal(err)
	}
	return health.Sandbox
}

// threads says of how many threads of the process each line of proc(5)'s status is.
func (a *alone) threads(t *testing.T) (lines map[string]int, n int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", a.pid))
	if err != nil {
		t.Fatal(err)
	}
	lines = map[string]int{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		n++
		for line := range strings.SplitSeq(string(b), "\n") {
			lines[line]++
		}
	}
	return lines, n
}

// inherited is what everything that the tests start has already, where they run beneath a filter themselves.
func inherited(t *testing.T) (filters, noNewPrivs int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		_, _ = fmt.Sscanf(line, "Seccomp_filters:\t%d", &filters) // of another line it changes nothing
		_, _ = fmt.Sscanf(line, "NoNewPrivs:\t%d", &noNewPrivs)
	}
	return filters, noNewPrivs
}

// TestSandbox: every thread of the server that ships is held, those that came with the load too, and it says so; with
// --sandbox off none is, and it says that.
func TestSandbox(t *testing.T) {
	dir := t.TempDir()
	plantHot(t, dir)
	plantLarge(t, dir, 1)
	for _, mode := range []string{"auto", "require", "off"} {
		t.Run(mode, func(t *testing.T) {
			s := startAlone(t, 0, "--sandbox", mode, "--profiles", dir)
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					for _, target := range []string{"/hot.txt", "/", "/cold.txt", "/large0", "/-/metrics", "/-/debug/pprof/goroutine"} {
						resp, err := http.Get("http://" + s.addr + target)
						if err != nil {
							t.Errorf("client %d: %v", i, err)
							return
						}
						if n, err := io.Copy(io.Discard, resp.Body); resp.StatusCode != 200 || n == 0 || err != nil {
							t.Errorf("client %d: GET %s = %d, %d bytes, %v", i, target, resp.StatusCode, n, err)
						}
						_ = resp.Body.Close()
					}
				})
			}
			wg.Wait()
			on := mode != "off"
			parts := s.sandboxOf(t)
			if len(parts) != 6 {
				t.Errorf("parts: %v", parts)
			}
			for part, is := range parts {
				if is != on {
					t.Errorf("%s: %v", part, is)
				}
				if line := fmt.Sprintf("rootbound_sandbox_enforced{part=%q} %d\n", part, map[bool]int{true: 1}[on]); !strings.Contains(s.get(t, "/-/metrics"), line) {
					t.Errorf("the metrics lack %q", line)
				}
			}
			lines, n := s.threads(t)
			filters, privileges := inherited(t)
			if on {
				filters, privileges = filters+1, 1
			}
			for _, line := range []string{fmt.Sprintf("Seccomp_filters:\t%d", filters), fmt.Sprintf("NoNewPrivs:\t%d", privileges)} {
				if lines[line] != n || n < 3 {
					t.Errorf("%q is of %d of %d threads", line, lines[line], n)
				}
			}
			if on != strings.Contains(s.p.Log(), "files tcp system-calls sockets no-new-privileges no-core-dumps") {
				t.Errorf("the start line says otherwise")
			}
			if !strings.Contains(s.p.Log(), `"proven":true`) {
				t.Errorf("the containment was not proven under the sandbox")
			}
		})
	}
}

// TestSandboxMissing: where the kernel has no Landlock, or no filters, auto serves and says what is missing; require ends
// with one line.
func TestSandboxMissing(t *testing.T) {
	dir := t.TempDir()
	plantHot(t, dir)
	refuser := crashtest.Build(t, "github.com/rootbound/rootbound/internal/noopenat2")
	for call, part := range map[string]string{"landlock_create_ruleset": "files", "seccomp": "system-calls"} {
		t.Run(call, func(t *testing.T) {
			args := []string{"-call", call, "--", testenv.Binary(t), "serve", "--listen", "127.0.0.1:0", dir}
			cmd := exec.Command(refuser, args...)
			p := testenv.Start(t, cmd, testenv.Output(listening))
			s := &alone{pid: cmd.Process.Pid, addr: listening.FindStringSubmatch(p.Log())[1], p: p}
			if parts := s.sandboxOf(t); parts[part] || !parts["no-core-dumps"] {
				t.Errorf("parts: %v", parts)
			}
			s.get(t, "/hot.txt")
			if log := p.Log(); !strings.Contains(log, "the sandbox is not whole") || !strings.Contains(log, part+": ") || !strings.Contains(log, "function not implemented") {
				t.Errorf("the log does not say what is missing:\n%s", log)
			}
			out, err := exec.Command(refuser, append(args, "--sandbox", "require")...).CombinedOutput()
			if ee, ok := err.(*exec.ExitError); !ok || ee.ExitCode() != 2 || !strings.Contains(string(out), `rootbound: --sandbox require: `+part+": ") {
				t.Errorf("require: %v\n%s", err, out)
			}
		})
	}
}

// TestSandboxReloads: certificates are read again from where they were, by rename and, as certbot does it, by another
// link; a link that leads elsewhere is refused as a whole, and the old certificate stays.
func TestSandboxReloads(t *testing.T) {
	dir, keys, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	plantHot(t, dir)
	live, archive := filepath.Join(keys, "live"), filepath.Join(keys, "archive")
	for _, d := range []string{live, archive} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// put writes a pair and has the links name it.
	put := func(where, name string) {
		t.Helper()
		if err := testenv.WriteCertificate(filepath.Join(where, name+"-cert.pem"), filepath.Join(where, name+"-key.pem"), name); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"key.pem", "cert.pem"} {
			target, err := filepath.Rel(live, filepath.Join(where, name+"-"+f))
			if err != nil {
				t.Fatal(err)
			}
			link := filepath.Join(live, f)
			if err := os.Symlink(target, link+".new"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(link+".new", link); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(archive, "first")
	s := startAlone(t, 0, "--sandbox", "require", "--tls-cert", filepath.Join(live, "cert.pem"), "--tls-key", filepath.Join(live, "key.pem"), dir)
	put(archive, "second")
	s.signal(t, syscall.SIGHUP)
	until(t, "the certificate behind another link", func() bool { return shownName(t, s.addr) == "second" })
	put(elsewhere, "third")
	s.signal(t, syscall.SIGHUP)
	s.says(t, "restart to read it from elsewhere")
	s.says(t, "permission denied")
	if got := shownName(t, s.addr); got != "second" {
		t.Errorf("shown is %q", got)
	}
	for _, f := range []string{"key.pem", "cert.pem"} { // by rename, in the directory itself
		if err := os.Remove(filepath.Join(live, f)); err != nil {
			t.Fatal(err)
		}
	}
	writeCertificate(t, filepath.Join(live, "cert.pem"), filepath.Join(live, "key.pem"), "fourth")
	s.signal(t, syscall.SIGHUP)
	until(t, "the certificate that was renamed", func() bool { return shownName(t, s.addr) == "fourth" })
}

// TestSandboxOfGate: applications are reached by address, by host name and by Unix socket.
func TestSandboxOfGate(t *testing.T) {
	dir := t.TempDir()
	plantHot(t, dir)
	application := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file" {
			w.Header().Set("X-Sendfile", filepath.Join(dir, "hot.txt"))
			return
		}
		fmt.Fprint(w, "the application")
	})
	tcp := httptest.NewServer(application)
	defer tcp.Close()
	_, port, err := net.SplitHostPort(tcp.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	onSocket := &http.Server{Handler: application}
	go func() { _ = onSocket.Serve(l) }()
	defer onSocket.Close()
	want, err := os.ReadFile(filepath.Join(dir, "hot.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, upstream := range []string{tcp.URL, "http://localhost:" + port, "unix:" + socket} {
		cmd := exec.Command(testenv.Binary(t), "gate", "--sandbox", "require", "--listen", "127.0.0.1:0", "--upstream", upstream, "--root", dir)
		p := testenv.Start(t, cmd, testenv.Output(listening))
		s := &alone{pid: cmd.Process.Pid, addr: listening.FindStringSubmatch(p.Log())[1], p: p}
		if got := s.get(t, "/"); got != "the application" {
			t.Errorf("%s: %q", upstream, got)
		}
		if got := s.get(t, "/file"); got != string(want) {
			t.Errorf("%s: the file is %q", upstream, got)
		}
	}
}
