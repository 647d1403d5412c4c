// Package flow follows names from requests to files. It runs every function of a
// project once on symbols instead of values, remembers on each path what conditions
// have said, and where a file is opened asks what the name can still hold.
package flow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

type valOp uint8

// The kinds of symbolic values. Everything that is text or a path is one of those up
// to vOpaque; pathlib.Path(x) is x itself.
const (
	vUnknown  valOp = iota // not known, and not from a request; equal calls give equal ones
	vConst                 // Text
	vSource                // Src: what a request gave
	vJoin                  // joined as os.path.join does: an absolute part begins anew
	vCat                   // one after another
	vClean                 // Text "abs", "norm" or "go": "." and ".." taken out of the text
	vReal                  // links resolved too
	vBase                  // the last element
	vDir                   // all but the last
	vReplace               // Text is old NUL new: all of them, once
	vRegexSub              // Text is pattern NUL replacement
	vSafeName              // Text is the function: no separator, no dots alone
	vSafeJoin              // Args[0] is the base: refuses what leads out as text
	vLower                 // Text is the method: same characters, nothing added
	vDecode                // Text is the function: what was checked before is worth nothing
	vTrim                  // Text is side NUL characters
	vSlice                 // Text is "from" or "to"
	vExt                   // an extension: no separator
	vRel                   // Args[1] seen from Args[0]
	vParts                 // elements of a path
	vElem                  // some element of Args[0]
	vParents               // the directories above
	vCommon                // Text "path" or "prefix": of Args
	vListing               // names of what is in a directory
	vOpaque                // a text that holds no names: digests, numbers
	vNothing               // None, nil
	vRef                   // Text: a qualified name that is not the project's
	vObj                   // Text: a kind of object, such as "flask.request"
	vFunc                  // Fn, Scope
	vBound                 // Fn with Args[0] as its object
	vClass                 // Cls
	vInst                  // Obj
	vModule                // Mod
	vSeq                   // Args
	vDict                  // Args: key, value...
	vPhi                   // Alts
	vPred                  // Text about Args
	vNot                   // of Args[0]
	vAnd                   // of two
	vOr                    // of two
	vFiltered              // Args[0] without the characters that Text does not have: "s" slash, "d" dot
	vRejoin                // elements, with slashes between them
	vLoopPred              // Text "any" or "all": Args[0] about every Args[1]
)

// Val is a symbolic value. Equal ones are one pointer.
type Val struct {
	op      valOp
	id      int
	text    string
	args    []*Val
	src     *Source
	fn      *ir.Func
	scope   *scope
	cls     *ir.Class
	obj     *object
	mod     *module
	alts    []alt
	tainted bool
	depth   int
}

// alt is one of the values something may have, with what holds where it has it.
type alt struct {
	v     *Val
	facts facts
}

// object is an instance of one of the project's classes.
type object struct {
	cls    *ir.Class
	fields map[string]*Val
}

// Source is what a request gives.
type Source struct {
	What  string // "the query parameter \"file\""
	Via   string // query, path, form, json, header, cookie, upload, archive, urlpath
	Param string
	holds caps // what it can hold
}

const (
	maxDepth = 40 // of a value; beyond, it is not known
	maxAlts  = 8
)

// table keeps one value of each kind.
type table struct {
	judged int // parts looked at for the path at hand
	known  map[string]*Val
	kept   map[string]*Val // what modules are made of, which all functions share
	next   int
}

// maxKnown bounds what is remembered from one function to the next: values of a large project would fill the memory.
const maxKnown = 200_000

// keep remembers for good what is known by now.
func (t *table) keep() { t.kept, t.known = t.known, map[string]*Val{} }

// forget forgets, between two functions, what the functions made, where it is much. Equal values that are made later
// are others then, which is nothing to a path that is followed within one function and what it calls.
func (t *table) forget() {
	if len(t.known) > maxKnown {
		t.known = map[string]*Val{}
	}
}

func newTable() *table { return &table{known: map[string]*Val{}} }

