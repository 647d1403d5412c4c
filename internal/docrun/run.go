package docrun

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/tree"
)

// Sample is what scripts find in their working directory, as internal/tree
// writes it.
var Sample = []string{
	"files/hello.txt=hello\n",
	"files/report.pdf=%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n",
	"files/sub/notes.txt=notes\n",
}

// Config says what blocks are run with.
type Config struct {
	// Repo is the root of the module that programs are built against.
	Repo string
	// Binary returns the rootbound that is put on the PATH of scripts. It is
	// called only where a file has scripts or configurations.
	Binary func(testing.TB) string
	// CheckTOML runs "rootbound config check FILE" on each toml block.
	// Without it such blocks count as unmarked.
	CheckTOML bool
}

// Files returns the Markdown files that are documentation: README.md and all
// below docs, relative to repo.
func Files(repo string) ([]string, error) {
	var files []string
	err := fs.WalkDir(os.DirFS(repo), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && name != "docs" && !strings.HasPrefix(name, "docs/"):
			return fs.SkipDir
		case name == "README.md" || strings.HasPrefix(name, "docs/") && strings.HasSuffix(name, ".md"):
			files = append(files, name)
		}
		return nil
	})
	return files, err
}

// Unmarked returns the blocks that are neither run nor said to be data.
func (c Config) Unmarked(blocks []Block) []Block {
	return slices.DeleteFunc(slices.Clone(blocks), func(b Block) bool {
		isTOML := len(b.Info) > 0 && b.Info[0] == "toml"
		return b.Marked() && (!isTOML || c.CheckTOML)
	})
}

// Run runs the blocks of one file, each script (with its more blocks) and each
// program as a subtest named after its line.
func (c Config) Run(t *testing.T, blocks []Block) {
	t.Helper()
	for i, b := range blocks {
		name := fmt.Sprintf("line %d", b.Line)
		switch {
		case b.Runs() && b.Info[0] == "go":
			t.Run(name, func(t *testing.T) { c.runGo(t, b) })
		case b.Runs() && !b.has("more"):
			t.Run(name, func(t *testing.T) { c.runShell(t, session(blocks[i:])) })
		case len(b.Info) > 0 && b.Info[0] == "toml" && c.CheckTOML:
			t.Run(name, func(t *testing.T) { c.checkTOML(t, b) })
		}
	}
}

// session is a script with the blocks that go on with it.
func session(blocks []Block) []Block {
	parts := blocks[:1:1]
	for _, b := range blocks[1:] {
		if b.Runs() && b.Info[0] == "sh" {
			if !b.has("more") {
				break
			}
			parts = append(parts, b)
		}
	}
	return parts
}

func (c Config) runShell(t *testing.T, parts []Block) {
	t.Helper()
	dir := tree.Make(t, t.TempDir(), Sample...)
	var script strings.Builder
	for i, b := range parts {
		script.WriteString(b.Text)
		if b.Output != nil && (len(parts) > 1 || b.until() != "") {
			t.Fatalf("%s:%d: an output block needs a script that is one block and ends; use #= lines", b.File, b.Line)
		}
		if b.until() != "" && i < len(parts)-1 {
			t.Fatalf("%s:%d: nothing goes on after a block with until", b.File, b.Line)
		}
	}
	file := filepath.Join(t.TempDir(), "script.sh")
	write(t, file, script.String())
	cmd := exec.Command("sh", "-eu", file)
	cmd.Dir = dir
	cmd.Env = c.env(t)
	last := parts[len(parts)-1]
	output := c.output(t, cmd, last)
	if text, ok := missing(output, expectations(script.String())); ok {
		t.Errorf("%s:%d: nothing printed contains %q in its turn; all of it:\n%s", last.File, last.Line, text, output)
	}
}

func (c Config) runGo(t *testing.T, b Block) {
	t.Helper()
	source, program := filepath.Join(t.TempDir(), "main.go"), filepath.Join(t.TempDir(), "program")
	// The line directive makes compiler errors name the document.
	write(t, source, fmt.Sprintf("//line %s:%d\n%s", b.File, b.Line, b.Text))
	build := exec.Command("go", "build", "-o", program, source)
	build.Dir = c.Repo
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s:%d: go build: %v\n%s", b.File, b.Line, err, out)
	}
	cmd := exec.Command(program)
	cmd.Dir = tree.Make(t, t.TempDir(), Sample...)
	c.output(t, cmd, b)
}

// output runs cmd as b says and returns all that it printed.
func (c Config) output(t *testing.T, cmd *exec.Cmd, b Block) string {
	t.Helper()
	if b.has("repo") {
		cmd.Dir = c.Repo
	}
	p := testenv.StartAlone(t, cmd, nil)
	if word := b.until(); word != "" {
		p.Expect(t, regexp.MustCompile(regexp.QuoteMeta(word)))
		p.Kill()
		return p.Log()
	}
	code := p.Wait(t)
	p.Kill()
	if code != 0 {
		t.Fatalf("%s:%d: exit code %d", b.File, b.Line, code)
	}
	if b.Output != nil && strings.TrimSpace(p.Log()) != strings.TrimSpace(*b.Output) {
		t.Errorf("%s:%d: printed\n%s\nwant\n%s", b.File, b.Line, p.Log(), *b.Output)
	}
	return p.Log()
}

func (c Config) checkTOML(t *testing.T, b Block) {
	t.Helper()
	file := filepath.Join(tree.Make(t, t.TempDir(), Sample...), "rootbound.toml")
	write(t, file, b.Text)
	cmd := exec.Command(c.Binary(t), "config", "check", file)
	cmd.Dir = filepath.Dir(file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: rootbound config check: %v\n%s", b.File, b.Line, err, out)
	}
}

// env gives scripts a home of their own, rootbound first on the PATH, and a
// curl that tries again while a server that was just started does not listen.
func (c Config) env(t *testing.T) []string {
	t.Helper()
	home := tree.Make(t, t.TempDir(), ".curlrc=retry = 20\nretry-connrefused\nretry-max-time = 40\n", "bin/")
	if err := os.Symlink(c.Binary(t), filepath.Join(home, "bin", "rootbound")); err != nil {
		t.Fatal(err)
	}
	caches, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	paths := strings.Fields(string(caches))
	return append(os.Environ(),
		"HOME="+home, "CURL_HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"),
		"PATH="+filepath.Join(home, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"GOCACHE="+paths[0], "GOMODCACHE="+paths[1])
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
