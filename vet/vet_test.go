package vet

import (
	"context"
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

// TestClassicSnippets: the four forms of the tutorials get the verdicts that a reviewer gives them.
func TestClassicSnippets(t *testing.T) {
	r := run(t, filepath.Join(testenv.Repo(t), "examples", "flask", "app.py"))
	type verdict struct{ Level, Rule, Repeat, Remains string }
	got := map[string]verdict{}
	for _, f := range r.Findings {
		if f.Severity > finding.Info {
			got[f.Extra["function"]] = verdict{f.Extra["level"], string(f.Rule), f.Repeat, f.Extra["remains"]}
		}
	}
	want := map[string]verdict{
		"raw":       {"unsafe", "path-from-request", "GET /raw?file=../../../../etc/passwd", ""},
		"replace":   {"unsafe", "replace-traversal", "GET /replace?file=....//....//....//....//etc/passwd", ""},
		"secure":    {"guarded", "guarded-name", "", "links race oracle"},
		"allowlist": {"guarded", "guarded-name", "", "links race newline"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

const leak = `import os
from flask import Flask, request, send_file
app = Flask(__name__)
@app.get("/f")
def f():
    return send_file(os.path.join("/srv/files", request.args["name"]))
`

// What cannot be read or parsed is noted, and the rest goes on.
func TestBadInput(t *testing.T) {
	dir := write(t, map[string]string{
		"app.py":            leak,
		"broken.py":         "def g(:\n    pass\n\n" + leak,
		"nul.py":            "\x00\x00\x00",
		"huge.py":           strings.Repeat("#", maxFile+1),
		"broken.go":         "package x\nfunc f( {\n",
		"nothing.go":        "",
		"site.conf":         "server { location /a { alias /srv/a/;",
		"other.conf":        "key = value\n",
		"noise.conf":        "}}}}{{{{;;;\"'",
		"node_modules/a.py": leak,
	})
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
	if got["app.py"] != 1 || got["broken.py"] != 1 || got["site.conf"] != 1 || len(got) != 3 {
		t.Errorf("findings in %v, want one in app.py, broken.py and site.conf", got)
	}
	noted := map[string]bool{}
	for _, n := range r.Notes {
		noted[filepath.Base(n.Place.Path)] = true
	}
	for _, name := range []string{"broken.py", "nul.py", "huge.py", "broken.go", "nothing.go"} {
		if !noted[name] {
			t.Errorf("%s is not among the notes %v", name, r.Notes)
		}
	}
	for _, f := range r.Findings {
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
