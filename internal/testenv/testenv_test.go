package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePeers(t *testing.T) {
	got, err := parsePeers("# comment\n\nnginx nginx-light 1.18 /usr/sbin/nginx,/opt/*/nginx\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Peer{{"nginx", "nginx-light", "1.18", []string{"/usr/sbin/nginx", "/opt/*/nginx"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parsePeers (-want +got):\n%s", diff)
	}
	if _, err := parsePeers("nginx nginx-light\n"); err == nil {
		t.Error("parsePeers accepted a line of two columns")
	}
}

func TestNeedFindsEveryPeer(t *testing.T) {
	peers, err := Peers()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		if path := Need(t, p.Name); !filepath.IsAbs(path) {
			t.Errorf("Need(%q) = %q, want an absolute path", p.Name, path)
		}
	}
}

// fatal is a testing.TB that records a failure instead of failing.
type fatal struct {
	testing.TB
	message string
}

func (f *fatal) Helper()           {}
func (f *fatal) Fatal(args ...any) { f.message = fmt.Sprint(args...); panic(f) }

func TestNeedFailsWithTheAptLine(t *testing.T) {
	t.Setenv(SkipVariable, "")
	f := &fatal{TB: t}
	func() {
		defer func() { _ = recover() }()
		Peer{Name: "no-such-peer", Package: "no-such-package", Least: "1.0"}.need(f)
	}()
	if want := "apt-get install -y --no-install-recommends no-such-package"; !strings.Contains(f.message, want) {
		t.Errorf("message %q does not contain %q", f.message, want)
	}
}

func TestSkipPeers(t *testing.T) {
	tests := []struct {
		peers, ci string
		skip, ok  bool
	}{
		{"", "", false, true},
		{"", "true", false, true},
		{"skip", "", true, true},
		{"skip", "true", false, false},
		{"yes", "", false, false},
	}
	for _, tt := range tests {
		env := map[string]string{SkipVariable: tt.peers, "CI": tt.ci}
		skip, err := skipPeers(func(name string) string { return env[name] })
		if skip != tt.skip || (err == nil) != tt.ok {
			t.Errorf("skipPeers(%q, CI=%q) = %v, %v; want %v, ok %v", tt.peers, tt.ci, skip, err, tt.skip, tt.ok)
		}
	}
}

func TestStart(t *testing.T) {
	p := Start(t, exec.Command("sh", "-c", "echo ready at 17; read _"), Output(regexp.MustCompile(`ready`)))
	if got := p.Expect(t, regexp.MustCompile(`at (\d+)\n`)); got[1] != "17" {
		t.Errorf("Expect = %q, want group 17", got)
	}
	if code := p.Wait(t); code != 1 {
		t.Errorf("Wait = %d, want 1: read meets the end of input", code)
	}
}

// Two processes that both want one fixed port run side by side.
func TestStartAlone(t *testing.T) {
	if !canBeAlone() {
		t.Log("not root: every process shares one network, and there is nothing to compare")
		return
	}
	script := "import socket,sys\ns=socket.create_server(('127.0.0.1',8080))\nsocket.create_connection(('127.0.0.1',8080))\nprint('bound',flush=True)\nsys.stdin.read()"
	for range 2 {
		cmd := exec.Command(Need(t, "python3"), "-c", script)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		cmd.Stdin = r
		StartAlone(t, cmd, Output(regexp.MustCompile("bound")))
	}
}

func TestReadySaysThatTheProcessEnded(t *testing.T) {
	p := Start(t, exec.Command("sh", "-c", "echo no"), nil)
	ctx, cancel := p.context()
	defer cancel()
	err := Output(regexp.MustCompile("yes"))(ctx, p)
	if err == nil || !strings.Contains(p.reason(err).Error(), "it ended (exit status 0)") {
		t.Errorf("Output = %v, want that the process ended", err)
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("context error = %v, want canceled", ctx.Err())
	}
}

// The end of the test takes the grandchild as well: it holds a FIFO open for
// writing, and reading that FIFO ends only when it is gone.
func TestStopTakesGrandchildren(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if out, err := exec.Command("mkfifo", fifo).CombinedOutput(); err != nil {
		t.Fatalf("mkfifo: %v\n%s", err, out)
	}
	var reader *os.File
	t.Run("run", func(t *testing.T) {
		Start(t, exec.Command("sh", "-c", `(trap "" TERM; exec cat /dev/zero >"$1") & wait`, "sh", fifo), nil)
		var err error
		if reader, err = os.Open(fifo); err != nil {
			t.Fatal(err)
		}
	})
	defer reader.Close()
	if _, err := io.Copy(io.Discard, reader); err != nil {
		t.Error(err)
	}
}

func TestNginx(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.txt"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.txt", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	url := Nginx(t, NginxConfig{Root: root, Server: "add_header X-Test yes;"})
	status, body, header := get(t, url+"/a.txt")
	if status != 200 || body != "hello" || header.Get("X-Test") != "yes" {
		t.Errorf("a.txt = %d %q X-Test %q, want 200 hello yes", status, body, header.Get("X-Test"))
	}
	if status, _, _ := get(t, url+"/link"); status != 403 {
		t.Errorf("link = %d, want 403", status)
	}
	if status, _, _ := get(t, Nginx(t, NginxConfig{Root: root, FollowLinks: true})+"/link"); status != 200 {
		t.Errorf("link with FollowLinks = %d, want 200", status)
	}
}

func TestGunicorn(t *testing.T) {
	dir := t.TempDir()
	app := "import os, flask\napp = flask.Flask(__name__)\n@app.route('/')\ndef index():\n    return os.environ['WORD']\n"
	if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(app), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := get(t, Gunicorn(t, dir, "app:app", "WORD=hello")+"/"); status != 200 || body != "hello" {
		t.Errorf("app = %d %q, want 200 hello", status, body)
	}
}

func TestPython(t *testing.T) {
	script := "import sys, werkzeug.utils\nprint(sys.argv[1] + werkzeug.utils.secure_filename(sys.stdin.read()))"
	if got := string(Python(t, script, []byte("../a b"), "x:")); got != "x:a_b\n" {
		t.Errorf("Python = %q, want x:a_b", got)
	}
}

func TestAsNobody(t *testing.T) {
	t.Run("sub test", func(t *testing.T) {
		if !AsNobody(t) {
			return
		}
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, nil, 0); err != nil {
			t.Fatal(err)
		}
		if f, err := os.Open(path); !errors.Is(err, fs.ErrPermission) {
			f.Close()
			t.Errorf("Open of a file with mode 0 = %v, want a permission error", err)
		}
	})
}

func TestExactly(t *testing.T) {
	if got, want := exactly("TestA/b.c"), `^TestA$/^b\.c$`; got != want {
		t.Errorf("exactly = %q, want %q", got, want)
	}
}

func get(t *testing.T, url string) (int, string, http.Header) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}
