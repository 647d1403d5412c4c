package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// The go command takes the program for what 'go vet' runs: it says what it finds in each package, where it is, and what
// shows it; tests and what is guarded it leaves alone.
func TestVetTool(t *testing.T) {
	program := "package leak\n\nimport (\n\t\"net/http\"\n\t\"path/filepath\"\n)\n\nfunc h(w http.ResponseWriter, r *http.Request) {\n\thttp.ServeFile(w, r, filepath.Join(\"/srv/files\", NAME))\n}\n\nvar _ = h\n"
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":             "module example.com/shop\n\ngo 1.26\n",
		"leak/leak.go":       strings.Replace(program, "NAME", "r.FormValue(\"name\")", 1),
		"guarded/g.go":       strings.Replace(program, "NAME", "filepath.Base(r.FormValue(\"name\"))", 1),
		"tests/doc.go":       "package leak\n",
		"tests/leak_test.go": strings.Replace(program, "NAME", "r.FormValue(\"name\")", 1),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	vet := func(packages ...string) (string, error) {
		cmd := exec.Command("go", append([]string{"vet", "-vettool=" + testenv.Binary(t)}, packages...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := vet("./...")
	if err == nil {
		t.Errorf("go vet ends well, and says %q", out)
	}
	for _, want := range []string{"leak/leak.go:9:1: path-from-request: ", "; for example GET /"} {
		if !strings.Contains(filepath.ToSlash(out), want) {
			t.Errorf("go vet says\n%s\nwithout %q", out, want)
		}
	}
	if n := strings.Count(out, "path-from-request"); n != 1 {
		t.Errorf("go vet says\n%s\nwhich are %d findings, want 1", out, n)
	}
	if out, err := vet("./guarded", "./tests"); err != nil {
		t.Errorf("go vet of what is guarded, and of tests: %v\n%s", err, out)
	}
}
