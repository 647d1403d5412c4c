package probe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/undefended"
	"github.com/rootbound/rootbound/probe"
)

// stalling serves a directory without care, and keeps whoever asks after some requests waiting until the test ends.
func stalling(t *testing.T, base string, after int64) (url string, reached <-chan struct{}) {
	t.Helper()
	var n atomic.Int64
	there, end := make(chan struct{}), make(chan struct{})
	url = serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == after {
			close(there)
		}
		if n.Load() >= after {
			select {
			case <-end:
			case <-r.Context().Done():
			}
		}
		http.ServeFileFS(w, r, os.DirFS(base), strings.TrimPrefix(r.URL.Path, "/"))
	}))
	t.Cleanup(func() { close(end) })
	return url, there
}

// TestKilled: what a killed probe leaves is removed by --clean, and by the next run; while it lives it is left alone. Files that
// are not ours stay, though they lie where the journal says.
func TestKilled(t *testing.T) {
	binary := testenv.Binary(t)
	for _, next := range []string{"--clean", "run"} {
		t.Run(next, func(t *testing.T) {
			t.Parallel()
			base, state := plot(t), t.TempDir()
			before := tree(t, base)
			url, reached := stalling(t, base, 60)
			command := func(args ...string) *exec.Cmd {
				cmd := exec.Command(binary, append([]string{"probe"}, args...)...)
				cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
				return cmd
			}
			p := testenv.Start(t, command("--base", base, "--plant", "--race", base, "--depth", "3", url), nil)
			<-reached
			if out, err := command("--clean", base).CombinedOutput(); err == nil || !strings.Contains(string(out), "still running") {
				t.Errorf("--clean of a living probe: %v, %s", err, out)
			}
			p.Kill()
			planted := tree(t, base)
			if len(planted) < len(before)+10 {
				t.Fatalf("only %d more files lie there: this shows nothing", len(planted)-len(before))
			}
			replaced := ""
			for _, path := range planted {
				if strings.HasSuffix(path, ".txt") && filepath.Dir(path) == filepath.Dir(base) {
					replaced = path
				}
			}
			if err := os.WriteFile(replaced, []byte("somebody else's file of the same name"), 0o600); err != nil {
				t.Fatal(err)
			}
			if next == "--clean" {
				if out, err := command("--clean", base).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			} else {
				r := finding.NewReport("probe", "test", url, finding.Options{})
				c := probe.Config{URL: serveHandler(t, http.NotFoundHandler()), Base: base, Journals: filepath.Join(state, "rootbound"), Sample: 1, Depth: 3, HTTP: "1.1", Blind: true}
				if err := probe.Run(context.Background(), c, r); err != nil {
					t.Error(err)
				}
				r.Finish()
				if !noted(r, "an earlier run had left behind") {
					t.Errorf("notes %v", r.Notes)
				}
			}
			want := append(slices.Clone(before), replaced)
			slices.Sort(want)
			after := tree(t, base)
			slices.Sort(after)
			if !slices.Equal(after, want) {
				t.Errorf("there is:\n%s\nwant:\n%s", strings.Join(after, "\n"), strings.Join(want, "\n"))
			}
			if left, err := filepath.Glob(filepath.Join(state, "rootbound", "probe-*")); err != nil || len(left) > 0 {
				t.Errorf("journals stay: %v", left)
			}
		})
	}
}

// TestInterrupted: a signal ends the run, everything is taken away, and the report says how far it came. A terminal that is
// closed sends one too.
func TestInterrupted(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			base, state := plot(t), t.TempDir()
			before := tree(t, base)
			url, reached := stalling(t, base, 60)
			cmd := exec.Command(testenv.Binary(t), "probe", "--base", base, "--plant", "--depth", "3", "--format", "json", url)
			cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
			p := testenv.Start(t, cmd, nil)
			<-reached
			p.Signal(t, signal)
			if code := p.Wait(t); code != 1 || !strings.Contains(p.Log(), "interrupted after") {
				t.Errorf("exit status %d:\n%s", code, p.Log())
			}
			if after := tree(t, base); !slices.Equal(before, after) {
				t.Errorf("something stays:\n%s", strings.Join(after, "\n"))
			}
		})
	}
}

// TestCleanOfWhatIsLeft: what stays above a base directory that is gone itself is removed as well, a canary that was being
// written when its probe was killed too, and the journal may lie anywhere.
func TestCleanOfWhatIsLeft(t *testing.T) {
	base, state := plot(t), filepath.Join(t.TempDir(), "[odd")
	url, reached := stalling(t, base, 60)
	cmd := exec.Command(testenv.Binary(t), "probe", "--base", base, "--depth", "2", url)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
	before := tree(t, base)
	p := testenv.Start(t, cmd, nil)
	<-reached
	p.Kill()
	cut := 0
	for _, path := range tree(t, base) {
		if !slices.Contains(before, path) && filepath.Dir(path) == filepath.Dir(base) && strings.HasSuffix(path, ".txt") {
			cut++
			if err := os.Truncate(path, int64(cut-1)); err != nil { // of one nothing was written, of the other one byte
				t.Fatal(err)
			}
		}
	}
	if cut != 2 {
		t.Fatalf("%d canaries lie beside the base directory: this shows nothing", cut)
	}
	if err := os.RemoveAll(base); err != nil {
		t.Fatal(err)
	}
	journals := filepath.Join(state, "rootbound")
	if n, err := probe.Clean(journals, base); err != nil || n < 4 {
		t.Errorf("%d things removed, %v", n, err)
	}
	before = slices.DeleteFunc(before, func(path string) bool { return strings.HasPrefix(path, base) })
	if after := tree(t, base); !slices.Equal(before, after) {
		t.Errorf("something stays:\n%s", strings.Join(after, "\n"))
	}
	var wrong *probe.ConfigError
	if _, err := probe.Clean(journals, base); !errors.As(err, &wrong) {
		t.Errorf("a directory that is neither there nor in a journal: %v", err)
	}
}

