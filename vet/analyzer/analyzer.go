// Package analyzer is vet's review of Go as an analysis of golang.org/x/tools, for 'go vet -vettool' and for whatever else
// runs such analyses. It sees one package at a time: names that pass through other packages are not followed there, as
// 'rootbound vet' follows them.
package analyzer

import (
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/rootbound/rootbound/internal/vet/flow"
	"github.com/rootbound/rootbound/internal/vet/golang"
	"github.com/rootbound/rootbound/internal/vet/ir"
)

// Analyzer reports names from requests that reach files, where they can lead out of the directory. What is guarded is not
// reported: a build is no place for it.
var Analyzer = &analysis.Analyzer{
	Name: "rootbound",
	Doc:  "report names from requests that reach files and can lead out of the directory",
	URL:  "https://pkg.go.dev/github.com/rootbound/rootbound/vet",
	Run:  run,
}

func run(pass *analysis.Pass) (any, error) {
	var modules []*ir.Module
	files := map[string]*ast.File{}
	for _, f := range pass.Files {
		path := pass.Fset.Position(f.Package).Filename
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		files[filepath.Clean(path)] = f
		modules = append(modules, golang.FromAST(pass.Fset, f, path, pass.Pkg.Path()))
	}
	for _, one := range flow.Run(modules, "go").Results {
		if one.Level != flow.Unsafe {
			continue
		}
		message := fmt.Sprintf("%s: %s", one.Rule, one.Reason)
		if one.Request != "" {
			message += "; for example " + one.Request
		}
		pass.Report(analysis.Diagnostic{Pos: linePos(pass.Fset, files[filepath.Clean(one.File)], one.Line), Category: one.Rule, Message: message})
	}
	return nil, nil
}

// linePos is the beginning of a line of f.
func linePos(fset *token.FileSet, f *ast.File, line int) token.Pos {
	if f == nil {
		return token.NoPos
	}
	file := fset.File(f.Package)
	if line < 1 || line > file.LineCount() {
		return f.Package
	}
	return file.LineStart(line)
}
