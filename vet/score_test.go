package vet

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/vet/corpustest"
)

var (
	update = flag.Bool("update", false, "write final-run.json and the tables of docs/vet.md")
	others = flag.String("others", "", "run bandit, and the gosec at this path, on the corpus and write others.json")
)

var corpus = filepath.Join("testdata", "corpus")

// score is what one run over a half of the corpus gave. A case counts as found where something unsafe is reported in it.
type score struct {
	Half          string   `json:"half"`
	Cases         int      `json:"cases"`
	Found         int      `json:"found"` // vulnerable, and reported unsafe
	Missed        []string `json:"missed"`
	Wrong         []string `json:"wrong"` // guarded or safe, and reported unsafe
	Precision     float64  `json:"precision"`
	Recall        float64  `json:"recall"`
	GuardedSaid   int      `json:"guarded_said"` // guarded, and reported so
	GuardedSilent []string `json:"guarded_silent"`
	SafeSaid      []string `json:"safe_said"` // safe, and reported, if only as guarded
	AtLine        int      `json:"at_line"`   // of Found, those at the labelled line
}

func scoreHalf(t *testing.T, cases []corpustest.Case, half string) score {
	t.Helper()
	s := score{Half: half, Missed: []string{}, Wrong: []string{}, GuardedSilent: []string{}, SafeSaid: []string{}}
	for _, c := range cases {
		if c.Half != half {
			continue
		}
		s.Cases++
		s.count(t, c)
	}
	s.rate()
	sort.Strings(s.Missed)
	return s
}

// rate is precision and recall of what was counted.
func (s *score) rate() {
	if s.Found+len(s.Wrong) > 0 {
		s.Precision = float64(s.Found) / float64(s.Found+len(s.Wrong))
	}
	if s.Found+len(s.Missed) > 0 {
		s.Recall = float64(s.Found) / float64(s.Found+len(s.Missed))
	}
}

func (s *score) count(t *testing.T, c corpustest.Case) {
	r, err := Run(context.Background(), Config{Paths: []string{c.Dir}})
	if err != nil {
		t.Fatalf("%s: %v", c.Dir, err)
	}
	unsafe, guarded, atLine := false, false, false
	for _, f := range r.Findings {
		switch {
		case f.Severity == finding.High, f.Rule == "debug-mode" && c.Class == "debug":
			unsafe = true
			atLine = atLine || f.Place.Line <= c.Line && c.Line <= f.Place.Line+strings.Count(f.Evidence, "\n") && strings.HasSuffix(f.Place.Path, "/"+c.File)
		case f.Severity > finding.Info:
			guarded = true
		}
	}
	name := c.Lang + "/" + c.Name
	switch {
	case c.Label == corpustest.Vulnerable && unsafe:
		s.Found++
		if atLine {
			s.AtLine++
		}
	case c.Label == corpustest.Vulnerable:
		s.Missed = append(s.Missed, name)
	case unsafe:
		s.Wrong = append(s.Wrong, name)
	case c.Label == corpustest.Safe && guarded:
		s.SafeSaid = append(s.SafeSaid, name)
	case c.Label == corpustest.Guarded && guarded:
		s.GuardedSaid++
	case c.Label == corpustest.Guarded:
		s.GuardedSilent = append(s.GuardedSilent, name)
	}
}

// TestScore holds precision and recall of both halves of the corpus. What the first run on the half that is older than
// the rules gave stands beside it, and so does what others find (others_test.go).
func TestScore(t *testing.T) {
	cases, err := corpustest.Load(corpus)
	if err != nil {
		t.Fatal(err)
	}
	var first, final []score
	readJSON(t, "first-run.json", &first)
	for _, half := range []string{"blind", "open"} {
		s := scoreHalf(t, cases, half)
		final = append(final, s)
		for _, f := range first {
			if f.Half == half && f.Cases > 0 {
				fmt.Printf("%s, first run: %d cases, precision %.3f, recall %.3f\n", half, f.Cases, f.Precision, f.Recall)
			}
		}
		fmt.Printf("%s: %d cases, precision %.3f, recall %.3f, at the line %d of %d, guarded said %d\n  missed %v\n  wrong %v\n  guarded, and silent %v\n  safe, and called guarded %v\n",
			half, s.Cases, s.Precision, s.Recall, s.AtLine, s.Found, s.GuardedSaid, s.Missed, s.Wrong, s.GuardedSilent, s.SafeSaid)
		if s.Precision < 0.95 || s.Recall < 0.95 {
			t.Errorf("%s: precision %.3f, recall %.3f; want at least 0.95", half, s.Precision, s.Recall)
		}
	}
	if *others != "" {
		runOthers(t, cases, *others)
	}
	if *update {
		writeJSON(t, "final-run.json", final)
	}
	var recorded []score
	readJSON(t, "final-run.json", &recorded)
	if diff := cmp.Diff(recorded, final); diff != "" {
		t.Errorf("final-run.json is of other rules (-recorded +now); go test ./vet -update writes it:\n%s", diff)
	}
	checkTable(t, "scores", scoreTable(first, final)+"\n"+othersTable(t, cases, final))
}

// scoreTable is the first run beside the last.
func scoreTable(first, final []score) string {
	var b strings.Builder
	b.WriteString("| half of the corpus | cases | run | found | missed | wrong | precision | recall |\n|---|---|---|---|---|---|---|---|\n")
	row := func(run string, s score) {
		fmt.Fprintf(&b, "| %s | %d | %s | %d | %d | %d | %.3f | %.3f |\n",
			s.Half, s.Cases, run, s.Found, len(s.Missed), len(s.Wrong), s.Precision, s.Recall)
	}
	sum := score{Half: "both"}
	for _, s := range final {
		for _, f := range first {
			if f.Half == s.Half && f.Cases > 0 {
				row("first", f)
			}
		}
		row("now", s)
		sum.Cases += s.Cases
		sum.Found += s.Found
		sum.Missed, sum.Wrong = append(sum.Missed, s.Missed...), append(sum.Wrong, s.Wrong...)
	}
	sum.rate()
	row("now", sum)
	return b.String()
}

// checkTable compares a table with the one in docs/vet.md, or writes it there.
func checkTable(t *testing.T, name, table string) {
	t.Helper()
	path := filepath.Join("..", "docs", "vet.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), "<!-- "+name+" -->\n")
	old, after, ok2 := strings.Cut(rest, "<!-- end of "+name+" -->\n")
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table %q", path, name)
	}
	switch {
	case *update:
		must(t, os.WriteFile(path, []byte(before+"<!-- "+name+" -->\n"+table+"<!-- end of "+name+" -->\n"+after), 0o644))
	case old != table:
		t.Errorf("%s says otherwise; go test ./vet -update writes it (-documented +now):\n%s", path, cmp.Diff(old, table))
	}
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpus, name))
	must(t, err)
	must(t, json.Unmarshal(data, into))
}

func writeJSON(t *testing.T, name string, v any) {
	t.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(corpus, name), append(data, '\n'), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
