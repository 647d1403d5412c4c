package review

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/internal/finding"
)

// Render writes a review in one of finding.Formats. colour is for text, on a terminal.
func Render(d *Document, format string, colour bool) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch format {
	case "text":
		err = d.text(&b, colour)
	case "json":
		var canonical []byte
		if canonical, err = json.Marshal(d); err == nil {
			err = json.Indent(&b, canonical, "", "  ")
			b.WriteByte('\n')
		}
	case "sarif":
		err = finding.WriteSARIF(&b, d.runs()...)
	case "html":
		err = d.html(&b, false)
	default:
		err = fmt.Errorf("review: no format %q", format)
	}
	return b.Bytes(), err
}

func (d *Document) text(w io.Writer, colour bool) error {
	for _, p := range d.Parts {
		fmt.Fprintf(w, "## %s\n", p.Key())
		if p.Tried != "" {
			fmt.Fprintf(w, "%s\n", p.Tried)
		}
		if p.Why != "" {
			fmt.Fprintf(w, "%s: %s\n", p.State, p.Why)
		}
		fmt.Fprintln(w)
		if p.Ran() {
			if err := finding.Write(w, p.Report, "text", colour); err != nil {
				return err
			}
			fmt.Fprintln(w)
		}
	}
	if d.Since != nil {
		io.WriteString(w, d.Since.Text())
	}
	_, err := fmt.Fprintln(w, d.Summary())
	return err
}

// Text is the comparison for people; "" where nothing differs.
func (c *Comparison) Text() string {
	var b strings.Builder
	list := func(head string, changes []Change) {
		if len(changes) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s:\n", head)
		for _, n := range changes {
			fmt.Fprintf(&b, "  %s %s  %s (%s)%s\n", n.Severity, n.Rule, strings.TrimSpace(n.Place+"  "+n.Evidence), n.Part, times(n.Count))
		}
	}
	list("new", c.New)
	list("gone", c.Gone)
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", %d times", n)
}

func (d *Document) runs() []finding.Run {
	var out []finding.Run
	for _, p := range d.Parts {
		run := finding.Run{Report: p.Report, Category: "rootbound/" + p.Key() + "/", Under: p.Under}
		switch p.State {
		case Left:
			continue
		case Failed, Cut:
			run.Failed = p.Why
		}
		if run.Report == nil {
			run.Report = finding.NewReport(p.Tool, d.Version, p.Target, finding.Options{})
			run.Report.Finish()
		}
		out = append(out, run)
	}
	return out
}

//go:embed page.html
var pageHTML string

var page = template.Must(finding.Pieces().New("review").Funcs(template.FuncMap{"times": times}).Parse(pageHTML))

// tools are what each tool looks at and what it does not, for whoever is handed a report.
var tools = []tool{
	{"inspect", "A directory before strangers see it: what leads out of it, what should not lie in it, who else can write to it, which names can be guessed.", "Of each file it reads the first 64 KiB. It does not ask a server: what that makes of the directory is another matter."},
	{"vet", "Source and web server configuration: names that are followed from a request to a file.", "It runs nothing: what it cannot follow it takes for safe. It leaves out node_modules, vendor, testdata, virtual environments and version control."},
	{"probe", "A running server: names in every spelling, answers and times that tell what exists, ranges, headers, uploads.", "It sees answers alone: what no answer shows it does not find."},
}

type covered struct {
	tool
	Ran     bool
	Threats []threat
}

type tool struct{ Name, Covers, Limits string }

// threat is a rule, and what became of it.
type threat struct {
	finding.Rule
	Result string
}

// ranBy says whether a tool ran on any target.
func (d *Document) ranBy(name string) bool {
	return slices.ContainsFunc(d.Parts, func(p *Part) bool { return p.Tool == name && p.Ran() })
}

// threats are all that the tools look for.
func (d *Document) threats(name string) []threat {
	found, ran := map[finding.ID]int64{}, d.ranBy(name)
	for _, p := range d.Parts {
		if p.Tool == name && p.Ran() {
			for id, n := range p.byRule() {
				found[id] += n
			}
		}
	}
	var out []threat
	for _, r := range finding.Rules() {
		for _, t := range r.Tools {
			switch {
			case t != name:
			case !ran:
				out = append(out, threat{r, "not looked for"})
			case found[r.ID] == 0:
				out = append(out, threat{r, "none seen"})
			default:
				out = append(out, threat{r, fmt.Sprintf("%d found", found[r.ID])})
			}
		}
	}
	return out
}

// partView is a part as the page takes it.
type partView struct {
	*Part
	View any
	More int64
}

// html writes one page that needs nothing else and runs no script: the data in it is no script, and all that is shown is
// escaped by html/template.
func (d *Document) html(w io.Writer, signed bool) error {
	shown, err := d.page(signed)
	if err != nil {
		return err
	}
	return page.Execute(w, shown)
}

// page is what the page shows.
func (d *Document) page(signed bool) (any, error) {
	canonical, err := json.Marshal(d) // which leaves no < in it
	if err != nil {
		return nil, err
	}
	var parts []partView
	for _, p := range d.Parts {
		v := partView{Part: p}
		if p.Ran() {
			v.View = finding.View(p.Report, d.Since.news(p))
			for _, n := range p.Report.More {
				v.More += n
			}
		}
		parts = append(parts, v)
	}
	var all []covered
	for _, t := range tools {
		all = append(all, covered{t, d.ranBy(t.Name), d.threats(t.Name)})
	}
	return struct {
		*Document
		Views  []partView
		Tools  []covered
		Signed bool
		Data   template.JS
	}{d, parts, all, signed, template.JS(canonical)}, nil
}
