package flow

import (
	"regexp/syntax"
	"strings"
)

// chars says which of the characters that matter a text may hold.
type chars struct{ slash, dot, newline bool }

func applyChars(j *judged, c chars) {
	if !c.slash {
		j.caps = caps{bare: j.caps.bare, newline: j.caps.newline}
	}
	if !c.dot {
		j.caps = j.caps.noDots()
	}
	if !c.newline {
		j.caps.newline = false
	}
}

// charsOf reads a condition about one character of a text: which may it be?
func charsOf(cond *Val, truth bool) (chars, bool) {
	switch cond.op {
	case vOr, vAnd:
		a, okA := charsOf(cond.args[0], truth)
		b, okB := charsOf(cond.args[1], truth)
		if (cond.op == vOr) == truth { // either
			return chars{a.slash || b.slash, a.dot || b.dot, a.newline || b.newline}, okA && okB
		}
		if !okA {
			return b, okB
		}
		if !okB {
			return a, true
		}
		return chars{a.slash && b.slash, a.dot && b.dot, a.newline && b.newline}, true
	case vNot:
		return charsOf(cond.args[0], !truth)
	case vPred:
		switch cond.text {
		case "charset":
			return chars{}, truth
		case "in", "contains":
			set := cond.args[1]
			if cond.text == "contains" {
				set = cond.args[0]
			}
			if text, ok := constText(set); ok {
				has := chars{strings.Contains(text, "/"), strings.Contains(text, "."), strings.Contains(text, "\n")}
				if truth {
					return has, true
				}
				return chars{!has.slash, !has.dot, !has.newline}, true
			}
			if set.op == vObj && set.text == "letters" {
				return chars{}, truth
			}
			if set.op == vCat || set.op == vUnknown || set.op == vSeq {
				return charsOfParts(set, truth)
			}
		}
	}
	return chars{}, false
}

func charsOfParts(set *Val, truth bool) (chars, bool) {
	if !truth || set.op == vUnknown {
		return chars{}, false
	}
	var out chars
	for _, a := range set.args {
		text, ok := constText(a)
		if !ok && a.text != "letters" {
			return out, false
		}
		out.slash = out.slash || strings.Contains(text, "/")
		out.dot = out.dot || strings.Contains(text, ".")
	}
	return out, true
}

// CanHold reports that a match of the group that begins here can hold c, as far as can be told.
func CanHold(group string, c rune) bool {
	depth, end := 0, len(group)
	for i := 0; i < len(group) && end == len(group); i++ {
		switch group[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth == 0 {
				end = i
			}
			depth--
		}
	}
	re, err := syntax.Parse(group[:end], syntax.Perl)
	if err != nil {
		return true
	}
	set := (&shape{}).chars(re)
	return c == '.' && set.dot || c == '/' && set.slash
}

// applyPattern narrows j by a regular expression that matched, or did not. mode is full (anchored at both
// ends), match (at the beginning, Python's re.match) or search.
func applyPattern(j *judged, pattern, mode string, truth bool) {
	re, err := syntax.Parse(goPattern(pattern), syntax.Perl)
	if err != nil {
		return
	}
	p := &shape{}
	re = p.anchors(re, mode)
	if !truth {
		applyMismatch(j, re, p)
		return
	}
	if !p.start || !p.end {
		if p.start && p.leads(re) {
			j.caps.abs = false
		}
		j.note("unanchored", "the pattern "+quote(pattern)+" is not matched to the very end: what follows may be anything")
		return
	}
	set := p.chars(re)
	applyChars(j, set)
	if set.slash && !canBeDots(re) {
		j.caps = j.caps.noDots()
	}
	if !set.slash && !wholeDots(re) {
		j.caps.bare = false
	}
	if set.slash && p.leads(re) {
		j.caps.abs = false
	}
	j.caps.newline = p.dollar || set.newline
	j.note("pattern", "")
}

// goPattern writes a Python pattern as Go's parser takes it.
func goPattern(s string) string {
	return strings.NewReplacer(`\Z`, `\z`, `(?a)`, ``, `\-`, `-`).Replace(fixDash(s))
}

// fixDash keeps an escaped dash within a class from becoming a range.
func fixDash(s string) string { return strings.ReplaceAll(s, `\-`, `\x2d`) }

