package flow

import (
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

type pyRules struct{}

func (pyRules) canonical(q string) string {
	if to, ok := pyAliases[q]; ok {
		return to
	}
	return q
}

func (pyRules) outside(x *exec, q string) *Val {
	if kind, ok := pyKinds[q]; ok {
		return x.t.kind(kind)
	}
	if src, ok := pyTexts[q]; ok {
		return x.t.source(src)
	}
	switch q {
	case "os.pardir", "os.path.pardir":
		return x.t.str("..")
	case "os.curdir":
		return x.t.str(".")
	}
	return nil
}

func (pyRules) builtin(fr *frame, name string) *Val {
	switch name {
	case "__file__", "__name__":
		return fr.x.t.unknown(name)
	}
	return fr.x.t.ref(fr.x.lang.canonical("builtins." + name))
}

// source is one field of what a request gives.
func (x *exec) source(via, param string) *Val {
	what := map[string]string{
		"query": "the query parameter", "form": "the form field", "header": "the header", "cookie": "the cookie", "path": "the part of the URL",
		"json": "the JSON field", "upload": "the file name of the upload", "archive": "the name of a member of the archive",
	}[via]
	if param != "" {
		what += " " + quote(param)
	}
	return x.t.source(Source{What: what, Via: via, Param: param, holds: anything})
}

func (x *exec) jsonField(key *Val) *Val {
	name, _ := constText(key)
	return x.source("json", name)
}

// field is an element of a collection of the request.
func (fr *frame) field(kind string, key *Val) *Val {
	name := ""
	if key != nil {
		name, _ = constText(key)
	}
	via := strings.TrimPrefix(kind, "dict:")
	if via == "path" {
		if v := fr.pathParam(name); v != nil {
			return v
		}
	}
	return fr.x.source(via, name)
}

// pathParam is a part of the URL as the route of this handler takes it.
func (fr *frame) pathParam(name string) *Val {
	if fr.entry == nil || fr.entry.route == nil {
		return nil
	}
	c, ok := fr.entry.route.params[name]
	if !ok {
		return nil
	}
	if c == untaintedParam {
		return fr.x.t.opaque()
	}
	return fr.x.t.source(Source{What: "the part of the URL " + quote(name), Via: "path", Param: name, holds: c})
}

// untaintedParam marks a parameter that a converter has made a number.
var untaintedParam = caps{newline: true}

func (fr *frame) upload(kind, param string) *Val {
	return fr.x.t.make(Val{op: vObj, text: kind, src: &Source{What: "the upload " + quote(param), Via: "upload", Param: param}})
}

func (r pyRules) attr(fr *frame, base *Val, name string, e *ir.Expr) *Val {
	t := fr.x.t
	if base.op == vObj {
		if v := r.objAttr(fr, base, name); v != nil {
			return v
		}
	}
	if base.op == vModule || base.op == vInst || base.op == vClass || base.op == vRef {
		return nil
	}
	switch name {
	case "filename":
		if base.op == vObj && (base.text == "upload" || base.text == "djupload" || base.text == "part") {
			return fr.uploadName(base)
		}
	case "name":
		if base.textual() && base.op != vSource || base.op == vSource && base.src.Via != "json" {
			return t.of(vBase, "", base)
		}
	case "stem":
		return t.of(vBase, "", base)
	case "parent":
		return t.of(vDir, "", base)
	case "suffix":
		return t.of(vExt, "", base)
	case "parts":
		return t.of(vParts, "", base)
	case "parents":
		return t.of(vParents, "", base)
	case "path", "query":
		if base.op == vObj && base.text == "urlparts" && base.tainted {
			return t.of(vLower, "part", base.args[0])
		}
	}
	if base.op == vSource && base.src.Via == "json" {
		return nil
	}
	return nil
}

func (fr *frame) uploadName(base *Val) *Val {
	param := ""
	if base.src != nil {
		param = base.src.Param
	}
	v := fr.x.source("upload", param)
	if base.text == "djupload" {
		// Django takes the last element, and refuses "..".
		return fr.x.t.source(Source{What: "the file name of the upload " + quote(param), Via: "upload", Param: param, holds: nothing})
	}
	return v
}

func (r pyRules) objAttr(fr *frame, base *Val, name string) *Val {
	t := fr.x.t
	key := base.text + "." + name
	if kind, ok := pyKinds[key]; ok {
		return t.kind(kind)
	}
	if src, ok := pyTexts[key]; ok {
		return t.source(src)
	}
	switch {
	case base.text == "djupload" && name == "name":
		return fr.uploadName(base)
	case base.text == "part" && name == "name":
		return fr.x.source("form", "")
	case base.text == "member" && (name == "filename" || name == "name" || name == "path"):
		return fr.x.source("archive", "")
	case base.text == "model":
		return fr.x.source("json", name)
	case strings.HasPrefix(base.text, "dict:") && name != "get" && fr.isAttrDict(base.text):
		return nil
	}
	return nil
}

func (fr *frame) isAttrDict(kind string) bool { return kind == "dict:query" }

func (r pyRules) instAttr(fr *frame, base *Val, name string) *Val {
	for _, b := range fr.x.foreign(base.args[0], 4) {
		switch kind := pyBaseKind(b); {
		case kind == "":
		case name == "request" && (kind == "aiohttp.View" || kind == "django.View"):
			return fr.x.t.kind(strings.TrimSuffix(kind, "View") + "Request")
		case pyKinds[kind+"."+name] != "":
			return fr.x.t.kind(pyKinds[kind+"."+name])
		default:
			if src, ok := pyTexts[kind+"."+name]; ok {
				return fr.x.t.source(src)
			}
		}
	}
	if fr.isModel(base) {
		return fr.x.source("json", name)
	}
	return nil
}

// pyBaseKind says what a class of somebody else's makes of those that inherit from it.
func pyBaseKind(q string) string {
	last := q[strings.LastIndexByte(q, '.')+1:]
	switch {
	case strings.HasSuffix(last, "HTTPRequestHandler"):
		return "http.server.Handler"
	case q == "aiohttp.web.View":
		return "aiohttp.View"
	case strings.HasPrefix(q, "django.") && strings.HasSuffix(last, "View"), strings.HasPrefix(q, "rest_framework."):
		return "django.View"
	case strings.HasPrefix(q, "tornado."):
		return "tornado.Handler"
	}
	return ""
}

func (fr *frame) isModel(inst *Val) bool {
	for _, b := range fr.x.foreign(inst.args[0], 4) {
		if b == "pydantic.BaseModel" || strings.HasSuffix(b, ".BaseModel") {
			return true
		}
	}
	return false
}

func (r pyRules) index(fr *frame, base, key *Val, e *ir.Expr) *Val {
	switch base.op {
	case vObj:
		return fr.fromCollection(base, key)
	case vInst:
		if m := fr.x.method(base.args[0], "__getitem__"); m != nil && m.op == vFunc {
			return fr.inline(m, base, &callArgs{pos: []*Val{key}, expr: e})
		}
	}
	return nil
}

// fromCollection is base[key] or base.get(key).
func (fr *frame) fromCollection(base, key *Val) *Val {
	name := ""
	if key != nil {
		name, _ = constText(key)
	}
	switch {
	case strings.HasPrefix(base.text, "dict:"):
		return fr.field(base.text, key)
	case base.text == "files":
		return fr.upload("upload", name)
	case base.text == "djfiles":
		return fr.upload("djupload", name)
	case base.text == "mixed": // a form that also has uploads
		return fr.x.t.make(Val{op: vSource, src: &Source{What: "the form field " + quote(name), Via: "form", Param: name, holds: anything}})
	case base.text == "environ":
		switch name {
		case "PATH_INFO", "REQUEST_URI", "RAW_URI":
			return fr.x.t.source(Source{What: "the request's path", Via: "urlpath", holds: anything})
		case "QUERY_STRING":
			return fr.x.t.source(Source{What: "the query", Via: "query", holds: anything})
		}
		if strings.HasPrefix(name, "HTTP_") {
			return fr.x.source("header", name)
		}
	case base.text == "scope" && (name == "path" || name == "raw_path"):
		return fr.x.t.source(Source{What: "the request's path", Via: "urlpath", holds: anything})
	case base.text == "scope" && name == "query_string":
		return fr.x.t.source(Source{What: "the query", Via: "query", holds: anything})
	}
	return nil
}

func (r pyRules) element(fr *frame, v *Val) *Val {
	if v.op != vObj {
		return nil
	}
	switch v.text {
	case "files":
		return fr.upload("upload", "")
	case "djfiles":
		return fr.upload("djupload", "")
	case "zip", "tar", "members":
		return fr.x.t.make(Val{op: vObj, text: "member", args: v.args})
	case "membernames":
		return fr.x.source("archive", "")
	case "multipart":
		return fr.upload("part", "")
	case "items":
		return fr.x.t.seq(fr.x.source("form", ""), fr.x.source("form", ""))
	}
	if strings.HasPrefix(v.text, "dict:") {
		return fr.field(v.text, nil)
	}
	return nil
}

func (pyRules) construct(fr *frame, v *Val, a *callArgs) {
	// A data class keeps what it is given under the names of its fields.
	i := 0
	for _, s := range v.obj.cls.Body {
		if s.Op == ir.Assign && len(s.Targets) == 1 && s.Targets[0].Op == ir.Name {
			if got := a.at(i, s.Targets[0].Text); got != nil {
				v.obj.fields[s.Targets[0].Text] = got
			}
			i++
		}
	}
	for name, got := range a.kw {
		v.obj.fields[name] = got
	}
}

func (pyRules) ordered(fr *frame, op string, a, b *Val) *Val {
	// set(name) <= ALLOWED
	if op == "<=" && a.op == vLower && a.text == "set" {
		return fr.x.t.of(vLoopPred, "all", fr.x.t.pred("in", fr.x.t.of(vElem, "", a.args[0]), b), a.args[0])
	}
	return nil
}

func (pyRules) isNothing(fr *frame, v *Val) *Val {
	switch v.op {
	case vPred: // re.match(...) is None
		return fr.x.t.not(v)
	case vPhi:
		return fr.x.t.unknown("is nothing", v)
	}
	return fr.x.t.pred("isnothing", v)
}

func (r pyRules) typed(fr *frame, v *Val, p ir.Param) *Val {
	if v.op == vUnknown && p.Type != nil {
		if got := fr.annotated(p); got != nil {
			return got
		}
	}
	return v
}

// annotated is what a framework passes for an annotation.
func (fr *frame) annotated(p ir.Param) *Val {
	t := fr.x.t
	if p.Type == nil {
		return nil
	}
	for _, q := range fr.typeNames(p.Type) {
		switch q {
		case "starlette.Request", "aiohttp.Request", "django.Request":
			return t.kind(q)
		case "starlette.UploadFile":
			return fr.upload("upload", p.Name)
		case "http.server.BaseHTTPRequestHandler":
			return t.kind("http.server.Handler")
		}
	}
	return nil
}

// typeNames are the qualified names in an annotation.
func (fr *frame) typeNames(e *ir.Expr) []string {
	switch e.Op {
	case ir.Name, ir.Attr:
		v := fr.eval(e)
		switch v.op {
		case vRef:
			return []string{v.text}
		case vClass:
			return []string{"\x00class"}
		}
	case ir.Index:
		return append(fr.typeNames(e.X), fr.typeNames(e.Args[0])...)
	}
	var out []string
	for _, a := range e.Args {
		if a != nil {
			out = append(out, fr.typeNames(a)...)
		}
	}
	return out
}
