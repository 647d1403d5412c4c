package rootbound

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	quoted   = regexp.MustCompile("`([^`]+)`")
	declared = regexp.MustCompile(`(?m)^(?:func (?:\(\w+ \*?(\w+)(?:\[\w+\])?\) )?(\w+)|type (\w+)|\t([A-Z]\w+)(?: +\w+)?(?: +=.*)?$|var (\w+)|const (\w+))`)
)

// TestThreatModel: each symbol and each test that THREATMODEL.md names exists, so that the document cannot promise
// what is not there. The threat column is free text.
func TestThreatModel(t *testing.T) {
	known := declarations(t)
	checkProofs(t, known)
	text, err := os.ReadFile("THREATMODEL.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[1]) == "threat" {
			continue
		}
		rows++
		for _, m := range quoted.FindAllStringSubmatch(cells[2]+" "+cells[3], -1) {
			if !known[m[1]] {
				t.Errorf("THREATMODEL.md names %s, which is not there (%s)", m[1], strings.TrimSpace(cells[1]))
			}
		}
	}
	if rows < 20 {
		t.Errorf("read %d rows of threats: the tables have changed their form", rows)
	}
}

// checkProofs does the same for the tests that the recipe's steps name.
func checkProofs(t *testing.T, known map[string]bool) {
	text, err := os.ReadFile(filepath.Join("docs", "recipe.md"))
	if err != nil {
		t.Fatal(err)
	}
	proofs := regexp.MustCompile(`(?s)\*\*Proof\.\*\*.*?\n\n`).FindAllString(string(text), -1)
	if len(proofs) < 15 {
		t.Errorf("docs/recipe.md: %d steps with a proof, want 15", len(proofs))
	}
	for _, p := range proofs {
		for _, m := range quoted.FindAllStringSubmatch(p, -1) {
			if regexp.MustCompile(`^(Test|Fuzz)|\.txtar$`).MatchString(m[1]) && !known[m[1]] {
				t.Errorf("docs/recipe.md names %s, which is not there", m[1])
			}
		}
	}
}

// declarations are the names the document may use: pkg.Symbol, Type.method, Symbol of the root, and script names.
func declarations(t *testing.T) map[string]bool {
	known := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".txtar") {
			known[e.Name()] = true
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pkg := filepath.Base(filepath.Dir(path))
		for _, m := range declared.FindAllStringSubmatch(string(src), -1) {
			name := m[2] + m[3] + m[4] + m[5] + m[6]
			if m[1] != "" {
				known[m[1]+"."+name] = true
				continue
			}
			known[pkg+"."+name] = true
			if pkg == "." || strings.HasSuffix(path, "_test.go") {
				known[name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}
