package docrun

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/tree"
)

// md is a document; ~ stands for the backquotes that Go's raw strings lack.
func md(s string) []byte { return []byte(strings.ReplaceAll(s, "~", "`")) }

func TestBlocks(t *testing.T) {
	src := md("# Title\n\n~~~sh run\necho a\n~~~\n\n~~~output\na\n~~~\n\n1. list\n\n   ~~~text\n   b\n   ~~~\n\ntext\n\n    indented\n\n~~~go\nx\n~~~\n")
	got, err := Blocks("x.md", src)
	if err != nil {
		t.Fatal(err)
	}
	a := "a\n"
	want := []Block{
		{"x.md", 4, []string{"sh", "run"}, "echo a\n", &a},
		{"x.md", 8, []string{"output"}, "a\n", nil},
		{"x.md", 14, []string{"text"}, "b\n", nil},
		{"x.md", 19, nil, "indented\n", nil},
		{"x.md", 22, []string{"go"}, "x\n", nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Blocks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[3:], Config{}.Unmarked(got)); diff != "" {
		t.Errorf("Unmarked (-want +got):\n%s", diff)
	}
}

func TestBlocksRefuse(t *testing.T) {
	for _, src := range []string{
		"~~~output\na\n~~~\n",
		"~~~sh run\ntrue\n~~~\n\nwords\n\n~~~output\na\n~~~\n",
		"~~~text\ntrue\n~~~\n\n~~~output\na\n~~~\n",
		"~~~sh run ropo\ntrue\n~~~\n",
		"~~~go run more\npackage main\n~~~\n",
	} {
		if _, err := Blocks("x.md", md(src)); err == nil {
			t.Errorf("Blocks accepted %q", src)
		}
	}
}

func TestUnmarkedTOML(t *testing.T) {
	blocks, err := Blocks("x.md", md("~~~toml\n[serve]\n~~~\n"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(Config{}.Unmarked(blocks)); n != 1 {
		t.Errorf("%d unmarked, want 1: nobody checks it", n)
	}
	if n := len(Config{CheckTOML: true}.Unmarked(blocks)); n != 0 {
		t.Errorf("%d unmarked with CheckTOML, want 0", n)
	}
}

func TestMissing(t *testing.T) {
	tests := []struct {
		output, script, text string
		missing              bool
	}{
		{"one\ntwo\n", "x\n#= one\ny\n  #= two\n", "", false},
		{"two\none\n", "#= one\n#= two\n", "two", true},
		{"one\n", "#= one\n#= one\n", "one", true},
		{"", "# plain comment\n", "", false},
	}
	for _, tt := range tests {
		text, isMissing := missing(tt.output, expectations(tt.script))
		if text != tt.text || isMissing != tt.missing {
			t.Errorf("missing(%q, %q) = %q, %v; want %q, %v", tt.output, tt.script, text, isMissing, tt.text, tt.missing)
		}
	}
}

// fakeBinary is a rootbound that serves nothing: it answers config check, and
// "serve" is Python's own server on the port that rootbound has by default.
const fakeBinary = `#!/bin/sh
case $1 in
config) grep -q 'good = true' "$3" ;;
serve) echo listening; exec /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory "$2" 8080 ;;
esac
`

func config(t *testing.T) Config {
	t.Helper()
	path := filepath.Join(tree.Make(t, t.TempDir(), "rootbound="+fakeBinary), "rootbound")
	if out, err := exec.Command("chmod", "+x", path).CombinedOutput(); err != nil {
		t.Fatalf("chmod: %v\n%s", err, out)
	}
	return Config{Repo: testenv.Repo(t), Binary: func(testing.TB) string { return path }, CheckTOML: true}
}

// documents run as they stand in good; in bad each must fail.
var good = map[string]string{
	"script":   "~~~sh run\ncat files/sub/notes.txt\n#= notes\necho done >&2\n#= done\n~~~\n",
	"output":   "~~~sh run\ncat files/hello.txt\n~~~\n\n~~~output\nhello\n~~~\n",
	"server":   "~~~sh run\nrootbound serve files &\ncurl -s http://127.0.0.1:8080/hello.txt\n#= hello\n~~~\n\nNow:\n\n~~~sh run more\ncurl -s http://127.0.0.1:8080/sub/notes.txt\n#= notes\n~~~\n",
	"until":    "~~~sh run until=listening\nrootbound serve files\n~~~\n",
	"repo":     "~~~sh run repo\ntest -f go.mod\n~~~\n",
	"program":  "~~~go run\npackage main\n\nimport \"os\"\n\nfunc main() {\n\tb, _ := os.ReadFile(\"files/hello.txt\")\n\tos.Stdout.Write(b)\n}\n~~~\n\n~~~output\nhello\n~~~\n",
	"imports":  "~~~go run\npackage main\n\nimport _ \"github.com/rootbound/rootbound\"\n\nfunc main() {}\n~~~\n",
	"toml":     "~~~toml\ngood = true\n~~~\n",
	"not code": "~~~text\nexit 1\n~~~\n",
}

var bad = map[string]string{
	"exit code":    "~~~sh run\nfalse\n~~~\n",
	"unset":        "~~~sh run\necho $nothing_of_that_name\n~~~\n",
	"expectation":  "~~~sh run\necho one\n#= two\n~~~\n",
	"output":       "~~~sh run\necho one\n~~~\n\n~~~output\ntwo\n~~~\n",
	"until":        "~~~sh run until=never\ntrue\n~~~\n",
	"does not run": "~~~go run\npackage main\n\nfunc main() { panic(1) }\n~~~\n",
	"not compiled": "~~~go run\npackage main\n\nfunc main() { x }\n~~~\n",
	"internal":     "~~~go run\npackage main\n\nimport _ \"github.com/rootbound/rootbound/internal/tree\"\n\nfunc main() {}\n~~~\n",
	"toml":         "~~~toml\ngood = false\n~~~\n",
}

func TestRun(t *testing.T) {
	for name, src := range good {
		t.Run(name, func(t *testing.T) { run(t, src) })
	}
}

func run(t *testing.T, src string) {
	t.Helper()
	blocks, err := Blocks("x.md", md(src))
	if err != nil {
		t.Fatal(err)
	}
	config(t).Run(t, blocks)
}

// badVariable names, for the test program started again, the document of bad
// that must fail there.
const badVariable = "ROOTBOUND_TEST_BAD_DOCUMENT"

func TestRunOneBad(t *testing.T) {
	if src, ok := bad[os.Getenv(badVariable)]; ok {
		run(t, src)
	}
}

func TestRunFails(t *testing.T) {
	for name := range bad {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRunOneBad$", "-test.v")
		cmd.Env = append(os.Environ(), badVariable+"="+name)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "--- FAIL: TestRunOneBad/line_") || !strings.Contains(string(out), "x.md:") && name != "until" {
			t.Errorf("%s: %v; want a failure that names the line\n%s", name, err, out)
		}
	}
}