// TestCancelled is the same for who uses the package.
func TestCancelled(t *testing.T) {
	base := plot(t)
	before := tree(t, base)
	ctx, cancel := context.WithCancel(context.Background())
	url, reached := stalling(t, base, 60)
	go func() {
		<-reached
		cancel()
	}()
	c := probe.Config{URL: url, Base: base, Plant: true, Depth: 3, Journals: t.TempDir()}
	if err := probe.Run(ctx, c, finding.NewReport("probe", "test", url, finding.Options{})); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if after := tree(t, base); !slices.Equal(before, after) {
		t.Errorf("something stays:\n%s", strings.Join(after, "\n"))
	}
}

// TestCancelledUpload: what the server was storing when the run was ended is removed too.
func TestCancelledUpload(t *testing.T) {
	base := plot(t)
	before := tree(t, base)
	ctx, cancel := context.WithCancel(context.Background())
	var stored atomic.Int64
	url := serveHandler(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		f, header, err := r.FormFile("file")
		if err != nil {
			return
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		if stored.Add(1) > 8 {
			cancel()
			select {
			case <-r.Context().Done(): // nobody waits for the answer any more
			case <-time.After(200 * time.Millisecond):
			}
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(base, filepath.Base(header.Filename)), text, 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	c := probe.Config{URL: url, Mode: probe.Upload, Base: base, Depth: 2, Workers: 8, Only: []string{"traversal-plain"}, Journals: t.TempDir()}
	if err := probe.Run(ctx, c, finding.NewReport("probe", "test", url, finding.Options{})); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if after := tree(t, base); !slices.Equal(before, after) || stored.Load() <= 8 {
		t.Errorf("%d files were stored, and there is:\n%s", stored.Load(), strings.Join(after, "\n"))
	}
}

// TestBaseline: the findings of a second run, with other names and in another directory, are those of the first; another
// mistake is another finding.
func TestBaseline(t *testing.T) {
	var base string // of the server at one address
	careless := undefended.ByName("follow-links")
	url := "http://" + serveTwin(t, undefended.Twin{Name: "moved", Read: func(_, name string) ([]byte, error) { return careless.Read(base, name) }}, "") + "/"
	run := func(o finding.Options) *finding.Report {
		base = plot(t)
		r := finding.NewReport("probe", "test", url, o)
		c := probe.Config{URL: url, Base: base, Plant: true, Depth: 3, Sample: 10, Journals: t.TempDir(), HTTP: "1.1"}
		if err := probe.Run(context.Background(), c, r); err != nil {
			t.Fatal(err)
		}
		r.Finish()
		return r
	}
	first := run(finding.Options{Record: true})
	accepted, err := first.NewBaseline()
	if err != nil || !first.Found() {
		t.Fatalf("nothing found, %v: this shows nothing", err)
	}
	if again := run(finding.Options{Baseline: accepted}); again.Found() {
		t.Errorf("found again: %v", again.Findings)
	}
	careless = undefended.ByName("naive-join")
	if worse := run(finding.Options{Baseline: accepted}); !worse.Found() {
		t.Error("a server that got worse is accepted")
	}
}

// TestHTTP2: names go out as :path without being tidied, and what leaks that way is found, and can be repeated.
func TestHTTP2(t *testing.T) {
	testenv.Need(t, "curl")
	base := plot(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.RequestURI, "/")
		if r.ProtoMajor == 1 && strings.Contains(name, "..") {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		body, err := os.ReadFile(base + "/" + name)
		if err != nil || len(body) == 0 {
			http.Error(w, "missing", http.StatusNotFound)
			return
		}
		_, _ = w.Write(body)
	})}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	r := attackOn(t, "http://"+l.Addr().String()+"/", base, func(c *probe.Config) { c.HTTP, c.Plant = "auto", false })
	shown := false
	for _, f := range r.Findings {
		if f.Rule != finding.NameTraversal {
			continue
		}
		if f.Extra["protocol"] != "HTTP/2.0" {
			t.Errorf("%s over %s: HTTP/1.1 refuses it", f.Rule, f.Extra["protocol"])
		}
		out, err := exec.Command("bash", "-c", f.Repeat).CombinedOutput()
		shown = shown || err == nil && strings.Contains(string(out), "canary\n")
	}
	if !shown {
		t.Errorf("not found over HTTP/2, or not repeated: %v", r.Findings)
	}
}
