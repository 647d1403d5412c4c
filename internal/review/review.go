// Package review is what a review of directories and running servers is handed on as: one document of several tools'
// findings, what they tried and what they did not look at, compared with the last one, and signed.
//
// What it holds was chosen by attackers, as in package finding. A report that is read again may have been written by one.
package review

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
)

// State says how far a tool came.
type State string

// The states of a part.
const (
	Done   State = "done"
	Cut    State = "cut short" // it has a report, and that is not about all
	Failed State = "failed"    // it could not begin
	Left   State = "left out"  // nobody asked for it
)

// Part is what one tool says about one target.
type Part struct {
	Tool   string `json:"tool"` // "inspect", "vet", "probe"
	Target string `json:"target"`
	State  State  `json:"state"`
	// Why is a sentence about the state, where there is something to say.
	Why string `json:"why,omitempty"`
	// Tried is a sentence about how it was done.
	Tried string `json:"tried,omitempty"`
	// Report is nil where the tool did not run.
	Report *finding.Report `json:"report,omitempty"`
	// Open is all that was found and not accepted, beyond what Report keeps, too; Accepted is what the baseline took
	// away. Where the part failed they are those of the last report.
	Open     []finding.Accepted `json:"open,omitempty"`
	Accepted []finding.Accepted `json:"accepted,omitempty"`
	// TooMany says that there is more than can be told one by one.
	TooMany bool `json:"too_many,omitempty"`
	// Under is where the paths of Report begin, seen from where the review ran; "" is there, or elsewhere.
	Under string `json:"under,omitempty"`
}

// Key names the part in a baseline, and tells parts apart.
func (p *Part) Key() string { return p.Tool + " " + p.Target }

// Ran says whether there is a report.
func (p *Part) Ran() bool { return p.Report != nil }

// Take makes a finished report the part's own. accepted is the baseline that the report was made with; its options must
// have said Record.
func (p *Part) Take(r *finding.Report, accepted *finding.Baseline) {
	p.Report, p.State = r, Done
	all, err := r.NewBaseline()
	if err != nil {
		p.TooMany = true
		return
	}
	p.Open, p.Accepted = all.Split(accepted)
}

// Fail says why the tool could not run.
func (p *Part) Fail(state State, why string) { p.State, p.Why = state, finding.Visible(why) }

// File is a file that the report speaks for, by its content.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Document is a review.
type Document struct {
	Schema  int       `json:"schema"` // 1
	Tool    string    `json:"tool"`   // "review"
	Version string    `json:"version"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	// Targets are directories and URLs as they were named.
	Targets []string `json:"targets"`
	// Configuration is what was running, as whoever started the review says.
	Configuration []File  `json:"configuration,omitempty"`
	Parts         []*Part `json:"parts"`
	// Since compares with the last report; nil where nobody asked for that.
	Since *Comparison `json:"since,omitempty"`
}

// New begins a review.
func New(version string, targets []string) *Document {
	d := &Document{Schema: 1, Tool: "review", Version: version, Began: time.Now().UTC(), Targets: []string{}, Parts: []*Part{}}
	for _, t := range targets {
		d.Targets = append(d.Targets, finding.Visible(t))
	}
	return d
}

// Add begins a part.
func (d *Document) Add(tool, target string) *Part {
	p := &Part{Tool: tool, Target: finding.Visible(target), State: Left}
	d.Parts = append(d.Parts, p)
	return p
}

// Finish ends the review.
func (d *Document) Finish() { d.Ended = time.Now().UTC() }

// Ran says whether anything was looked at.
func (d *Document) Ran() bool {
	return slices.ContainsFunc(d.Parts, (*Part).Ran)
}

// Unfinished are the parts that were to look, and could not, or not at all.
func (d *Document) Unfinished() []*Part {
	var out []*Part
	for _, p := range d.Parts {
		if p.State == Failed || p.State == Cut {
			out = append(out, p)
		}
	}
	return out
}

// Found says whether there is anything above Info that no baseline accepts; where the review was compared, anything new.
func (d *Document) Found() bool {
	if d.Since != nil {
		return d.Since.Found()
	}
	return slices.ContainsFunc(d.Parts, func(p *Part) bool { return p.Ran() && p.Report.Found() })
}

// Baseline accepts all that was found.
func (d *Document) Baseline() (*finding.Baseline, error) {
	b := &finding.Baseline{Schema: 1, Tool: d.Tool, Accepted: []finding.Accepted{}}
	for _, p := range d.Parts {
		if !p.Ran() {
			continue
		}
		all, err := p.Report.NewBaseline()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Key(), err)
		}
		for _, a := range all.Accepted {
			a.Part = p.Key()
			b.Accepted = append(b.Accepted, a)
		}
	}
	return b, nil
}

// Summary is one line.
func (d *Document) Summary() string {
	var counts []string
	for s := finding.High; s >= finding.Info; s-- {
		n := int64(0)
		for _, p := range d.Parts {
			if p.Ran() {
				n += p.Report.Counts[s.String()]
			}
		}
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, s))
		}
	}
	line := "nothing found"
	if len(counts) > 0 {
		line = "found: " + strings.Join(counts, ", ")
	}
	if d.Since != nil {
		line += "; " + d.Since.Summary()
	}
	for _, p := range d.Unfinished() {
		line += fmt.Sprintf("; %s was %s", p.Key(), map[State]string{Failed: "not looked at", Cut: "cut short"}[p.State])
	}
	return line
}
