package vet

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// goFile is a Go file that is rewritten by places in its text.
type goFile struct {
	fset  *token.FileSet
	file  *ast.File
	text  string
	lines []string
	edits []edit
	gone  int             // uses of path/filepath that are rewritten
	needs map[string]bool // imports
}

const library = "github.com/rootbound/rootbound"

// fixGo makes os.Open(filepath.Join(base, name)) os.OpenInRoot(base, name), and http.ServeFile of such a path a Send of
// the library: both keep what is opened beneath base, links included.
func fixGo(text string, at []place) []edit {
	f := goFile{fset: token.NewFileSet(), text: text, lines: strings.Split(text, "\n"), needs: map[string]bool{}}
	var err error
	if f.file, err = parser.ParseFile(f.fset, "", text, parser.ParseComments); err != nil || strings.Contains(text, "\r") {
		return nil
	}
	for _, imported := range f.file.Imports {
		// Under another name, a call is not what it looks like.
		if path, _ := strconv.Unquote(imported.Path.Value); imported.Name != nil && slices.Contains([]string{"os", "net/http", "path/filepath", "strings", library}, path) {
			return nil
		}
	}
	for _, d := range f.file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BlockStmt:
					f.statements(fn, n.List, at)
				case *ast.CaseClause:
					f.statements(fn, n.Body, at)
				}
				return true
			})
		}
	}
	if len(f.edits) == 0 || !f.imports() {
		return nil
	}
	return f.edits
}

// statements rewrites those of a block that hold one of the places.
func (f *goFile) statements(fn *ast.FuncDecl, list []ast.Stmt, at []place) {
	for i, s := range list {
		for _, p := range at {
			from, to := f.line(s.Pos()), f.line(s.End()-1)
			if p.line < from || p.line > to || overlaps(f.edits, from, to+1) {
				continue
			}
			var before ast.Stmt
			if i > 0 {
				before = list[i-1]
			}
			switch s := s.(type) {
			case *ast.AssignStmt:
				f.open(fn, before, s, s.Rhs, p)
			case *ast.ReturnStmt:
				f.open(fn, before, s, s.Results, p)
			case *ast.ExprStmt:
				f.serve(fn, before, s, p)
			}
		}
	}
}

// open rewrites 'f, err := os.Open(filepath.Join(base, name))', and a return of it.
func (f *goFile) open(fn *ast.FuncDecl, before, s ast.Stmt, values []ast.Expr, p place) {
	if len(values) != 1 {
		return
	}
	call := called(values[0], "os", "Open")
	if call == nil || len(call.Args) != 1 {
		return
	}
	base, name, first, ok := f.joined(fn, before, s, call.Args[0])
	if !ok {
		return
	}
	start, end := f.offset(call.Pos()), f.offset(call.End())
	f.replace(first, s, f.text[f.offset(s.Pos()):start]+"os.OpenInRoot("+base+", "+f.relative(name, p)+")"+f.text[end:f.offset(s.End())])
}

// serve rewrites 'http.ServeFile(w, r, filepath.Join(base, name))'.
func (f *goFile) serve(fn *ast.FuncDecl, before ast.Stmt, s *ast.ExprStmt, p place) {
	call := called(s.X, "http", "ServeFile")
	if call == nil || len(call.Args) != 3 || uses(f.file, "beneath") > 0 {
		return
	}
	base, name, first, ok := f.joined(fn, before, s, call.Args[2])
	if !ok {
		return
	}
	w, r := f.source(call.Args[0]), f.source(call.Args[1])
	indent := "\n" + f.indent(s)
	f.needs[library] = true
	f.replace(first, s, "if beneath, err := rootbound.Open("+base+", rootbound.Config{}); err != nil { // better once, at the start of the program"+
		indent+"\thttp.Error("+w+", \"the files cannot be reached\", http.StatusServiceUnavailable)"+
		indent+"} else {"+
		indent+"\tdefer beneath.Close()"+
		indent+"\t_ = beneath.Send("+w+", "+r+", "+f.relative(name, p)+", rootbound.SendOptions{}) // what it refuses it has answered"+
		indent+"}")
}

