package flow

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

var routeVerbs = map[string]string{
	"route": "GET", "get": "GET", "post": "POST", "put": "PUT", "delete": "DELETE", "patch": "PATCH", "head": "HEAD", "options": "OPTIONS",
	"api_route": "GET", "websocket": "GET", "view": "GET",
}

// pyFramework says what a module's handlers are written for.
func pyFramework(m *ir.Module) string {
	best := ""
	for _, q := range m.Imports {
		for _, name := range []string{"fastapi", "flask", "quart", "aiohttp", "starlette", "django", "rest_framework", "bottle", "tornado"} {
			if q == name || strings.HasPrefix(q, name+".") {
				switch {
				case name == "quart":
					name = "flask"
				case name == "rest_framework":
					name = "django"
				}
				if best == "" || name == "fastapi" || best == "starlette" && name != "starlette" {
					best = name
				}
			}
		}
	}
	return best
}

func (r pyRules) declare(fr *frame, file *ir.Module) {}
func (r pyRules) methods(fr *frame, file *ir.Module) {}

// defined looks at decorators for a route.
func (r pyRules) defined(fr *frame, f *ir.Func, v *Val) {
	var rt *route
	for _, d := range f.Decorators {
		if got := fr.routeOf(d, f); got != nil {
			rt = got
		}
	}
	if rt == nil {
		return
	}
	rt.guarded = fr.asksWho(f, rt)
	target := fr.decorated(f, v)
	fr.x.routes[target] = rt
}

// decorated is the function that a route really calls: what the project's own decorators have made of f.
func (fr *frame) decorated(f *ir.Func, v *Val) *ir.Func {
	for i := len(f.Decorators) - 1; i >= 0; i-- {
		dec := fr.eval(f.Decorators[i])
		if dec.op != vFunc {
			continue
		}
		made := fr.inline(dec, nil, &callArgs{pos: []*Val{v}, expr: f.Decorators[i]})
		if made.op == vFunc && made.fn != nil {
			v = made
		}
	}
	return v.fn
}

// routeOf reads @app.route("/x/<path:name>") and its kin.
func (fr *frame) routeOf(d *ir.Expr, f *ir.Func) *route {
	if d.Op != ir.Call || d.X == nil || d.X.Op != ir.Attr {
		return nil
	}
	method, ok := routeVerbs[d.X.Text]
	if !ok || len(d.Args) == 0 {
		return nil
	}
	pattern, isText := constText(fr.eval(d.Args[0]))
	if !isText || d.X.Text != "view" && !strings.HasPrefix(pattern, "/") {
		return nil
	}
	for i, key := range d.Keys {
		if key == "methods" {
			if list := fr.eval(d.Args[i]); list.op == vSeq && len(list.args) > 0 {
				method = list.args[len(list.args)-1].text
			}
		}
	}
	framework := pyFramework(f.Module)
	return &route{pattern: pattern, method: method, framework: framework, params: fr.routeParams(framework, pattern)}
}

var (
	angle = regexp.MustCompile(`<(?:([A-Za-z_][\w.]*)(?:\([^)]*\))?:)?([A-Za-z_]\w*)>`)
	brace = regexp.MustCompile(`\{([A-Za-z_]\w*)(?::((?:[^{}]|\{[^{}]*\})*))?\}`)
	group = regexp.MustCompile(`\(\?P<(\w+)>((?:[^()\\]|\\.|\[[^\]]*\])*)\)`)
)

// routeParams says what each part of the URL can hold that a pattern names.
func (fr *frame) routeParams(framework, pattern string) map[string]caps {
	out := map[string]caps{}
	for _, m := range angle.FindAllStringSubmatch(pattern, -1) {
		switch kind := m[1]; {
		case kind == "path" && framework == "django":
			out[m[2]] = anything
		case kind == "path":
			out[m[2]] = caps{up: true, bare: true, slash: true} // Werkzeug's begins with no slash
		case kind == "" || kind == "string" || kind == "str":
			out[m[2]] = oneName
		case kind == "slug":
			out[m[2]] = nothing
		case kind == "int" || kind == "float" || kind == "uuid" || kind == "any":
			out[m[2]] = untaintedParam
		default:
			out[m[2]] = anything
			if c, ok := fr.x.converters[kind]; ok {
				out[m[2]] = c
			}
		}
	}
	for _, m := range brace.FindAllStringSubmatch(pattern, -1) {
		switch {
		case m[2] == "int" || m[2] == "float" || m[2] == "uuid":
			out[m[1]] = untaintedParam
		case m[2] == "path":
			out[m[1]] = anything
		case framework == "aiohttp" && m[2] == "":
			out[m[1]] = anything // %2F is decoded after the match
		case m[2] == "" || m[2] == "str":
			out[m[1]] = oneName
		default:
			out[m[1]] = patternParam(m[2], true)
		}
	}
	for _, m := range group.FindAllStringSubmatch(pattern, -1) {
		out[m[1]] = patternParam(m[2], false)
	}
	return out
}

