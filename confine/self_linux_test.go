//go:build amd64 || arm64

package confine_test

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/confine"
	"github.com/rootbound/rootbound/internal/crashtest"
	"github.com/rootbound/rootbound/internal/testenv"
)

// selftry starts the tool, confined by a policy or, for nil, not at all, and returns what each try was answered; several
// answers where threads differ.
func selftry(t *testing.T, p *confine.Policy, tries []string) map[string][]string {
	t.Helper()
	var args []string
	if p != nil {
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		args = []string{"-policy", string(b)}
	}
	return tried(t, exec.Command(crashtest.Build(t, "github.com/rootbound/rootbound/internal/selftry"), append(args, tries...)...))
}

// tried reads the answers of the tool.
func tried(t *testing.T, cmd *exec.Cmd) map[string][]string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("selftry: %v\n%s", err, out)
	}
	answers := map[string][]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		i := strings.LastIndexByte(line, ' ')
		if word, rest, _ := strings.Cut(line, " "); word == "enforced" || word == "missing" || word == "between" {
			answers[word] = append(answers[word], rest)
			continue
		}
		answers[line[:i]] = append(answers[line[:i]], line[i+1:])
	}
	return answers
}

// TestSelf: code inside of the process, on threads older than the sandbox and on new ones, gets nowhere that the policy
// does not name; the same code in a process that is not confined does.
func TestSelf(t *testing.T) {
	base, outside, state := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{base, outside, state} {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	allowed, other := listenTCP(t), listenTCP(t)
	_, port, _ := net.SplitHostPort(allowed)
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	const refused = "EACCES"
	tries := []struct{ try, want string }{
		{"read," + base + "/file", "ok"},
		{"list," + base, "ok"},
		{"read," + state + "/file", "ok"},
		{"makes and removes," + state + "/new", "ok"},
		{"connect," + allowed, "ok"},
		{"read," + outside + "/file", refused},
		{"list," + outside, refused},
		{"read,/etc/passwd", refused},
		{"read,/proc/" + strconv.Itoa(os.Getpid()) + "/status", refused},
		{"write," + base + "/new", refused},
		{"truncate," + base + "/file", refused},
		{"mkdir," + base + "/newdir", refused},
		{"write," + outside + "/new", refused},
		{"truncate," + outside + "/file", refused},
		{"connect," + other, refused},
		{"bind", "EPERM"},
		{"listen", "EPERM"},
		{"exec", "EPERM"},
		{"fork", "EPERM"},
		{"namespace", "EPERM"},
		{"memory of a process", "EPERM"},
		{"anonymous file", "EPERM"},
		{"signal," + strconv.Itoa(os.Getpid()), "EPERM"},
		{"udp", "EPERM"},
		{"unix", "EPERM"},
		{"raw", "EPERM"},
		{"mptcp", "EPERM"},
		{"pair", "EPERM"},
		{"fast open," + other, "EPERM"},
		{"dumpable", "EPERM"},
	}
	var words []string
	for _, tt := range tries {
		words = append(words, tt.try)
	}
	got := selftry(t, &confine.Policy{Read: []string{base, "/proc/self"}, Write: []string{state}, Connect: []uint16{uint16(n)}}, words)
	if on := got["enforced"]; len(on) != 1 || on[0] != strings.Join(confine.Parts, " ") {
		t.Errorf("enforced: %v, missing: %v", on, got["missing"])
	}
	control := selftry(t, nil, words)
	for _, tt := range tries {
		if !slices.Equal(got[tt.try], []string{tt.want}) {
			t.Errorf("%s: %v, want %s", tt.try, got[tt.try], tt.want)
		}
		if !slices.Equal(control[tt.try], []string{"ok"}) {
			t.Errorf("%s without a sandbox: %v", tt.try, control[tt.try])
		}
	}
}

// What the filter does not know does not exist, and neither do the calls of other architectures.
func TestSelfUnknownCalls(t *testing.T) {
	words := []string{"unknown call", "other architecture"}
	got := selftry(t, &confine.Policy{Read: []string{"/proc/self"}}, words)
	for _, w := range words {
		if !slices.Equal(got[w], []string{"ENOSYS"}) {
			t.Errorf("%s: %v", w, got[w])
		}
	}
}

// Rights are widened by what a policy says, and by no more.
func TestSelfWidened(t *testing.T) {
	dir := t.TempDir()
	words := []string{"tcp", "udp", "unix", "raw", "makes and removes," + dir + "/x", "write," + dir + "/y"}
	got := selftry(t, &confine.Policy{Read: []string{"/proc/self"}, Unix: true, Datagrams: true, Temporary: dir}, words)
	for i, want := range []string{"EPERM", "ok", "ok", "EPERM", "EACCES", "EACCES"} {
		if !slices.Equal(got[words[i]], []string{want}) {
			t.Errorf("%s: %v, want %s", words[i], got[words[i]], want)
		}
	}
	if !slices.Equal(got["between"], []string{"ok"}) {
		t.Errorf("the temporary directory before the end: %v", got["between"])
	}
}

// TestSelfWithCgo: whoever has a C compiler gets a binary with threads that Landlock cannot reach. It says so, is held to all the
// rest on every thread, and does not stand still.
func TestSelfWithCgo(t *testing.T) {
	testenv.Need(t, "gcc")
	base, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	policy, err := json.Marshal(confine.Policy{Read: []string{base}, Temporary: dir})
	if err != nil {
		t.Fatal(err)
	}
	tool := filepath.Join(t.TempDir(), "selftry")
	build := exec.Command("go", "build", "-o", tool, "github.com/rootbound/rootbound/internal/selftry")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := map[string]string{"read," + base + "/file": "ok", "exec": "EPERM", "fork": "EPERM", "unix": "EPERM", "udp": "EPERM"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := tried(t, exec.CommandContext(ctx, tool, append([]string{"-policy", string(policy)}, slices.Collect(maps.Keys(want))...)...))
	for try, want := range want {
		if !slices.Equal(got[try], []string{want}) {
			t.Errorf("%s: %v, want %s", try, got[try], want)
		}
	}
	if on := got["enforced"]; len(on) != 1 || on[0] != "tcp system-calls sockets no-new-privileges no-core-dumps" {
		t.Errorf("enforced: %v", on)
	}
	if missing := strings.Join(got["missing"], "\n"); !strings.Contains(missing, "files: ") || !strings.Contains(missing, "built with cgo; build it with CGO_ENABLED=0") {
		t.Errorf("missing: %q", missing)
	}
}

// A path that is not there is an error, and nothing that is silently left out.
func TestSelfMissingPath(t *testing.T) {
	b, err := json.Marshal(confine.Policy{Read: []string{"/nonexistent"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(crashtest.Build(t, "github.com/rootbound/rootbound/internal/selftry"), "-policy", string(b)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "confine: /nonexistent: no such file or directory") {
		t.Errorf("%v: %s", err, out)
	}
}

// listenTCP has somebody listen on loopback until the test ends.
func listenTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
