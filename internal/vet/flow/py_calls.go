package flow

import (
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func (r pyRules) call(fr *frame, q string, a *callArgs) *Val {
	t := fr.x.t
	if pyNever[q] {
		if first := a.at(0, "code"); first != nil && first.isConst("403") {
			fr.x.forbidden[fr.entry.fn] = true
		}
		fr.st.dead = true
		return t.nothing()
	}
	if src, ok := pyCallTexts[q]; ok {
		return named(t, src, a)
	}
	if kind, field, ok := splitMethod(q); ok {
		// request.args.get: request.args is an object, not a module.
		if k, is := pyKinds[kind]; is {
			return r.method(fr, t.kind(k), field, a)
		}
	}
	for _, s := range pySinks[q] {
		arg := a.at(s.at, s.names...)
		if q == "flask.send_file" && arg != nil && arg.op == vObj {
			continue
		}
		s.held = q == "os.open" && a.kw["dir_fd"] != nil && mentions(a.expr, noFollow, false)
		fr.reach(arg, s.sink, a.expr)
	}
	if strings.HasPrefix(q, "builtins.") {
		return r.builtinCall(fr, strings.TrimPrefix(q, "builtins."), a)
	}
	if strings.HasPrefix(q, "os.") {
		if v := r.osCall(fr, q, a); v != nil {
			return v
		}
	}
	if strings.HasPrefix(q, "re.") {
		return r.reCall(fr, strings.TrimPrefix(q, "re."), a)
	}
	return r.libraryCall(fr, q, a)
}

// named gives a source the name it was asked for by.
func named(t *table, src Source, a *callArgs) *Val {
	if first := a.at(0); first != nil && first.op == vConst && src.Via != "json" && src.Via != "form" {
		src.Param = first.text
		src.What += " " + quote(first.text)
	}
	return t.source(src)
}

func splitMethod(q string) (object, method string, ok bool) {
	at := strings.LastIndexByte(q, '.')
	if at < 0 {
		return "", "", false
	}
	return q[:at], q[at+1:], true
}

func (r pyRules) libraryCall(fr *frame, q string, a *callArgs) *Val {
	t := fr.x.t
	first := a.at(0)
	if first == nil {
		first = t.nothing()
	}
	switch q {
	case "flask.send_from_directory":
		fr.reach(a.at(0, "directory"), sink{name: "send_from_directory(directory)", does: "serves a directory named by", dir: true}, a.expr)
		if name := a.at(1, "path", "filename"); name != nil {
			// What was asked of the joined path was asked of this one.
			fr.reach(t.of(vJoin, "", orNothing(fr, a.at(0, "directory")), name), sink{name: "send_from_directory", does: "sends", lexical: true}, a.expr)
		}
	case "flask.current_app.send_static_file", "flask.current_app.open_resource":
		fr.reach(first, sink{name: q[strings.LastIndexByte(q, '.')+1:], does: "sends", lexical: strings.HasSuffix(q, "static_file")}, a.expr)
	case "django.views.static.serve":
		fr.reach(a.at(2, "document_root"), sink{name: "serve", does: "serves a directory named by", dir: true}, a.expr)
		fr.reach(a.at(1, "path"), sink{name: "serve", does: "sends", lexical: true}, a.expr)
	case "storage.open":
		fr.reach(first, sink{name: "storage.open", does: "opens", lexical: true}, a.expr)
	case "pathlib.Path":
		return r.join(fr, a)
	case "werkzeug.utils.secure_filename", "django.utils.text.get_valid_filename":
		return t.of(vSafeName, q[strings.LastIndexByte(q, '.')+1:], first)
	case "werkzeug.utils.safe_join":
		return t.of(vSafeJoin, "", append([]*Val{first}, rest(a.pos)...)...)
	case "urllib.parse.unquote", "base64.b64decode", "codecs.decode":
		return t.of(vDecode, q[strings.LastIndexByte(q, '.')+1:], first)
	case "unicodedata.normalize":
		if second := a.at(1); second != nil {
			return t.of(vDecode, "normalize", second)
		}
	case "urllib.parse.quote", "os.fspath", "markupsafe.escape", "html.escape", "copy.copy", "copy.deepcopy", "asyncio.to_thread", "django.utils.encoding.force_str", "typing.cast":
		return r.passing(fr, q, a)
	case "urllib.parse.urlparse":
		if first.tainted {
			return t.of(vObj, "urlparts", first)
		}
	case "urllib.parse.parse_qs", "urllib.parse.parse_qsl", "cgi.FieldStorage":
		if first.tainted || q == "cgi.FieldStorage" {
			return t.kind("dict:query")
		}
	case "json.loads", "json.load":
		if first.tainted {
			return t.source(Source{What: "the JSON of the request", Via: "json", holds: anything})
		}
	case "zipfile.ZipFile":
		return t.of(vObj, "zip", first)
	case "tarfile.open", "tarfile.TarFile":
		return t.of(vObj, "tar", append([]*Val{first}, a.all()...)...)
	case "shutil.unpack_archive":
		fr.unpack(first, "shutil.unpack_archive", a)
	case "django.urls.register_converter":
		fr.converter(a)
	case "django.core.files.storage.FileSystemStorage":
		return t.kind("storage")
	case "flask.render_template":
		fr.reach(first, sink{name: "render_template", does: "renders", lexical: true}, a.expr)
	case "aiohttp.web.static":
		fr.mounts("web.static", a)
	case "starlette.staticfiles.StaticFiles", "fastapi.staticfiles.StaticFiles":
		fr.mounts("StaticFiles", a)
	case "django.http.FileResponse", "starlette.responses.StreamingResponse":
		fr.x.serves(fr)
	}
	return r.unknownCall(fr, q, a)
}

// passing are calls whose argument comes back.
func (r pyRules) passing(fr *frame, q string, a *callArgs) *Val {
	switch q {
	case "asyncio.to_thread":
		if len(a.pos) > 0 {
			inner := *a
			inner.pos = a.pos[1:]
			return fr.apply(a.pos[0], nil, "", &inner)
		}
	case "typing.cast":
		if len(a.pos) > 1 {
			return a.pos[1]
		}
	}
	if len(a.pos) == 0 {
		return nil
	}
	return fr.x.t.of(vLower, "same", a.pos[0])
}

// unknownCall looks for what is dangerous whoever is called.
func (r pyRules) unknownCall(fr *frame, q string, a *callArgs) *Val {
	switch q[strings.LastIndexByte(q, '.')+1:] {
	case "run_in_executor", "run_in_threadpool", "run_sync":
		for i, v := range a.pos {
			if v.op == vRef || v.op == vFunc || v.op == vBound {
				inner := *a
				inner.pos = a.pos[i+1:]
				return fr.apply(v, nil, "", &inner)
			}
		}
	}
	if h, ok := a.kw["headers"]; ok {
		fr.headers(h, a.expr)
	}
	return nil
}

func rest(list []*Val) []*Val {
	if len(list) == 0 {
		return nil
	}
	return list[1:]
}

func (pyRules) join(fr *frame, a *callArgs) *Val {
	t := fr.x.t
	switch len(a.pos) {
	case 0:
		return t.str("")
	case 1:
		return a.pos[0]
	}
	return t.of(vJoin, "", a.pos...)
}

func (r pyRules) builtinCall(fr *frame, name string, a *callArgs) *Val {
	t := fr.x.t
	first := a.at(0)
	switch name {
	case "open":
		if first != nil {
			return t.unknown("file")
		}
	case "int", "float", "len", "bool", "hash", "id", "abs", "ord", "hex", "round", "sum", "isinstance", "hasattr", "type":
		return t.opaque()
	case "str", "bytes", "repr", "list", "tuple", "iter", "sorted", "reversed", "dict", "next", "ascii", "max", "min":
		if first == nil {
			return t.str("")
		}
		if name == "next" || name == "max" || name == "min" {
			return fr.element(first)
		}
		return first
	case "set", "frozenset":
		if first == nil {
			return t.unknown("set")
		}
		if first.tainted && first.textual() {
			return t.of(vLower, "set", first)
		}
		return first
	case "any", "all":
		if a.expr != nil && len(a.expr.Args) == 1 {
			return fr.anyAll(name, a.expr.Args[0])
		}
	case "enumerate":
		if first != nil {
			return t.seq(t.seq(t.opaque(), fr.element(first)))
		}
	case "zip":
		var parts []*Val
		for _, v := range a.pos {
			parts = append(parts, fr.element(v))
		}
		return t.seq(t.seq(parts...))
	case "map", "filter":
		if len(a.pos) == 2 {
			v := fr.apply(a.pos[0], nil, "", &callArgs{pos: []*Val{fr.element(a.pos[1])}, expr: a.expr})
			if name == "filter" {
				return a.pos[1]
			}
			return t.seq(v)
		}
	case "getattr":
		if len(a.pos) >= 2 {
			if text, ok := constText(a.pos[1]); ok {
				return fr.attr(a.pos[0], text, nil)
			}
		}
	case "super":
		return fr.super()
	}
	return nil
}

// super stands for the object: what the class itself defines comes first, which is wrong only for recursion.
func (fr *frame) super() *Val { return fr.x.t.unknown("super") }

// anyAll is any(condition for x in text), or over constants all of them one by one.
func (fr *frame) anyAll(name string, e *ir.Expr) *Val {
	t := fr.x.t
	if e.Op != ir.Comp || len(e.Stmts) == 0 || e.Stmts[0].Op != ir.Loop {
		return t.unknown("any")
	}
	main := fr.st
	fr.st = main.clone()
	defer func() { fr.st = main }()
	loop := e.Stmts[0]
	over := fr.eval(loop.Value)
	if over.op == vSeq && len(over.args) <= 12 && len(e.Stmts) == 1 {
		var out *Val
		for _, item := range over.args {
			fr.assign(loop.Targets[0], item, loop)
			one := fr.cond(e.Args[0])
			switch {
			case out == nil:
				out = one
			case name == "any":
				out = t.of(vOr, "", out, one)
			default:
				out = t.of(vAnd, "", out, one)
			}
		}
		if out != nil {
			return out
		}
	}
	fr.assign(loop.Targets[0], fr.element(over), loop)
	return t.of(vLoopPred, name, fr.cond(e.Args[0]), over)
}

func (r pyRules) osCall(fr *frame, q string, a *callArgs) *Val {
	t := fr.x.t
	first := a.at(0, "path", "p")
	if first == nil {
		first = t.nothing()
	}
	switch q {
	case "os.path.join":
		return r.join(fr, a)
	case "os.path.abspath":
		return t.of(vClean, "abs", first)
	case "os.path.normpath":
		return t.of(vClean, "norm", first)
	case "os.path.realpath":
		return t.of(vReal, "", first)
	case "os.path.basename":
		return t.of(vBase, "", first)
	case "os.path.dirname":
		return t.of(vDir, "", first)
	case "os.path.split":
		return t.seq(t.of(vDir, "", first), t.of(vBase, "", first))
	case "os.path.splitext":
		return t.seq(first, t.of(vExt, "", first))
	case "os.path.normcase", "os.path.expanduser", "os.path.expandvars", "os.fsdecode", "os.fsencode", "os.fspath":
		return t.of(vLower, "same", first)
	case "os.path.exists":
		fr.oracle(first, "os.path.exists", a.expr)
		return t.pred("exists", first)
	case "os.path.islink":
		return t.pred("islink", first)
	case "os.path.isabs":
		return t.pred("isabs", first)
	case "os.path.relpath":
		if base := a.at(1, "start"); base != nil {
			return t.of(vRel, "", base, first)
		}
	case "os.path.commonpath":
		return t.of(vCommon, "path", a.pos...)
	case "os.path.commonprefix":
		return t.of(vCommon, "prefix", a.pos...)
	case "os.listdir", "os.scandir", "os.walk":
		return t.of(vListing, "", t.unknown("dir", a.pos...))
	}
	return nil
}

func (r pyRules) reCall(fr *frame, name string, a *callArgs) *Val {
	t := fr.x.t
	if len(a.pos) < 1 {
		return nil
	}
	pattern := a.pos[0]
	switch name {
	case "compile":
		return t.of(vObj, "re", pattern)
	case "match", "fullmatch", "search":
		if len(a.pos) > 1 {
			mode := map[string]string{"match": "match", "fullmatch": "full", "search": "search"}[name]
			return t.pred("match\x00"+mode, a.pos[1], pattern)
		}
	case "sub":
		if len(a.pos) > 2 && pattern.op == vConst {
			to, _ := constText(a.pos[1])
			return t.of(vRegexSub, pattern.text+"\x00"+to, a.pos[2])
		}
		if len(a.pos) > 2 {
			return a.pos[2]
		}
	case "split":
		if len(a.pos) > 1 && strings.Contains(pattern.text, "/") {
			return t.of(vParts, "", a.pos[1])
		}
	case "findall", "finditer":
		if len(a.pos) > 1 {
			return t.seq(t.of(vRegexSub, "[^"+innerClass(pattern.text)+"]\x00", a.pos[1]))
		}
	}
	return nil
}

// innerClass is the one class that a pattern repeats, or what allows everything.
func innerClass(pattern string) string {
	if strings.HasPrefix(pattern, "[") && strings.Count(pattern, "[") == 1 {
		inner, _, _ := strings.Cut(pattern[1:], "]")
		return inner
	}
	return `\x00-\x{10ffff}`
}