func (t *table) make(v Val) *Val {
	var b strings.Builder
	b.WriteString(strconv.Itoa(int(v.op)))
	b.WriteByte('|')
	b.WriteString(v.text)
	for _, a := range v.args {
		b.WriteByte('|')
		b.WriteString(strconv.Itoa(a.id))
		v.tainted = v.tainted || a.tainted
		v.depth = max(v.depth, a.depth+1)
	}
	if v.src != nil {
		fmt.Fprintf(&b, "|%s|%s|%s|%v", v.src.Via, v.src.Param, v.src.What, v.src.holds)
		v.tainted = true
	}
	if v.depth > maxDepth {
		return t.unknown("deep")
	}
	key := b.String()
	if old, ok := t.known[key]; ok {
		return old
	}
	if old, ok := t.kept[key]; ok {
		return old
	}
	t.next++
	v.id = t.next
	made := &v
	t.known[key] = made
	return made
}

// fresh is a value that is equal to no other.
func (t *table) fresh(v Val) *Val {
	t.next++
	v.id = t.next
	for _, a := range v.alts {
		v.tainted = v.tainted || a.v.tainted
		v.depth = max(v.depth, a.v.depth)
	}
	return &v
}

func (t *table) unknown(key string, args ...*Val) *Val {
	v := t.make(Val{op: vUnknown, text: key})
	if len(args) == 0 {
		return v
	}
	// What an unknown function makes of its arguments is not known to come from them.
	for _, a := range args {
		key += "|" + strconv.Itoa(a.id)
	}
	return t.make(Val{op: vUnknown, text: key})
}

func (t *table) str(s string) *Val    { return t.make(Val{op: vConst, text: s}) }
func (t *table) ref(s string) *Val    { return t.make(Val{op: vRef, text: s}) }
func (t *table) kind(s string) *Val   { return t.make(Val{op: vObj, text: s}) }
func (t *table) seq(a ...*Val) *Val   { return t.make(Val{op: vSeq, args: a}) }
func (t *table) opaque() *Val         { return t.make(Val{op: vOpaque}) }
func (t *table) nothing() *Val        { return t.make(Val{op: vNothing}) }
func (t *table) source(s Source) *Val { return t.make(Val{op: vSource, src: &s}) }

func (t *table) of(op valOp, text string, args ...*Val) *Val {
	return t.make(Val{op: op, text: text, args: args})
}

func (t *table) pred(name string, args ...*Val) *Val { return t.of(vPred, name, args...) }

func (t *table) not(v *Val) *Val {
	if v.op == vNot {
		return v.args[0]
	}
	return t.of(vNot, "", v)
}

// phi is one of several values.
func (t *table) phi(alts []alt) *Val {
	var flat []alt
	for _, a := range alts {
		if a.v.op == vPhi {
			for _, inner := range a.v.alts {
				flat = append(flat, alt{inner.v, inner.facts.with(a.facts)})
			}
			continue
		}
		flat = append(flat, a)
	}
	var out []alt
	for _, a := range flat {
		known := false
		for i := range out {
			if out[i].v == a.v {
				out[i].facts = out[i].facts.common(a.facts)
				known = true
			}
		}
		if !known {
			out = append(out, a)
		}
	}
	switch {
	case len(out) == 0:
		return t.nothing()
	case len(out) == 1:
		return out[0].v
	case len(out) > maxAlts:
		// Those from requests are what is asked about.
		kept := out[:0]
		for _, a := range out {
			if a.v.tainted && len(kept) < maxAlts {
				kept = append(kept, a)
			}
		}
		if len(kept) == 0 {
			return t.unknown("many")
		}
		out = kept
	}
	return t.fresh(Val{op: vPhi, alts: out})
}

func (v *Val) isConst(s string) bool { return v.op == vConst && v.text == s }

// allText reports one of several texts, about all of which a condition may have said something.
func (v *Val) allText() bool {
	for _, a := range v.alts {
		if !a.v.textual() {
			return false
		}
	}
	return true
}

// textual reports values that stand for a text or a path.
func (v *Val) textual() bool {
	switch v.op {
	case vSource, vConst, vJoin, vCat, vClean, vReal, vBase, vDir, vReplace, vRegexSub, vSafeName, vSafeJoin, vLower, vDecode,
		vTrim, vSlice, vExt, vRel, vElem, vOpaque, vFiltered, vRejoin:
		return true
	case vPhi:
		for _, a := range v.alts {
			if a.v.textual() {
				return true
			}
		}
	}
	return false
}
