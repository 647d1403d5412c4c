package deptest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Use is one mention of another package's function in a file, called or not.
type Use struct {
	// File is slash separated and relative to the module.
	File string
	// Name is the import path and the function, "net/http.ServeFile".
	Name string
	Line int
}

// Allowed lets one file, or every file of a directory ("internal/durable/"),
// use the named functions.
type Allowed struct {
	File  string
	Names []string
	Why   string
}

// Uses returns where the shipped packages mention one of names outside of
// tests. All files count, whatever system they are for.
func Uses(tb testing.TB, packages []Package, names []string) []Use {
	tb.Helper()
	var uses []Use
	for _, p := range packages {
		if !p.Shipped {
			continue
		}
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(p.Path), "*.go"))
		if err != nil {
			tb.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				tb.Fatal(err)
			}
			found, err := usesIn(filepath.ToSlash(file), src, names)
			if err != nil {
				tb.Fatal(err)
			}
			uses = append(uses, found...)
		}
	}
	return uses
}

func usesIn(file string, src []byte, names []string) ([]Use, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	imports := map[string]string{}
	for _, spec := range f.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		local := path.Base(to)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		imports[local] = to
	}
	var uses []Use
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok {
			name := imports[id.Name] + "." + sel.Sel.Name
			if slices.Contains(names, name) {
				uses = append(uses, Use{file, name, fset.Position(sel.Pos()).Line})
			}
		}
		return true
	})
	return uses, nil
}

// Check compares uses with the table and returns what is wrong: a use that no
// row allows, a row or a name in it that no use needs, a row without a reason.
func Check(uses []Use, allowed []Allowed) []string {
	var wrong []string
	needed := map[string]bool{}
	for _, u := range uses {
		ok := false
		for _, a := range allowed {
			if a.covers(u.File) && slices.Contains(a.Names, u.Name) {
				needed[a.File+" "+u.Name], ok = true, true
			}
		}
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %s, which the table does not allow here", u.File, u.Line, u.Name))
		}
	}
	for _, a := range allowed {
		for _, name := range a.Names {
			if !needed[a.File+" "+name] {
				wrong = append(wrong, fmt.Sprintf("the row %s %s is stale: nothing needs it", a.File, name))
			}
		}
		if a.Why == "" {
			wrong = append(wrong, fmt.Sprintf("the row %s has no reason", a.File))
		}
	}
	return wrong
}

func (a Allowed) covers(file string) bool {
	if strings.HasSuffix(a.File, "/") {
		return path.Dir(file)+"/" == a.File
	}
	return file == a.File
}
