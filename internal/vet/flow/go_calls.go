package flow

import (
	"strings"
)

func (r goRules) method(fr *frame, recv *Val, name string, a *callArgs) *Val {
	t := fr.x.t
	switch recv.op {
	case vObj:
		if v := r.objMethod(fr, recv, name, a); v != nil {
			return v
		}
	case vInst:
		for _, b := range fr.x.foreign(recv.args[0], 3) {
			if v := r.objMethod(fr, t.kind(b), name, a); v != nil {
				return v
			}
		}
	}
	if (name == "Set" || name == "Add") && len(a.pos) == 2 {
		fr.header(a.pos[0], a.pos[1], a.expr)
	}
	return nil
}

func (r goRules) objMethod(fr *frame, recv *Val, name string, a *callArgs) *Val {
	t := fr.x.t
	key := recv.text + "." + name
	if v := r.known(fr, key, recv, a); v != nil {
		return v
	}
	switch {
	case strings.HasPrefix(recv.text, "dict:") && (name == "Get" || name == "Values"):
		param, _ := constText(orNothing(fr, a.at(0)))
		return fr.x.source(strings.TrimPrefix(recv.text, "dict:"), param)
	case recv.text == "net/http.Request" && name == "FormFile":
		return t.seq(t.unknown("file"), t.kind("mime/multipart.FileHeader"), t.unknown("error of FormFile"))
	case recv.text == "encoding/json.Decoder" && name == "Decode":
		fr.decodeInto(a, 0)
		return t.unknown("error of Decode")
	case recv.text == "replacer" && name == "Replace" && len(a.pos) == 1:
		out := a.pos[0]
		for i := 0; i+1 < len(recv.args); i += 2 {
			old, _ := constText(recv.args[i])
			to, _ := constText(recv.args[i+1])
			out = t.of(vReplace, old+"\x00"+to, out)
		}
		return out
	case recv.text == "net/http.Request" && name == "BasicAuth":
		return t.seq(fr.x.source("header", "Authorization"), fr.x.source("header", "Authorization"), t.unknown("ok"))
	case name == "Value" && strings.HasPrefix(recv.text, "context") && len(a.pos) == 1:
		return fr.leftUnder("context " + contextKey(a.pos[0]))
	case recv.text == "re":
		return r.regexMethod(fr, recv, name, a)
	case recv.text == "net/http.Dir" && name == "Open" && len(a.pos) == 1:
		fr.reach(a.pos[0], sink{name: "http.Dir.Open", does: "opens", lexical: true}, a.expr)
		return t.unknown("file")
	case recv.text == "fs.dir" && len(a.pos) > 0:
		fr.reach(a.pos[0], sink{name: "DirFS." + name, does: "opens", lexical: true}, a.expr)
		return t.unknown("file")
	case recv.text == "net/http.Request" && name == "Context":
		return t.kind("context")
	case recv.text == "net/http.Request" && (name == "WithContext" || name == "Clone"):
		return recv
	}
	return nil
}

// known is a function or method that the tables have, by its qualified name.
func (r goRules) known(fr *frame, q string, recv *Val, a *callArgs) *Val {
	t := fr.x.t
	for _, s := range goSinks[q] {
		arg := a.at(s.at)
		what := s.sink
		if q == "net/http.ServeFile" || strings.HasSuffix(q, "gin.Context.File") || strings.HasSuffix(q, "gin.Context.FileAttachment") {
			what.servefile = true
		}
		fr.reach(arg, what, a.expr)
		fr.wrote(arg, what)
	}
	if src, ok := goCallTexts[q]; ok {
		param := ""
		if src.at >= 0 {
			param, _ = constText(orNothing(fr, a.at(src.at)))
		}
		v := fr.x.source(src.via, param)
		if src.holds != anything || src.via == "urlpath" {
			what := v.src.What
			if src.via == "urlpath" {
				what = "the request's path"
			}
			v = t.source(Source{What: what, Via: src.via, Param: param, holds: src.holds})
		}
		return v
	}
	if kind, ok := goResults[q]; ok {
		return t.kind(kind)
	}
	return nil
}

func (r goRules) call(fr *frame, q string, a *callArgs) *Val {
	t := fr.x.t
	if goNever[q] {
		fr.st.dead = true
		return t.nothing()
	}
	if v := r.known(fr, q, nil, a); v != nil {
		return v
	}
	first := a.at(0)
	if first == nil {
		return nil
	}
	if goSame[q] {
		if q == "strings.Map" && len(a.pos) > 1 {
			first = a.pos[1]
		}
		return t.of(vLower, "same", first)
	}
	switch {
	case strings.HasPrefix(q, "path/filepath.") || strings.HasPrefix(q, "path."):
		return r.pathCall(fr, q[strings.LastIndexByte(q, '.')+1:], first, a)
	case strings.HasPrefix(q, "strings.") && q != "strings.NewReplacer":
		return r.stringsCall(fr, strings.TrimPrefix(q, "strings."), first, a)
	case strings.HasPrefix(q, "net/http.") && q != "net/http.MaxBytesReader":
		return r.httpCall(fr, strings.TrimPrefix(q, "net/http."), first, a)
	case strings.HasPrefix(q, "builtins."):
		return r.builtinCall(fr, strings.TrimPrefix(q, "builtins."), first, a)
	}
	return r.otherCall(fr, q, first, a)
}

