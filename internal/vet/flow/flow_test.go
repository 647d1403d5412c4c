package flow_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/vet/flow"
	"github.com/rootbound/rootbound/internal/vet/golang"
	"github.com/rootbound/rootbound/internal/vet/ir"
	"github.com/rootbound/rootbound/internal/vet/python"
)

var parser = func() *python.Parser {
	p, err := python.NewParser()
	if err != nil {
		panic(err)
	}
	return p
}()

// levels are the levels of results at lines, for code between a handler's first and last line.
func pythonResult(t *testing.T, body string) *flow.Result {
	t.Helper()
	src := "import os, re, posixpath\nfrom pathlib import Path\nfrom urllib.parse import unquote\nimport unicodedata, base64\nfrom flask import Flask, request, abort\nfrom werkzeug.utils import secure_filename, safe_join\n" +
		"app = Flask(__name__)\nBASE = os.environ['BASE']\n@app.get('/f')\ndef f():\n    name = request.args['name']\n"
	for _, l := range strings.Split(body, "\n") {
		src += "    " + l + "\n"
	}
	m, err := parser.Module("app.py", "app", []byte(src))
	if err != nil || m.Broken != 0 {
		t.Fatalf("%v, broken at %d:\n%s", err, m.Broken, src)
	}
	return worst(flow.Run([]*ir.Module{m}, "python"))
}

func worst(r *flow.Report) *flow.Result {
	var out *flow.Result
	for _, one := range r.Results {
		if one.Level > flow.Info && (out == nil || one.Level > out.Level) {
			out = one
		}
	}
	return out
}

func goResult(t *testing.T, body string) *flow.Result {
	t.Helper()
	src := "package x\nimport (\n\"net/http\"\n\"os\"\n\"path\"\n\"path/filepath\"\n\"strings\"\n\"regexp\"\n\"net/url\"\n)\nvar re = regexp.MustCompile(`^[a-z.]+$`)\n" +
		"func f(w http.ResponseWriter, r *http.Request) {\nname := r.FormValue(\"name\")\n" + body + "\n}\n"
	m, err := golang.Module("x.go", "x", []byte(src))
	if err != nil || m.Broken != 0 {
		t.Fatalf("%v, broken at %d:\n%s", err, m.Broken, src)
	}
	return worst(flow.Run([]*ir.Module{m}, "go"))
}

// unsafe, guarded or nothing, and where it is unsafe the rule.
func verdict(r *flow.Result) string {
	switch {
	case r == nil:
		return "nothing"
	case r.Level == flow.Unsafe:
		return r.Rule
	}
	return "guarded " + strings.Join(r.Remains, " ")
}

