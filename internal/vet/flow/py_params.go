package flow

import (
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

// params gives a function that is run on its own what it gets from its framework.
func (r pyRules) params(fr *frame, e *entry) {
	f := e.fn
	params := f.Params
	if e.self != nil && len(params) > 0 && !static(f) {
		fr.st.vars[params[0].Name] = e.self
		params = params[1:]
	}
	framework := pyFramework(f.Module)
	if e.route != nil {
		if e.route.framework != "" {
			framework = e.route.framework
		}
		fr.entry = e
	}
	for i, p := range params {
		fr.st.vars[p.Name] = fr.param(e, framework, p, i)
		if p.Spread == "**" && e.route != nil {
			fr.st.vars[p.Name] = fr.x.t.kind("dict:path")
		}
	}
	if f.Name == "translate_path" && len(params) > 0 && e.self != nil {
		fr.st.vars[params[0].Name] = fr.x.t.source(pyTexts["http.server.Handler.path"])
	}
	if len(params) >= 2 && (params[0].Name == "environ" || params[0].Name == "env") && params[1].Name == "start_response" {
		fr.st.vars[params[0].Name] = fr.x.t.kind("environ")
	}
	if len(params) >= 3 && params[0].Name == "scope" && params[1].Name == "receive" {
		fr.st.vars["scope"] = fr.x.t.kind("scope")
	}
}

func (fr *frame) param(e *entry, framework string, p ir.Param, i int) *Val {
	t := fr.x.t
	if v := fr.annotated(p); v != nil {
		return v
	}
	if e.route != nil {
		if v := fr.pathParam(p.Name); v != nil {
			return fr.typedPath(v, p)
		}
		if v := e.route.vals[p.Name]; v != nil {
			return v
		}
	}
	if p.Name == "request" || p.Name == "req" || e.route != nil && i == 0 && framework != "fastapi" && framework != "flask" {
		switch framework {
		case "django", "aiohttp", "starlette":
			return t.kind(framework + ".Request")
		}
	}
	if e.route != nil && framework == "fastapi" {
		return fr.fastapiParam(p)
	}
	if p.Default != nil && e.route == nil && p.Default.Op != ir.Call {
		return t.phi([]alt{{fr.eval(p.Default), nil}, {t.unknown("param " + p.Name + " of " + fr.name()), nil}})
	}
	return t.unknown("param " + p.Name + " of " + fr.name())
}

// typedPath: an annotation that makes a number of it.
func (fr *frame) typedPath(v *Val, p ir.Param) *Val {
	if p.Type == nil {
		return v
	}
	for _, q := range fr.typeNames(p.Type) {
		switch q {
		case "builtins.int", "builtins.float", "uuid.UUID", "\x00class":
			return fr.x.t.opaque()
		}
	}
	return v
}

// fastapiParam is a parameter that is a field of the query, a body, or what a dependency returns.
func (fr *frame) fastapiParam(p ir.Param) *Val {
	t := fr.x.t
	via := "query"
	d := p.Default
	var typ *ir.Expr = p.Type
	if typ != nil && typ.Op == ir.Index { // Annotated[str, Query(...)]
		for _, a := range typ.Args {
			for _, inner := range append([]*ir.Expr{a}, a.Args...) {
				if inner != nil && inner.Op == ir.Call && d == nil {
					d = inner
				}
			}
		}
	}
	pattern := ""
	if d != nil && d.Op == ir.Call {
		callee := fr.eval(d.X)
		switch last := callee.text[strings.LastIndexByte(callee.text, '.')+1:]; last {
		case "Depends", "Security":
			if len(d.Args) > 0 {
				return fr.dependency(fr.eval(d.Args[0]))
			}
			return t.unknown("dependency")
		case "Header", "Cookie", "Form", "Body", "Path":
			via = strings.ToLower(last)
			if via == "body" {
				via = "json"
			}
		case "File":
			return t.unknown("content")
		}
		for i, key := range d.Keys {
			if key == "regex" || key == "pattern" {
				pattern, _ = constText(fr.eval(d.Args[i]))
			}
		}
	}
	v := fr.x.source(via, p.Name)
	if p.Type != nil {
		for _, q := range fr.typeNames(p.Type) {
			switch q {
			case "builtins.int", "builtins.float", "builtins.bool", "builtins.bytes", "uuid.UUID", "enum.Enum", "datetime.date", "datetime.datetime":
				return t.opaque()
			case "typing.Literal", "starlette.BackgroundTasks", "fastapi.BackgroundTasks", "fastapi.Response", "starlette.responses.Response":
				return t.opaque()
			case "\x00class":
				return fr.classParam(p.Type)
			}
		}
	}
	if pattern != "" {
		fr.st.facts = fr.st.facts.plus(t.pred("match\x00match", v, t.str(pattern)), true)
	}
	return v
}

// classParam: a model's fields are those of the JSON; a member of an enumeration is one of ours.
func (fr *frame) classParam(typ *ir.Expr) *Val {
	cls := fr.eval(typ)
	if cls.op == vClass {
		inst := fr.x.newInstance(cls)
		if fr.isModel(inst) {
			return inst
		}
	}
	return fr.x.t.opaque()
}

func (fr *frame) dependency(dep *Val) *Val {
	if dep.op != vFunc || dep.fn == nil {
		return fr.x.t.unknown("dependency")
	}
	rt := &route{framework: "fastapi", params: map[string]caps{}}
	if fr.entry != nil && fr.entry.route != nil {
		rt.params = fr.entry.route.params
		rt.pattern = fr.entry.route.pattern
	}
	in := &frame{x: fr.x, mod: dep.mod, parent: dep.scope, st: &state{vars: map[string]*Val{}, facts: fr.st.facts}, fn: dep.fn, entry: &entry{fn: dep.fn, mod: dep.mod, route: rt}, depth: fr.depth + 1}
	if in.depth > maxInline {
		return fr.x.t.unknown("dependency")
	}
	fr.x.lang.params(in, in.entry)
	in.body()
	v, _ := in.result()
	fr.st.facts = fr.st.facts.with(in.exitFacts())
	return v
}
