package deptest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goListAnswer = `
{"ImportPath": "m.test/m", "Imports": ["os", "m.test/m/internal/a", "golang.org/x/sys/unix"], "Deps": ["os", "m.test/m/internal/a"], "Module": {"Path": "m.test/m"}}
{"ImportPath": "m.test/m/internal/a", "Imports": ["os"], "Deps": ["os"], "Module": {"Path": "m.test/m"}}
{"ImportPath": "m.test/m/b", "Imports": ["m.test/m", "m.test/m/c"], "Deps": [], "Module": {"Path": "m.test/m"}}
{"ImportPath": "m.test/m/c", "Imports": [], "Deps": [], "Module": {"Path": "m.test/m"}}
`

func example(t *testing.T) []Package {
	t.Helper()
	all := map[string]*Package{}
	if err := merge(all, []byte(goListAnswer)); err != nil {
		t.Fatal(err)
	}
	var packages []Package
	for _, path := range []string{".", "b", "c", "internal/a"} {
		packages = append(packages, *all[path])
	}
	return packages
}

func TestMerge(t *testing.T) {
	want := []Package{
		{Path: ".", Ours: []string{"internal/a"}, Others: []string{"golang.org/x/sys/unix"}, Std: []string{"os"}, Shipped: true},
		{Path: "b", Ours: []string{".", "c"}},
		{Path: "c"},
		{Path: "internal/a", Std: []string{"os"}, Shipped: true},
	}
	if diff := cmp.Diff(want, example(t)); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}

func TestImports(t *testing.T) {
	good := []Edge{
		{".", "internal/a", "a reason"},
		{".", "golang.org/x/sys", "a reason"},
		{"b", ".", "a reason"},
		{"b", "c", "a reason"},
		{"c", "", "a reason"},
		{"internal/a", "", "a reason"},
	}
	tests := []struct {
		name  string
		edges []Edge
		want  []string
	}{
		{"good", good, nil},
		{"import without a row", append(good[1:2:2], good[2:]...), []string{". imports internal/a, which the table does not allow"}},
		{"package without a row", good[:5], []string{"internal/a is not in the table"}},
		{"row without an import", append(good[:6:6], Edge{"c", "internal/a", "x"}), []string{`the row c -> "internal/a" is stale: nothing needs it`}},
		{"row without a package", append(good[:6:6], Edge{"d", "", "x"}), []string{`the row d -> "" is stale: nothing needs it`}},
		{"row alone that is not", append(good[:6:6], Edge{"b", "", "x"}), []string{`the row b -> "" is stale: nothing needs it`}},
		{"row without a reason", append(good[:5:5], Edge{"internal/a", "", ""}), []string{`the row internal/a -> "" has no reason`}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Imports(example(t), tt.edges)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestLayers(t *testing.T) {
	edges := []Edge{{"b", "c", "x"}, {"b", ".", "x"}, {".", "internal/a", "x"}}
	tests := []struct {
		name           string
		joins, harness []string
		want           []string
	}{
		{"b joins", []string{"b"}, nil, nil},
		{"b does not", nil, nil, []string{"b -> c: packages below the root import the root and internal/ only"}},
		{"c is for tests", []string{"b"}, []string{"c"}, []string{"b -> c: c is for tests"}},
		{
			"a is for tests",
			[]string{"b"},
			[]string{"internal/a"},
			[]string{". -> internal/a: internal/a is for tests", "internal/a is for tests, and is linked into what ships"},
		},
		{"no such", []string{"b"}, []string{"d"}, []string{"d is in the list of test packages, and does not exist"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Layers(example(t), edges, tt.joins, tt.harness)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestUses(t *testing.T) {
	src := `package p

import (
	"os"
	h "net/http"
)

func f() {
	os.Open("x")
	g := h.ServeFile
	os.Exit(1)
	x.Open()
}
`
	got, err := usesIn("p/p.go", []byte(src), []string{"os.Open", "net/http.ServeFile"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Use{{"p/p.go", "os.Open", 9}, {"p/p.go", "net/http.ServeFile", 10}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("usesIn (-want +got):\n%s", diff)
	}
	wrong := Check(got, []Allowed{{"p/", []string{"os.Open"}, "a reason"}, {"p/q.go", []string{"os.Open"}, ""}})
	wantWrong := []string{
		"p/p.go:10: net/http.ServeFile, which the table does not allow here",
		"the row p/q.go os.Open is stale: nothing needs it",
		"the row p/q.go has no reason",
	}
	if diff := cmp.Diff(wantWrong, wrong); diff != "" {
		t.Errorf("Check (-want +got):\n%s", diff)
	}
}

func TestTables(t *testing.T) {
	edges := Edges(t, "\n# comment\na -> -  # alone\nb->a # why\n")
	if diff := cmp.Diff([]Edge{{"a", "", "alone"}, {"b", "a", "why"}}, edges); diff != "" {
		t.Errorf("Edges (-want +got):\n%s", diff)
	}
	permits := Permits(t, "p/q.go: os.Open, os.Stat # why\n")
	if diff := cmp.Diff([]Allowed{{"p/q.go", []string{"os.Open", "os.Stat"}, "why"}}, permits); diff != "" {
		t.Errorf("Permits (-want +got):\n%s", diff)
	}
	if _, err := parseRow("a b # why", "->"); err == nil {
		t.Error("parseRow accepted a line without an arrow")
	}
}
