package flow

import (
	"github.com/rootbound/rootbound/internal/vet/ir"
)

// tree is a directory that is served as it is.
type tree struct {
	base *Val
	file string
	line int
	fn   string
}

// wrote remembers where files are written by what a request says.
func (fr *frame) wrote(v *Val, s sink) {
	if v != nil && (s.does == "writes" || s.name == "os.OpenFile" || s.does == "makes") {
		fr.x.written = append(fr.x.written, v)
	}
}

// writableTrees are served directories that the program also writes to.
func (x *exec) writableTrees() {
	for _, tr := range x.trees {
		for _, w := range x.written {
			if derived(w, tr.base, 6) {
				x.record(&Result{
					Rule: "writable-tree", Level: Guarded, File: tr.file, Line: tr.line, End: tr.line, Function: tr.fn, Sink: "http.FileServer", Remains: []string{"links"},
					Reason: "http.FileServer follows links, and this program writes into the tree that it serves: whoever can make a link there reads what it points to",
				}, "writable-tree")
				break
			}
		}
	}
}

// decodeInto makes what JSON is read into JSON of the request.
func (fr *frame) decodeInto(a *callArgs, at int) {
	v := a.at(at)
	if v == nil || a.expr == nil || at >= len(a.expr.Args) {
		return
	}
	if v.op == vInst {
		for name, typ := range v.obj.cls.Fields {
			if typ.Op == ir.Name && typ.Text == "string" {
				fr.setAttr(v, name, fr.x.source("json", name))
			} else if typ.Op == ir.Type && typ.Text == "[]" {
				fr.setAttr(v, name, fr.x.t.seq(fr.x.source("json", name)))
			}
		}
		return
	}
	if target := a.expr.Args[at]; target.Op == ir.Name {
		fr.st.vars[target.Text] = fr.x.t.source(Source{What: "the JSON of the request", Via: "json", holds: anything})
	}
}

// contextKey tells keys apart; values of one type without fields are equal.
func contextKey(v *Val) string {
	if v.op == vInst {
		return "of " + idText(v.args[0])
	}
	return idText(v)
}
