package flow

import (
	"strings"
)

func (r pyRules) method(fr *frame, recv *Val, name string, a *callArgs) *Val {
	t := fr.x.t
	if recv.op == vInst {
		for _, b := range fr.x.foreign(recv.args[0], 4) {
			if src, ok := pyCallTexts[pyBaseKind(b)+"."+name]; ok {
				return named(t, src, a)
			}
		}
		if name == "get_object" || name == "get_queryset" {
			return nil
		}
	}
	if recv.op == vClass && name == "as_view" {
		return recv
	}
	if recv.op == vObj {
		if v := r.objMethod(fr, recv, name, a); v != nil {
			return v
		}
	}
	if recv.textual() || recv.op == vSeq || recv.op == vParts || recv.op == vDict || recv.op == vUnknown {
		if v := r.textMethod(fr, recv, name, a); v != nil {
			return v
		}
	}
	if s, ok := pyPathSinks[name]; ok && recv.textual() && (name != "rename" || len(a.pos) == 1) {
		if recv.tainted && (recv.op != vSource || recv.src.Via != "json" || name != "open") {
			fr.reach(recv, s, a.expr)
		}
		if name == "rename" {
			fr.reach(a.at(0, "target"), s, a.expr)
		}
		return t.unknown("file")
	}
	return r.anyMethod(fr, recv, name, a)
}

// anyMethod is what a method does by its name alone, whatever it is called on.
func (r pyRules) anyMethod(fr *frame, recv *Val, name string, a *callArgs) *Val {
	switch name {
	case "save":
		if recv.op == vObj && recv.text == "upload" || len(a.pos) == 1 && len(a.kw) == 0 {
			fr.reach(a.at(0, "dst"), sink{name: "save", does: "writes"}, a.expr)
		}
	case "send_static_file":
		fr.reach(a.at(0), sink{name: "send_static_file", does: "sends", lexical: true}, a.expr)
	case "open_resource":
		fr.reach(a.at(0), sink{name: "open_resource", does: "opens"}, a.expr)
	case "set", "add", "setdefault", "add_header", "send_header", "set_header":
		if len(a.pos) == 2 {
			fr.header(a.pos[0], a.pos[1], a.expr)
		}
	case "add_static":
		fr.mounts("add_static", a)
		fr.reach(a.at(1, "path"), sink{name: "add_static", does: "serves a directory named by", dir: true}, a.expr)
	case "run_in_executor", "to_thread":
		return r.unknownCall(fr, name, a)
	case "extractall", "extract":
		if recv.op == vUnknown {
			return nil
		}
	}
	if h, ok := a.kw["headers"]; ok {
		fr.headers(h, a.expr)
	}
	return nil
}

func (r pyRules) objMethod(fr *frame, recv *Val, name string, a *callArgs) *Val {
	t := fr.x.t
	if src, ok := pyCallTexts[recv.text+"."+name]; ok {
		return named(t, src, a)
	}
	first := a.at(0, "key", "name")
	switch {
	case strings.HasPrefix(recv.text, "dict:"):
		return r.dictMethod(fr, recv, name, first, a)
	case recv.text == "files" || recv.text == "djfiles" || recv.text == "mixed":
		switch name {
		case "get", "getlist", "pop", "getall", "getone":
			v := fr.fromCollection(recv, first)
			if name == "getlist" || name == "getall" {
				return t.seq(v)
			}
			return v
		case "values":
			return recv
		case "items":
			return t.seq(t.seq(t.unknown("key"), fr.element(recv)))
		}
	case recv.text == "environ" && name == "get":
		return fr.fromCollection(recv, first)
	case recv.text == "environ" && name == "setdefault":
		return nil
	case recv.text == "starlette.Request" && name == "form":
		return t.kind("mixed")
	case recv.text == "aiohttp.Request" && name == "post":
		return t.kind("mixed")
	case recv.text == "aiohttp.Request" && name == "multipart":
		return t.kind("multipart")
	case recv.text == "multipart" && name == "next":
		return fr.upload("part", "")
	case recv.text == "part" && (name == "text" || name == "json"):
		return fr.x.source("form", "")
	case recv.text == "starlette.Request" && name == "stream":
		return nil
	case recv.text == "re":
		if len(recv.args) == 1 {
			inner := *a
			inner.pos = append([]*Val{recv.args[0]}, a.pos...)
			return r.reCall(fr, name, &inner)
		}
	case recv.text == "storage" && len(a.pos) > 0:
		switch name {
		case "open", "delete", "exists", "path":
			fr.reach(a.pos[0], sink{name: "storage." + name, does: "opens", lexical: true}, a.expr)
			return t.of(vSafeJoin, "", t.unknown("storage"), a.pos[0])
		case "save":
			fr.reach(a.pos[0], sink{name: "storage.save", does: "writes", lexical: true}, a.expr)
			return t.unknown("stored name")
		}
	case recv.text == "zip":
		return r.zipMethod(fr, recv, name, a)
	case recv.text == "tar":
		return r.tarMethod(fr, recv, name, a)
	case recv.text == "upload" && (name == "read" || name == "chunks"):
		return t.unknown("content")
	case recv.text == "sep":
		return r.textMethod(fr, t.str("/"), name, a)
	}
	return nil
}

