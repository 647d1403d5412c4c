package python

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func module(t *testing.T, src string) *ir.Module {
	t.Helper()
	p, err := NewParser()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := p.Module("app/views.py", "app.views", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// first is the module's first statement.
func first(t *testing.T, m *ir.Module) *ir.Stmt {
	t.Helper()
	if len(m.Body) == 0 {
		t.Fatal("nothing was read")
	}
	return m.Body[0]
}

func TestEncodings(t *testing.T) {
	latin, err := charmap.ISO8859_1.NewEncoder().String("# -*- coding: latin-1 -*-\nx = 'größe'\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{
		"utf-8":          "x = 'größe'\n",
		"byte order":     "\xef\xbb\xbfx = 'größe'\n",
		"latin-1":        latin,
		"second line":    "#!/usr/bin/python3\n" + latin,
		"declared utf-8": "# vim: set fileencoding=utf-8 :\nx = 'größe'\n",
	} {
		if got := first(t, module(t, src)).Value.Text; got != "größe" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := first(t, module(t, "# coding: no-such-encoding\nx = 'a\xffb'\n")).Value.Text; !strings.HasPrefix(got, "a") {
		t.Errorf("an unknown encoding gives %q", got)
	}
}

// Broken files give what can be read of them, and say where they are broken.
func TestBroken(t *testing.T) {
	m := module(t, "import os\n\ndef f(:\n    open(x)\n\ny = 1\n")
	if m.Broken == 0 || m.Broken > 4 || m.Imports["os"] != "os" {
		t.Errorf("broken at line %d, imports %v", m.Broken, m.Imports)
	}
	for _, src := range []string{"", "\x00\x00", "x = 'unclosed", "if", "print \"python 2\"\n", "class", strings.Repeat("x[", 3000)} {
		module(t, src) // and no panic
	}
	if m := module(t, "x = 1\n"); m.Broken != 0 {
		t.Errorf("a whole file is broken at %d", m.Broken)
	}
}

// What nests without end is read to a depth, in bounded time and memory.
func TestParentheses(t *testing.T) {
	m := module(t, strings.Repeat("(", 1<<16))
	if m.Broken == 0 {
		t.Error("parentheses that never close are not broken")
	}
	p, err := NewParser()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Module("x.py", "x", make([]byte, maxSource+1)); err == nil {
		t.Error("there is no bound on a file")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestModernSyntax(t *testing.T) {
	m := module(t, `
from .models import File as F
from .. import settings
@app.get("/x/{n:path}")
async def f(n: str, *rest, q: str = Query("a"), **kw) -> str:
    if (m := g(n)) is not None and 1 < m < 3:
        return f"{BASE}/{n!r:>{w}}{{x}}"
    match n:
        case "a" | "b" if q: return 1
        case _: pass
    try:
        x = [k for k in l if k]
    except* ValueError as e:
        raise
    with open(a) as h, b:
        pass
type A[T] = list[T]
`)
	if m.Broken != 0 {
		t.Errorf("broken at %d", m.Broken)
	}
	if m.Imports["F"] != "app.models.File" || m.Imports["settings"] != "settings" {
		t.Errorf("imports %v", m.Imports)
	}
	var f *ir.Func
	for _, s := range m.Body {
		if s.Op == ir.Def {
			f = s.Func
		}
	}
	if f == nil || len(f.Params) != 4 || f.Params[1].Spread != "*" || f.Params[2].Default == nil || len(f.Decorators) != 1 {
		t.Fatalf("function %+v", f)
	}
	ret := f.Body[0].Body[0]
	if ret.Op != ir.Return || ret.Value.Op != ir.Format || len(ret.Value.Args) != 4 || ret.Value.Args[3].Text != "{x}" {
		t.Errorf("f-string %+v", ret.Value)
	}
}
