package name

import (
	"errors"
	"path"
	"strings"
)

// Glob is a parsed pattern on names. '*' and '?' match within an element, "[a-z]" a set, "**" any number of
// elements. A pattern without '/' matches an element at any depth; with one it is anchored at the base. Patterns
// match to both ends. The zero Glob matches nothing.
type Glob struct {
	elems []string
	tree  []string // elems and whatever is beneath
}

// ParseGlob reads a pattern. The error names what is wrong with it.
func ParseGlob(pattern string) (Glob, error) {
	if pattern == "" {
		return Glob{}, errors.New("the pattern is empty")
	}
	if strings.Contains(pattern, "\\") {
		return Glob{}, errors.New("a pattern may not hold a backslash; write a set such as [*] to match the character itself")
	}
	text := strings.TrimSuffix(pattern, "/")
	anchored := strings.Contains(text, "/")
	elems := strings.Split(strings.TrimPrefix(text, "/"), "/")
	for _, e := range elems {
		if e == "" || e == "." || e == ".." {
			return Glob{}, errors.New("an element of the pattern is empty, '.' or '..'")
		}
		if _, err := path.Match(e, ""); err != nil {
			return Glob{}, errors.New("a set '[' of the pattern is not closed")
		}
	}
	if !anchored {
		elems = append([]string{"**"}, elems...)
	}
	return Glob{elems: elems, tree: append(elems[:len(elems):len(elems)], "**")}, nil
}

// Match says whether the whole name matches.
func (g Glob) Match(text string) bool {
	return len(g.elems) > 0 && matchElems(g.elems, strings.Split(text, "/"))
}

// MatchTree says whether the name, or a directory above it, matches: what is beneath a matched directory belongs
// to it.
func (g Glob) MatchTree(text string) bool { return g.matchTree(strings.Split(text, "/")) }

func (g Glob) matchTree(elems []string) bool { return len(g.tree) > 0 && matchElems(g.tree, elems) }

// matchElems matches iteratively with one backtrack point, so that a hostile name costs at most the product of
// the two lengths.
func matchElems(pat, elems []string) bool {
	p, e, starP, starE := 0, 0, -1, 0
	for e < len(elems) {
		switch {
		case p < len(pat) && pat[p] == "**":
			starP, starE = p, e
			p++
		case p < len(pat) && matchElem(pat[p], elems[e]):
			p++
			e++
		case starP >= 0:
			starE++
			p, e = starP+1, starE
		default:
			return false
		}
	}
	for p < len(pat) && pat[p] == "**" {
		p++
	}
	return p == len(pat)
}

func matchElem(pattern, elem string) bool {
	ok, err := path.Match(pattern, elem)
	return ok && err == nil
}
