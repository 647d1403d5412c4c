package flow

// fact is a condition that holds, or does not, wherever it is known.
type fact struct {
	pred  *Val
	truth bool
}

// facts are never changed in place.
type facts []fact

func (f facts) has(want fact) bool {
	for _, known := range f {
		if known == want {
			return true
		}
	}
	return false
}

func (f facts) plus(pred *Val, truth bool) facts {
	one := fact{pred, truth}
	if f.has(one) {
		return f
	}
	return append(f[:len(f):len(f)], one)
}

// with is both.
func (f facts) with(more facts) facts {
	for _, one := range more {
		f = f.plus(one.pred, one.truth)
	}
	return f
}

// common is what both know.
func (f facts) common(g facts) facts {
	var out facts
	for _, one := range f {
		if g.has(one) {
			out = append(out, one)
		}
	}
	return out
}

// assume adds what follows from cond being true, or false; ok is false where it cannot be.
func (t *table) assume(f facts, cond *Val, truth bool) (out facts, ok bool) {
	switch cond.op {
	case vNot:
		return t.assume(f, cond.args[0], !truth)
	case vAnd, vOr:
		if (cond.op == vAnd) == truth {
			f, a := t.assume(f, cond.args[0], truth)
			f, b := t.assume(f, cond.args[1], truth)
			return f, a && b
		}
		return f.plus(cond, truth), true
	case vPred, vLoopPred:
		// What is nil on this path is not also something else.
		if cond.text == "isnothing" && f.has(fact{cond, !truth}) {
			return f, false
		}
		return f.plus(cond, truth), true
	case vPhi:
		return t.assumeOne(f, cond, truth)
	}
	if cond.tainted && cond.textual() && !truth {
		// `if not name`: what is empty reaches nothing.
		return f.plus(cond, truth), true
	}
	return f, true
}

// assumeOne keeps what all the alternatives share that can be so.
func (t *table) assumeOne(f facts, cond *Val, truth bool) (facts, bool) {
	var shared facts
	found := false
	for _, a := range cond.alts {
		if known, is := truthOf(a.v); known && is != truth {
			continue
		}
		g, ok := t.assume(a.facts, a.v, truth)
		if !ok {
			continue
		}
		if !found {
			shared, found = g, true
		} else {
			shared = shared.common(g)
		}
	}
	return f.with(shared), found
}

// truthOf says what a constant is as a condition.
func truthOf(v *Val) (known, is bool) {
	switch v.op {
	case vNothing:
		return true, false
	case vConst:
		return true, v.text != "" && v.text != "False" && v.text != "false"
	case vSource, vJoin, vSafeJoin, vClean, vReal, vCat, vInst, vObj, vSeq:
		return true, true
	}
	return false, false
}