func (r goRules) otherCall(fr *frame, q string, first *Val, a *callArgs) *Val {
	t := fr.x.t
	switch q {
	case "context.WithValue":
		if len(a.pos) == 3 {
			fr.x.keep("context "+contextKey(a.pos[1]), a.pos[2], fr.st.facts)
			return t.kind("context")
		}
	case "encoding/json.Unmarshal":
		if first.tainted {
			fr.decodeInto(a, 1)
		}
	case "io.ReadAll", "io/ioutil.ReadAll", "io.LimitReader", "net/http.MaxBytesReader", "bufio.NewReader":
		if q == "net/http.MaxBytesReader" && len(a.pos) > 1 {
			first = a.pos[1]
		}
		if first.op == vObj && first.text == "body" {
			if strings.HasSuffix(q, "ReadAll") {
				return t.source(Source{What: "the request's body", Via: "form", holds: anything})
			}
			return first
		}
	case "strings.NewReplacer":
		return t.of(vObj, "replacer", a.pos...)
	case "fmt.Sprintf":
		if first.op == vConst {
			return fr.formatted(first.text, '%', rest(a.pos), nil)
		}
	case "fmt.Sprint":
		return fr.cat(a.pos...)
	case "net/url.PathUnescape", "net/url.QueryUnescape", "encoding/base64.StdEncoding.DecodeString", "encoding/base64.URLEncoding.DecodeString", "encoding/base64.RawURLEncoding.DecodeString", "encoding/hex.DecodeString":
		return t.of(vDecode, q[strings.LastIndexByte(q, '.')+1:], first)
	case "net/url.Parse", "net/url.ParseRequestURI":
		if first.tainted {
			return t.kind("net/url.URL")
		}
	case "io/fs.ValidPath":
		return t.pred("local", first)
	case "os.Stat", "os.Lstat":
		fr.oracle(first, q, a.expr)
		fr.st.facts = fr.st.facts.plus(t.pred("exists", first), true)
	case "os.DirFS":
		return t.of(vObj, "fs.dir", first)
	case "io/fs.ReadFile", "io/fs.Stat", "io/fs.ReadDir":
		fr.fsOpen(first, a.at(1), q, a)
	case "regexp.MustCompile", "regexp.Compile":
		return t.of(vObj, "re", first)
	case "regexp.MatchString":
		if second := a.at(1); second != nil {
			return t.pred("match\x00go", second, first)
		}
	case "slices.Contains":
		if second := a.at(1); second != nil {
			if first.op == vParts {
				return t.pred("contains", first, second)
			}
			return t.pred("in", second, first)
		}
	case "strconv.Atoi", "strconv.ParseInt", "strconv.ParseUint":
		return t.opaque()
	}
	if strings.HasSuffix(q, "Encoding.DecodeString") {
		return t.of(vDecode, "DecodeString", first)
	}
	return nil
}

// fsOpen is a name opened in a file system that is a value.
func (fr *frame) fsOpen(fsys, name *Val, q string, a *callArgs) {
	if fsys == nil || name == nil || fsys.op != vObj {
		return
	}
	s := sink{name: q[strings.LastIndexByte(q, '/')+1:], does: "opens", lexical: true, root: fsys.text != "fs.dir" && fsys.text != "net/http.Dir"}
	fr.reach(name, s, a.expr)
}

func (r goRules) pathCall(fr *frame, name string, first *Val, a *callArgs) *Val {
	t := fr.x.t
	switch name {
	case "Join":
		if len(a.pos) == 1 {
			return t.of(vClean, "go", first)
		}
		return t.of(vJoin, "go", a.pos...)
	case "Clean":
		return t.of(vClean, "go", first)
	case "Abs":
		return t.of(vClean, "abs", first)
	case "EvalSymlinks":
		return t.of(vReal, "", first)
	case "Base":
		return t.of(vBase, "", first)
	case "Dir":
		return t.of(vDir, "", first)
	case "Ext":
		return t.of(vExt, "", first)
	case "Split":
		return t.seq(t.of(vDir, "", first), t.of(vBase, "", first))
	case "Rel":
		if len(a.pos) == 2 {
			return t.of(vRel, "", a.pos[0], a.pos[1])
		}
	case "IsLocal", "Localize":
		return t.pred("local", first)
	case "IsAbs":
		return t.pred("isabs", first)
	case "Glob":
		return t.of(vListing, "", t.unknown("glob"))
	}
	return nil
}

