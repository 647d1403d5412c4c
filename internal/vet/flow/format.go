package flow

import (
	"strings"
)

// joined is sep.join(list).
func (fr *frame) joined(sep, list *Val) *Val {
	t := fr.x.t
	text, _ := constText(sep)
	if list.op != vSeq {
		if list.op == vParts && text == "/" {
			return list.args[0]
		}
		if list.op == vParts {
			return t.of(vReplace, "/\x00"+text, list.args[0])
		}
		return list
	}
	if len(list.args) == 1 {
		one := list.args[0]
		if text == "/" {
			return t.of(vRejoin, "", one)
		}
		return one
	}
	var parts []*Val
	for i, v := range list.args {
		if i > 0 && text != "" {
			parts = append(parts, sep)
		}
		parts = append(parts, v)
	}
	return fr.cat(parts...)
}

// formatted fills a format of "%" or "{}" places.
func (fr *frame) formatted(format string, kind byte, args []*Val, kw map[string]*Val) *Val {
	t := fr.x.t
	var parts []*Val
	next, from := 0, 0
	take := func(name string) *Val {
		if v, ok := kw[name]; ok {
			return v
		}
		i := next
		if isNumber(name) && kind == '{' {
			i = int(name[0] - '0')
		} else {
			next++
		}
		if i < len(args) {
			return args[i]
		}
		return t.unknown("format")
	}
	for i := 0; i < len(format); i++ {
		if format[i] != kind {
			continue
		}
		end := i + 1
		name := ""
		if kind == '{' {
			close := strings.IndexByte(format[i:], '}')
			if close < 0 {
				break
			}
			name, _, _ = strings.Cut(format[i+1:i+close], ":")
			name, _, _ = strings.Cut(name, "!")
			end = i + close
		} else if end < len(format) && format[end] == '%' {
			i++
			continue
		} else if end < len(format) && format[end] == '(' {
			if close := strings.IndexByte(format[i:], ')'); close > 0 {
				name = format[i+2 : i+close]
				end = i + close + 1
			}
		}
		parts = append(parts, t.str(format[from:i]))
		v := take(name)
		if kind == '%' && len(args) == 1 && args[0].op == vDict {
			v = fr.dictGet(args[0], t.str(name), &callArgs{})
		}
		parts = append(parts, v)
		from = min(end+1, len(format))
		i = end
	}
	parts = append(parts, t.str(format[from:]))
	return fr.cat(parts...)
}

// dictGet is a look-up in a table that the program wrote.
func (fr *frame) dictGet(recv, key *Val, a *callArgs) *Val {
	var alts []alt
	for i := 0; i+1 < len(recv.args); i += 2 {
		if recv.args[i] == key || key.op != vConst {
			alts = append(alts, alt{recv.args[i+1], nil})
		}
	}
	fallback := a.at(1)
	if fallback == nil {
		fallback = fr.x.t.nothing()
	}
	return fr.x.t.phi(append(alts, alt{fallback, nil}))
}
