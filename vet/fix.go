package vet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/finding"
)

// Change is a file that would be rewritten.
type Change struct {
	// Path is where the file is, Old what is in it, and New what would be.
	Path     string
	Old, New string

	edits []edit
}

// edit puts other lines in the place of the lines from, counted from 0, to before to.
type edit struct {
	from, to int
	now      []string
}

// place is a finding that may be rewritten.
type place struct {
	line   int  // counted from 0
	rooted bool // the name begins with a slash
}

// Fixes returns rewritten files for what is clear: a call that joins a base and a name and sends, or opens, the result.
// Everything else is left to a person, a directory from a request first of all, and so is what the baseline accepts.
// Nothing is written.
func Fixes(ctx context.Context, c Config) ([]Change, error) {
	c.Options.PerRule = -1
	r, err := Run(ctx, c)
	if err != nil {
		return nil, err
	}
	byFile := map[string][]place{}
	for _, f := range r.Findings {
		if f.Severity == finding.High && f.Place.Line > 0 && f.Extra["syntactic"] == "" && f.Extra["directory"] == "" {
			path := filepath.FromSlash(f.Place.Path)
			if len(f.Place.Bytes) > 0 {
				path = string(f.Place.Bytes)
			}
			byFile[path] = append(byFile[path], place{f.Place.Line - 1, strings.Contains(f.Reason, "the request's path")})
		}
	}
	var out []Change
	for path, at := range byFile {
		text, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is gone, or its name holds what a report spells out: neither is a clear case
		}
		if err != nil {
			return nil, err
		}
		var edits []edit
		switch filepath.Ext(path) {
		case ".py":
			edits = fixPython(strings.Split(string(text), "\n"), at)
		case ".go":
			edits = fixGo(string(text), at)
		}
		if len(edits) > 0 {
			out = append(out, change(path, string(text), edits))
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// change applies edits, none of which overlap.
func change(path, text string, edits []edit) Change {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	lines := strings.Split(text, "\n")
	var now []string
	at := 0
	for _, e := range edits {
		now = append(append(now, lines[at:e.from]...), e.now...)
		at = e.to
	}
	return Change{Path: path, Old: text, New: strings.Join(append(now, lines[at:]...), "\n"), edits: edits}
}

// Write rewrites the file durably, with the permissions that it has. A file that is no longer what was read stays.
func (c Change) Write() error {
	info, err := os.Stat(c.Path)
	if err != nil {
		return err
	}
	if text, err := readFile(c.Path); err != nil || string(text) != c.Old {
		return fmt.Errorf("%s was changed meanwhile, and is left as it is", c.Path)
	}
	return durable.WriteFile(c.Path, []byte(c.New), info.Mode().Perm())
}

// Diff is the change in the unified form, which patch reads.
func (c Change) Diff() string {
	const around = 3
	old := strings.SplitAfter(c.Old, "\n")
	if n := len(old) - 1; old[n] == "" {
		old = old[:n]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", c.Path, c.Path)
	moved := 0
	for i := 0; i < len(c.edits); {
		// One hunk goes on as long as what surrounds the edits touches.
		from, last := max(0, c.edits[i].from-around), i
		for last+1 < len(c.edits) && c.edits[last+1].from-c.edits[last].to <= 2*around {
			last++
		}
		to := min(len(old), c.edits[last].to+around)
		var body strings.Builder
		at, grown := from, 0
		for ; i <= last; i++ {
			e := c.edits[i]
			put(&body, " ", old[at:e.from])
			put(&body, "-", old[e.from:e.to])
			put(&body, "+", e.lines(e.to < len(old) || strings.HasSuffix(c.Old, "\n")))
			at, grown = e.to, grown+len(e.now)-(e.to-e.from)
		}
		put(&body, " ", old[at:to])
		fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n%s", from+1, to-from, from+1+moved, to-from+grown, body.String())
		moved += grown
	}
	return b.String()
}

// lines are what an edit puts there, each with its end; the last has none where the file ends without one.
func (e edit) lines(ended bool) []string {
	var out []string
	for i, l := range e.now {
		if ended || i+1 < len(e.now) {
			l += "\n"
		}
		out = append(out, l)
	}
	return out
}

func put(b *strings.Builder, mark string, lines []string) {
	for _, l := range lines {
		b.WriteString(mark + l)
		if !strings.HasSuffix(l, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// overlaps: an edit of these lines is there already.
func overlaps(edits []edit, from, to int) bool {
	return slices.ContainsFunc(edits, func(e edit) bool { return from < e.to && e.from < to })
}
