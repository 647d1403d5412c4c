package vet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/vet/corpustest"
)

// another is what another tool reports on the cases of its language. A case counts as reported where the tool says
// anything about paths in it, wherever that is.
type another struct {
	Tool  string   `json:"tool"`
	Lang  string   `json:"lang"`
	Rules []string `json:"rules"` // that are about paths, and about debuggers
	Cases []string `json:"cases"` // half/name
}

// pathRules are the rules of others that are about what the corpus is about; the rest of what they say is not counted, for
// them or against them.
var pathRules = map[string][]string{
	"bandit": {"B108", "B201", "B202"},
	"gosec":  {"G304", "G305", "G703"},
}

// runOthers runs what else reviews source and installs from Debian or the Go module proxy:
//
//	apt-get install bandit
//	GOBIN=DIR go install github.com/securego/gosec/v2/cmd/gosec@v2.30.0
//	go test ./vet -run TestScore -others DIR/gosec -update
func runOthers(t *testing.T, cases []corpustest.Case, gosec string) {
	t.Helper()
	dirs := map[string][]string{}
	for _, c := range cases {
		dirs[c.Lang] = append(dirs[c.Lang], c.Dir)
	}
	var bandit struct {
		Results []struct {
			File string `json:"filename"`
			Rule string `json:"test_id"`
		} `json:"results"`
	}
	otherTool(t, &bandit, exec.Command("bandit", append([]string{"-q", "-r", "-f", "json"}, dirs["python"]...)...))
	var found struct {
		Issues []struct {
			File string `json:"file"`
			Rule string `json:"rule_id"`
		}
	}
	otherTool(t, &found, exec.Command(gosec, append([]string{"-quiet", "-fmt", "json"}, dirs["go"]...)...))

	all := []another{
		{Tool: "bandit " + version(t, "bandit", "bandit "), Lang: "python", Rules: pathRules["bandit"], Cases: []string{}},
		{Tool: "gosec 2.30.0", Lang: "go", Rules: pathRules["gosec"], Cases: []string{}},
	}
	for _, r := range bandit.Results {
		all[0].add(r.Rule, r.File)
	}
	for _, r := range found.Issues {
		all[1].add(r.Rule, r.File)
	}
	writeJSON(t, "others.json", all)
}

// otherTool runs a tool that ends with status 1 where it finds something.
func otherTool(t *testing.T, into any, cmd *exec.Cmd) {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if len(out) == 0 {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, stderr.Bytes())
	}
	must(t, json.Unmarshal(out, into))
}

// version is what a tool calls itself behind a word.
func version(t *testing.T, tool, word string) string {
	t.Helper()
	out, err := exec.Command(tool, "--version").CombinedOutput()
	must(t, err)
	_, rest, _ := strings.Cut(string(out), word)
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func (a *another) add(rule, file string) {
	if !slices.Contains(a.Rules, rule) {
		return
	}
	parts := strings.Split(filepath.ToSlash(file), "/")
	at := slices.Index(parts, "corpus")
	if at < 0 || at+3 >= len(parts) {
		return
	}
	if name := parts[at+1] + "/" + parts[at+3]; !slices.Contains(a.Cases, name) {
		a.Cases = append(a.Cases, name)
		slices.Sort(a.Cases)
	}
}

// othersTable compares, language by language. What is said of a guarded case stands apart: a tool that knows no such
// verdict is not wrong to point at it.
func othersTable(t *testing.T, cases []corpustest.Case, final []score) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| tool | language | vulnerable | of them reported | reported though safe | reported though guarded | recall |\n|---|---|---|---|---|---|---|\n")
	var all []another
	readJSON(t, "others.json", &all)
	for _, lang := range []string{"python", "go", "nginx", "apache"} {
		all = append(all, ours(cases, final, lang))
	}
	slices.SortStableFunc(all, func(x, y another) int {
		order := []string{"python", "go", "nginx", "apache"}
		return slices.Index(order, x.Lang) - slices.Index(order, y.Lang)
	})
	for _, a := range all {
		count, said := map[string]int{}, map[string]int{}
		for _, c := range cases {
			if c.Lang != a.Lang {
				continue
			}
			count[c.Label]++
			if slices.Contains(a.Cases, c.Half+"/"+c.Name) {
				said[c.Label]++
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d of %d | %d of %d | %.3f |\n", a.Tool, a.Lang, count[corpustest.Vulnerable], said[corpustest.Vulnerable],
			said[corpustest.Safe], count[corpustest.Safe], said[corpustest.Guarded], count[corpustest.Guarded],
			float64(said[corpustest.Vulnerable])/float64(count[corpustest.Vulnerable]))
	}
	return b.String()
}

// ours is what vet reports: as unsafe, and of safe cases whatever it says above information.
func ours(cases []corpustest.Case, final []score, lang string) another {
	a := another{Tool: "rootbound", Lang: lang}
	for _, c := range cases {
		for _, s := range final {
			name := c.Lang + "/" + c.Name
			if s.Half == c.Half && c.Lang == lang && (c.Label == corpustest.Vulnerable && !slices.Contains(s.Missed, name) || slices.Contains(s.Wrong, name) || slices.Contains(s.SafeSaid, name)) {
				a.Cases = append(a.Cases, c.Half+"/"+c.Name)
			}
		}
	}
	return a
}
