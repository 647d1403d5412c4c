package main

import (
	"strings"

	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/rootbound/rootbound/vet/analyzer"
)

// vetTool answers 'go vet -vettool', which asks for the version and for flags, and then gives flags and one file that ends
// in .cfg. It does not return then.
func vetTool(args []string) {
	if len(args) == 0 {
		return
	}
	last := args[len(args)-1]
	config := strings.HasSuffix(last, ".cfg") && (len(args) == 1 || strings.HasPrefix(args[0], "-"))
	if config || len(args) == 1 && (last == "-V=full" || last == "-flags") {
		unitchecker.Main(analyzer.Analyzer)
	}
}
