package deptest

import (
	"fmt"
	"strings"
	"testing"
)

// Edges reads a table of lines "from -> to  # why". A to of - means that from
// imports the standard library alone. Blank lines and lines that begin with #
// are left out.
func Edges(tb testing.TB, table string) []Edge {
	tb.Helper()
	var edges []Edge
	for _, r := range rows(tb, table, "->") {
		if r.right == "-" {
			r.right = ""
		}
		edges = append(edges, Edge{From: r.left, To: r.right, Why: r.why})
	}
	return edges
}

// Permits reads a table of lines "file: name, name  # why".
func Permits(tb testing.TB, table string) []Allowed {
	tb.Helper()
	var allowed []Allowed
	for _, r := range rows(tb, table, ":") {
		a := Allowed{File: r.left, Why: r.why}
		for name := range strings.SplitSeq(r.right, ",") {
			a.Names = append(a.Names, strings.TrimSpace(name))
		}
		allowed = append(allowed, a)
	}
	return allowed
}

type row struct{ left, right, why string }

func rows(tb testing.TB, table, separator string) []row {
	tb.Helper()
	var found []row
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRow(line, separator)
		if err != nil {
			tb.Fatal(err)
		}
		found = append(found, r)
	}
	return found
}

func parseRow(line, separator string) (row, error) {
	rule, why, _ := strings.Cut(line, "#")
	left, right, ok := strings.Cut(rule, separator)
	r := row{strings.TrimSpace(left), strings.TrimSpace(right), strings.TrimSpace(why)}
	if !ok || r.left == "" || r.right == "" {
		return r, fmt.Errorf("table line %q: want left %s right # why", line, separator)
	}
	return r, nil
}