func (r goRules) stringsCall(fr *frame, name string, first *Val, a *callArgs) *Val {
	t := fr.x.t
	second := orNothing(fr, a.at(1))
	text, _ := constText(second)
	switch name {
	case "HasPrefix":
		return t.pred("startswith", first, second)
	case "HasSuffix":
		return t.pred("endswith", first, second)
	case "Contains", "Index", "LastIndex", "ContainsRune", "IndexByte", "IndexRune", "Count":
		return t.pred("contains", first, second)
	case "ContainsAny", "IndexAny":
		var out *Val
		for _, c := range text {
			one := t.pred("contains", first, t.str(string(c)))
			if out == nil {
				out = one
			} else {
				out = t.of(vOr, "", out, one)
			}
		}
		return out
	case "ReplaceAll", "Replace":
		if len(a.pos) >= 3 {
			to, _ := constText(a.pos[2])
			return t.of(vReplace, text+"\x00"+to, first)
		}
	case "TrimPrefix":
		return t.of(vSlice, "from", first)
	case "TrimLeft", "Trim":
		return t.of(vTrim, "left\x00"+text, first)
	case "TrimSpace":
		return t.of(vTrim, "both\x00", first)
	case "Split", "SplitN":
		if text == "/" || second.op == vObj && second.text == "sep" {
			return t.of(vParts, "", first)
		}
		if first.tainted {
			return t.seq(first, first)
		}
	case "Fields":
		return t.seq(first)
	case "Cut", "CutPrefix":
		if name == "CutPrefix" {
			return t.seq(t.of(vSlice, "from", first), t.unknown("found"))
		}
		return t.seq(first, t.of(vSlice, "from", first), t.unknown("found"))
	case "Join":
		return fr.joined(second, first)
	case "EqualFold":
		return t.pred("eq", first, second)
	}
	return nil
}

func (r goRules) httpCall(fr *frame, name string, first *Val, a *callArgs) *Val {
	t := fr.x.t
	switch name {
	case "Dir":
		return t.of(vObj, "net/http.Dir", first)
	case "FS":
		return first
	case "FileServer", "FileServerFS":
		if first.op == vObj && (first.text == "net/http.Dir" || first.text == "fs.dir") && len(first.args) == 1 && a.expr != nil {
			fr.note("links-followed", Guarded, posOf(a.expr), "http."+name, "http."+name+" of a directory follows links: whoever can make one in it may read what it points to")
			fr.x.trees = append(fr.x.trees, tree{first.args[0], fr.file().Path, a.expr.Line, fr.name()})
		}
	case "HandlerFunc", "StripPrefix":
		return a.pos[len(a.pos)-1]
	case "ServeFileFS":
		if len(a.pos) == 4 {
			fr.fsOpen(a.pos[2], a.pos[3], "http.ServeFileFS", a)
		}
	case "ServeContent":
		fr.x.serves(fr)
	}
	return nil
}

func (r goRules) builtinCall(fr *frame, name string, first *Val, a *callArgs) *Val {
	t := fr.x.t
	switch name {
	case "range":
		return t.seq(t.seq(fr.rangeKey(first), fr.element(first)))
	case "append":
		if first.op == vSeq {
			return t.seq(append(append([]*Val(nil), first.args...), rest(a.pos)...)...)
		}
		return t.seq(rest(a.pos)...)
	case "new", "make":
		if a.expr != nil && len(a.expr.Args) > 0 {
			if first.op == vClass {
				return fr.x.newInstance(first)
			}
			return fr.typeVal(a.expr.Args[0])
		}
	case "len", "cap", "int", "int64", "uint", "uint64", "float64":
		return t.opaque()
	case "min", "max":
		return first
	}
	return nil
}

// rangeKey is the key of a map of the request, or a number.
func (fr *frame) rangeKey(over *Val) *Val {
	if over.op == vObj && strings.HasPrefix(over.text, "dict:") {
		return fr.x.source(strings.TrimPrefix(over.text, "dict:"), "")
	}
	return fr.x.t.opaque()
}

func (r goRules) regexMethod(fr *frame, recv *Val, name string, a *callArgs) *Val {
	t := fr.x.t
	if len(recv.args) == 0 || len(a.pos) == 0 {
		return nil
	}
	pattern := recv.args[0]
	switch name {
	case "MatchString", "Match":
		return t.pred("match\x00go", a.pos[0], pattern)
	case "ReplaceAllString", "ReplaceAllLiteralString":
		if pattern.op == vConst && len(a.pos) > 1 {
			to, _ := constText(a.pos[1])
			return t.of(vRegexSub, pattern.text+"\x00"+to, a.pos[0])
		}
	case "FindString":
		return a.pos[0]
	case "FindStringSubmatch":
		return t.seq(a.pos[0], a.pos[0], a.pos[0])
	}
	return nil
}
