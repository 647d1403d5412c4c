package flow

import (
	"strconv"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func (fr *frame) index(e *ir.Expr) *Val {
	t := fr.x.t
	base, key := fr.eval(e.X), fr.eval(e.Args[0])
	if v, ok := fr.st.vars[itemKey(base, key)]; ok {
		return v
	}
	if v := fr.kept(base, itemKey(base, key)); v != nil {
		return v
	}
	if v := fr.x.lang.index(fr, base, key, e); v != nil {
		return v
	}
	switch base.op {
	case vSeq:
		if n, err := strconv.Atoi(key.text); err == nil && key.op == vConst {
			if n < 0 {
				n += len(base.args)
			}
			if n >= 0 && n < len(base.args) {
				return base.args[n]
			}
		}
		return fr.element(base)
	case vDict:
		for i := 0; i+1 < len(base.args); i += 2 {
			if base.args[i] == key {
				return base.args[i+1]
			}
		}
		if key.tainted { // any of its values
			var alts []alt
			for i := 1; i < len(base.args); i += 2 {
				alts = append(alts, alt{base.args[i], nil})
			}
			if len(alts) > 0 {
				return t.phi(alts)
			}
		}
	case vParts:
		return t.of(vElem, "", base)
	case vSource:
		if base.src.Via == "json" && (key.op != vConst || !isNumber(key.text)) {
			return fr.x.jsonField(key)
		}
		return t.of(vElem, "", base)
	case vParents:
		return t.of(vDir, "", base.args[0])
	case vPhi:
		var alts []alt
		for _, a := range base.alts {
			if a.v.op == vSeq || a.v.op == vParts || a.v.op == vDict {
				alts = append(alts, alt{fr.indexed(a.v, key), a.facts})
			}
		}
		if len(alts) > 0 {
			return t.phi(alts)
		}
	}
	return t.unknown("index", base, key)
}

func (fr *frame) indexed(base, key *Val) *Val {
	if n, err := strconv.Atoi(key.text); err == nil && base.op == vSeq && n >= 0 && n < len(base.args) {
		return base.args[n]
	}
	return fr.element(base)
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

func (fr *frame) slice(e *ir.Expr) *Val {
	t := fr.x.t
	base := fr.eval(e.X)
	for _, a := range e.Args {
		if a != nil {
			fr.eval(a)
		}
	}
	if base.op == vSeq || base.op == vParts || !base.tainted {
		if base.tainted {
			return base
		}
		return t.unknown("slice@"+strconv.Itoa(e.Line), base)
	}
	if e.Args[0] != nil {
		return t.of(vSlice, "from", base)
	}
	return t.of(vSlice, "to", base)
}
