package vet

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/testenv"
)

// fixed are clear cases, and what becomes of a line of each.
var fixed = map[string]struct{ body, want string }{
	"join.py":      {"    return send_file(os.path.join(BASE, request.args['name']), mimetype='text/plain')\n", "    return send_from_directory(BASE, request.args['name'], mimetype='text/plain')"},
	"before.py":    {"    name = request.args['name']\n    path = os.path.join(BASE, name)\n    return send_file(path)\n", "    return send_from_directory(BASE, name)"},
	"fstring.py":   {"    name = request.args['name']\n    return send_file(f'{BASE}/{name}')\n", "    return send_from_directory(BASE, name)"},
	"plus.py":      {"    return send_file(BASE + '/' + request.args['name'])\n", "    return send_from_directory(BASE, request.args['name'])"},
	"named.py":     {"    return send_file(os.path.join(BASE, request.args['name']), 'text/plain', True, **{})\n", "    return send_from_directory(BASE, request.args['name'], mimetype='text/plain', as_attachment=True, **{})"},
	"crlf.py":      {"    return send_file(os.path.join(BASE, request.args['name']))\n", "    return send_from_directory(BASE, request.args['name'])\r"},
	"end.py":       {"    return send_file(os.path.join(BASE, request.args['name']))", "    return send_from_directory(BASE, request.args['name'])"},
	"replace.py":   {"    name = request.args['name'].replace('../', '')\n    return send_file(os.path.join(BASE, name))\n", "    return send_from_directory(BASE, name)"},
	"open.go":      {"\tf, err := os.Open(filepath.Join(base, r.FormValue(\"name\")))\n\tif err != nil {\n\t\thttp.NotFound(w, r)\n\t\treturn\n\t}\n\tdefer f.Close()\n\tio.Copy(w, f)\n", "\tf, err := os.OpenInRoot(base, r.FormValue(\"name\"))"},
	"opened.go":    {"\tpath := filepath.Join(base, r.URL.Path)\n\tf, err := os.Open(path)\n\tif err != nil {\n\t\thttp.NotFound(w, r)\n\t\treturn\n\t}\n\tdefer f.Close()\n\tio.Copy(w, f)\n", "\tf, err := os.OpenInRoot(base, strings.TrimPrefix(r.URL.Path, \"/\"))"},
	"serve.go":     {"\t_, _ = os.Getwd, io.EOF\n\thttp.ServeFile(w, r, filepath.Join(base, r.FormValue(\"name\")))\n", "\t\t_ = beneath.Send(w, r, r.FormValue(\"name\"), rootbound.SendOptions{}) // what it refuses it has answered"},
	"servepath.go": {"\t_, _ = os.Getwd, io.EOF\n\tname := r.URL.Query().Get(\"name\")\n\tpath := filepath.Join(base, name)\n\thttp.ServeFile(w, r, path) // as ever\n", "\t\t_ = beneath.Send(w, r, name, rootbound.SendOptions{}) // what it refuses it has answered"},
}

// kept are cases that a person has to look at.
var kept = map[string]string{
	"later.py":   "    path = os.path.join(BASE, request.args['name'])\n    print(path)\n    return send_file(path)\n",
	"three.py":   "    return send_file(os.path.join(BASE, 'sub', request.args['name']))\n",
	"comment.py": "    return send_file(os.path.join(BASE,  # )\n        request.args['name']))\n",
	"except.py":  "    try:\n        path = os.path.join(BASE, request.args['name'])\n        return send_file(path)\n    except OSError:\n        return path\n",
	"given.py":   "    return send_file(os.path.join(request.args['dir'], request.args['name']))\n",
	"helper.py":  "    return g(BASE) or g(request.args['dir'])\n\n\ndef g(base):\n    return send_file(os.path.join(base, request.args['name']))\n",
	"two.py":     "    return send_file(os.path.join(BASE, 'x')) if g else send_file(os.path.join(BASE, request.args['name']))\n",
	"given.go":   "\tf, err := os.Open(filepath.Join(r.FormValue(\"dir\"), r.FormValue(\"name\")))\n\tprintln(f, err, io.EOF)\n",
	"used.go":    "\tpath := filepath.Join(base, r.FormValue(\"name\"))\n\tf, err := os.Open(path)\n\tprintln(f, err, path, io.EOF)\n",
	"slash.go":   "\tf, err := os.Open(filepath.Join(base, \"/\"+r.FormValue(\"name\")))\n\tprintln(f, err, io.EOF)\n",
	"inline.go":  "\tif f, err := os.Open(filepath.Join(base, r.FormValue(\"name\"))); err == nil { io.Copy(w, f) }\n",
}

func handler(name, body string) string {
	if name == "crlf.py" {
		return strings.ReplaceAll(handler("x.py", body), "\n", "\r\n")
	}
	if strings.HasSuffix(name, ".py") {
		return "import os\nfrom flask import Flask, request, send_file\n\napp = Flask(__name__)\nBASE = os.environ.get('FILES', '/srv/files')\n\n\n@app.get('/f')\ndef f():\n" + body
	}
	return "package main\n\nimport (\n\t\"io\"\n\t\"net/http\"\n\t\"os\"\n\t\"path/filepath\"\n)\n\nfunc h(w http.ResponseWriter, r *http.Request) {\n\tbase := os.Getenv(\"FILES\")\n" + body +
		"}\n\nfunc main() { http.HandleFunc(\"/\", h) }\n"
}

