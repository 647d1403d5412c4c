package flow

import (
	"slices"
	"strings"
)

// applyFacts narrows j, of v, by what conditions have said of v.
func (t *table) applyFacts(j *judged, v *Val, f facts) {
	for _, one := range f {
		p := one.pred
		if p == v && !one.truth { // `if not name`
			j.src = nil
			return
		}
		if p.op == vLoopPred {
			t.applyLoop(j, v, one)
			continue
		}
		if p.op == vOr && one.truth {
			t.applyEither(j, v, p)
			continue
		}
		if p.op != vPred || len(p.args) == 0 {
			continue
		}
		if t.containmentFact(j, v, one) {
			continue
		}
		if p.args[0] == v || sameName(p.args[0], v) {
			t.nameFact(j, v, one)
		}
		if j.src == nil {
			return
		}
	}
}

// sameName reports a text that says of the name v what it would say of v itself.
func sameName(checked, v *Val) bool {
	for checked.op == vLower || checked.op == vParts || checked.op == vTrim {
		checked = checked.args[0]
		if checked == v {
			return true
		}
	}
	// In a relative path that was cleaned, ".." can only stand at the beginning.
	return checked.op == vClean && checked.args[0] == v && v.op != vJoin && checked.text != "abs" && !rooted(v)
}

// applyEither: where a or b holds, what both would leave may be.
func (t *table) applyEither(j *judged, v *Val, p *Val) {
	one, two := *j, *j
	one.remains, two.remains, one.notes, two.notes = j.remains, j.remains, j.notes, j.notes
	t.applyFacts(&one, v, facts{{p.args[0], true}})
	t.applyFacts(&two, v, facts{{p.args[1], true}})
	switch {
	case one.src == nil && two.src == nil:
		j.src = nil
	case one.src != nil && two.src != nil:
		j.caps = one.caps.or(two.caps)
		j.cont = min(one.cont, two.cont)
	case one.src != nil:
		j.caps, j.cont = one.caps, one.cont
	default:
		j.caps, j.cont = two.caps, two.cont
	}
}

// containmentFact handles what a condition says of where the whole path is.
func (t *table) containmentFact(j *judged, v *Val, one fact) bool {
	p := one.pred
	name, arg := p.text, p.args[0]
	switch {
	case name == "startswith" && one.truth && core(arg) == core(v):
		prefix := p.args[1]
		if t.judge(prefix, nil).src != nil {
			return false
		}
		if level(arg) == notContained {
			if arg.op == vSource || arg.op == vLower {
				return false // a name that must begin so
			}
			j.note("unnormalised", "the prefix of a path that may still hold '..' says nothing about where it leads")
			return true
		}
		j.remain("check")
		if withSeparator(prefix) {
			j.cont = max(j.cont, level(arg))
		} else {
			j.sibling = true
			j.base = prefix
		}
		return true
	case name == "relto" && core(arg) == core(v):
		if !one.truth {
			return false
		}
		if level(arg) == notContained {
			j.note("unnormalised", "relative_to compares text: base/../x is relative to base")
			return true
		}
		j.remain("check")
		j.cont = max(j.cont, level(arg))
		return true
	case name == "eq" && one.truth:
		return t.commonFact(j, v, p)
	case (name == "startswith" || name == "contains") && !one.truth && arg.op == vRel && core(arg.args[1]) == core(v):
		if text, ok := constText(p.args[1]); ok && strings.HasPrefix(text, "..") {
			j.remain("check")
			if arg.args[1].op == vReal {
				j.cont = max(j.cont, resolved)
			} else {
				j.cont = max(j.cont, asText)
			}
			return true
		}
	case (name == "exists" || name == "islink") && core(arg) == core(v):
		j.remain("check")
		if name == "exists" {
			j.note("exists", "")
		} else if !one.truth {
			j.note("islink", "")
		}
		return true
	case name == "local" && one.truth && core(arg) == core(v) && arg.op != vReal:
		j.caps.up, j.caps.midUp, j.caps.bare, j.caps.abs = false, false, false, false
		return true
	}
	return false
}

func (t *table) commonFact(j *judged, v *Val, p *Val) bool {
	for i, side := range p.args {
		if side.op != vCommon {
			continue
		}
		for _, of := range side.args {
			members := []*Val{of}
			if of.op == vSeq {
				members = of.args
			}
			for _, m := range members {
				if core(m) != core(v) {
					continue
				}
				if level(m) == notContained {
					j.note("unnormalised", "what two paths have in common says nothing while one may still hold '..'")
					return true
				}
				j.remain("check")
				if side.text == "path" {
					j.cont = max(j.cont, level(m))
				} else {
					j.sibling = true
					j.base = p.args[1-i]
				}
				return true
			}
		}
	}
	return false
}

// withSeparator reports a prefix that ends in a separator.
func withSeparator(v *Val) bool {
	switch v.op {
	case vConst:
		return strings.HasSuffix(v.text, "/")
	case vObj:
		return v.text == "sep"
	case vCat:
		return len(v.args) > 0 && withSeparator(v.args[len(v.args)-1])
	case vJoin:
		last := v.args[len(v.args)-1]
		return v.text != "go" && last.op == vConst && (last.text == "" || strings.HasSuffix(last.text, "/"))
	case vLower:
		return withSeparator(v.args[0])
	case vPhi:
		for _, a := range v.alts {
			if !withSeparator(a.v) {
				return false
			}
		}
		return true
	}
	return false
}

