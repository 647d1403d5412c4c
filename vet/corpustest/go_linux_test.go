package corpustest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed program.txt
var program string

// runGo compiles the Go cases into one program, which answers the jobs.
func runGo(t *testing.T, jobs []job) []answer {
	t.Helper()
	var imports, handlers strings.Builder
	seen := map[string]bool{}
	for i, j := range jobs {
		if seen[j.Package] {
			continue
		}
		seen[j.Package] = true
		fmt.Fprintf(&imports, "\tcase%d %q\n", i, j.Package)
		fmt.Fprintf(&handlers, "\t%q: case%d.Handler,\n", j.Package, i)
	}
	dir := t.TempDir()
	source := strings.NewReplacer("//IMPORTS", imports.String(), "//HANDLERS", handlers.String()).Replace(program)
	file, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "cases")
	must(t, os.WriteFile(file, []byte(source), 0o644))
	// Run in this module, whose packages the cases are: "..." leaves testdata out, an import path does not.
	if out, err := exec.Command("go", "build", "-o", binary, file).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	given, err := json.Marshal(jobs)
	must(t, err)
	cmd := exec.Command(binary)
	cmd.Stdin = bytes.NewReader(given)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errors.Bytes())
	}
	var answers []answer
	must(t, json.Unmarshal(out, &answers))
	return answers
}
