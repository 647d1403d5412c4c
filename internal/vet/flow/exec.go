package flow

import (
	"github.com/rootbound/rootbound/internal/vet/ir"
)

// scope is where a closure finds what it does not have itself.
type scope struct {
	vars   map[string]*Val
	parent *scope
}

// state is what is known at one point of one function.
type state struct {
	vars  map[string]*Val
	facts facts
	dead  bool // nothing gets here
}

func (s *state) clone() *state {
	vars := make(map[string]*Val, len(s.vars))
	for k, v := range s.vars {
		vars[k] = v
	}
	return &state{vars, s.facts, s.dead}
}

// frame runs one function once.
type frame struct {
	x      *exec
	mod    *module
	parent *scope
	st     *state
	fn     *ir.Func
	entry  *entry
	depth  int
	rets   []alt
	breaks [][]*state // one list for each loop around
	nexts  [][]*state
	defers []*ir.Expr
}

const maxInline = 8 // of calls within calls

func (fr *frame) block(stmts []*ir.Stmt) {
	for _, s := range stmts {
		if fr.st.dead || fr.x.spent() {
			return
		}
		fr.stmt(s)
	}
}

func (fr *frame) stmt(s *ir.Stmt) {
	switch s.Op {
	case ir.Eval:
		fr.eval(s.Value)
	case ir.Assign:
		fr.assignStmt(s)
	case ir.If:
		fr.ifStmt(s)
	case ir.Loop:
		fr.loop(s)
	case ir.Try:
		fr.try(s)
	case ir.Block:
		fr.block(s.Body)
	case ir.Return:
		fr.returnStmt(s)
	case ir.Raise:
		if s.Value != nil {
			fr.eval(s.Value)
			fr.noteRaise(s.Value)
		}
		fr.st.dead = true
	case ir.Break:
		fr.leave(fr.breaks)
	case ir.Continue:
		fr.leave(fr.nexts)
	case ir.Def:
		fr.def(s.Func)
	case ir.ClassDef:
		fr.classDef(s.Class)
	case ir.Defer:
		if s.Value != nil {
			fr.defers = append(fr.defers, s.Value)
		}
	}
}

func (fr *frame) leave(to [][]*state) {
	if n := len(to); n > 0 {
		to[n-1] = append(to[n-1], fr.st.clone())
	}
	fr.st.dead = true
}

func (fr *frame) assignStmt(s *ir.Stmt) {
	if s.Value == nil {
		return
	}
	v := fr.eval(s.Value)
	for _, target := range s.Targets {
		fr.assign(target, v, s)
	}
}

func (fr *frame) assign(target *ir.Expr, v *Val, s *ir.Stmt) {
	switch target.Op {
	case ir.Name:
		fr.st.vars[target.Text] = v
	case ir.Seq:
		fr.destructure(target, v, s)
	case ir.Attr:
		base := fr.eval(target.X)
		fr.setAttr(base, target.Text, v)
		fr.x.lang.setAttr(fr, base, target, v)
	case ir.Index:
		base := fr.eval(target.X)
		key := fr.eval(target.Args[0])
		fr.st.vars[itemKey(base, key)] = v
		if base.op == vObj || base.op == vRef {
			fr.x.keep(itemKey(base, key), v, fr.st.facts)
		}
		fr.x.lang.setIndex(fr, base, key, v, target)
	}
}

func itemKey(base, key *Val) string { return attrKey(base, "["+idText(key)+"]") }

func (fr *frame) setAttr(base *Val, name string, v *Val) {
	fr.st.vars[attrKey(base, name)] = v
	if base.op == vObj || base.op == vRef {
		fr.x.keep(attrKey(base, name), v, fr.st.facts)
	}
	if base.op == vInst {
		if old, ok := base.obj.fields[name]; ok && old != v {
			v = fr.x.t.phi([]alt{{old, nil}, {v, nil}})
		}
		base.obj.fields[name] = v
	}
}

// destructure gives each target its part. In Go a value that is not a tuple is the first of several results.
func (fr *frame) destructure(target *ir.Expr, v *Val, s *ir.Stmt) {
	parts := make([]*Val, len(target.Args))
	switch {
	case v.op == vSeq:
		copy(parts, v.args)
	case v.op == vPhi:
		for i := range parts {
			var alts []alt
			for _, a := range v.alts {
				if a.v.op == vSeq && i < len(a.v.args) {
					alts = append(alts, alt{a.v.args[i], a.facts})
				} else if i == 0 || fr.mod.python() {
					alts = append(alts, alt{fr.part(a.v, i), a.facts})
				}
			}
			if len(alts) > 0 {
				parts[i] = fr.x.t.phi(alts)
			}
		}
	case fr.mod.python():
		for i := range parts {
			parts[i] = fr.part(v, i)
		}
	default:
		parts[0] = v
	}
	for i, inner := range target.Args {
		p := parts[i]
		if p == nil {
			p = fr.x.t.unknown("part", v, fr.x.t.str(idNumber(i)))
		}
		fr.assign(inner, p, s)
	}
}