func TestFixes(t *testing.T) {
	files := map[string]string{}
	for name, c := range fixed {
		files[filepath.Join(name[:strings.Index(name, ".")], name)] = handler(name, c.body)
	}
	for name, body := range kept {
		files[filepath.Join("kept", name[:strings.Index(name, ".")], name)] = handler(name, body)
	}
	dir := write(t, files)
	for _, f := range run(t, dir).Findings {
		if f.Severity == finding.High {
			delete(files, mustRel(t, dir, f.Place.Path))
		}
	}
	for name := range files {
		t.Errorf("%s: nothing is found in it, so that it shows nothing", name)
	}
	holds(t, dir, false)
	for _, c := range changesOf(t, dir) {
		if now, err := os.ReadFile(c.Path); err != nil || string(now) != c.Old {
			t.Errorf("%s was changed before it was to be, %v", c.Path, err)
		}
		want, ok := fixed[filepath.Base(c.Path)]
		if !ok {
			t.Errorf("%s is not clear, and would be changed:\n%s", c.Path, c.Diff())
			continue
		}
		if !strings.Contains(c.New+"\n", "\n"+want.want+"\n") {
			t.Errorf("the diff\n%s\nlacks\n%s", c.Diff(), want.want)
		}
		patch(t, c)
		must(t, os.Chmod(c.Path, 0o750))
		must(t, c.Write())
		info, err := os.Stat(c.Path)
		must(t, err)
		if info.Mode().Perm() != 0o750 {
			t.Errorf("%s has the mode %v now", c.Path, info.Mode())
		}
		if err := c.Write(); err == nil {
			t.Error("a file that is no longer what was read is written")
		}
	}
	for _, f := range run(t, dir).Findings {
		if name := mustRel(t, dir, f.Place.Path); f.Severity == finding.High && !strings.HasPrefix(name, "kept") {
			t.Errorf("after the rewrite: %s %s", f.Place, f.Reason)
		}
	}
	for name := range fixed {
		path := filepath.Join(dir, name[:strings.Index(name, ".")], name)
		if strings.HasSuffix(name, ".go") {
			compiles(t, path)
		}
	}
	holds(t, dir, true)
}

func changesOf(t *testing.T, dir string) []Change {
	t.Helper()
	changes, err := Fixes(context.Background(), Config{Paths: []string{dir}})
	must(t, err)
	if len(changes) != len(fixed) {
		t.Errorf("%d files would be changed, want %d", len(changes), len(fixed))
	}
	return changes
}

// patch: git reads the diff, and makes of the old file the new one.
func patch(t *testing.T, c Change) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Base(c.Path)
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(c.Old), 0o644))
	cmd := exec.Command(testenv.Need(t, "git"), "apply", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(strings.ReplaceAll(strings.ReplaceAll(c.Diff(), "--- "+c.Path, "--- a/"+name), "+++ "+c.Path, "+++ b/"+name))
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, out, c.Diff())
	}
	if now, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(now) != c.New {
		t.Errorf("the diff makes\n%s\nand not\n%s", now, c.New)
	}
}

// compiles: in this module, which has the library.
func compiles(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command("gofmt", "-l", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("gofmt: %v\n%s", err, out)
	}
	if out, err := exec.Command("go", "vet", path).CombinedOutput(); err != nil {
		text, _ := os.ReadFile(path)
		t.Errorf("go vet: %v\n%s\n%s", err, out, text)
	}
}

// asks asks each of the rewritten Flask applications for what is in the directory, and for what is not.
const asks = `import importlib.util, sys
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("app", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    client = module.app.test_client()
    print(*[client.get("/f", query_string={"name": n}).status_code for n in ("in.txt", "../secret.txt", "../../secret.txt", "....//secret.txt")])
`

// holds: every application leaks before it is rewritten, and none does afterwards; what is inside is served as before.
func holds(t *testing.T, dir string, rewritten bool) {
	t.Helper()
	testenv.Need(t, "flask")
	base := write(t, map[string]string{"files/in.txt": "in", "files/sub/in.txt": "in", "secret.txt": "secret"})
	args := []string{"-c", asks}
	for name := range fixed {
		if strings.HasSuffix(name, ".py") {
			args = append(args, filepath.Join(dir, name[:strings.Index(name, ".")], name))
		}
	}
	cmd := exec.Command(testenv.Need(t, "python3"), args...)
	cmd.Env = append(os.Environ(), "FILES="+filepath.Join(base, "files"), "PYTHONDONTWRITEBYTECODE=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, stderr.String())
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(got) != len(args)-2 {
		t.Fatalf("%d answers of %d applications", len(got), len(args)-2)
	}
	for i, line := range got {
		inside, outside, _ := strings.Cut(line, " ")
		if inside != "200" || rewritten != (outside == "404 404 404") || !rewritten != strings.Contains(outside, "200") {
			t.Errorf("%s, rewritten %v: what is inside, twice outside and disguised is answered %s", args[i+2], rewritten, line)
		}
	}
}

func mustRel(t *testing.T, dir, path string) string {
	t.Helper()
	rel, err := filepath.Rel(dir, path)
	must(t, err)
	return rel
}
