package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// columns writes a table for people: what is empty is "-", and nothing is more than text. flush writes it, and has the errors.
func columns(out io.Writer) (line func(fields ...string), flush func() error) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	return func(fields ...string) {
		for i, f := range fields {
			if fields[i] = oneLine(f); f == "" {
				fields[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(w, strings.Join(fields, "\t")) // flush tells
	}, w.Flush
}
