package vet

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/testenv"
)

// write makes files beneath a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t *testing.T, paths ...string) *finding.Report {
	t.Helper()
	r, err := Run(context.Background(), Config{Paths: paths, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestClassicSnippets: the four forms of the tutorials get the verdicts that a reviewer gives them, and each verdict is true
// of the application as it runs: the requests that stand with the unsafe ones read a file of the system, the same requests
// read nothing of the guarded ones, and what is said to remain there does.
func TestClassicSnippets(t *testing.T) {
	app := filepath.Join(testenv.Repo(t), "examples", "flask", "app.py")
	type verdict struct{ Level, Rule, Repeat, Remains string }
	got := map[string]verdict{}
	for _, f := range run(t, app).Findings {
		if f.Severity > finding.Info {
			got[f.Extra["function"]] = verdict{f.Extra["level"], string(f.Rule), f.Repeat, f.Extra["remains"]}
		}
	}
	plain, twice := strings.Repeat("../", 8)+"etc/passwd", strings.Repeat("....//", 8)+"etc/passwd"
	want := map[string]verdict{
		"raw":       {"unsafe", "path-from-request", "GET /raw?file=" + plain, ""},
		"replace":   {"unsafe", "replace-traversal", "GET /replace?file=" + twice, ""},
		"secure":    {"guarded", "guarded-name", "", "links race oracle"},
		"allowlist": {"guarded", "guarded-name", "", "links race newline"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}

	base := write(t, map[string]string{"files/in.txt": "inside", "secret.txt": "outside"})
	must(t, os.Symlink("../secret.txt", filepath.Join(base, "files", "link.txt")))
	asked := []struct{ target, want string }{
		{strings.TrimPrefix(want["raw"].Repeat, "GET "), "root:"},
		{strings.TrimPrefix(want["replace"].Repeat, "GET "), "root:"},
		{"/secure?file=" + plain, "404"},
		{"/secure?file=" + twice, "404"},
		{"/secure?file=in.txt", "inside"},
		{"/secure?file=link.txt", "outside"}, // links
		{"/allowlist?file=" + plain, "400"},
		{"/allowlist?file=" + twice, "400"},
		{"/allowlist?file=link.txt", "outside"}, // links
		{"/allowlist?file=a%0Ab", "400"},
		{"/allowlist?file=a%0A", "404"}, // newline: the allowlist lets it by, and the file is looked for
	}
	args := []string{app, filepath.Join(base, "files")}
	for _, tt := range asked {
		args = append(args, tt.target)
	}
	testenv.Need(t, "flask")
	var answers []string
	must(t, json.Unmarshal(testenv.Python(t, ask, nil, args...), &answers))
	for i, tt := range asked {
		if !strings.HasPrefix(answers[i], tt.want) {
			t.Errorf("GET %s is answered %.60q, want %q", tt.target, answers[i], tt.want)
		}
	}
}

// ask prints what a Flask application sends for each target, or the status where it is not 200.
const ask = `import json, os, runpy, sys
os.environ["FILES"] = sys.argv[2]
client = runpy.run_path(sys.argv[1])["app"].test_client()
answers = [client.get(target) for target in sys.argv[3:]]
print(json.dumps([a.get_data(as_text=True) if a.status_code == 200 else str(a.status_code) for a in answers]))
`

const leak = `import os
from flask import Flask, request, send_file
app = Flask(__name__)
@app.get("/f")
def f():
    return send_file(os.path.join("/srv/files", request.args["name"]))
`

// badInput is a tree in which most things are not as they should be.
var badInput = map[string]string{
	"app.py":            leak,
	"broken.py":         "def g(:\n    pass\n\n" + leak,
	"nul.py":            "\x00\x00\x00",
	"huge.py":           strings.Repeat("#", maxFile+1),
	"broken.go":         "package x\nfunc f( {\n",
	"nothing.go":        "",
	"site.conf":         "server { location /a { alias /srv/a/;",
	"other.conf":        "key = value\n",
	"noise.conf":        "}}}}{{{{;;;\"'",
	"deep.conf":         strings.Repeat("location /a {\n", 5000) + "alias /srv/a/;",
	"continued.conf":    "DocumentRoot /x\n" + strings.Repeat("\\\n", 200_000),
	"table.py":          "X = {" + strings.Repeat("'a': 'b', ", 50_000) + "}\n" + leak,
	"line.go":           "package x\n\nimport (\n\t\"net/http\"\n\t\"os\"\n)\n\n//line /etc/passwd:1\nfunc h(w http.ResponseWriter, r *http.Request) {\n\tos.Open(r.FormValue(\"n\"))\n}\n",
	"node_modules/a.py": leak,
}

// What cannot be read or parsed is noted, and the rest goes on.
func TestBadInput(t *testing.T) {
	dir := write(t, badInput)
	ran := filepath.Join(dir, "ran")
	if err := os.WriteFile(filepath.Join(dir, "runs.py"), []byte("open("+strconv.Quote(ran)+", 'w').close()\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("app.py", filepath.Join(dir, "alias.py")); err != nil {
		t.Fatal(err)
	}
	r := run(t, dir)
	if _, err := os.Lstat(ran); err == nil {
		t.Error("what is reviewed was run")
	}
	got := map[string]int{}
	for _, f := range r.Findings {
		if f.Severity == finding.High {
			got[filepath.Base(f.Place.Path)]++
		}
	}
	if diff := cmp.Diff(map[string]int{"app.py": 1, "broken.py": 1, "site.conf": 1, "table.py": 1, "line.go": 1}, got); diff != "" {
		t.Errorf("unsafe findings (-want +got):\n%s", diff)
	}
	noted := map[string]bool{}
	for _, n := range r.Notes {
		noted[filepath.Base(n.Place.Path)] = true
	}
	for _, name := range []string{"broken.py", "nul.py", "huge.py", "broken.go", "nothing.go", "deep.conf"} {
		if !noted[name] {
			t.Errorf("%s is not among the notes %v", name, r.Notes)
		}
	}
	for _, f := range r.Findings {
		if filepath.Base(f.Place.Path) == "line.go" && f.Severity == finding.High && f.Place.Line != 10 {
			t.Errorf("%s is not where the file has it, at line 10", f.Place)
		}
		if f.Extra["syntactic"] != "" != (filepath.Base(f.Place.Path) == "broken.py") {
			t.Errorf("%s: syntactic %q", f.Place, f.Extra["syntactic"])
		}
	}
	if _, err := Run(context.Background(), Config{Paths: []string{filepath.Join(dir, "missing")}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a path that is missing gives %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Config{Paths: []string{dir}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that was ended gives %v", err)
	}
}

// Names are followed through modules, packages and import paths.
func TestAcrossFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"src/shop/__init__.py": "",
		"src/shop/paths.py":    "import os\nfrom . import settings\ndef locate(n):\n    return os.path.join(settings.ROOT, n)\n",
		"src/shop/settings.py": "ROOT = '/srv/files'\n",
		"src/shop/views.py":    "from flask import Flask, request, send_file\nfrom shop.paths import locate as where\napp = Flask(__name__)\n@app.get('/f')\ndef f():\n    return send_file(where(request.args['n']))\n",
		"go.mod":               "module example.com/shop\n",
		"store/store.go":       "package store\n\nimport \"os\"\n\nfunc Read(p string) ([]byte, error) { return os.ReadFile(\"/srv/\" + p) }\n",
		"main.go":              "package main\n\nimport (\n\t\"net/http\"\n\n\t\"example.com/shop/store\"\n)\n\nfunc h(w http.ResponseWriter, r *http.Request) {\n\tb, _ := store.Read(r.FormValue(\"n\"))\n\tw.Write(b)\n}\n",
	})
	var got []string
	for _, f := range run(t, dir).Findings {
		if f.Severity == finding.High {
			rel, err := filepath.Rel(dir, f.Place.Path)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.ToSlash(rel))
		}
	}
	if diff := cmp.Diff([]string{"src/shop/views.py", "store/store.go"}, got); diff != "" {
		t.Errorf("unsafe places (-want +got):\n%s", diff)
	}
}

// A finding is the same one when lines above it come or go, and another when its own line changes.
func TestFingerprints(t *testing.T) {
	print := func(text string) string {
		dir := write(t, map[string]string{"app.py": text})
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		defer t.Chdir(wd)
		for _, f := range run(t, "app.py").Findings {
			if f.Severity == finding.High {
				return f.Fingerprint
			}
		}
		t.Fatal("nothing was found")
		return ""
	}
	same, moved, changed := print(leak), print("# a comment\n\n"+leak), print(strings.Replace(leak, "/srv/files", "/srv/other", 1))
	if same != moved || same == changed {
		t.Errorf("fingerprints %s, moved %s, changed %s", same, moved, changed)
	}
}
