package flow

import (
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

// callArgs are the arguments of one call.
type callArgs struct {
	pos  []*Val
	kw   map[string]*Val
	rest []*Val // spread by ** or *
	expr *ir.Expr
	recv *Val
}

// at is the argument in place i, or by one of the names; nil where there is none.
func (a *callArgs) at(i int, names ...string) *Val {
	for _, n := range names {
		if v, ok := a.kw[n]; ok {
			return v
		}
	}
	if i >= 0 && i < len(a.pos) {
		return a.pos[i]
	}
	return nil
}

func (a *callArgs) all() []*Val {
	out := append([]*Val(nil), a.pos...)
	for _, v := range a.kw {
		out = append(out, v)
	}
	return append(out, a.rest...)
}

func (fr *frame) args(e *ir.Expr) *callArgs {
	a := &callArgs{expr: e}
	for i, arg := range e.Args {
		v := fr.eval(arg)
		key := ""
		if i < len(e.Keys) {
			key = e.Keys[i]
		}
		switch {
		case key == "" && v.op == vSeq && arg.Op == ir.Call && len(e.Args) == 1 && !fr.mod.python():
			a.pos = append(a.pos, v.args...) // f(g()) with several results
		case key == "":
			a.pos = append(a.pos, v)
		case key == "*" && v.op == vSeq:
			a.pos = append(a.pos, v.args...)
		case key == "*" && v.op == vParts:
			a.pos = append(a.pos, v.args[0])
		case key == "*":
			a.pos = append(a.pos, fr.element(v))
		case key == "**":
			a.rest = append(a.rest, v)
		default:
			if a.kw == nil {
				a.kw = map[string]*Val{}
			}
			a.kw[key] = v
		}
	}
	return a
}

func (fr *frame) callExpr(e *ir.Expr) *Val {
	var callee, recv *Val
	method := ""
	if e.X != nil && e.X.Op == ir.Attr {
		recv = fr.eval(e.X.X)
		method = e.X.Text
		callee = fr.attr(recv, method, e.X)
	} else {
		callee = fr.eval(e.X)
	}
	a := fr.args(e)
	a.recv = recv
	if fr.st.dead {
		return fr.x.t.nothing()
	}
	return fr.apply(callee, recv, method, a)
}

// apply calls callee, or the method of recv.
func (fr *frame) apply(callee, recv *Val, method string, a *callArgs) *Val {
	t := fr.x.t
	fr.x.lang.called(fr, callee, recv, method, a)
	switch callee.op {
	case vFunc:
		return fr.inline(callee, nil, a)
	case vBound:
		return fr.inline(callee, callee.args[0], a)
	case vClass:
		return fr.construct(callee, a)
	case vPhi:
		var alts []alt
		for _, c := range callee.alts {
			if c.v.op == vFunc || c.v.op == vBound || c.v.op == vRef {
				alts = append(alts, alt{fr.apply(c.v, recv, method, a), c.facts})
			}
		}
		if len(alts) > 0 {
			return t.phi(alts)
		}
	case vRef:
		if v := fr.x.lang.call(fr, callee.text, a); v != nil {
			return v
		}
	}
	if recv != nil && recv.op != vRef && recv.op != vModule {
		if recv.op == vPhi && len(recv.alts) > 0 && !recv.allText() {
			return fr.methodOfAny(recv, method, a)
		}
		if v := fr.x.lang.method(fr, recv, method, a); v != nil {
			return v
		}
	}
	if callee.op == vRef {
		return t.unknown("call "+callee.text, a.all()...)
	}
	return t.unknown("call@"+strconv.Itoa(callee.id), a.all()...)
}

func (fr *frame) methodOfAny(recv *Val, method string, a *callArgs) *Val {
	var alts []alt
	for _, one := range recv.alts {
		if one.v.op == vNothing {
			continue
		}
		main := fr.st.facts
		fr.st.facts = main.with(one.facts)
		copied := *a
		copied.recv = one.v
		v := fr.x.lang.method(fr, one.v, method, &copied)
		fr.st.facts = main
		if v == nil {
			v = fr.x.t.unknown("call "+method, one.v)
		}
		alts = append(alts, alt{v, one.facts})
	}
	return fr.x.t.phi(alts)
}

// inline runs the project's function f where it is called, with what it is given.
func (fr *frame) inline(f, self *Val, a *callArgs) *Val {
	x := fr.x
	if fr.depth >= maxInline || x.spent() || f.fn == nil {
		return x.tooDeep(a)
	}
	key := ""
	told := x.told(a.all()) || self != nil && x.told([]*Val{self})
	if !told {
		key = memoKey(f, self, a)
		if v, ok := x.memo[key]; ok {
			if v == nil {
				fr.st.dead = true
				return x.t.nothing()
			}
			return v
		}
	}
	// What a function does for the seventh time without anything from a request, it did before.
	seen := x.seen[f.fn]
	if seen == nil {
		seen = &runs{}
		x.seen[f.fn] = seen
	}
	if !told && seen.plain >= 6 || seen.told >= 400 {
		if seen.returned == 0 && seen.plain > 0 {
			fr.st.dead = true
		}
		return x.tooDeep(a)
	}
	if told {
		seen.told++
	} else {
		seen.plain++
	}
	in := &frame{x: x, mod: f.mod, parent: f.scope, st: &state{vars: map[string]*Val{}, facts: fr.st.facts}, fn: f.fn, entry: fr.entry, depth: fr.depth + 1}
	in.bindParams(f.fn, self, a)
	if key != "" {
		x.memo[key] = x.t.unknown("recursion") // until it is known
	}
	in.body()
	v, returns := in.result()
	if returns {
		seen.returned++
		fr.st.facts = in.exitFacts()
	} else {
		fr.st.dead = true
	}
	if key != "" {
		if x.memo[key] = v; !returns {
			x.memo[key] = nil
		}
	}
	return v
}

// exitFacts is what holds however the function returned.
func (fr *frame) exitFacts() facts {
	var out facts
	first := true
	if !fr.st.dead {
		out, first = fr.st.facts, false
	}
	for _, r := range fr.rets {
		if first {
			out, first = r.facts, false
		} else {
			out = out.common(r.facts)
		}
	}
	return out
}

// result is what the function returned; returns is false where it never does.
func (fr *frame) result() (v *Val, returns bool) {
	alts := fr.rets
	if !fr.st.dead {
		alts = append(alts, alt{fr.x.t.nothing(), fr.st.facts})
	}
	if len(alts) == 0 {
		return fr.x.t.nothing(), false
	}
	return fr.x.t.phi(alts), true
}

// tooDeep is the result of a call that was not followed: what went in may come out.
func (x *exec) tooDeep(a *callArgs) *Val {
	for _, v := range a.all() {
		if v.tainted && v.textual() {
			return v
		}
	}
	return x.t.unknown("deep call")
}

// runs counts how often a function was run for its callers.
type runs struct{ plain, told, returned int }

// told reports values that carry something from a request.
func (x *exec) told(list []*Val) bool {
	for _, v := range list {
		switch {
		case v.tainted, v.op == vObj && v.text != "sep" && v.text != "letters", isCondition(v):
			return true
		case v.op == vInst:
			for _, f := range v.obj.fields {
				if f.tainted || f.op == vObj {
					return true
				}
			}
		}
	}
	return false
}

func memoKey(f, self *Val, a *callArgs) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(f.id))
	if self != nil {
		b.WriteString("," + strconv.Itoa(self.id))
	}
	for _, v := range a.pos {
		b.WriteString(";" + strconv.Itoa(v.id))
	}
	for _, p := range f.fn.Params {
		if v, ok := a.kw[p.Name]; ok {
			b.WriteString(";" + p.Name + "=" + strconv.Itoa(v.id))
		}
	}
	return b.String()
}

