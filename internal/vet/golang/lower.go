// Package golang reads Go source into the small language, by go/parser alone: it needs
// neither the go command nor types, and reads packages that do not compile.
package golang

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"regexp"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

// Module parses src, a file of the package pkg (its import path, or its directory).
// A file that is broken gives what can be read of it.
func Module(path, pkg string, src []byte) (*ir.Module, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if f == nil {
		return nil, err
	}
	m := FromAST(fset, f, path, pkg)
	m.Lines = strings.Count(string(src), "\n") + 1
	if list, ok := err.(scanner.ErrorList); ok && len(list) > 0 {
		m.Broken = list[0].Pos.Line
	}
	return m, nil
}

// FromAST is Module for a file that somebody else has parsed.
func FromAST(fset *token.FileSet, f *ast.File, path, pkg string) *ir.Module {
	l := &lowering{fset: fset, m: &ir.Module{Path: path, Name: pkg, Lang: "go", Imports: map[string]string{}}}
	for _, imp := range f.Imports {
		to, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			continue
		}
		name := localName(to)
		if imp.Name != nil {
			name = imp.Name.Name
		}
		l.m.Imports[name] = to
	}
	for _, d := range f.Decls {
		l.m.Body = append(l.m.Body, l.decl(d)...)
	}
	return l.m
}

var version = regexp.MustCompile(`^v[0-9]+$`)

// localName is what a package is called by those that import it.
func localName(path string) string {
	parts := strings.Split(path, "/")
	last := parts[len(parts)-1]
	if version.MatchString(last) && len(parts) > 1 {
		last = parts[len(parts)-2]
	}
	last, _, _ = strings.Cut(last, ".")
	return strings.TrimPrefix(last, "go-")
}

type lowering struct {
	fset *token.FileSet
	m    *ir.Module
}

func (l *lowering) pos(n ast.Node) ir.Pos {
	line := func(p token.Pos) int { return l.fset.PositionFor(p, false).Line } // of the file as it is, whatever its //line comments say
	return ir.Pos{Line: line(n.Pos()), End: line(n.End())}
}

func (l *lowering) decl(d ast.Decl) []*ir.Stmt {
	switch d := d.(type) {
	case *ast.FuncDecl:
		f := l.function(d.Name.Name, d.Type, d.Body, d)
		if d.Recv != nil && len(d.Recv.List) > 0 {
			r := d.Recv.List[0]
			f.Recv = typeName(r.Type)
			if f.RecvName = "_"; len(r.Names) > 0 {
				f.RecvName = r.Names[0].Name
			}
		}
		return []*ir.Stmt{{Op: ir.Def, Func: f, Pos: l.pos(d)}}
	case *ast.GenDecl:
		return l.genDecl(d)
	}
	return nil
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	}
	return ""
}

func (l *lowering) genDecl(d *ast.GenDecl) []*ir.Stmt {
	var out []*ir.Stmt
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			c := &ir.Class{Name: s.Name.Name, Fields: map[string]*ir.Expr{}, Methods: map[string]*ir.Func{}, Module: l.m, Pos: l.pos(s)}
			if st, ok := s.Type.(*ast.StructType); ok {
				l.fields(c, st)
			} else {
				c.Bases = append(c.Bases, l.typ(s.Type))
			}
			out = append(out, &ir.Stmt{Op: ir.ClassDef, Class: c, Pos: l.pos(s)})
		case *ast.ValueSpec:
			out = append(out, l.valueSpec(s)...)
		}
	}
	return out
}

func (l *lowering) fields(c *ir.Class, st *ast.StructType) {
	for _, f := range st.Fields.List {
		t := l.typ(f.Type)
		if len(f.Names) == 0 {
			c.Bases = append(c.Bases, t)
			c.Fields[typeName(f.Type)] = t
		}
		for _, n := range f.Names {
			c.Fields[n.Name] = t
		}
	}
}

