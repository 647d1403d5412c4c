package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// TestUnits asks systemd whether it understands the units that ship, and what it thinks of what they leave open: an
// exposure of 2.0 or less, of 10. The control is the same service without its restrictions.
func TestUnits(t *testing.T) {
	analyze := testenv.Need(t, "systemd-analyze")
	testenv.Need(t, "kill")
	dir := t.TempDir()
	socket := unit(t, dir, "rootbound.socket", func(s string) string { return s })
	service := unit(t, dir, "rootbound.service", func(s string) string {
		return strings.ReplaceAll(s, "/usr/local/bin/rootbound", testenv.Binary(t))
	})
	if out, err := exec.Command(analyze, "verify", "--man=no", service, socket).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	exposure := func(path string) ([]byte, error) {
		return exec.Command(analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", path).CombinedOutput()
	}
	if out, err := exposure(service); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	bare := unit(t, filepath.Join(dir, "bare"), "rootbound.service", func(s string) string {
		begin, end := strings.Index(s, "DynamicUser"), strings.Index(s, "[Install]")
		return s[:begin] + s[end:]
	})
	if out, err := exposure(bare); err == nil {
		t.Errorf("control: systemd finds nothing exposed in a unit without restrictions:\n%s", out)
	}
}

// TestUnitLetsUsConfineOurselves: the system calls of the sandbox, and those without which nothing works, are among those that
// systemd lets the service make, by systemd's own tables. The control is the filter without our line.
func TestUnitLetsUsConfineOurselves(t *testing.T) {
	analyze := testenv.Need(t, "systemd-analyze")
	b, err := os.ReadFile(filepath.Join(testenv.Repo(t), "dist", "rootbound.service"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "\nSystemCallErrorNumber=EPERM\n") {
		t.Error("a call that systemd refuses ends the process")
	}
	without := map[string]bool{}
	allowed := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		list, ok := strings.CutPrefix(strings.TrimSpace(line), "SystemCallFilter=")
		if !ok {
			continue
		}
		list, refuse := strings.CutPrefix(list, "~")
		for _, word := range strings.Fields(list) {
			for _, call := range callsOf(t, analyze, word) {
				allowed[call] = !refuse
				if strings.HasPrefix(word, "@") {
					without[call] = !refuse
				}
			}
		}
	}
	for _, call := range []string{"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp", "prctl", "prlimit64", "openat2", "clone", "epoll_pwait", "sendfile"} {
		if !allowed[call] {
			t.Errorf("%s is refused", call)
		}
	}
	if without["landlock_restrict_self"] && without["seccomp"] {
		t.Error("control: the line that allows them is not needed")
	}
}

// callsOf are the calls of a group, and of the groups in it.
func callsOf(t *testing.T, analyze, word string) (out []string) {
	t.Helper()
	if !strings.HasPrefix(word, "@") {
		return []string{word}
	}
	b, err := exec.Command(analyze, "syscall-filter", "--no-pager", word).Output()
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter %s: %v", word, err)
	}
	for line := range strings.Lines(string(b)) {
		if call := strings.TrimSpace(line); strings.HasPrefix(line, "    ") && !strings.HasPrefix(call, "#") && call != word {
			out = append(out, callsOf(t, analyze, call)...)
		}
	}
	return out
}

// unit copies a unit of dist with a change and returns its path.
func unit(t *testing.T, dir, name string, change func(string) string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testenv.Repo(t), "dist", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(change(string(b))), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
