package flow

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func (v *Val) isTrue() bool { return v != nil && (v.isConst("True") || v.isConst("1")) }

// debugInSource is said of a setting that is on wherever the program runs.
const debugInSource = "debug mode shows source and paths with each error"

func (fr *frame) debugMode(q, method string, a *callArgs) {
	if method == "update" || method == "from_mapping" {
		if a.kw["DEBUG"].isTrue() {
			fr.note("debug-mode", Guarded, posOf(a.expr), "DEBUG", debugInSource)
		}
		if a.kw["USE_X_SENDFILE"].isTrue() {
			fr.xSendfile(posOf(a.expr))
		}
	}
	if !a.at(2, "debug").isTrue() || a.kw["debug"] == nil && q != "flask.Flask.run" {
		return
	}
	if method == "run" || q == "flask.Flask.run" || strings.HasSuffix(q, "fastapi.FastAPI") || strings.HasSuffix(q, "Starlette") {
		fr.note("debug-mode", Guarded, posOf(a.expr), "debug=True", "debug mode shows source and paths with each error, and Werkzeug's debugger runs what it is sent")
	}
}

// djangoDebug: the settings of a Django project end with DEBUG on.
func (x *exec) djangoDebug(m *module) {
	if base := path.Base(filepath.ToSlash(m.ir.Path)); !strings.Contains(base, "settings") && !strings.Contains(m.ir.Name, "settings") ||
		m.st.vars["INSTALLED_APPS"] == nil && m.st.vars["ROOT_URLCONF"] == nil || !m.st.vars["DEBUG"].isTrue() {
		return
	}
	for _, s := range m.ir.Body {
		if s.Op == ir.Assign && len(s.Targets) == 1 && s.Targets[0].Op == ir.Name && s.Targets[0].Text == "DEBUG" {
			fr := &frame{x: x, mod: m, st: m.st, entry: &entry{mod: m}}
			fr.note("debug-mode", Guarded, s.Targets[0].Pos, "DEBUG", debugInSource)
		}
	}
}

func (r pyRules) setAttr(fr *frame, base *Val, target *ir.Expr, v *Val) {
	if target.Text == "debug" && v.isTrue() && fr.fn == nil {
		fr.note("debug-mode", Guarded, target.Pos, "debug", debugInSource)
	}
	if strings.EqualFold(target.Text, "use_x_sendfile") && v.isTrue() {
		fr.xSendfile(target.Pos)
	}
}

func (fr *frame) xSendfile(at ir.Pos) {
	fr.note("sendfile-header", Guarded, at, "USE_X_SENDFILE", "X-Sendfile goes to the client, with the path, behind any front that neither takes it nor strips it")
}

var sendfileHeaders = map[string]bool{"x-sendfile": true, "x-accel-redirect": true, "x-lighttpd-send-file": true, "x-lighttpd-sendfile": true}

func (r pyRules) setIndex(fr *frame, base, key, v *Val, target *ir.Expr) {
	fr.header(key, v, target)
	if name, _ := constText(key); name == "USE_X_SENDFILE" && v.isTrue() {
		fr.xSendfile(target.Pos)
	}
	if name, _ := constText(key); name == "DEBUG" && v.isTrue() {
		fr.note("debug-mode", Guarded, target.Pos, "DEBUG", debugInSource)
	}
}

// header is a header that names a file to the server in front.
func (fr *frame) header(key, v *Val, at *ir.Expr) {
	name, ok := constText(key)
	if !ok || !sendfileHeaders[strings.ToLower(name)] {
		return
	}
	accel := strings.EqualFold(name, "x-accel-redirect")
	s := sink{name: name, does: "names to the server in front", accel: accel}
	// nginx refuses a URI with ".." in it; a whole one chooses any internal location.
	s.lexical = accel && startsFixed(v)
	fr.reach(v, s, at)
}

// startsFixed reports a text whose beginning is the program's.
func startsFixed(v *Val) bool {
	switch v.op {
	case vCat, vJoin:
		return len(v.args) > 0 && !v.args[0].tainted
	case vLower, vClean:
		return startsFixed(v.args[0])
	}
	return false
}

// headers are those of a dictionary.
func (fr *frame) headers(h *Val, at *ir.Expr) {
	if h.op != vDict {
		return
	}
	for i := 0; i+1 < len(h.args); i += 2 {
		fr.header(h.args[i], h.args[i+1], at)
	}
}

