package flow

import (
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

const maxName = 200

// lookup finds a name as the function sees it.
func (fr *frame) lookup(name string) *Val {
	if v, ok := fr.st.vars[name]; ok {
		return v
	}
	for sc := fr.parent; sc != nil; sc = sc.parent {
		if v, ok := sc.vars[name]; ok {
			return v
		}
	}
	if v, ok := fr.mod.st.vars[name]; ok {
		return v
	}
	if q, ok := fr.mod.imports(fr.fn, name); ok {
		return fr.x.qualified(q, fr.mod)
	}
	if fr.mod.python() {
		for key, from := range fr.mod.ir.Imports {
			if strings.HasPrefix(key, "* ") {
				if m := fr.x.project(from, fr.mod); m != nil {
					fr.x.runModule(m)
					if v, ok := m.st.vars[name]; ok {
						return v
					}
				} else if fr.x.lang.wild[from+"."+name] {
					return fr.x.outside(from + "." + name)
				}
			}
		}
	}
	return fr.x.lang.builtin(fr, name)
}

// qualified is what a dotted name means: something of the project's, or of others'.
func (x *exec) qualified(q string, importer *module) *Val {
	if x.resolving > 16 || len(q) > maxName { // modules that import each other, node = node.next
		return x.t.unknown("cycle")
	}
	x.resolving++
	defer func() { x.resolving-- }()
	if m := x.project(q, importer); m != nil {
		return x.moduleVal(m)
	}
	for at := strings.LastIndexByte(q, '.'); at > 0; at = strings.LastIndexByte(q[:at], '.') {
		if m := x.project(q[:at], importer); m != nil {
			return x.within(m, q[at+1:])
		}
		if x.lang.name == "go" {
			break
		}
	}
	return x.outside(q)
}

func (x *exec) outside(q string) *Val {
	q = x.lang.canonical(q)
	if v := x.lang.outside(x, q); v != nil {
		return v
	}
	return x.t.ref(q)
}

// within finds a dotted name inside of a module.
func (x *exec) within(m *module, name string) *Val {
	if m.run == 0 {
		steps, limit := x.steps, x.limit
		x.runModule(m)
		x.steps, x.limit = steps, limit
	}
	first, rest, more := strings.Cut(name, ".")
	v, ok := m.st.vars[first]
	if !ok {
		if q, is := m.ir.Imports[first]; is && q != m.ir.Name+"."+first {
			v, ok = x.qualified(q, m), true
		}
	}
	if !ok {
		if sub := x.project(m.ir.Name+"."+first, nil); sub != nil {
			v, ok = x.moduleVal(sub), true
		}
	}
	if !ok {
		return x.t.unknown("name " + m.ir.Name + "." + name)
	}
	if more {
		fr := &frame{x: x, mod: m, st: m.st, entry: &entry{mod: m}}
		for _, part := range strings.Split(rest, ".") {
			v = fr.attr(v, part, nil)
		}
	}
	return v
}

func (x *exec) moduleVal(m *module) *Val {
	v := x.t.make(Val{op: vModule, text: m.ir.Name + "\x00" + m.ir.Path})
	v.mod = m
	return v
}

func (fr *frame) attr(base *Val, name string, e *ir.Expr) *Val {
	t := fr.x.t
	if v, ok := fr.st.vars[attrKey(base, name)]; ok {
		return v
	}
	if v := fr.kept(base, attrKey(base, name)); v != nil {
		return v
	}
	switch base.op {
	case vModule:
		return fr.x.within(base.mod, name)
	case vRef:
		return fr.x.qualified(base.text+"."+name, fr.mod)
	case vClass:
		if v := fr.x.method(base, name); v != nil {
			return v
		}
	case vInst:
		if v := fr.instAttr(base, name); v != nil {
			return v
		}
	case vPhi:
		var alts []alt
		for _, a := range base.alts {
			if a.v.op != vNothing && a.v.op != vPhi {
				alts = append(alts, alt{fr.attr(a.v, name, e), a.facts})
			}
		}
		if len(alts) > 0 {
			return t.phi(alts)
		}
	}
	if v := fr.x.lang.attr(fr, base, name, e); v != nil {
		return v
	}
	return t.unknown("attr "+name, base)
}

func (fr *frame) instAttr(base *Val, name string) *Val {
	if v, ok := base.obj.fields[name]; ok {
		return v
	}
	cls := base.args[0]
	if v := fr.x.method(cls, name); v != nil {
		if v.op == vFunc {
			return fr.x.bind(base, v)
		}
		return v
	}
	return fr.x.lang.instAttr(fr, base, name)
}

func (x *exec) bind(self, f *Val) *Val {
	return x.t.fresh(Val{op: vBound, fn: f.fn, scope: f.scope, mod: f.mod, args: []*Val{self}})
}