// TestSteps says what each step is worth.
func TestSteps(t *testing.T) {
	const open = "\nopen(os.path.join(BASE, name))"
	for _, tt := range []struct{ body, want string }{
		{open, "path-from-request"},
		{"name = name.replace('../', '')" + open, "replace-traversal"},
		{"name = name.replace('..', '')" + open, "absolute-name"},
		{"name = name.replace('..', '').lstrip('/')" + open, "guarded links"},
		{"name = name.replace('/', '_')" + open, "guarded links"},
		{"name = secure_filename(name)" + open, "guarded links"},
		{"name = os.path.basename(name)" + open, "guarded links"},
		{"name = os.path.normpath(name)" + open, "path-from-request"},
		{"name = os.path.normpath('/' + name).lstrip('/')" + open, "guarded links"},
		{"if '..' in name: abort(404)" + open, "absolute-name"},
		{"if '..' in name or os.path.isabs(name): abort(404)" + open, "guarded links"},
		{"if '..' in name: abort(404)\nname = unquote(name)" + open, "decode-after-check"},
		{"if '..' in name: abort(404)\nname = unicodedata.normalize('NFKC', name)" + open, "decode-after-check"},
		{"name = base64.b64decode(name).decode()" + open, "path-from-request"},
		{"if not re.match(r'^[a-z.]+$', name): abort(404)" + open, "guarded links newline"},
		{"if not re.match(r'^[a-z.]+\\Z', name): abort(404)" + open, "guarded links"},
		{"if not re.fullmatch(r'[a-z.]+', name): abort(404)" + open, "guarded links"},
		{"if not re.match(r'[a-z.]+', name): abort(404)" + open, "path-from-request"},
		{"if not re.fullmatch(r'[a-z./]+', name): abort(404)" + open, "path-from-request"},
		{"if re.search(r'\\.\\.|^/', name): abort(404)\nname = name.lstrip('/')" + open, "guarded links"},
		{"if not name.isalnum(): abort(404)" + open, "guarded links"},
		{"if not all(c.isalnum() or c in '-_.' for c in name): abort(404)" + open, "guarded links"},
		{"if not all(c.isalnum() or c in '-_./' for c in name): abort(404)" + open, "path-from-request"},
		{"name = ''.join(c for c in name if c.isalnum() or c in '._-')" + open, "guarded links"},
		{"if name not in ('a', 'b'): abort(404)" + open, "nothing"},
		{"if name not in os.listdir(BASE): abort(404)" + open, "guarded links race"},
		{"name = {'a': 'x.txt'}.get(name)" + open, "nothing"},
		{"name = str(int(name))" + open, "nothing"},
		{"p = safe_join(BASE, name)\nif p is None: abort(404)\nopen(p)", "guarded links"},
		{"p = os.path.abspath(os.path.join(BASE, name))\nif not p.startswith(BASE): abort(403)\nopen(p)", "sibling-prefix"},
		{"p = os.path.abspath(os.path.join(BASE, name))\nif not p.startswith(BASE + '/'): abort(403)\nopen(p)", "guarded links race"},
		{"p = os.path.realpath(os.path.join(BASE, name))\nif not p.startswith(BASE + os.sep): abort(403)\nopen(p)", "guarded race"},
		{"p = os.path.join(BASE, name)\nif not p.startswith(BASE + '/'): abort(403)\nopen(p)", "path-from-request"},
		{"p = os.path.realpath(os.path.join(BASE, name))\nif os.path.commonpath([p, BASE]) != BASE: abort(404)\nopen(p)", "guarded race"},
		{"p = os.path.join(BASE, name)\np = os.path.realpath(p) if LINKS else os.path.abspath(p)\nif os.path.commonpath([p, BASE]) != BASE: abort(404)\nopen(p)", "guarded links race"},
		{"p = os.path.join(BASE, name)\np = os.path.realpath(p) if LINKS else p\nif os.path.commonpath([p, BASE]) != BASE: abort(404)\nopen(p)", "path-from-request"},
		{"p = os.path.realpath(os.path.join(BASE, name))\nif os.path.commonprefix([p, BASE]) != BASE: abort(404)\nopen(p)", "sibling-prefix"},
		{"p = (Path(BASE) / name).resolve()\nif not p.is_relative_to(BASE): abort(404)\np.read_text()", "guarded race"},
		{"p = (Path(BASE) / name).resolve()\ntry:\n    p.relative_to(BASE)\nexcept ValueError:\n    abort(404)\np.read_text()", "guarded race"},
		{"p = (Path(BASE) / name).resolve()\ntry:\n    p.relative_to(BASE)\nexcept ValueError:\n    pass\np.read_text()", "path-from-request"},
		{"p = Path(BASE) / name\nif not p.is_relative_to(BASE): abort(404)\np.read_text()", "path-from-request"},
		{"p = Path(BASE, Path(name).name)\np.read_bytes()", "guarded links"},
		{"open(BASE + '/' + name + '.txt')", "path-from-request"},
		{"p = os.path.join(BASE, name)\nif os.path.islink(p): abort(404)\nif '/' in name: abort(404)\nopen(p)", "guarded race"},
		{"assert '..' not in name and not name.startswith('/')" + open, "guarded links"},
		{"if request.args.get('x'):\n    name = secure_filename(name)" + open, "path-from-request"},
		{"open(BASE)", "nothing"},
	} {
		if got := verdict(pythonResult(t, tt.body)); got != tt.want {
			t.Errorf("%s\ngives %q, want %q", tt.body, got, tt.want)
		}
	}
}