func (r pyRules) dictMethod(fr *frame, recv *Val, name string, key *Val, a *callArgs) *Val {
	t := fr.x.t
	switch name {
	case "get", "pop", "getone", "getfirst", "getvalue", "setdefault":
		if typ := a.kw["type"]; typ != nil && (typ.op == vRef && (typ.text == "builtins.int" || typ.text == "builtins.float") || typ.op == vRef && strings.HasPrefix(typ.text, "uuid.")) {
			return t.opaque()
		}
		v := fr.field(recv.text, key)
		if fallback := a.at(1, "default"); fallback != nil && fallback.tainted {
			return t.phi([]alt{{v, nil}, {fallback, nil}})
		}
		return v
	case "getlist", "getall", "get_all", "values", "keys", "getlistvalues":
		return t.seq(fr.field(recv.text, key))
	case "items", "multi_items":
		return t.seq(t.seq(fr.field(recv.text, nil), fr.field(recv.text, nil)))
	case "to_dict", "copy", "dict":
		return recv
	}
	return nil
}

func (r pyRules) textMethod(fr *frame, recv *Val, name string, a *callArgs) *Val {
	t := fr.x.t
	first := a.at(0)
	switch name {
	case "replace":
		if len(a.pos) >= 2 {
			old, okOld := constText(a.pos[0])
			to, okTo := constText(a.pos[1])
			if okOld && okTo {
				return t.of(vReplace, old+"\x00"+to, recv)
			}
			return recv
		}
	case "strip", "lstrip", "rstrip":
		side := map[string]string{"strip": "both", "lstrip": "left", "rstrip": "right"}[name]
		chars := ""
		if first != nil {
			chars, _ = constText(first)
		}
		return t.of(vTrim, side+"\x00"+chars, recv)
	case "removeprefix":
		return t.of(vSlice, "from", recv)
	case "startswith", "endswith":
		return fr.startsWith(name, recv, first)
	case "isalnum", "isalpha", "isdigit", "isidentifier", "isdecimal", "isnumeric":
		return t.pred("charset", recv)
	case "split", "rsplit":
		sep := "/"
		if first != nil {
			sep, _ = constText(first)
		}
		if sep == "/" && first != nil {
			return t.of(vParts, "", recv)
		}
		if recv.tainted {
			return t.seq(t.of(vSlice, "to", recv), t.of(vSlice, "from", recv))
		}
	case "partition", "rpartition":
		return t.seq(t.of(vSlice, "to", recv), t.unknown("sep"), t.of(vSlice, "from", recv))
	case "join":
		if recv.op == vConst || recv.op == vUnknown && first != nil {
			return fr.joined(recv, first)
		}
	case "joinpath":
		return t.of(vJoin, "", append([]*Val{recv}, a.pos...)...)
	case "with_name":
		if first != nil {
			return t.of(vJoin, "", t.of(vDir, "", recv), first)
		}
	case "format":
		if recv.op == vConst {
			return fr.formatted(recv.text, '{', a.pos, a.kw)
		}
	case "resolve":
		return t.of(vReal, "", recv)
	case "relative_to":
		if first != nil {
			fr.st.facts, _ = t.assume(fr.st.facts, t.pred("relto", recv, first), true)
			return t.of(vRel, "", first, recv)
		}
	case "is_relative_to":
		if first != nil {
			return t.pred("relto", recv, first)
		}
	case "exists", "is_file", "is_dir":
		fr.oracle(recv, "Path."+name, a.expr)
		return t.pred("exists", recv)
	case "stat", "lstat":
		return nil
	case "is_symlink":
		return t.pred("islink", recv)
	case "is_absolute":
		return t.pred("isabs", recv)
	case "get":
		if recv.op == vSource && recv.src.Via == "json" && first != nil {
			return fr.x.jsonField(first)
		}
		if recv.op == vDict && first != nil {
			return fr.dictGet(recv, first, a)
		}
	case "append", "add", "extend":
		return nil
	case "hexdigest":
		return t.opaque()
	}
	if pySame[name] && recv.textual() {
		return t.of(vLower, "same", recv)
	}
	return nil
}

func (fr *frame) startsWith(name string, recv, prefix *Val) *Val {
	t := fr.x.t
	if prefix == nil {
		return nil
	}
	if prefix.op == vSeq {
		var out *Val
		for _, p := range prefix.args {
			one := t.pred(name, recv, p)
			if out == nil {
				out = one
			} else {
				out = t.of(vOr, "", out, one)
			}
		}
		if out != nil {
			return out
		}
	}
	return t.pred(name, recv, prefix)
}