// nameFact handles what a condition says of the text v.
func (t *table) nameFact(j *judged, v *Val, one fact) {
	p := one.pred
	name, mode, _ := strings.Cut(p.text, "\x00")
	var other *Val
	if len(p.args) > 1 {
		other = p.args[1]
	}
	switch {
	case name == "contains" && !one.truth:
		if p.args[0] == v && cleaned(v) {
			j.note("cleaned", "a cleaned path holds no '..' wherever it leads")
			return
		}
		t.lacks(j, p, other)
	case name == "startswith" && !one.truth && other.op == vConst:
		switch {
		case strings.HasPrefix("/", other.text) || other.text == "/":
			j.caps.abs = false
		case strings.HasPrefix(other.text, ".") && j.caps.up:
			j.caps.bare = false
			j.note("start", "only the beginning is looked at: x/../../ begins with no dot")
		}
	case name == "startswith" && one.truth && other.op == vConst && other.text != "" && v.op != vJoin:
		if !strings.HasPrefix(other.text, "/") {
			j.caps.abs = false
		}
	case name == "isabs" && !one.truth:
		j.caps.abs = false
	case name == "match":
		pattern, ok := constText(other)
		if !ok {
			return
		}
		applyPattern(j, pattern, mode, one.truth)
	case name == "charset" && one.truth:
		j.caps = caps{}
	case name == "in" && one.truth:
		if other.op == vListing {
			j.caps = nothing
			j.remain("check")
			return
		}
		if !other.tainted {
			j.src = nil
		}
	case name == "eq" && one.truth:
		t.equals(j, v, other)
	case (name == "in" || name == "eq") && !j.caps.slash && holdsUp(other):
		j.caps.bare = false
	}
}

// holdsUp: ".." itself, or a list with it.
func holdsUp(v *Val) bool {
	return v.isConst("..") || v.op == vSeq && slices.ContainsFunc(v.args, func(a *Val) bool { return a.isConst("..") })
}

// cleaned reports a path that was joined to something before '..' was taken out.
func cleaned(v *Val) bool {
	switch v.op {
	case vReal:
		return true
	case vClean:
		return v.text == "abs" || v.args[0].op == vJoin || v.args[0].op == vCat
	case vJoin:
		return v.text == "go"
	}
	return false
}

// lacks: the text does not contain other.
func (t *table) lacks(j *judged, p, other *Val) {
	c := &j.caps
	parts := p.args[0].op == vParts
	text, ok := constText(other)
	if !ok {
		return
	}
	switch {
	case text == ".." || text == ".":
		*c = c.noDots()
	case parts:
	case text == "/":
		*c = caps{bare: c.bare, newline: c.newline}
	case text == "../" || text == "/..":
		c.up, c.midUp = false, false
		if text == "/.." {
			c.up = true
			j.note("start", "'/..' is not in ../../x, which begins with dots")
		}
	case text == "\n":
		c.newline = false
	case text == "//":
		// a doubled slash, or not: nothing follows
	case strings.HasPrefix(text, "..") && c.up:
		j.note("spelling", "only the spelling "+quote(text)+" is refused")
	case text == "./":
		c.up, c.midUp = false, false
	}
}

// equals: the text is other.
func (t *table) equals(j *judged, v, other *Val) {
	if !other.tainted {
		j.src = nil
		return
	}
	if derived(other, v, 4) {
		k := t.judgeOp(other, nil)
		if k.src != nil {
			j.caps = meet(j.caps, k.caps)
			if other.op == vClean && other.text != "abs" && !rooted(other.args[0]) {
				j.note("clean-equal", "")
			}
		}
	}
}

func meet(c, d caps) caps {
	return caps{c.up && d.up, c.midUp && d.midUp, c.bare && d.bare, c.slash && d.slash, c.abs && d.abs, c.newline && d.newline}
}

// derived reports a text made from v.
func derived(of, v *Val, depth int) bool {
	if of == v {
		return true
	}
	if depth == 0 {
		return false
	}
	for _, a := range of.args {
		if derived(a, v, depth-1) {
			return true
		}
	}
	return false
}

// applyLoop: any(...) and all(...) over the elements or the characters of v.
func (t *table) applyLoop(j *judged, v *Val, one fact) {
	p := one.pred
	over := p.args[1]
	if p.text == "any" == one.truth {
		return // some element is so: nothing is known of the others
	}
	cond, truth := p.args[0], one.truth
	for cond.op == vNot {
		cond, truth = cond.args[0], !truth
	}
	switch {
	case over.op == vParts && over.args[0] == v && cond.op == vPred && !truth:
		if len(cond.args) > 1 && (cond.text == "eq" || cond.text == "contains" || cond.text == "startswith") && (cond.args[1].isConst("..") || cond.args[1].isConst(".")) {
			j.caps = j.caps.noDots()
		}
		if cond.text == "in" && cond.args[1].op == vSeq {
			for _, a := range cond.args[1].args {
				if a.isConst("..") {
					j.caps = j.caps.noDots()
				}
			}
		}
	case over == v:
		if set, ok := charsOf(cond, truth); ok {
			applyChars(j, set)
		}
	}
}
