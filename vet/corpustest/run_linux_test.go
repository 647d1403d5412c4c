package corpustest

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// job is one request to one case with a tree of its own. The fields with tags are what the drivers are given.
type job struct {
	c    Case
	kind string
	tree tree

	Dir       string `json:"dir"`
	Framework string `json:"framework"`
	Package   string `json:"package"`
	Run       string `json:"run"`
	Race      bool   `json:"race"`
	Base      string `json:"base"`
	Request   sent   `json:"request"`
}

// answer is what came of a job. Error is what the driver itself met, and no answer of the case.
type answer struct {
	Status int
	Header [][2]string
	Body   []byte
	Error  string
}

// runners run the jobs of a language; the answers are in the order of the jobs.
var runners = map[string]func(*testing.T, []job) []answer{
	"python": runPython,
	"go":     runGo,
	"nginx":  runNginx,
	"apache": runApache,
}

// TestCasesDoAsLabelled runs every case of the corpus.
func TestCasesDoAsLabelled(t *testing.T) {
	cases, err := Load(corpus)
	must(t, err)
	byLang := map[string][]Case{}
	for _, c := range cases {
		byLang[c.Lang] = append(byLang[c.Lang], c)
	}
	for lang, cases := range byLang {
		t.Run(lang, func(t *testing.T) {
			t.Parallel() // each waits for a program of its own
			run, ok := runners[lang]
			if !ok {
				t.Fatalf("nothing runs %s", lang)
			}
			jobs := jobsOf(t, cases)
			answers := run(t, jobs)
			if len(answers) != len(jobs) {
				t.Fatalf("%d answers to %d requests", len(answers), len(jobs))
			}
			told := map[string]int{}
			for i, j := range jobs {
				told[j.c.Dir+j.kind] = answers[i].Status
				t.Run(j.c.Half+"/"+j.c.Name+"/"+j.kind, func(t *testing.T) {
					for _, fault := range j.faults(t, answers[i]) {
						t.Error(fault)
					}
				})
			}
			for _, c := range cases {
				if c.Class == "oracle" && told[c.Dir+"exploit"] == told[c.Dir+"missing"] {
					t.Errorf("%s: what exists outside of the base and what does not are both answered %d", c.Name, told[c.Dir+"exploit"])
				}
			}
		})
	}
}

func jobsOf(t *testing.T, cases []Case) []job {
	t.Helper()
	// Not t.TempDir, which nobody but its owner may enter.
	dir, err := os.MkdirTemp("", "corpus")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	dir, err = filepath.EvalSymlinks(dir)
	must(t, err)
	var jobs []job
	for _, c := range cases {
		requests := map[string]*Request{"exploit": c.Exploit, "benign": c.Benign, "link": c.Link}
		if c.Class == "oracle" {
			missing := *c.Exploit
			missing.Target = strings.Replace(missing.Target, "secret", "nothing", 1)
			requests["missing"] = &missing
		}
		if c.races() {
			requests["race"] = c.Benign
		}
		for _, kind := range []string{"exploit", "benign", "link", "missing", "race"} {
			r := requests[kind]
			if r == nil {
				continue
			}
			tr := plant(t, filepath.Join(dir, fmt.Sprint(len(jobs))))
			abs, err := filepath.Abs(c.Dir)
			must(t, err)
			jobs = append(jobs, job{
				c: c, kind: kind, tree: tr, Dir: abs, Framework: c.Framework, Run: c.Run, Base: tr.base(), Race: kind == "race",
				Package: path.Join("github.com/rootbound/rootbound/vet/testdata/corpus", c.Half, c.Lang, c.Name),
				Request: r.encode(t, tr.root),
			})
		}
	}
	return jobs
}

// leads tells whether a guarded case's Link must lead out of the base.
func (c Case) leads() bool { return c.Class == "link" || c.Class == "newline" }

// races tells whether the driver can overtake the case between its check and its open: a Python case of the class race
// that serves docs/guide.md, which becomes another file as soon as the case has resolved its path.
func (c Case) races() bool {
	return c.Lang == "python" && c.Class == "race" && c.Benign != nil && strings.Contains(c.Benign.Target, "docs/guide.md")
}

// faults holds an answer against the label and returns where they disagree.
func (j job) faults(t *testing.T, a answer) []string {
	t.Helper()
	if a.Error != "" {
		return []string{"the case does not run: " + a.Error}
	}
	served := string(a.Body) + j.front(t, a)
	outside, beneath := j.tree.changed(t)
	leak := ""
	switch {
	case len(outside) > 0:
		leak = strings.Join(outside, ", ")
	case strings.Contains(served, canary):
		leak = "the answer has what lies outside of the base"
	case j.c.Evidence != "" && strings.Contains(served, j.c.Evidence):
		leak = fmt.Sprintf("the answer has %q", j.c.Evidence)
	}
	if j.kind == "link" && j.c.Label != Safe && !(j.c.Label == Guarded && j.c.leads()) {
		return nil // Links are another fault than the one labelled.
	}
	wanted := j.kind == "race" || j.kind == "link" && j.c.Label == Guarded || j.kind == "exploit" && j.c.Label == Vulnerable
	asked := fmt.Sprintf("%s %s, status %d", j.Request.Method, j.Request.Target, a.Status)
	var faults []string
	if leak != "" && !wanted {
		faults = append(faults, fmt.Sprintf("%s: %s, but the case is %s (%s)", asked, leak, j.c.Label, j.c.Class))
	}
	if leak == "" && wanted {
		faults = append(faults, fmt.Sprintf("%s: no leak, but the case is %s (%s); body %.300q", asked, j.c.Label, j.c.Class, served))
	}
	if j.kind == "benign" && (a.Status >= http.StatusBadRequest || !beneath && !strings.Contains(served, inside)) {
		faults = append(faults, fmt.Sprintf("%s: not served; body %.300q", asked, served))
	}
	return faults
}

// front is what a server before the application adds to its answer: X-Sendfile as mod_xsendfile with the whole file
// system granted does it, X-Accel-Redirect as nginx does it (no .. in the URI) with two internal locations.
func (j job) front(t *testing.T, a answer) string {
	t.Helper()
	name := ""
	for _, h := range a.Header {
		switch http.CanonicalHeaderKey(h[0]) {
		case "X-Sendfile":
			name = h[1]
		case "X-Accel-Redirect":
			if strings.Contains(h[1]+"/", "/../") {
				return ""
			}
			for location, alias := range map[string]string{"/protected/": j.Base, "/backups/": j.Base + "_evil"} {
				if rest, ok := strings.CutPrefix(h[1], location); ok {
					name = filepath.Join(alias, rest)
				}
			}
		}
	}
	if name == "" {
		return ""
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Logf("front: %v", err)
	}
	return string(data)
}