// applyMismatch: the pattern was found nowhere.
func applyMismatch(j *judged, re *syntax.Regexp, p *shape) {
	if p.start || p.end {
		return
	}
	var options []*syntax.Regexp
	if re.Op == syntax.OpAlternate {
		options = re.Sub
	} else {
		options = []*syntax.Regexp{re}
	}
	for _, o := range options {
		switch o.Op {
		case syntax.OpCharClass: // none of these characters
			set := p.chars(o)
			applyChars(j, chars{!set.slash, !set.dot, !set.newline})
		case syntax.OpLiteral:
			switch text := string(o.Rune); {
			case text == ".." || text == ".":
				j.caps = j.caps.noDots()
			case text == "/":
				j.caps = j.caps.noSlash()
			case text == "../":
				j.caps.up = false
			}
		case syntax.OpRepeat, syntax.OpPlus, syntax.OpConcat:
			if lit := strings.Trim(o.String(), "{}2,"); lit == `\.` || o.String() == `\.\.` || o.String() == `\.{2}` {
				j.caps = j.caps.noDots()
			}
		}
	}
}

// shape is how a pattern is anchored.
type shape struct{ start, end, dollar bool }

// anchors takes the anchors off.
func (p *shape) anchors(re *syntax.Regexp, mode string) *syntax.Regexp {
	p.start = mode == "match" || mode == "full"
	p.end = mode == "full"
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op != syntax.OpConcat {
		return re
	}
	subs := re.Sub
	if len(subs) > 0 && (subs[0].Op == syntax.OpBeginText || subs[0].Op == syntax.OpBeginLine) {
		p.start = true
		subs = subs[1:]
	}
	if n := len(subs); n > 0 && (subs[n-1].Op == syntax.OpEndText || subs[n-1].Op == syntax.OpEndLine) {
		last := subs[n-1]
		// Python's `$`, which Go parses as OpEndText with WasDollar, matches before a final newline too.
		p.dollar = last.Flags&syntax.WasDollar != 0 && mode != "full" && mode != "go"
		p.end = true
		subs = subs[:n-1]
	}
	return &syntax.Regexp{Op: syntax.OpConcat, Sub: subs}
}

// chars are those that a match can be made of.
func (p *shape) chars(re *syntax.Regexp) chars {
	var out chars
	add := func(c chars) { out = chars{out.slash || c.slash, out.dot || c.dot, out.newline || c.newline} }
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			add(chars{r == '/', r == '.', r == '\n'})
		}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			in := func(r rune) bool { return re.Rune[i] <= r && r <= re.Rune[i+1] }
			add(chars{in('/'), in('.'), in('\n')})
		}
	case syntax.OpAnyCharNotNL:
		add(chars{slash: true, dot: true})
	case syntax.OpAnyChar:
		add(chars{true, true, true})
	}
	for _, s := range re.Sub {
		add(p.chars(s))
	}
	return out
}

// leads reports a pattern whose first character is no slash.
func (p *shape) leads(re *syntax.Regexp) bool {
	for len(re.Sub) > 0 {
		switch re.Op {
		case syntax.OpStar, syntax.OpQuest, syntax.OpAlternate:
			return !p.chars(re).slash
		}
		re = re.Sub[0]
	}
	return !p.chars(re).slash
}

// canBeDots reports that two dots can follow each other in a match.
func canBeDots(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		return (&shape{}).chars(re).dot && onlyDots(re.Sub[0]) || canBeDots(re.Sub[0])
	case syntax.OpLiteral:
		return strings.Contains(string(re.Rune), "..")
	}
	for _, s := range re.Sub {
		if canBeDots(s) {
			return true
		}
	}
	return false
}

// onlyDots reports that what is repeated can be a dot alone.
func onlyDots(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpLiteral:
		return (&shape{}).chars(re).dot
	}
	for _, s := range re.Sub {
		if !onlyDots(s) && s.Op != syntax.OpStar && s.Op != syntax.OpQuest {
			return false
		}
	}
	return true
}

// wholeDots reports that a match can be dots alone.
func wholeDots(re *syntax.Regexp) bool { return onlyDots(re) && canBeDots(re) }

func stepRegexSub(j *judged, v *Val) {
	pattern, to, _ := strings.Cut(v.text, "\x00")
	re, err := syntax.Parse(goPattern(pattern), syntax.Perl)
	if err != nil {
		return
	}
	was := j.caps
	applyMismatch(j, re, &shape{})
	switch lit := re; {
	case lit.Op == syntax.OpLiteral && string(lit.Rune) == "../":
		j.caps = was
		j.note("replace", "taking "+quote(pattern)+" out looks once: of ....// it makes ../")
	case lit.Op == syntax.OpPlus && lit.Sub[0].Op == syntax.OpCharClass:
		applyMismatch(j, lit.Sub[0], &shape{})
	}
	if strings.Contains(to, "/") {
		j.caps.slash = j.caps.slash || was.slash
	}
}