// patternParam is what a part can hold that matched a pattern; encoded where it is decoded only afterwards.
func patternParam(pattern string, encoded bool) caps {
	re, err := syntax.Parse(goPattern(pattern), syntax.Perl)
	if err != nil {
		return anything
	}
	if compiled, err := regexp.Compile("^(?:" + goPattern(pattern) + ")$"); err == nil && encoded && compiled.MatchString("a%2fb") {
		return anything
	}
	j := newJudged()
	j.caps = anything
	set := (&shape{}).chars(re)
	applyChars(j, set)
	if set.slash && !canBeDots(re) {
		j.caps = j.caps.noDots()
	}
	return j.caps
}

// addRoute is app.add_url_rule, path(...), Route(...) and their kin: a handler named by a value.
func (fr *frame) addRoute(handler *Val, rt *route) {
	switch handler.op {
	case vFunc, vBound:
		if fr.x.routes[handler.fn] == nil {
			rt.guarded = fr.asksWho(handler.fn, rt)
			fr.x.routes[handler.fn] = rt
		}
	case vClass:
		for _, name := range []string{"get", "post", "put", "delete", "patch", "dispatch", "head"} {
			if m := fr.x.method(handler, name); m != nil && m.op == vFunc {
				fr.addRoute(m, rt)
			}
		}
		if h := fr.x.method(handler, "get_context_data"); h != nil && h.op == vFunc {
			fr.addRoute(h, rt)
		}
	case vPhi:
		for _, a := range handler.alts {
			fr.addRoute(a.v, rt)
		}
	}
}

// called looks on: routes that are added by a call, debug mode.
func (r pyRules) called(fr *frame, callee, recv *Val, method string, a *callArgs) {
	q := ""
	if callee.op == vRef {
		q = callee.text
	}
	switch {
	case method == "add_url_rule":
		if view := a.at(2, "view_func"); view != nil {
			pattern, _ := constText(orNothing(fr, a.at(0, "rule")))
			fr.addRoute(view, &route{pattern: pattern, method: "GET", framework: "flask", params: fr.routeParams("flask", pattern)})
		}
	case method == "add_resource":
		for _, p := range rest(a.pos) {
			if pattern, ok := constText(p); ok {
				fr.addRoute(a.pos[0], &route{pattern: pattern, method: "GET", framework: "flask", params: fr.routeParams("flask", pattern)})
			}
		}
	case q == "django.urls.path" || q == "django.urls.re_path":
		fr.djangoRoute(q, a)
	case strings.HasPrefix(method, "add_") && routeVerbs[strings.TrimPrefix(method, "add_")] != "" || q == "aiohttp.web.get" || q == "aiohttp.web.post" || q == "aiohttp.web.put" || q == "aiohttp.web.delete" || q == "aiohttp.web.route" || q == "aiohttp.web.view":
		fr.handlerRoute("aiohttp", a)
	case method == "add_api_route":
		fr.handlerRoute("fastapi", a)
	case strings.HasSuffix(q, "starlette.routing.Route"):
		fr.handlerRoute("starlette", a)
	}
	fr.debugMode(q, method, a)
}

func orNothing(fr *frame, v *Val) *Val {
	if v == nil {
		return fr.x.t.nothing()
	}
	return v
}

// handlerRoute is a call with a pattern and a handler somewhere in it.
func (fr *frame) handlerRoute(framework string, a *callArgs) {
	pattern := ""
	for _, v := range a.pos {
		if text, ok := constText(v); ok && strings.HasPrefix(text, "/") {
			pattern = text
		}
	}
	if pattern == "" {
		return
	}
	handler := a.at(-1, "endpoint", "handler")
	for _, v := range a.pos {
		if v.op == vFunc || v.op == vBound || v.op == vClass {
			handler = v
		}
	}
	if handler != nil {
		if own := pyFramework(fr.file()); own != "" && framework == "aiohttp" {
			framework = own
		}
		fr.addRoute(handler, &route{pattern: pattern, method: "GET", framework: framework, params: fr.routeParams(framework, pattern)})
	}
}

func (fr *frame) djangoRoute(q string, a *callArgs) {
	pattern, ok := constText(orNothing(fr, a.at(0, "route")))
	view := a.at(1, "view")
	if !ok || view == nil {
		return
	}
	shown := "/" + pattern
	if q == "django.urls.re_path" {
		shown = "/" + group.ReplaceAllString(strings.Trim(pattern, "^$"), "{$1}")
	}
	rt := &route{pattern: shown, method: "GET", framework: "django", params: fr.routeParams("django", pattern)}
	if view.op == vRef && view.text == "django.views.static.serve" {
		fr.followsLinks("serve", a)
	}
	if view.op == vUnknown || view.op == vRef {
		return
	}
	fr.addRoute(view, rt)
}

// converter is a part of the URL that the project's own class describes.
func (fr *frame) converter(a *callArgs) {
	cls, name := a.at(0, "converter"), a.at(1, "type_name")
	if cls == nil || name == nil || cls.op != vClass {
		return
	}
	if re := fr.x.method(cls, "regex"); re != nil && re.op == vConst {
		fr.x.converters[name.text] = patternParam(re.text, false)
	}
}