// part is an element of something that is not a tuple.
func (fr *frame) part(v *Val, i int) *Val {
	if v.op == vSeq && i < len(v.args) {
		return v.args[i]
	}
	return fr.element(v)
}

// element is any element of v.
func (fr *frame) element(v *Val) *Val {
	t := fr.x.t
	if v.op == vSeq {
		var alts []alt
		for _, a := range v.args {
			alts = append(alts, alt{a, nil})
		}
		if len(alts) > 0 {
			return t.phi(alts)
		}
	}
	if e := fr.x.lang.element(fr, v); e != nil {
		return e
	}
	return t.of(vElem, "", v)
}

func (fr *frame) ifStmt(s *ir.Stmt) {
	cond := fr.cond(s.Value)
	if fr.st.dead {
		return
	}
	main := fr.st
	yes, no := main.clone(), main.clone()
	var ok bool
	if yes.facts, ok = fr.x.t.assume(main.facts, cond, true); !ok {
		yes.dead = true
	}
	if no.facts, ok = fr.x.t.assume(main.facts, cond, false); !ok {
		no.dead = true
	}
	fr.st = yes
	fr.block(s.Body)
	yes = fr.st
	fr.st = no
	fr.block(s.Else)
	no = fr.st
	fr.st = main
	fr.merge(main, yes, no)
}

// merge makes into what is known after any of some ways. Its map stays the same one: closures hold it.
func (fr *frame) merge(into *state, ways ...*state) {
	var live []*state
	for _, w := range ways {
		if !w.dead {
			live = append(live, w)
		}
	}
	if len(live) == 0 {
		into.dead = true
		return
	}
	into.dead = false
	into.facts = live[0].facts
	for _, w := range live[1:] {
		into.facts = into.facts.common(w.facts)
	}
	for name := range into.vars {
		delete(into.vars, name)
	}
	for i, w := range live {
		for name, v := range w.vars {
			if _, done := into.vars[name]; done {
				continue
			}
			into.vars[name] = fr.mergeVar(name, v, live, i)
		}
	}
}

func (fr *frame) mergeVar(name string, v *Val, live []*state, from int) *Val {
	same := true
	alts := []alt{{v, live[from].facts}}
	for _, w := range live[from+1:] {
		other, ok := w.vars[name]
		if ok && other != v {
			same = false
		}
		if ok {
			alts = append(alts, alt{other, w.facts})
		}
	}
	if same {
		return v
	}
	return fr.x.t.phi(alts)
}

func (fr *frame) returnStmt(s *ir.Stmt) {
	v := fr.x.t.nothing()
	if s.Value != nil {
		v = fr.eval(s.Value)
	} else if fr.fn != nil && len(fr.fn.Results) > 0 {
		var named []*Val
		for _, name := range fr.fn.Results {
			named = append(named, fr.lookup(name))
		}
		v = fr.x.t.seq(named...)
		if len(named) == 1 {
			v = named[0]
		}
	}
	if fr.st.dead {
		return
	}
	fr.x.lang.returned(fr, v, s)
	fr.rets = append(fr.rets, alt{v, fr.st.facts})
	fr.st.dead = true
}

// def makes a function known under its name, and asks for it to be run on its own.
func (fr *frame) def(f *ir.Func) {
	if f.Recv != "" && !fr.mod.python() {
		return // known since methods
	}
	v := fr.closure(f)
	fr.st.vars[f.Name] = v
	fr.x.lang.defined(fr, f, v)
}

// closure is the value of a function that stands in this frame.
func (fr *frame) closure(f *ir.Func) *Val {
	sc := &scope{fr.st.vars, fr.parent}
	if fr.fn == nil || fr.fn.Body == nil && !fr.mod.python() {
		sc = nil // the module's own names are found through the module
	}
	key := fnKey{f, 0}
	if known, ok := fr.x.closures[key]; ok {
		known.scope = sc
		return known
	}
	v := fr.x.t.fresh(Val{op: vFunc, fn: f, scope: sc, mod: fr.mod})
	fr.x.closures[key] = v
	fr.x.enqueue(&entry{fn: f, scope: sc, mod: fr.mod})
	return v
}

func (fr *frame) classDef(c *ir.Class) {
	v := fr.x.classVal(c, fr.mod)
	fr.st.vars[c.Name] = v
	inner := &frame{x: fr.x, mod: fr.mod, parent: &scope{fr.st.vars, fr.parent}, st: &state{vars: map[string]*Val{}, facts: fr.st.facts}, entry: fr.entry, depth: fr.depth, fn: fr.fn}
	inner.block(c.Body)
	for name, member := range inner.st.vars {
		v.obj.fields[name] = member
	}
}
