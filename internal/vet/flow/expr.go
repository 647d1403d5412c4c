package flow

import (
	"strconv"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func idText(v *Val) string            { return strconv.Itoa(v.id) }
func idNumber(i int) string           { return strconv.Itoa(i) }
func attrKey(v *Val, n string) string { return "#" + strconv.Itoa(v.id) + "." + n }

// eval runs an expression. It never returns nil.
func (fr *frame) eval(e *ir.Expr) *Val {
	t := fr.x.t
	if e == nil {
		return t.nothing()
	}
	fr.x.steps++
	switch e.Op {
	case ir.Name:
		return fr.lookup(e.Text)
	case ir.Str:
		return t.str(e.Text)
	case ir.Num:
		return t.of(vConst, e.Text)
	case ir.Const:
		switch e.Text {
		case "None", "nil":
			return t.nothing()
		}
		return t.str(e.Text)
	case ir.Attr:
		return fr.attr(fr.eval(e.X), e.Text, e)
	case ir.Call:
		return fr.callExpr(e)
	case ir.Index:
		return fr.index(e)
	case ir.Slice:
		return fr.slice(e)
	case ir.Format:
		return fr.concat(e.Args)
	case ir.Add:
		return fr.add(e)
	case ir.Div:
		a, b := fr.eval(e.Args[0]), fr.eval(e.Args[1])
		if a.op == vConst && b.op == vConst && a.text == "" {
			return b
		}
		return t.of(vJoin, "", a, b)
	case ir.Mod:
		return fr.percent(e)
	case ir.Seq:
		return t.make(Val{op: vSeq, args: fr.evalAll(e.Args)})
	case ir.Dict:
		return t.make(Val{op: vDict, args: fr.evalAll(e.Args)})
	case ir.Cond:
		return fr.condExpr(e)
	case ir.Lambda:
		return fr.closure(e.Func)
	case ir.Comp:
		return fr.comp(e)
	case ir.Bind:
		v := fr.eval(e.X)
		fr.assign(e.Args[0], v, nil)
		return v
	case ir.Not, ir.And, ir.Or, ir.Compare:
		return fr.condValue(e)
	case ir.Type:
		return t.ref(e.Text)
	}
	for _, a := range e.Args {
		fr.eval(a)
	}
	return t.unknown("expr@" + strconv.Itoa(e.Line))
}

func (fr *frame) evalAll(list []*ir.Expr) []*Val {
	out := make([]*Val, len(list))
	for i, e := range list {
		out[i] = fr.eval(e)
	}
	return out
}

func (fr *frame) concat(parts []*ir.Expr) *Val { return fr.cat(fr.evalAll(parts)...) }

// maxParts bounds the pieces of a text, and the elements of a list, that a loop adds up.
const maxParts = 64

// cat joins texts, and flattens what was joined before.
func (fr *frame) cat(parts ...*Val) *Val {
	t := fr.x.t
	var flat []*Val
	for _, p := range parts {
		for _, one := range pieces(p) {
			if n := len(flat); n > 0 && one.op == vConst && flat[n-1].op == vConst {
				flat[n-1] = t.str(flat[n-1].text + one.text)
				continue
			}
			flat = append(flat, one)
		}
	}
	if len(flat) > maxParts {
		flat = flat[:maxParts]
	}
	if len(flat) == 1 {
		return flat[0]
	}
	if len(flat) == 0 {
		return t.str("")
	}
	return t.of(vCat, "", flat...)
}

func pieces(v *Val) []*Val {
	if v.op == vCat {
		return v.args
	}
	return []*Val{v}
}

func (fr *frame) add(e *ir.Expr) *Val {
	a, b := fr.eval(e.Args[0]), fr.eval(e.Args[1])
	if a.op == vSeq && b.op == vSeq && len(a.args)+len(b.args) <= maxParts {
		return fr.x.t.seq(append(append([]*Val(nil), a.args...), b.args...)...)
	}
	return fr.cat(a, b)
}

// percent is "%s/%s" % (a, b).
func (fr *frame) percent(e *ir.Expr) *Val {
	left, right := fr.eval(e.Args[0]), fr.eval(e.Args[1])
	if left.op != vConst {
		return fr.x.t.unknown("mod", left, right)
	}
	args := []*Val{right}
	if right.op == vSeq {
		args = right.args
	}
	return fr.formatted(left.text, '%', args, nil)
}

func (fr *frame) condExpr(e *ir.Expr) *Val {
	c := fr.cond(e.Args[0])
	main := fr.st
	var alts []alt
	for i, truth := range []bool{true, false} {
		way := main.clone()
		var ok bool
		if way.facts, ok = fr.x.t.assume(main.facts, c, truth); !ok {
			continue
		}
		fr.st = way
		v := fr.eval(e.Args[1+i])
		if !fr.st.dead {
			alts = append(alts, alt{v, fr.st.facts})
		}
	}
	fr.st = main
	return fr.x.t.phi(alts)
}

// comp is a comprehension: one turn of its loops.
func (fr *frame) comp(e *ir.Expr) *Val {
	main := fr.st
	fr.st = main.clone()
	var over *Val
	known := len(main.facts)
	for _, s := range e.Stmts {
		if s.Op == ir.Loop {
			over = fr.eval(s.Value)
			fr.assign(s.Targets[0], fr.element(over), s)
			continue
		}
		fr.st.facts, _ = fr.x.t.assume(fr.st.facts, fr.cond(s.Value), true)
	}
	v := fr.eval(e.Args[0])
	v = fr.filtered(v, over, fr.st.facts[known:])
	fr.st = main
	if over != nil && over.op == vListing {
		return over
	}
	return fr.x.t.of(vSeq, "", v)
}

// filtered is an element of a comprehension with what its conditions say.
func (fr *frame) filtered(v, over *Val, said facts) *Val {
	t := fr.x.t
	if len(said) == 0 || over == nil || !v.tainted {
		return v
	}
	if over.textual() && v.op == vElem && v.args[0] == over {
		for _, one := range said {
			if set, ok := charsOf(one.pred, one.truth); ok {
				text := ""
				if set.slash {
					text += "s"
				}
				if set.dot {
					text += "d"
				}
				return t.of(vFiltered, text, over)
			}
		}
	}
	return t.fresh(Val{op: vPhi, alts: []alt{{v, said}}})
}

// cond evaluates a condition.
func (fr *frame) cond(e *ir.Expr) *Val {
	if e == nil {
		return fr.x.t.unknown("cond")
	}
	return fr.eval(e)
}

// condValue is a condition as a value. What stands right of `and` is evaluated where the left holds.
func (fr *frame) condValue(e *ir.Expr) *Val {
	t := fr.x.t
	switch e.Op {
	case ir.Not:
		return t.not(fr.cond(e.X))
	case ir.And, ir.Or:
		a := fr.cond(e.Args[0])
		main := fr.st
		way := main.clone()
		way.facts, _ = t.assume(main.facts, a, e.Op == ir.And)
		fr.st = way
		b := fr.cond(e.Args[1])
		fr.st = main
		for name, v := range way.vars { // := within
			if _, had := main.vars[name]; !had {
				main.vars[name] = v
			}
		}
		if e.Op == ir.Or && !isCondition(a) && a.op != vUnknown {
			return t.phi([]alt{{a, nil}, {b, nil}}) // `x or default`
		}
		if e.Op == ir.And {
			return t.of(vAnd, "", a, b)
		}
		return t.of(vOr, "", a, b)
	}
	return fr.compare(e.Text, fr.eval(e.Args[0]), fr.eval(e.Args[1]))
}

func isCondition(v *Val) bool {
	switch v.op {
	case vPred, vNot, vAnd, vOr, vLoopPred:
		return true
	case vPhi:
		for _, a := range v.alts {
			if !isCondition(a.v) && !a.v.isConst("True") && !a.v.isConst("False") {
				return false
			}
		}
		return true
	}
	return false
}

func (fr *frame) compare(op string, a, b *Val) *Val {
	t := fr.x.t
	switch op {
	case "==", "is":
		return fr.equal(a, b)
	case "!=", "is not", "<>":
		return t.not(fr.equal(a, b))
	case "in":
		return fr.contains(b, a)
	case "not in":
		return t.not(fr.contains(b, a))
	case ">=", ">", "<", "<=":
		if p := fr.x.lang.ordered(fr, op, a, b); p != nil {
			return p
		}
	}
	return t.unknown("compare "+op, a, b)
}

func (fr *frame) equal(a, b *Val) *Val {
	t := fr.x.t
	if a.op == vConst && b.op != vConst {
		a, b = b, a
	}
	if a.op == vPhi {
		// Each alternative is known by itself: path is None, err != nil.
		alts := make([]alt, 0, len(a.alts))
		for _, one := range a.alts {
			alts = append(alts, alt{fr.equal(one.v, b), one.facts})
		}
		return t.fresh(Val{op: vPhi, alts: alts})
	}
	if b.op == vNothing {
		switch a.op {
		case vNothing:
			return t.str("True")
		case vUnknown, vOpaque:
			return t.pred("isnothing", a)
		case vPred, vPhi, vObj, vElem, vRegexSub:
			return fr.x.lang.isNothing(fr, a)
		}
		return t.str("False")
	}
	if isCondition(a) && b.op == vConst {
		switch b.text {
		case "True", "true":
			return a
		case "False", "false":
			return t.not(a)
		}
	}
	if b.tainted && !a.tainted {
		a, b = b, a
	}
	return t.pred("eq", a, b)
}

// contains is `needle in hay`.
func (fr *frame) contains(hay, needle *Val) *Val {
	t := fr.x.t
	switch {
	case hay.op == vParents:
		return t.pred("relto", hay.args[0], needle)
	case hay.op == vPhi && !hay.tainted, hay.op == vSeq, hay.op == vDict, hay.op == vUnknown, hay.op == vListing, hay.op == vObj && hay.text != "sep":
		return t.pred("in", needle, hay)
	case needle.tainted && !hay.tainted:
		return t.pred("in", needle, hay)
	}
	return t.pred("contains", hay, needle)
}