func (r pyRules) returned(fr *frame, v *Val, s *ir.Stmt) {
	if fr.fn != nil && fr.fn.Name == "translate_path" && fr.fn.Recv != "" && fr.depth == 1 {
		fr.reach(v, sink{name: "translate_path", does: "opens"}, s.Value)
	}
	if v.op == vSeq && len(v.args) >= 2 {
		if v.args[1].isConst("403") && fr.entry.fn != nil {
			fr.x.forbidden[fr.entry.fn] = true
		}
		for _, part := range v.args[1:] {
			fr.headers(part, s.Value)
		}
	}
}

func (fr *frame) noteRaise(e *ir.Expr) {
	if fr.entry == nil || fr.entry.fn == nil {
		return
	}
	text := e.Text
	if e.Op == ir.Call {
		for _, a := range e.Args {
			if a.Text == "403" {
				fr.x.forbidden[fr.entry.fn] = true
			}
		}
		if e.X != nil {
			text = e.X.Text
		}
	}
	if strings.Contains(text, "Forbidden") || strings.Contains(text, "PermissionDenied") {
		fr.x.forbidden[fr.entry.fn] = true
	}
}

var noFollow = regexp.MustCompile(`^O_NOFOLLOW$`)

var askWords = regexp.MustCompile(`(?i)auth|login|logged|permission|require|jwt|token|session|current_user|is_staff|is_admin|acl|check_access|can_|signature|signed|hmac|credential|basic|api_?key|password`)

// asksWho reports a handler that does something about who asks, by the words that it uses.
func (fr *frame) asksWho(f *ir.Func, rt *route) bool {
	for _, d := range f.Decorators {
		if mentions(d, askWords, true) {
			return true
		}
	}
	for _, p := range f.Params {
		if p.Default != nil && mentions(p.Default, askWords, false) || askWords.MatchString(p.Name) {
			return true
		}
	}
	return mentionsStmts(f.Body, askWords)
}

// handled says which route hands out files to anybody.
func (r pyRules) handled(fr *frame, e *entry) {
	if e.route == nil || e.route.guarded || !fr.x.served[e.fn] || fr.x.moduleAsks(e.mod) {
		return
	}
	fr.note("unauthenticated-files", Info, ir.Pos{Line: e.fn.Line, End: e.fn.Line}, e.fn.Name, "the route "+quote(e.route.pattern)+" hands out files, and nothing in it asks who it is that asks")
}

// moduleAsks: something before every request of the module.
func (x *exec) moduleAsks(m *module) bool {
	for _, file := range m.files {
		for _, s := range file.Body {
			if s.Op != ir.Def {
				continue
			}
			for _, d := range s.Func.Decorators {
				if d.Text == "before_request" || d.X != nil && d.X.Text == "middleware" || d.Text == "middleware" {
					return true
				}
			}
		}
	}
	return false
}

func mentions(e *ir.Expr, words *regexp.Regexp, decorator bool) bool {
	if e == nil {
		return false
	}
	if (e.Op == ir.Name || e.Op == ir.Attr) && words.MatchString(e.Text) {
		return true
	}
	if mentions(e.X, words, decorator) {
		return true
	}
	for i, a := range e.Args {
		if decorator && i < len(e.Keys) && (e.Keys[i] == "methods" || e.Keys[i] == "") && a != nil && a.Op == ir.Str {
			continue
		}
		if mentions(a, words, decorator) {
			return true
		}
	}
	return false
}

func mentionsStmts(list []*ir.Stmt, words *regexp.Regexp) bool {
	for _, s := range list {
		if mentions(s.Value, words, false) || mentionsStmts(s.Body, words) || mentionsStmts(s.Else, words) || mentionsStmts(s.Final, words) {
			return true
		}
		for _, h := range s.Handlers {
			if mentionsStmts(h, words) {
				return true
			}
		}
	}
	return false
}

// followsLinks notes a directory that is handed out with its links.
func (fr *frame) followsLinks(name string, a *callArgs) {
	fr.note("links-followed", Guarded, posOf(a.expr), name, name+" hands out a directory: whoever can make a link in it may read what it points to")
}

// mounts notes a directory that aiohttp or Starlette hands out: they resolve links and compare, unless they are told to
// follow them.
func (fr *frame) mounts(name string, a *callArgs) {
	if follow := a.at(-1, "follow_symlinks", "follow_symlink"); follow != nil && !follow.isConst("False") && follow.op != vNothing {
		fr.followsLinks(name, a)
		return
	}
	if a.expr == nil {
		return
	}
	fr.x.record(&Result{
		Rule: "guarded-name", Level: Guarded, File: fr.file().Path, Line: a.expr.Line, End: max(a.expr.End, a.expr.Line), Sink: name, Function: fr.name(), Remains: []string{"race"},
		Reason: name + " hands out a directory, and no link leads out of it when it is looked at; what remains: " + remainWords["race"], Syntactic: fr.file().Broken != 0,
	}, "guarded-name")
}
