package flow

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

// Level says how sure and how bad a result is.
type Level int

// The levels: a request reads or writes what it should not; it cannot, but something
// remains; a thing to know.
const (
	Info Level = iota + 1
	Guarded
	Unsafe
)

// Result is one thing found, about one place.
type Result struct {
	Rule      string
	Level     Level
	File      string
	Line      int
	End       int
	Function  string   // that the place is in
	Sink      string   // what is called there
	Source    string   // where the name comes from, in words
	Reason    string   // a sentence
	Request   string   // one that shows it, where it is unsafe
	Remains   []string // what is still possible where it is guarded: links, race, newline, oracle
	Syntactic bool     // in a file that could not be read to its end
	Given     bool     // the directory too may be from the request: no join of it and a name is safe
}

// Report is what Run found and did not look at.
type Report struct {
	Results []*Result
	Cut     int // functions, and statements outside of them, that were too long to be followed to their end
}

type resultKey struct {
	file string
	line int
	what string
}

func (x *exec) report() *Report {
	r := &Report{Cut: x.cut}
	for _, one := range x.results {
		r.Results = append(r.Results, one)
	}
	sort.Slice(r.Results, func(i, j int) bool {
		a, b := r.Results[i], r.Results[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Rule < b.Rule
	})
	return r
}

// sink says what a call does with a path.
type sink struct {
	name      string // as it is written
	does      string // "opens", "sends", "writes", "deletes", "names"
	lexical   bool   // it refuses what leads out as text, by itself
	dir       bool   // a directory is as good as a file to it
	root      bool   // it cannot leave: os.Root, this library
	servefile bool   // it refuses a request whose own path has ".."
	accel     bool   // a path in front of which a server resolves
	held      bool   // relative to a directory that is open, and no link is followed in the last element
}

func (fr *frame) file() *ir.Module {
	if fr.fn != nil && fr.fn.Module != nil {
		return fr.fn.Module
	}
	return fr.mod.ir
}

// reach is where a path is used. Nothing is said where nothing of it is from a request.
func (fr *frame) reach(v *Val, s sink, e *ir.Expr) {
	if v == nil || e == nil || fr.st.dead {
		return
	}
	if s.does == "sends" || s.does == "opens" {
		fr.x.serves(fr)
	}
	if !v.tainted || s.root {
		return
	}
	j := fr.judge(v)
	if j.src == nil {
		return
	}
	if s.held && !j.caps.slash && !j.caps.bare && !j.caps.escapes() {
		return // one element of a directory that is held: there is nothing left to follow
	}
	if s.lexical {
		j.caps = caps{newline: j.caps.newline}
		j.cont = max(j.cont, asText)
	}
	if s.servefile && (j.src.Via == "urlpath" || j.src.Via == "path") {
		j.caps.up, j.caps.midUp, j.caps.bare = false, false, false
	}
	if s.does == "sends" || s.does == "opens" {
		fr.x.handsOut[fr.entry.fn] = true
	}
	if s.dir && j.caps.bare && j.cont == notContained {
		j.caps.up = true
	}
	r := &Result{File: fr.file().Path, Line: e.Line, End: max(e.End, e.Line), Sink: s.name, Source: j.src.What, Function: fr.name()}
	if j.unsafe() {
		fr.unsafe(r, j, s, v)
	} else {
		fr.guarded(r, j, s)
	}
	r.Syntactic = fr.file().Broken != 0
	r.Given = given(v)
	fr.x.record(r, s.name)
}

// given reports a path whose directory may be from the request, whatever is behind it.
func given(v *Val) bool {
	switch v.op {
	case vPhi:
		for _, a := range v.alts {
			if a.v.tainted && given(a.v) {
				return true
			}
		}
		return false
	case vJoin, vCat, vClean, vReal:
		return len(v.args) > 0 && v.args[0].tainted && given(v.args[0])
	}
	return v.tainted
}

func (fr *frame) judge(v *Val) *judged {
	t := fr.x.t
	t.judged = 0
	j := t.judge(v, fr.st.facts)
	if t.judged > maxJudged {
		fr.x.cut++
	}
	return j
}

// oracle is a path that is only asked about: whether it exists, outside too. Who sends an archive is not told.
func (fr *frame) oracle(v *Val, name string, e *ir.Expr) {
	if !v.tainted || e == nil || fr.st.dead {
		return
	}
	if j := fr.judge(v); j.unsafe() && j.src.Via != "archive" {
		fr.x.record(&Result{
			Rule: "guarded-name", Level: Guarded, File: fr.file().Path, Line: e.Line, End: max(e.End, e.Line), Sink: name, Source: j.src.What, Function: fr.name(), Remains: []string{"oracle"},
			Reason: sentence(name) + " tells whether a path exists that " + j.src.What + " names, outside of the directory too",
		}, name)
	}
}

func (fr *frame) name() string {
	if fr.fn == nil {
		return ""
	}
	if fr.fn.Recv != "" {
		return fr.fn.Recv + "." + fr.fn.Name
	}
	return fr.fn.Name
}

func (x *exec) record(r *Result, what string) {
	key := resultKey{r.File, r.Line, what}
	old := x.results[key]
	if old != nil {
		r.Given = r.Given || old.Given
		old.Given = r.Given
	}
	if old == nil || r.Level > old.Level {
		x.results[key] = r
	}
}

// note records something that is not about a path.
func (fr *frame) note(rule string, level Level, e ir.Pos, sinkName, reason string) {
	fr.x.record(&Result{Rule: rule, Level: level, File: fr.file().Path, Line: e.Line, End: max(e.End, e.Line), Sink: sinkName, Reason: reason, Function: fr.name(), Syntactic: fr.file().Broken != 0}, rule)
}

func (fr *frame) unsafe(r *Result, j *judged, s sink, v *Val) {
	r.Level = Unsafe
	r.Rule = "path-from-request"
	how := "it can climb out by '..'"
	switch {
	case j.caps.abs && !j.caps.up:
		how = "it can be an absolute path, which discards what it is joined to"
		r.Rule = "absolute-name"
	case j.caps.abs:
		how = "it can climb out by '..' or be an absolute path"
	}
	switch {
	case j.src.Via == "archive":
		r.Rule = "archive-escape"
	case j.sibling:
		r.Rule = "sibling-prefix"
		how = "startswith without a separator also accepts the base's siblings whose names begin alike"
	case j.notes["decode"]:
		r.Rule = "decode-after-check"
	case j.src.Via == "upload":
		r.Rule = "upload-name"
	case j.notes["replace"]:
		r.Rule = "replace-traversal"
	}
	if len(j.worthless) > 0 {
		how += "; " + strings.Join(unique(j.worthless), "; ")
	}
	r.Reason = fmt.Sprintf("%s %s %s: %s", sentence(s.name), s.does, j.src.What, how)
	r.Request = fr.request(j)
}

func sentence(name string) string { return name + "()" }

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

func (fr *frame) guarded(r *Result, j *judged, s sink) {
	r.Level = Guarded
	r.Rule = "guarded-name"
	if j.cont == resolved || j.notes["islink"] {
		r.Remains = append(r.Remains, "race")
	} else {
		r.Remains = append(r.Remains, "links")
		if j.remains["check"] {
			r.Remains = append(r.Remains, "race")
		}
	}
	if j.caps.newline {
		r.Remains = append(r.Remains, "newline")
	}
	if j.notes["exists"] && fr.x.forbids(fr.entry) {
		r.Remains = append(r.Remains, "oracle")
	}
	words := make([]string, 0, 4)
	for _, one := range r.Remains {
		words = append(words, remainWords[one])
	}
	r.Reason = fmt.Sprintf("%s %s %s, which cannot lead out as text; what remains: %s", sentence(s.name), s.does, j.src.What, strings.Join(words, "; "))
}

var remainWords = map[string]string{
	"links":   "a symbolic link beneath the base leads out",
	"race":    "what was checked can be swapped before it is opened",
	"newline": "'$' lets a newline at the end by",
	"oracle":  "different answers tell what exists",
}

// request writes one that shows the fault.
func (fr *frame) request(j *judged) string {
	target := "../../../../../../../../etc/passwd" // out of a deep directory too: what is too many stays at the root
	switch {
	case j.caps.abs && !j.caps.up:
		target = "/etc/passwd"
	case j.sibling:
		name := "base"
		if text, ok := constText(j.base); ok && strings.Trim(text, "/") != "" {
			name = path.Base(text)
		}
		target = "../" + name + "_evil/secret"
	case j.notes["replace"]:
		target = strings.Repeat("....//", 8) + "etc/passwd"
	case j.notes["backslash"]:
		target = `..\..\..\..\..\..\..\..\etc\passwd`
	case j.notes["start"]:
		target = "x/../../../../../../../../etc/passwd"
	case j.caps.abs && len(j.worthless) > 0:
		target = "/etc/passwd"
	}
	if j.notes["decode"] {
		target = strings.NewReplacer("/", "%252f", ".", "%252e").Replace("../../../../../../../../etc/passwd")
	}
	return fr.spell(j, target)
}

func (fr *frame) spell(j *judged, target string) string {
	pattern, method := "/", "GET"
	if rt := fr.entry.route; rt != nil {
		if rt.pattern != "" {
			pattern = rt.pattern
		}
		if rt.method != "" {
			method = rt.method
		}
	}
	p := j.src.Param
	if p == "" || p == "rooted" {
		p = "NAME"
	}
	switch j.src.Via {
	case "query":
		return fmt.Sprintf("GET %s?%s=%s", pattern, p, target)
	case "form":
		return fmt.Sprintf("POST %s with the form %s=%s", pattern, p, target)
	case "json":
		return fmt.Sprintf("POST %s with {%q: %q}", pattern, p, target)
	case "header", "cookie":
		return fmt.Sprintf("%s %s with the %s %s: %s", method, pattern, j.src.Via, p, target)
	case "upload":
		return fmt.Sprintf("POST %s with a part of filename=%q", pattern, target)
	case "archive":
		return fmt.Sprintf("an archive with a member named %q", target)
	case "path":
		return method + " " + strings.NewReplacer("<path:"+p+">", enc(target), "<"+p+">", enc(target), "{"+p+":path}", enc(target), "{"+p+"...}", enc(target), "{"+p+"}", enc(target), "*"+p, enc(target), ":"+p, enc(target)).Replace(pattern)
	}
	return method + " /" + enc(target)
}

// enc keeps clients and routers from cleaning the path.
func enc(s string) string { return strings.ReplaceAll(s, "/", "%2f") }

// serves remembers that a handler hands out files.
func (x *exec) serves(fr *frame) {
	if fr.entry != nil && fr.entry.fn != nil {
		x.served[fr.entry.fn] = true
	}
}

// forbids reports that the handler answers 403 somewhere.
func (x *exec) forbids(e *entry) bool { return e != nil && e.fn != nil && x.forbidden[e.fn] }
