package finding

import (
	_ "embed"
	"html/template"
	"io"
	"time"
)

//go:embed report.html
var reportHTML string

// pieces is never executed, so that it can be cloned.
var pieces = template.Must(template.New("report").Funcs(template.FuncMap{
	"time": func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
	"home": func(page string) string { return homepage + "/blob/main/" + page },
}).Parse(reportHTML))

var reportPage = template.Must(pieces.Clone())

// Pieces are what other pages are made of: the templates "style", and "findings" and "notes" of a View; the functions time
// and home. All that is in them is escaped by html/template.
func Pieces() *template.Template { return template.Must(pieces.Clone()) }

// group is the findings of one rule and severity, as the page shows them.
type group struct {
	Rule     Rule
	Severity Severity
	Findings []Finding
	More     int64
}

// View is a finished report as the pieces of a page take it. News are the fingerprints of findings that are marked as new.
func View(r *Report, news map[string]bool) any {
	return struct {
		*Report
		Groups []group
		New    map[string]bool
	}{r, r.groups(), news}
}

// writeHTML writes one page that needs nothing else and runs no script. All that is in it is escaped by html/template.
func writeHTML(w io.Writer, r *Report) error { return reportPage.Execute(w, View(r, nil)) }

func (r *Report) groups() []group {
	var out []group
	for i, f := range r.Findings {
		if i == 0 || r.Findings[i-1].Rule != f.Rule || r.Findings[i-1].Severity != f.Severity {
			rule, _ := Lookup(f.Rule)
			out = append(out, group{Rule: rule, Severity: f.Severity})
		}
		g := &out[len(out)-1]
		g.Findings = append(g.Findings, f)
		if i+1 == len(r.Findings) || r.Findings[i+1].Rule != f.Rule {
			g.More = r.More[f.Rule]
		}
	}
	return out
}
