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
