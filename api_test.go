package rootbound_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateAPI = flag.Bool("update-api", false, "write api.txt anew")

// TestAPI holds the exported names of the package to api.txt, so that one is never added, changed or lost in passing,
// and each to having a comment.
func TestAPI(t *testing.T) {
	got := strings.Join(exportedNames(t), "\n") + "\n"
	const golden = "api.txt"
	if *updateAPI {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("exported names differ from %s (-want +got); if that is meant: go test -run TestAPI -update-api .\n%s", golden, diff)
	}
}

func exportedNames(t *testing.T) []string {
	t.Helper()
	fset := token.NewFileSet()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_windows.go") || strings.HasSuffix(path, "_darwin.go") || strings.HasSuffix(path, "_other.go") || strings.HasSuffix(path, "_notlinux.go") {
			continue // exported names are the same on all systems
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, "github.com/rootbound/rootbound")
	if err != nil {
		t.Fatal(err)
	}
	a := &api{t: t, fset: fset}
	a.values("const", pkg.Consts)
	a.values("var", pkg.Vars)
	a.funcs(pkg.Funcs)
	for _, typ := range pkg.Types {
		a.add("type "+typ.Name+a.shape(typ), typ.Doc)
		a.values("const", typ.Consts)
		a.values("var", typ.Vars)
		a.funcs(typ.Funcs)
		a.funcs(typ.Methods)
	}
	slices.Sort(a.lines)
	return a.lines
}

type api struct {
	t     *testing.T
	fset  *token.FileSet
	lines []string
}

func (a *api) add(line, comment string) {
	if comment == "" && !strings.Contains(line, ") String()") {
		a.t.Errorf("no comment: %s", line)
	}
	a.lines = append(a.lines, line)
}

func (a *api) values(kind string, values []*doc.Value) {
	for _, v := range values {
		for _, spec := range v.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			for _, id := range spec.Names {
				if id.IsExported() {
					a.add(kind+" "+id.Name, v.Doc+spec.Doc.Text()+spec.Comment.Text())
				}
			}
		}
	}
}

func (a *api) funcs(funcs []*doc.Func) {
	for _, f := range funcs {
		recv := ""
		if f.Recv != "" {
			recv = "(" + f.Recv + ") "
		}
		a.add("func "+recv+f.Name+a.signature(f.Decl.Type), f.Doc)
	}
}

func (a *api) signature(f *ast.FuncType) string {
	out := "(" + a.fields(f.Params) + ")"
	if f.Results != nil {
		out += " (" + a.fields(f.Results) + ")"
	}
	return out
}

func (a *api) fields(list *ast.FieldList) string {
	var out []string
	for _, field := range list.List {
		for range max(1, len(field.Names)) {
			out = append(out, a.text(field.Type))
		}
	}
	return strings.Join(out, ", ")
}

func (a *api) text(e ast.Expr) string {
	src, err := os.ReadFile(a.fset.Position(e.Pos()).Filename)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(src[a.fset.Position(e.Pos()).Offset:a.fset.Position(e.End()).Offset])
}

// shape lists the exported fields of a struct, each with its type.
func (a *api) shape(typ *doc.Type) string {
	spec := typ.Decl.Specs[0].(*ast.TypeSpec)
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return " " + a.text(spec.Type)
	}
	var out []string
	for _, field := range s.Fields.List {
		for _, id := range field.Names {
			if id.IsExported() {
				out = append(out, fmt.Sprintf("%s %s", id.Name, a.text(field.Type)))
				if field.Doc.Text() == "" {
					a.t.Errorf("no comment: field %s of %s", id.Name, typ.Name)
				}
			}
		}
	}
	return " struct { " + strings.Join(out, "; ") + " }"
}