func TestStepsOfGo(t *testing.T) {
	const open = "\nos.Open(filepath.Join(\"/srv\", name))"
	for _, tt := range []struct{ body, want string }{
		{open, "path-from-request"},
		{"name = filepath.Clean(name)" + open, "path-from-request"},
		{"name = path.Clean(\"/\" + name)" + open, "guarded links"},
		{"name = filepath.Base(name)" + open, "guarded links"},
		{"name = strings.ReplaceAll(name, \"../\", \"\")" + open, "replace-traversal"},
		{"if !filepath.IsLocal(name) { return }" + open, "guarded links"},
		{"if strings.Contains(name, \"..\") { return }" + open, "guarded links"},
		{"if strings.ContainsAny(name, \"/\\\\\") { return }" + open, "guarded links"},
		{"if strings.Index(name, \"..\") >= 0 { return }" + open, "guarded links"},
		{"if strings.Contains(name, \"..\") { return }\nname, _ = url.PathUnescape(name)" + open, "decode-after-check"},
		{"if !re.MatchString(name) { return }" + open, "guarded links"},
		{"p := filepath.Join(\"/srv\", name)\nif !strings.HasPrefix(p, \"/srv\") { return }\nos.Open(p)", "sibling-prefix"},
		{"p := filepath.Join(\"/srv\", name)\nif !strings.HasPrefix(p, \"/srv/\") { return }\nos.Open(p)", "guarded links race"},
		{"p, err := filepath.EvalSymlinks(filepath.Join(\"/srv\", name))\nif err != nil || !strings.HasPrefix(p, \"/srv/\") { return }\nos.Open(p)", "guarded race"},
		{"p := filepath.Join(\"/srv\", name)\nrel, err := filepath.Rel(\"/srv\", p)\nif err != nil || strings.HasPrefix(rel, \"..\") { return }\nos.Open(p)", "guarded links race"},
		{"switch name {\ncase \"a\", \"b\":\ndefault:\nreturn\n}" + open, "nothing"},
		{"for _, e := range []string{\"a\"} {\nif e == name {\nos.Open(\"/srv/\" + name)\n}\n}", "nothing"},
		{"root, err := os.OpenRoot(\"/srv\")\nif err != nil { return }\nroot.Open(name)", "nothing"},
		{"os.OpenInRoot(\"/srv\", name)", "nothing"},
		{"http.ServeFile(w, r, r.URL.Path)", "absolute-name"},
		{"http.Dir(\"/srv\").Open(name)", "guarded links"},
		{"http.Dir(name).Open(\"x\")", "path-from-request"},
		{"os.RemoveAll(filepath.Join(\"/srv\", filepath.Base(name)))", "path-from-request"},
	} {
		if got := verdict(goResult(t, tt.body)); got != tt.want {
			t.Errorf("%s\ngives %q, want %q", tt.body, got, tt.want)
		}
	}
}

// The engine ends, whatever it is given: loops that grow, recursion, classes that inherit from themselves.
func TestEnds(t *testing.T) {
	wide := "def f(x):\n"
	for range 60 {
		wide += "    x = (x if x else x + x) + (x or x)\n    if x: x = x + 'a'\n    else: x = x.replace('a', x)\n"
	}
	for _, src := range []string{
		"from flask import request\nclass A(B): pass\nclass B(A):\n    def m(self): return self.m().m()\nA().m()\n",
		"from flask import request\ndef f(x): return g(x) + f(x)\ndef g(x): return f(g(x))\nopen(f(request.args['a']))\n",
		"from flask import request\nx = request.args['a']\nwhile x:\n    x = x + x\n    for y in x:\n        x = x + y.next.next\nopen(x)\n",
		"from flask import request\n" + wide + "    open(x)\nf(request.args['a'])\n",
		"x = x.x\nimport a\nfrom a import *\ndef f(**x): f(**x)\nf()\n",
	} {
		m, err := parser.Module("a.py", "a", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		flow.Run([]*ir.Module{m}, "python")
	}
}

// FuzzPython and FuzzGo: nothing that parses, or does not, ends in a panic.
func FuzzPython(f *testing.F) {
	seed(f, "python", ".py")
	f.Fuzz(func(t *testing.T, src string) {
		if m, err := parser.Module("a.py", "a", []byte(src)); err == nil {
			flow.Run([]*ir.Module{m}, "python")
		}
	})
}

func FuzzGo(f *testing.F) {
	seed(f, "go", ".go")
	f.Fuzz(func(t *testing.T, src string) {
		if m, err := golang.Module("a.go", "a", []byte(src)); err == nil {
			flow.Run([]*ir.Module{m}, "go")
		}
	})
}

func seed(f *testing.F, lang, ext string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "vet", "testdata", "corpus", "open", lang, "*", "*"+ext))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
}

// What a framework does with links beneath a directory that it hands out is its own; who is told to follow them does.
func TestMounts(t *testing.T) {
	for _, tt := range []struct{ call, want string }{
		{"app.router.add_static('/', BASE)", "guarded-name race"},
		{"app.router.add_static('/', BASE, follow_symlinks=False)", "guarded-name race"},
		{"app.router.add_static('/', BASE, follow_symlinks=True)", "links-followed "},
		{"app.mount('/', StaticFiles(directory=BASE))", "guarded-name race"},
		{"app.mount('/', StaticFiles(directory=BASE, follow_symlink=True))", "links-followed "},
	} {
		src := "from aiohttp import web\nfrom starlette.staticfiles import StaticFiles\nBASE = 'files'\napp = web.Application()\n" + tt.call + "\n"
		m, err := parser.Module("app.py", "app", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		got := "nothing"
		if r := worst(flow.Run([]*ir.Module{m}, "python")); r != nil {
			got = r.Rule + " " + strings.Join(r.Remains, " ")
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.call, got, tt.want)
		}
	}
}