// bindParams gives parameters their arguments or defaults.
func (fr *frame) bindParams(f *ir.Func, self *Val, a *callArgs) {
	t := fr.x.t
	params := f.Params
	if self != nil {
		if f.RecvName != "" {
			fr.st.vars[f.RecvName] = self
		} else if fr.mod.python() && len(params) > 0 && !static(f) {
			fr.st.vars[params[0].Name] = self
			params = params[1:]
		}
	}
	used := 0
	for _, p := range params {
		switch p.Spread {
		case "*":
			rest := []*Val{}
			if used < len(a.pos) {
				rest = a.pos[used:]
			}
			used = len(a.pos)
			fr.st.vars[p.Name] = t.make(Val{op: vSeq, args: rest})
			continue
		case "**":
			fr.st.vars[p.Name] = t.unknown("kwargs")
			continue
		}
		v := a.kw[p.Name]
		if v == nil && used < len(a.pos) {
			v = a.pos[used]
			used++
		}
		if v == nil && p.Default != nil {
			v = fr.eval(p.Default)
		}
		if v == nil && len(a.rest) > 0 {
			v = fr.spread(a.rest[0], p.Name)
		}
		if v == nil {
			v = t.unknown("param " + p.Name)
		}
		fr.st.vars[p.Name] = fr.x.lang.typed(fr, v, p)
	}
}

// spread is the field of **values.
func (fr *frame) spread(v *Val, name string) *Val {
	switch {
	case v.op == vObj && strings.HasPrefix(v.text, "dict:"):
		return fr.x.lang.index(fr, v, fr.x.t.str(name), nil)
	case v.op == vDict:
		return fr.x.t.unknown("kwargs")
	}
	return fr.element(v)
}

func static(f *ir.Func) bool {
	for _, d := range f.Decorators {
		if d.Op == ir.Name && d.Text == "staticmethod" {
			return true
		}
	}
	return false
}

func (fr *frame) construct(cls *Val, a *callArgs) *Val {
	x := fr.x
	v := x.newInstance(cls)
	if init := x.method(cls, "__init__"); init != nil && init.op == vFunc {
		fr.inline(init, v, a)
		return v
	}
	x.lang.construct(fr, v, a)
	return v
}
