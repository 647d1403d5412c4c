package review

import (
	"fmt"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
)

// Change is a finding that the last report has not, or that it alone has.
type Change struct {
	Part     string           `json:"part"`
	Rule     finding.ID       `json:"rule"`
	Severity finding.Severity `json:"severity"`
	Place    string           `json:"place"`
	// Evidence is the first line of it, where the report keeps the finding.
	Evidence    string `json:"evidence,omitempty"`
	Fingerprint string `json:"fingerprint"`
	Count       int    `json:"count"`
}

// Comparison is what became of the findings of the last report.
type Comparison struct {
	// Last is when the last report ended; nil is that there was none.
	Last  *time.Time `json:"last"`
	New   []Change   `json:"new"`
	Gone  []Change   `json:"gone"`
	Still int64      `json:"still"`
	// Notes say what could not be compared.
	Notes []string `json:"notes,omitempty"`
}

// Found says whether anything above Info is new.
func (c *Comparison) Found() bool {
	for _, n := range c.New {
		if n.Severity > finding.Info {
			return true
		}
	}
	return false
}

// Summary is the comparison in half a sentence.
func (c *Comparison) Summary() string {
	if c.Last == nil {
		return "there is no last report: all of it is new"
	}
	line := "nothing new"
	if n := total(c.New); n > 0 {
		line = fmt.Sprintf("%d new", n)
	}
	return fmt.Sprintf("%s, %d gone, %d still there since %s", line, total(c.Gone), c.Still, c.Last.UTC().Format("2006-01-02 15:04:05Z"))
}

func total(changes []Change) (n int) {
	for _, c := range changes {
		n += c.Count
	}
	return n
}

// news are the fingerprints of what is new in a part.
func (c *Comparison) news(p *Part) map[string]bool {
	if c == nil || c.Last == nil {
		return nil
	}
	out := map[string]bool{}
	for _, n := range c.New {
		if n.Part == p.Key() {
			out[n.Fingerprint] = true
		}
	}
	return out
}

// Compare says what is new, gone and still there. last may be nil, and is otherwise a document that Read returned. What a
// part that failed would have looked at is known from the last report, and stays known.
func (d *Document) Compare(last *Document) {
	c := &Comparison{New: []Change{}, Gone: []Change{}}
	d.Since = c
	before := map[string]*Part{}
	if last != nil {
		ended := last.Ended
		c.Last = &ended
		if last.Version != d.Version {
			c.note("the last report is by %s, which may know other rules", last.Version)
		}
		for _, p := range last.Parts {
			before[p.Key()] = p
		}
	}
	for _, p := range d.Parts {
		old := before[p.Key()]
		delete(before, p.Key())
		if old == nil {
			old = &Part{}
		}
		c.part(p, old)
	}
	if last == nil {
		return
	}
	for _, p := range last.Parts {
		if before[p.Key()] != nil && len(p.Open) > 0 {
			c.note("%s was looked at for the last report, and was not named now", p.Key())
		}
	}
}

func (c *Comparison) note(format string, args ...any) {
	c.Notes = append(c.Notes, finding.Visible(fmt.Sprintf(format, args...)))
}

func (c *Comparison) part(p, old *Part) {
	switch {
	case !p.Ran():
		p.Open, p.Accepted, p.TooMany = old.Open, old.Accepted, old.TooMany
		if len(p.Open) > 0 {
			c.note("%s: %d findings of the last report are taken to be there still, as it was not looked at", p.Key(), len(p.Open))
		}
		return
	case p.TooMany || old.TooMany:
		c.note("%s has too many findings to be compared one by one", p.Key())
		c.byRule(p, old)
		return
	}
	kept := p.kept()
	known, now := counts(old.Open, old.Accepted), counts(p.Open, p.Accepted)
	for _, a := range p.Open {
		added := max(0, a.Count-known[a.Fingerprint])
		c.Still += int64(a.Count - added)
		if added > 0 {
			c.New = append(c.New, change(p, a, added, kept))
		}
	}
	if p.State == Cut {
		c.note("%s was cut short: what it did not find again may still be there", p.Key())
		return
	}
	kept = old.kept()
	for _, a := range old.Open {
		if gone := a.Count - now[a.Fingerprint]; gone > 0 {
			c.Gone = append(c.Gone, change(p, a, gone, kept))
		}
	}
}

// byRule compares how many findings each rule has.
func (c *Comparison) byRule(p, old *Part) {
	had := old.byRule()
	for id, n := range p.byRule() {
		if more := n - had[id]; more > 0 {
			c.New = append(c.New, change(p, finding.Accepted{Rule: id, Place: "somewhere"}, int(more), nil))
		}
	}
}

func (p *Part) byRule() map[finding.ID]int64 {
	n := map[finding.ID]int64{}
	if p.Report != nil {
		for _, f := range p.Report.Findings {
			n[f.Rule]++
		}
		for id, more := range p.Report.More {
			n[id] += more
		}
	}
	return n
}

// kept are the findings that the report keeps, by fingerprint.
func (p *Part) kept() map[string]*finding.Finding {
	m := map[string]*finding.Finding{}
	if p.Report != nil {
		for i, f := range p.Report.Findings {
			m[f.Fingerprint] = &p.Report.Findings[i]
		}
	}
	return m
}

func counts(lists ...[]finding.Accepted) map[string]int {
	m := map[string]int{}
	for _, l := range lists {
		for _, a := range l {
			m[a.Fingerprint] += a.Count
		}
	}
	return m
}

// change is about a finding of p, or of its like in the last report, whose text may be a forger's.
func change(p *Part, a finding.Accepted, n int, kept map[string]*finding.Finding) Change {
	// A rule that this version does not know is taken for the worst.
	c := Change{
		Part: p.Key(), Rule: finding.ID(finding.Visible(string(a.Rule))), Severity: finding.High, Place: finding.Visible(a.Place),
		Fingerprint: finding.Visible(a.Fingerprint), Count: n,
	}
	if f := kept[a.Fingerprint]; f != nil {
		c.Severity = f.Severity
		c.Evidence, _, _ = strings.Cut(f.Evidence, "\n")
		c.Evidence = finding.Visible(fmt.Sprintf("%.100s", c.Evidence))
	} else if rule, ok := finding.Lookup(a.Rule); ok {
		c.Severity = rule.Severity
	}
	return c
}
