package flow

import "strings"

// maxJudged bounds the work on one path: values share parts, and are looked at part by part.
const maxJudged = 20_000

// judge says what v, a text or a path, can still be where f holds.
func (t *table) judge(v *Val, f facts) *judged {
	if t.judged++; t.judged > maxJudged {
		return newJudged()
	}
	j := t.judgeOp(v, f)
	if j.src == nil {
		return j
	}
	t.applyFacts(j, v, f)
	if j.cont != notContained {
		j.caps.up, j.caps.midUp, j.caps.abs, j.caps.bare = false, false, false, false
	}
	return j
}

func (t *table) judgeOp(v *Val, f facts) *judged {
	if !v.tainted {
		return newJudged()
	}
	switch v.op {
	case vSource:
		j := newJudged()
		j.src, j.caps = v.src, v.src.holds
		return j
	case vPhi:
		j := newJudged()
		for _, a := range v.alts {
			j = j.worst(t.judge(a.v, f.with(a.facts)))
		}
		return j
	case vJoin:
		return t.judgeJoin(v, f)
	case vCat:
		return t.judgeCat(v, f)
	case vSeq, vDict:
		j := newJudged()
		for _, a := range v.args {
			j = j.worst(t.judge(a, f))
		}
		return j
	case vSafeJoin:
		return t.judgeSafeJoin(v, f)
	case vRel:
		return t.judge(v.args[1], f)
	}
	if len(v.args) == 0 {
		return newJudged()
	}
	j := t.judge(v.args[0], f)
	if j.src == nil {
		return j
	}
	t.judgeStep(j, v, f)
	return j
}

// judgeStep changes j, of the argument, to what the step v makes of it.
func (t *table) judgeStep(j *judged, v *Val, f facts) {
	c := &j.caps
	switch v.op {
	case vClean, vReal:
		c.up = c.up || c.midUp
		c.midUp = false
		if rooted(v.args[0]) {
			*c = caps{abs: true, slash: c.slash, newline: c.newline}
			j.note("rooted", "")
		}
	case vBase:
		*c = caps{bare: c.bare, newline: c.newline}
		j.cont = notContained
		j.note("basename", "")
	case vReplace:
		stepReplace(j, v)
	case vRegexSub:
		stepRegexSub(j, v)
	case vSafeName:
		*c = nothing
		j.cont = notContained
		j.note("secure_filename", "")
	case vDecode:
		if t.restricted(v.args[0], f) {
			j.note("decode", v.text+" after the check makes of %252e%252e%252f what the check refuses")
		}
		*c = anything
		j.cont = notContained
	case vTrim:
		stepTrim(j, v)
	case vSlice:
		if v.text == "from" {
			c.abs = c.abs || c.slash
		}
	case vExt:
		*c = nothing
	case vFiltered:
		applyChars(j, chars{slash: strings.Contains(v.text, "s"), dot: strings.Contains(v.text, "d")})
	case vRejoin:
		c.up = c.up || c.bare
		c.slash, c.abs = true, c.abs || v.text == "abs"
	case vElem:
		if v.args[0].op == vParts {
			*c = caps{bare: c.bare || c.up}
		}
	}
}

// restricted reports a text of which a condition has said something.
func (t *table) restricted(v *Val, f facts) bool {
	for _, one := range f {
		if one.pred.op == vPred && len(one.pred.args) > 0 && core(one.pred.args[0]) == core(v) {
			return true
		}
	}
	return v.op == vReplace || v.op == vSafeName || v.op == vBase
}

// rooted reports "/" + x: cleaned, nothing of it leads above the slash.
func rooted(v *Val) bool {
	if (v.op == vCat || v.op == vJoin) && len(v.args) > 0 {
		first := v.args[0]
		return first.op == vConst && strings.Trim(first.text, "/") == "" && strings.HasPrefix(first.text, "/") && (v.op == vCat || len(v.args) > 1 && v.text == "go")
	}
	return v.op == vSource && v.src.Via == "urlpath" && v.src.holds.abs && v.src.Param == "rooted"
}

func stepReplace(j *judged, v *Val) {
	old, to, _ := strings.Cut(v.text, "\x00")
	c := &j.caps
	switch {
	case old == "/" && !strings.Contains(to, "/"):
		*c = caps{bare: c.bare, newline: c.newline}
	case (old == ".." || old == ".") && !strings.Contains(to, "."):
		*c = c.noDots()
	case old == "\\" && strings.Contains(to, "/"):
		// What could hold no slash can hold a backslash.
		if !c.slash {
			c.slash, c.up, c.abs = true, c.bare, true
			j.note("backslash", `replace('\\', '/') makes slashes after the check for them`)
		}
	case strings.Contains(old, "../") || strings.Contains(old, "./") || strings.Contains(old, "//"):
		if c.up && strings.Contains(old, "..") {
			j.note("replace", "replace("+quote(old)+", "+quote(to)+") looks once: of ....// it makes ../")
		}
	case old == "\n":
		c.newline = false
	case c.up && strings.Contains(old, ".."):
		j.note("replace", "replace("+quote(old)+", "+quote(to)+") takes out one spelling only")
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "\n", `\n`) + "'" }