// joined is base and name of filepath.Join(base, name), which stands in the call or in the statement before it, in a
// variable that nothing else uses. first is the first statement that is rewritten.
func (f *goFile) joined(fn *ast.FuncDecl, before, s ast.Stmt, arg ast.Expr) (base, name string, first ast.Stmt, ok bool) {
	first = s
	if id, isName := arg.(*ast.Ident); isName {
		assign, isAssign := before.(*ast.AssignStmt)
		if !isAssign || assign.Tok != token.DEFINE || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 || uses(fn, id.Name) != 2 {
			return "", "", nil, false
		}
		if to, isName := assign.Lhs[0].(*ast.Ident); !isName || to.Name != id.Name {
			return "", "", nil, false
		}
		first, arg = assign, assign.Rhs[0]
	}
	join := called(arg, "filepath", "Join")
	if join == nil || len(join.Args) != 2 || join.Ellipsis.IsValid() || slashed(join.Args[1]) {
		return "", "", nil, false
	}
	if f.line(first.Pos()) != f.line(s.Pos()) && f.line(first.End()) != f.line(s.Pos())-1 {
		return "", "", nil, false // a comment stands between
	}
	return f.source(join.Args[0]), f.source(join.Args[1]), first, true
}

// relative takes the slash off a name that begins with one, as filepath.Join did.
func (f *goFile) relative(name string, p place) string {
	if !p.rooted && !strings.Contains(name, ".Param") {
		return name
	}
	f.needs["strings"] = true
	return `strings.TrimPrefix(` + name + `, "/")`
}

// replace puts text in the place of the statements from first to last, which have their lines for themselves.
func (f *goFile) replace(first, last ast.Stmt, text string) {
	from, to := f.line(first.Pos()), f.line(last.End()-1)
	start, end := f.fset.Position(first.Pos()).Column-1, f.fset.Position(last.End()).Column-1
	head, tail := f.lines[from][:start], f.lines[to][end:]
	if strings.TrimSpace(head) != "" || strings.TrimSpace(tail) != "" && !strings.HasPrefix(strings.TrimSpace(tail), "//") || overlaps(f.edits, from, to+1) {
		return
	}
	f.gone += uses(first, "filepath")
	if first != last {
		f.gone += uses(last, "filepath")
	}
	f.gone -= strings.Count(text, "filepath.")
	f.edits = append(f.edits, edit{from, to + 1, strings.Split(head+text+tail, "\n")})
}

func (f *goFile) indent(s ast.Stmt) string {
	return f.lines[f.line(s.Pos())][:f.fset.Position(s.Pos()).Column-1]
}

// imports adds what is needed and takes path/filepath out where nothing uses it any more; false where it cannot.
func (f *goFile) imports() bool {
	var last *ast.ImportSpec
	for _, s := range f.file.Imports {
		path, _ := strconv.Unquote(s.Path.Value)
		delete(f.needs, path)
		if path == "path/filepath" && uses(f.file, "filepath") == f.gone {
			at := f.line(s.Pos())
			if strings.TrimPrefix(strings.TrimSpace(f.lines[at]), "import ") != s.Path.Value {
				return false
			}
			f.edits = append(f.edits, edit{at, at + 1, nil})
		} else {
			last = s
		}
	}
	if len(f.needs) == 0 {
		return true
	}
	if last == nil {
		return false
	}
	at := f.line(last.End())
	line := f.lines[at]
	form, std := "\t%", []string{}
	if strings.HasPrefix(line, "import ") {
		form = "import %"
	}
	if f.needs["strings"] {
		std = append(std, strings.Replace(form, "%", `"strings"`, 1))
	}
	if f.needs[library] {
		if !strings.Contains(last.Path.Value, ".") && form == "\t%" {
			std = append(std, "")
		}
		std = append(std, strings.Replace(form, "%", strconv.Quote(library), 1))
	}
	f.edits = append(f.edits, edit{at + 1, at + 1, std})
	return true
}

func (f *goFile) line(p token.Pos) int     { return f.fset.Position(p).Line - 1 }
func (f *goFile) offset(p token.Pos) int   { return f.fset.Position(p).Offset }
func (f *goFile) source(n ast.Node) string { return f.text[f.offset(n.Pos()):f.offset(n.End())] }

// called is e where it is a call of pkg.name.
func called(e ast.Expr, pkg, name string) *ast.CallExpr {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return nil
	}
	if id, ok := sel.X.(*ast.Ident); !ok || id.Name != pkg {
		return nil
	}
	return call
}

// uses counts how often a name stands in n.
func uses(n ast.Node, name string) int {
	count := 0
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			count++
		}
		return true
	})
	return count
}

// slashed: the text of e begins with a slash, as "/" + name does, or is made by what would have to be read for it.
func slashed(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strings.HasPrefix(strings.Trim(e.Value, "`\""), "/")
	case *ast.BinaryExpr:
		return slashed(e.X)
	case *ast.ParenExpr:
		return slashed(e.X)
	case *ast.CallExpr:
		return called(e, "fmt", "Sprintf") != nil || called(e, "filepath", "Join") != nil
	}
	return false
}
