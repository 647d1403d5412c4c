package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// helpWithExamples prints kong's help, what else there is to know, and examples last.
func helpWithExamples(o kong.HelpOptions, ctx *kong.Context) error {
	node := ctx.Selected()
	if node == nil {
		node = ctx.Model.Node
	}
	if err := printHelp(o, ctx, node); err != nil {
		return err
	}
	words := strings.Fields(node.FullPath())
	path := words[0]
	for _, w := range words[1:] {
		if !strings.HasPrefix(w, "<") && !strings.HasPrefix(w, "[") {
			path += " " + w
		}
	}
	before, after, _ := strings.Cut(examples[path], "\nExamples:\n")
	_, err := fmt.Fprint(ctx.Stdout, before, "\n", exitStatus, "\nExamples:\n", after)
	return err
}

// printHelp prints kong's help. Where a command has one that is meant without its name, it is about that.
func printHelp(o kong.HelpOptions, ctx *kong.Context, node *kong.Node) error {
	unsaid := node.DefaultCmd
	if unsaid == nil {
		return kong.DefaultHelpPrinter(o, ctx)
	}
	stdout, path := ctx.Stdout, ctx.Path
	defer func() { ctx.Stdout, ctx.Path = stdout, path }()
	var b strings.Builder
	ctx.Stdout = &b
	ctx.Path = append(slices.Clip(path), &kong.Path{Parent: node, Command: unsaid})
	if err := kong.DefaultHelpPrinter(o, ctx); err != nil {
		return err
	}
	_, err := io.WriteString(stdout, strings.Replace(b.String(), unsaid.FullPath(), node.FullPath(), 1))
	return err
}