func stepTrim(j *judged, v *Val) {
	side, chars, _ := strings.Cut(v.text, "\x00")
	c := &j.caps
	if side == "right" {
		if strings.Contains(chars, "\n") || chars == "" {
			c.newline = false
		}
		return
	}
	if strings.ContainsAny(chars, "/") {
		c.abs = false
		if c.up && strings.Contains(chars, ".") {
			j.note("strip", "stripping "+quote(chars)+" from the ends leaves x/../../")
		}
		return
	}
	if chars == "" {
		c.newline = false
	}
	c.abs = c.abs || c.slash && chars == ""
}

func (j *judged) take(p *judged) {
	j.src = p.src
	for n := range p.notes {
		j.notes[n] = true
	}
	for r := range p.remains {
		j.remains[r] = true
	}
	j.worthless = append(j.worthless, p.worthless...)
	j.caps.newline = j.caps.newline || p.caps.newline
	j.sibling = j.sibling || p.sibling
}

func (t *table) judgeJoin(v *Val, f facts) *judged {
	j := newJudged()
	var base *Val
	for i, part := range v.args {
		p := t.judge(part, f)
		if p.src == nil {
			if j.src != nil && j.caps.bare {
				j.caps.bare, j.caps.up = false, true
			}
			if i > 0 && part.op == vConst && strings.HasPrefix(part.text, "/") && v.text != "go" {
				j = newJudged()
			}
			if j.src == nil {
				base = part
			}
			continue
		}
		was := j.src != nil
		first := i == 0
		j.take(p)
		j.caps.up = j.caps.up || p.caps.up || was && j.caps.bare && (p.caps != nothing)
		j.caps.midUp = j.caps.midUp || p.caps.midUp
		j.caps.slash = true
		j.caps.bare = p.caps.bare
		if v.text == "go" && !first {
			continue
		}
		j.caps.abs = j.caps.abs || p.caps.abs
		if !was {
			j.cont = p.cont
		} else if p.caps.escapes() {
			j.cont = notContained
		}
	}
	if v.text == "go" {
		j.caps.up = j.caps.up || j.caps.midUp
		j.caps.midUp = false
		if rooted(v) {
			j.caps.up, j.caps.bare = false, false
		}
	}
	j.base = base
	return j
}

func (t *table) judgeCat(v *Val, f facts) *judged {
	j := newJudged()
	const (
		start = iota
		slash
		word
		unsure
	)
	at := start
	for i, part := range v.args {
		p := t.judge(part, f)
		if p.src == nil {
			text, known := constText(part)
			switch {
			case known && text == "":
				continue
			case known && strings.HasSuffix(text, "/"):
				if j.src != nil && j.caps.bare && strings.HasPrefix(text, "/") {
					j.caps.up = true
				}
				at = slash
			case known:
				if j.src != nil && j.caps.bare && strings.HasPrefix(text, "/") {
					j.caps.up = true
				}
				at = word
			default:
				at = unsure
			}
			if j.src == nil {
				j.base = part
			} else {
				j.caps.bare = false
				j.caps.newline = false
				j.suffix += text
			}
			continue
		}
		j.suffix = ""
		j.take(p)
		j.caps.slash = j.caps.slash || p.caps.slash
		if p.cont != notContained && i == 0 {
			j.cont = p.cont
		}
		switch at {
		case start:
			j.caps = j.caps.or(p.caps)
		case slash, unsure:
			j.caps.up = j.caps.up || p.caps.up
			j.caps.bare = p.caps.bare
			j.caps.midUp = j.caps.midUp || p.caps.midUp
		case word:
			j.caps.midUp = j.caps.midUp || p.caps.up || p.caps.midUp || p.caps.slash && p.caps.abs
		}
		at = unsure
		if p.caps == nothing {
			at = word
		}
	}
	return j
}

func constText(v *Val) (string, bool) {
	switch v.op {
	case vConst:
		return v.text, true
	case vObj:
		if v.text == "sep" {
			return "/", true
		}
	case vLower:
		return constText(v.args[0])
	case vCat:
		out := ""
		for _, a := range v.args {
			text, ok := constText(a)
			if !ok {
				return "", false
			}
			out += text
		}
		return out, true
	}
	return "", false
}

func (t *table) judgeSafeJoin(v *Val, f facts) *judged {
	base := t.judge(v.args[0], f)
	if base.src != nil {
		return base
	}
	j := newJudged()
	for _, part := range v.args[1:] {
		if p := t.judge(part, f); p.src != nil {
			j.take(p)
			j.caps = caps{newline: p.caps.newline}
			j.cont = asText
			j.note("safe_join", "")
		}
	}
	j.base = v.args[0]
	return j
}
