package probe_test

import (
	"context"
	"flag"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/probe"
)

var update = flag.Bool("update", false, "write the table of docs/probe.md")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plot is a base directory of its own, three levels beneath a directory of the test.
func plot(t testing.TB) (base string) {
	t.Helper()
	base = filepath.Join(t.TempDir(), "two", "one", "files")
	if err := os.MkdirAll(base, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, "hello.txt"), []byte("hello, this is an ordinary file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return base
}

// tree lists everything around a base directory, to see that nothing stays.
func tree(t testing.TB, base string) (all []string) {
	t.Helper()
	root := filepath.Dir(filepath.Dir(filepath.Dir(base)))
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// attackOn runs a probe and returns its report. Canaries stay within the directory of the test.
func attackOn(t testing.TB, url, base string, change func(*probe.Config)) *finding.Report {
	t.Helper()
	c := probe.Config{URL: url, Base: base, Plant: base != "", Depth: 3, Sample: 8, HTTP: "1.1", Journals: t.TempDir()}
	if change != nil {
		change(&c)
	}
	report := finding.NewReport("probe", "test", url, finding.Options{})
	var before []string
	if base != "" {
		before = tree(t, base)
	}
	if err := probe.Run(context.Background(), c, report); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	report.Finish()
	if base != "" && !slices.Equal(before, tree(t, base)) {
		t.Errorf("%s: something stays:\n%s\nbefore:\n%s", url, strings.Join(tree(t, base), "\n"), strings.Join(before, "\n"))
	}
	if left, err := os.ReadDir(c.Journals); err != nil || len(left) > 0 {
		t.Errorf("the journal stays: %v %v", left, err)
	}
	return report
}

// rules are the rules that were broken, but for what is only worth knowing.
func rules(r *finding.Report) (ids []string) {
	for _, f := range r.Findings {
		if f.Severity > finding.Info && !slices.Contains(ids, string(f.Rule)) {
			ids = append(ids, string(f.Rule))
		}
	}
	slices.Sort(ids)
	return ids
}

// example is a file of the repository's examples.
func example(t testing.TB, name ...string) string {
	t.Helper()
	return filepath.Join(append([]string{testenv.Repo(t), "examples"}, name...)...)
}

// freePort is one that nobody listens on, for programs that take no socket.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// program starts a server that gets its port and its directory from the environment.
func program(t testing.TB, base string, env []string, peer string, args func(port string) []string) string {
	t.Helper()
	port := freePort(t)
	cmd := exec.Command(testenv.Need(t, peer), args(port)...)
	cmd.Env = append(append(os.Environ(), "FILES="+base, "PORT="+port, "PYTHONDONTWRITEBYTECODE=1"), env...)
	cmd.Dir = t.TempDir()
	testenv.Start(t, cmd, testenv.Answers("http://127.0.0.1:"+port+"/"))
	return "http://127.0.0.1:" + port
}

// rootbound starts the program that ships.
func rootbound(t testing.TB, base string, flags ...string) string {
	t.Helper()
	cmd := exec.Command(testenv.Binary(t), append(append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...), base)...)
	listening := regexp.MustCompile(`listening on (https?://\S+)`)
	return testenv.Start(t, cmd, testenv.Output(listening)).Expect(t, listening)[1]
}

// serveHandler runs a handler until the test ends.
func serveHandler(t testing.TB, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		_ = s.Close() // connections of the probe are of no interest any more
		<-done
	})
	return "http://" + l.Addr().String()
}