func (l *lowering) valueSpec(s *ast.ValueSpec) []*ir.Stmt {
	at := l.pos(s)
	names := make([]*ir.Expr, len(s.Names))
	for i, n := range s.Names {
		names[i] = l.expr(n)
	}
	switch {
	case len(s.Values) == 0 && s.Type != nil:
		var out []*ir.Stmt
		for _, n := range names {
			out = append(out, &ir.Stmt{Op: ir.Assign, Targets: []*ir.Expr{n}, Value: l.zero(s.Type), Pos: at})
		}
		return out
	case len(s.Values) == len(names):
		var out []*ir.Stmt
		for i, n := range names {
			out = append(out, &ir.Stmt{Op: ir.Assign, Targets: []*ir.Expr{n}, Value: l.expr(s.Values[i]), Pos: at})
		}
		return out
	case len(s.Values) == 1:
		return []*ir.Stmt{{Op: ir.Assign, Targets: []*ir.Expr{{Op: ir.Seq, Args: names, Pos: at}}, Value: l.expr(s.Values[0]), Pos: at}}
	}
	return nil
}

// zero is a variable of a type that nothing was assigned to yet.
func (l *lowering) zero(t ast.Expr) *ir.Expr {
	if id, ok := t.(*ast.Ident); ok {
		switch id.Name {
		case "string":
			return &ir.Expr{Op: ir.Str, Pos: l.pos(t)}
		case "error":
			return &ir.Expr{Op: ir.Const, Text: "nil", Pos: l.pos(t)}
		case "bool":
			return &ir.Expr{Op: ir.Const, Text: "False", Pos: l.pos(t)}
		}
	}
	return &ir.Expr{Op: ir.Call, X: &ir.Expr{Op: ir.Name, Text: "new"}, Args: []*ir.Expr{l.typ(t)}, Keys: []string{""}, Pos: l.pos(t)}
}

func (l *lowering) function(name string, t *ast.FuncType, body *ast.BlockStmt, at ast.Node) *ir.Func {
	f := &ir.Func{Name: name, Module: l.m, Pos: l.pos(at)}
	for _, p := range t.Params.List {
		typ := l.typ(p.Type)
		spread := ""
		if _, ok := p.Type.(*ast.Ellipsis); ok {
			spread = "*"
		}
		if len(p.Names) == 0 {
			f.Params = append(f.Params, ir.Param{Name: "_", Type: typ, Spread: spread})
		}
		for _, n := range p.Names {
			f.Params = append(f.Params, ir.Param{Name: n.Name, Type: typ, Spread: spread})
		}
	}
	if t.Results != nil {
		for _, r := range t.Results.List {
			for _, n := range r.Names {
				f.Results = append(f.Results, n.Name)
				f.Body = append(f.Body, &ir.Stmt{Op: ir.Assign, Targets: []*ir.Expr{{Op: ir.Name, Text: n.Name}}, Value: l.zero(r.Type), Pos: l.pos(r)})
			}
		}
	}
	if body != nil {
		f.Body = append(f.Body, l.stmts(body.List)...)
	}
	return f
}

// typ is a type as an expression: names as they are looked up, the rest as Type.
func (l *lowering) typ(e ast.Expr) *ir.Expr {
	at := l.pos(e)
	switch e := e.(type) {
	case *ast.Ident:
		return &ir.Expr{Op: ir.Name, Text: e.Name, Pos: at}
	case *ast.SelectorExpr:
		return &ir.Expr{Op: ir.Attr, X: l.typ(e.X), Text: e.Sel.Name, Pos: at}
	case *ast.StarExpr:
		return l.typ(e.X)
	case *ast.ParenExpr:
		return l.typ(e.X)
	case *ast.IndexExpr:
		return l.typ(e.X)
	case *ast.IndexListExpr:
		return l.typ(e.X)
	case *ast.ArrayType:
		if id, ok := e.Elt.(*ast.Ident); ok && id.Name == "byte" {
			return &ir.Expr{Op: ir.Type, Text: "bytes", Pos: at}
		}
		return &ir.Expr{Op: ir.Type, Text: "[]", X: l.typ(e.Elt), Pos: at}
	case *ast.Ellipsis:
		if e.Elt != nil {
			return &ir.Expr{Op: ir.Type, Text: "[]", X: l.typ(e.Elt), Pos: at}
		}
	case *ast.MapType:
		return &ir.Expr{Op: ir.Type, Text: "map", X: l.typ(e.Value), Pos: at}
	}
	return &ir.Expr{Op: ir.Type, Text: "other", Pos: at}
}
