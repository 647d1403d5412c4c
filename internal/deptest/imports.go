package deptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// systems are looked at one after the other, because a file for one system may
// import what the others do not.
var systems = []string{"linux", "darwin", "windows"}

// Package is a package of the module as it stands on all systems together.
type Package struct {
	// Path is relative to the module; the root package is ".".
	Path string
	// Ours, Others and Std are the imports outside of tests: our own packages,
	// relative to the module, those of other modules, and the standard library.
	Ours, Others, Std []string
	// Shipped tells that the root package or a command under cmd/ links it.
	Shipped bool
}

// Edge allows one import.
type Edge struct {
	// From is a package of ours, relative to the module; the root is ".".
	From string
	// To is a package of ours in the same way, or the import path of another
	// module's package, which also stands for all below it. "" says that From
	// imports the standard library alone.
	To string
	// Why is the reason, for the reader who wants to add the next one.
	Why string
}

// Packages lists the packages of the module in the working directory.
func Packages(tb testing.TB) []Package {
	tb.Helper()
	all := map[string]*Package{}
	for _, system := range systems {
		out, err := goList(system)
		if err == nil {
			err = merge(all, out)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	packages := make([]Package, 0, len(all))
	for _, p := range all {
		packages = append(packages, *p)
	}
	slices.SortFunc(packages, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	return packages
}

func goList(system string) ([]byte, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,Module", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s: %w\n%s", system, err, stderr.Bytes())
	}
	return out, nil
}

// merge adds the packages of one go list to all.
func merge(all map[string]*Package, out []byte) error {
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l struct {
			ImportPath    string
			Imports, Deps []string
			Module        struct{ Path string }
		}
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		path, _ := within(l.Module.Path, l.ImportPath)
		p := lookUp(all, path)
		for _, to := range l.Imports {
			p.add(l.Module.Path, to)
		}
		if path != "." && !strings.HasPrefix(path, "cmd/") {
			continue
		}
		p.Shipped = true
		for _, dep := range l.Deps {
			if dep, ok := within(l.Module.Path, dep); ok {
				lookUp(all, dep).Shipped = true
			}
		}
	}
}

func lookUp(all map[string]*Package, path string) *Package {
	if all[path] == nil {
		all[path] = &Package{Path: path}
	}
	return all[path]
}

func (p *Package) add(module, to string) {
	list := &p.Others
	first, _, _ := strings.Cut(to, "/")
	if ours, ok := within(module, to); ok {
		list, to = &p.Ours, ours
	} else if !strings.Contains(first, ".") {
		list = &p.Std
	}
	if !slices.Contains(*list, to) {
		*list = append(*list, to)
	}
}

// within turns an import path of the module into one relative to it.
func within(module, path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// Imports compares the packages with the table and returns what is wrong: an
// import that no edge allows, an edge that no import needs, a package without
// an edge, an edge without its package, an edge without a reason.
func Imports(packages []Package, edges []Edge) []string {
	var wrong []string
	used := make([]bool, len(edges))
	for _, p := range packages {
		for _, to := range append(slices.Clone(p.Ours), p.Others...) {
			if !allow(edges, used, p.Path, to) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which the table does not allow", p.Path, to))
			}
		}
		alone := slices.IndexFunc(edges, func(e Edge) bool { return e.From == p.Path && e.To == "" })
		if alone >= 0 {
			used[alone] = len(p.Ours)+len(p.Others) == 0
		} else if !slices.ContainsFunc(edges, func(e Edge) bool { return e.From == p.Path }) {
			wrong = append(wrong, fmt.Sprintf("%s is not in the table", p.Path))
		}
	}
	for i, e := range edges {
		if !used[i] {
			wrong = append(wrong, fmt.Sprintf("the row %s -> %q is stale: nothing needs it", e.From, e.To))
		}
		if e.Why == "" {
			wrong = append(wrong, fmt.Sprintf("the row %s -> %q has no reason", e.From, e.To))
		}
	}
	return wrong
}

// allow finds the edge for an import and marks it used.
func allow(edges []Edge, used []bool, from, to string) bool {
	ok := false
	for i, e := range edges {
		below := strings.Contains(e.To, ".") && e.To != "." && strings.HasPrefix(to, e.To+"/")
		if e.From == from && (e.To == to || below) {
			used[i], ok = true, true
		}
	}
	return ok
}

// Layers returns the edges that no reason can justify: between two packages
// below the root that are not internal, but from those in joins; and from a
// shipped package to one of the harness.
func Layers(packages []Package, edges []Edge, joins, harness []string) []string {
	paths := map[string]bool{}
	shipped := map[string]bool{}
	for _, p := range packages {
		paths[p.Path], shipped[p.Path] = true, p.Shipped
	}
	isInternal := func(path string) bool { return strings.HasPrefix(path, "internal/") }
	var wrong []string
	for _, e := range edges {
		below := paths[e.To] && e.To != "." && !isInternal(e.To)
		if below && !slices.Contains(joins, e.From) {
			wrong = append(wrong, fmt.Sprintf("%s -> %s: packages below the root import the root and internal/ only", e.From, e.To))
		}
		if slices.Contains(harness, e.To) && !slices.Contains(harness, e.From) {
			wrong = append(wrong, fmt.Sprintf("%s -> %s: %s is for tests", e.From, e.To, e.To))
		}
	}
	for _, path := range harness {
		if shipped[path] {
			wrong = append(wrong, path+" is for tests, and is linked into what ships")
		}
		if !paths[path] {
			wrong = append(wrong, path+" is in the list of test packages, and does not exist")
		}
	}
	return wrong
}
