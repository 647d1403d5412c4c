package flow

import (
	"regexp"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

type goRules struct{}

var goVersion = regexp.MustCompile(`/v[0-9]+\b`)

func (goRules) canonical(q string) string {
	if strings.Contains(q, "/v") {
		return goVersion.ReplaceAllString(q, "")
	}
	return q
}

func (goRules) outside(x *exec, q string) *Val {
	if kind := goKinds[q]; kind == "sep" {
		return x.t.kind(kind)
	}
	return nil
}

func (goRules) builtin(fr *frame, name string) *Val { return fr.x.t.ref("builtins." + name) }

// typeVal is what a variable of a type is before anything is known of it.
func (fr *frame) typeVal(e *ir.Expr) *Val {
	t := fr.x.t
	if e == nil {
		return t.unknown("untyped")
	}
	switch e.Op {
	case ir.Type:
		switch {
		case e.Text == "[]":
			inner := fr.typeVal(e.X)
			if inner.op == vObj || inner.op == vInst {
				return t.seq(inner)
			}
		}
		return t.unknown("type " + e.Text)
	case ir.Name, ir.Attr:
		v := fr.eval(e)
		switch v.op {
		case vRef:
			if strings.HasPrefix(v.text, "builtins.") {
				return t.unknown(v.text)
			}
			switch v.text {
			case "net/url.Values":
				return t.kind("dict:query")
			case "net/http.Header":
				return t.kind("dict:header")
			}
			return t.kind(v.text)
		case vClass:
			return fr.x.instance(v)
		}
	}
	return t.unknown("type")
}

func (r goRules) attr(fr *frame, base *Val, name string, e *ir.Expr) *Val {
	t := fr.x.t
	if base.op != vObj {
		return nil
	}
	key := base.text + "." + name
	if kind := goKinds[key]; kind != "" {
		return t.make(Val{op: vObj, text: kind, args: base.args})
	}
	if src, ok := goTexts[key]; ok {
		if src.Param == "rooted" && fr.x.strips(fr.mod) {
			src.Param = ""
		}
		return t.source(src)
	}
	return nil
}

// strips reports a package that takes a prefix off the path before a handler of its own.
func (x *exec) strips(m *module) bool {
	known, ok := x.stripping[m.ir.Name]
	if !ok {
		for _, f := range m.files {
			known = known || stripsStmts(f.Body)
		}
		x.stripping[m.ir.Name] = known
	}
	return known
}

func stripsStmts(list []*ir.Stmt) bool {
	for _, s := range list {
		if stripsExpr(s.Value) || stripsStmts(s.Body) || stripsStmts(s.Else) || s.Func != nil && stripsStmts(s.Func.Body) {
			return true
		}
	}
	return false
}

func stripsExpr(e *ir.Expr) bool {
	if e == nil {
		return false
	}
	if e.Op == ir.Call && e.X.Op == ir.Attr && e.X.Text == "StripPrefix" && len(e.Args) == 2 {
		h := e.Args[1]
		return h.X == nil || h.X.Text != "FileServer" && h.X.Text != "FileServerFS"
	}
	if stripsExpr(e.X) || e.Func != nil && stripsStmts(e.Func.Body) {
		return true
	}
	for _, a := range e.Args {
		if stripsExpr(a) {
			return true
		}
	}
	return false
}

func (r goRules) instAttr(fr *frame, base *Val, name string) *Val {
	cls := base.args[0]
	if typ, ok := cls.cls.Fields[name]; ok {
		in := &frame{x: fr.x, mod: cls.mod, st: cls.mod.st, fn: &ir.Func{Module: cls.cls.Module}, entry: fr.entry}
		v := in.typeVal(typ)
		// Headers and values that a struct holds are as often those of a setting, or of an answer: where they are a
		// request's, somebody put them there.
		if v.op == vUnknown || v.op == vObj && strings.HasPrefix(v.text, "dict:") {
			v = fr.x.t.unknown("field " + name + " of " + cls.cls.Name)
		}
		return v
	}
	for _, b := range fr.x.bases(cls) {
		switch b.op {
		case vClass:
			if v := r.instAttr(fr, fr.x.instance(b), name); v != nil {
				return v
			}
		case vRef:
			if v := r.attr(fr, fr.x.t.kind(b.text), name, nil); v != nil {
				return v
			}
		}
	}
	return nil
}

func (r goRules) index(fr *frame, base, key *Val, e *ir.Expr) *Val {
	if base.op != vObj {
		return nil
	}
	name, _ := constText(key)
	switch {
	case base.text == "dict:path":
		return fr.x.source("path", name)
	case strings.HasPrefix(base.text, "dict:"): // r.Form["x"] is a list
		return fr.x.t.seq(fr.x.source(strings.TrimPrefix(base.text, "dict:"), name))
	case base.text == "gofiles":
		return fr.x.t.seq(fr.x.t.kind("mime/multipart.FileHeader"))
	case base.text == "members":
		return fr.x.t.kind("archive/zip.File")
	}
	return nil
}

func (r goRules) element(fr *frame, v *Val) *Val {
	t := fr.x.t
	if v.op != vObj {
		return nil
	}
	switch {
	case v.text == "members":
		return t.kind("archive/zip.File")
	case v.text == "gofiles":
		return t.seq(t.kind("mime/multipart.FileHeader"))
	case v.text == "dict:path":
		return fr.x.source("path", "")
	case strings.HasPrefix(v.text, "dict:"):
		return t.seq(fr.x.source(strings.TrimPrefix(v.text, "dict:"), ""))
	}
	return nil
}

func (r goRules) construct(fr *frame, v *Val, a *callArgs) {
	for name, got := range a.kw {
		v.obj.fields[name] = got
	}
	// A conversion keeps its text; a struct by position, too.
	if len(v.obj.cls.Fields) == 0 && len(a.pos) == 1 {
		v.obj.fields["\x00value"] = a.pos[0]
	}
}

// ordered reads what strings.Index returned.
func (goRules) ordered(fr *frame, op string, a, b *Val) *Val {
	if !isCondition(a) || b.op != vConst {
		return nil
	}
	switch op + b.text {
	case ">=0", ">-1":
		return a
	case "<0", "<=-1":
		return fr.x.t.not(a)
	}
	return nil
}

func (goRules) isNothing(fr *frame, v *Val) *Val {
	if v.op == vObj {
		return fr.x.t.str("False")
	}
	return fr.x.t.pred("isnothing", v)
}

func (r goRules) typed(fr *frame, v *Val, p ir.Param) *Val {
	if v.op == vUnknown && p.Type != nil {
		if got := fr.typeVal(p.Type); got.op != vUnknown {
			return got
		}
	}
	return v
}

// declare makes types and methods known before anything of the package runs.
func (r goRules) declare(fr *frame, file *ir.Module) {
	fr.fn = &ir.Func{Module: file}
	for _, s := range file.Body {
		switch {
		case s.Op == ir.ClassDef:
			fr.st.vars[s.Class.Name] = fr.x.classVal(s.Class, fr.mod)
		case s.Op == ir.Def && s.Func.Recv == "":
			fr.st.vars[s.Func.Name] = fr.topLevel(s.Func)
		}
	}
}

// topLevel is a function of a package; closures take the module that is run.
func (fr *frame) topLevel(f *ir.Func) *Val {
	in := *fr
	in.fn = nil
	return in.closure(f)
}

func (r goRules) methods(fr *frame, file *ir.Module) {
	for _, s := range file.Body {
		if s.Op != ir.Def || s.Func.Recv == "" {
			continue
		}
		if cls := fr.st.vars[s.Func.Recv]; cls != nil && cls.op == vClass {
			cls.obj.fields[s.Func.Name] = fr.topLevel(s.Func)
		} else {
			fr.topLevel(s.Func)
		}
	}
}

// params gives a function what its types say.
func (r goRules) params(fr *frame, e *entry) {
	if e.self != nil && e.fn.RecvName != "" {
		fr.st.vars[e.fn.RecvName] = e.self
	}
	for _, p := range e.fn.Params {
		v := fr.typeVal(p.Type)
		if v.op == vUnknown || v.op == vObj && v.text == "net/url.URL" { // which may be one that the program itself asks for
			v = fr.x.t.unknown("param " + p.Name + " of " + fr.name())
		}
		if v.op == vObj && v.text == "net/http.Request" && e.route == nil {
			e.route = &route{framework: "net/http", method: "GET"}
		}
		fr.st.vars[p.Name] = v
	}
}

func (goRules) setAttr(fr *frame, base *Val, target *ir.Expr, v *Val)  {}
func (goRules) defined(fr *frame, f *ir.Func, v *Val)                  {}
func (goRules) returned(fr *frame, v *Val, s *ir.Stmt)                 {}
func (goRules) setIndex(fr *frame, base, key, v *Val, target *ir.Expr) { fr.header(key, v, target) }

// called learns the pattern of a handler where mux.HandleFunc says it.
func (goRules) called(fr *frame, callee, recv *Val, method string, a *callArgs) {
	if (method == "HandleFunc" || method == "Handle" || method == "Get" || method == "GET" || method == "Post" || method == "POST") && len(a.pos) >= 2 {
		pattern, ok := constText(a.pos[0])
		if !ok || !strings.Contains(pattern, "/") {
			return
		}
		verb, rest, spaced := strings.Cut(pattern, " ")
		if !spaced {
			verb, rest = "GET", pattern
		}
		for _, h := range a.pos[1:] {
			if (h.op == vFunc || h.op == vBound) && h.fn != nil && fr.x.routes[h.fn] == nil {
				fr.x.routes[h.fn] = &route{pattern: rest, method: verb, framework: "net/http"}
			}
		}
	}
	if callee.op == vRef && callee.text == "net/http.Error" {
		if code := a.at(2); code != nil && (code.isConst("403") || code.text == "net/http.StatusForbidden") && fr.entry.fn != nil {
			fr.x.forbidden[fr.entry.fn] = true
		}
	}
}

// handled says which handler hands out files to anybody.
func (r goRules) handled(fr *frame, e *entry) {
	if e.route == nil || !fr.x.handsOut[e.fn] {
		return
	}
	for _, f := range e.mod.files {
		if mentionsStmts(f.Body, askWords) {
			return
		}
		for _, s := range f.Body {
			if s.Func != nil && (askWords.MatchString(s.Func.Name) || mentionsStmts(s.Func.Body, askWords)) {
				return
			}
		}
	}
	fr.note("unauthenticated-files", Info, ir.Pos{Line: e.fn.Line, End: e.fn.Line}, e.fn.Name, "the handler "+quote(e.fn.Name)+" hands out files, and nothing in its package asks who it is that asks")
}
