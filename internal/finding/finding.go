// Package finding is what the verification tools (inspect, probe, vet, review) report: findings under stable rule ids, what
// was not looked at, and writers of both for people (text, HTML) and for programs (JSON, SARIF 2.1.0).
//
// What a finding holds was chosen by an attacker: file names, answers of servers, lines of source. A report keeps such text
// in a form that is only text, and each writer escapes for its format.
package finding

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// ID is the stable id of a rule, e.g. "link-escape". Where a rule is about what the library refuses, it is the reason code.
type ID string

// Severity says how much a finding matters. The zero value is taken from the rule.
type Severity int

// Severities, in ascending order. Info tells what is worth knowing, and is no finding for exit statuses.
const (
	Info Severity = iota + 1
	Low
	Medium
	High
)

var severityNames = [...]string{Info: "info", Low: "low", Medium: "medium", High: "high"}

func (s Severity) String() string {
	if s < Info || s > High {
		return "severity " + strconv.Itoa(int(s))
	}
	return severityNames[s]
}

// MarshalText is the word that String gives.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads that word.
func (s *Severity) UnmarshalText(b []byte) error {
	i := slices.Index(severityNames[:], string(b))
	if i < int(Info) {
		return fmt.Errorf("severity %q: not one of info, low, medium, high", b)
	}
	*s = Severity(i)
	return nil
}

// Place is where a finding is. At most one of Path and URL is set; Path is relative to the report's target, slash separated.
type Place struct {
	Path string `json:"path,omitempty"`
	URL  string `json:"url,omitempty"`
	// Line and Column count from 1; 0 is the whole file. Columns are in Unicode code points.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Bytes is Path where that is not UTF-8; a report sets it, and keeps in Path what can be shown.
	Bytes []byte `json:"bytes,omitempty"`
}

// String is the form that editors follow: path, path:line or path:line:column, or the URL.
func (p Place) String() string {
	s := p.Path + p.URL
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
		if p.Column > 0 {
			s += ":" + strconv.Itoa(p.Column)
		}
	}
	return s
}

func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Path, q.Path), cmp.Compare(p.URL, q.URL), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Finding is one thing that was found. Rule and Place are required, and whatever is left empty comes from the rule.
type Finding struct {
	Rule     ID       `json:"rule"`
	Severity Severity `json:"severity"`
	// Reason is one sentence about this finding.
	Reason string `json:"reason"`
	// Evidence is what shows it, of any number of lines: a link's target, an answer, a line of source.
	Evidence string `json:"evidence,omitempty"`
	Place    Place  `json:"place"`
	// Remedy is one sentence.
	Remedy string `json:"remedy"`
	// Repeat is a command that shows the finding again.
	Repeat string `json:"repeat,omitempty"`
	// Help is the page of the rule.
	Help string `json:"help"`
	// Fingerprint tells the finding from others and is the same at the next run, unless its evidence changed. A report sets
	// it; lines and columns have no part in it.
	Fingerprint string `json:"fingerprint"`
	// Extra is what a program may want to have apart.
	Extra map[string]string `json:"extra,omitempty"`

	// Identity stands for Evidence in the fingerprint where evidence differs with each run.
	Identity string `json:"-"`
}

func (f *Finding) fingerprint() string {
	what := f.Identity
	if what == "" {
		what = f.Evidence
	}
	h := sha256.New()
	for _, s := range []string{string(f.Rule), f.Place.Path, f.Place.URL, what} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Note is what was not looked at, or not as it should be, and why.
type Note struct {
	Place Place  `json:"place"`
	Text  string `json:"text"`
}

// Tally is how much of something was looked at.
type Tally struct {
	What  string `json:"what"` // "files", "requests"
	Count int64  `json:"count"`
}

// Bounds on what a report keeps; beyond them it only counts.
const (
	DefaultPerRule = 100
	perInfoRule    = 10 // of what is only information
	maxNotes       = 200
	maxText        = 2000 // bytes of evidence
	maxAccepted    = 100_000
)

// Options of a report.
type Options struct {
	// PerRule is how many findings of one rule are kept; 0 is DefaultPerRule, negative is no bound.
	PerRule int
	// Baseline holds the findings that are accepted; nil is none.
	Baseline *Baseline
	// Record keeps what NewBaseline needs.
	Record bool
}

// About is what a reader of findings must know of their rule.
type About struct {
	Sentence string `json:"sentence"`
	Remedy   string `json:"remedy"`
	Fix      string `json:"fix"` // code or commands
	Help     string `json:"help"`
}

// Report is what a run of a tool gives. Its methods may be called concurrently, until Finish.
type Report struct {
	Schema  int       `json:"schema"` // of this document: 1
	Tool    string    `json:"tool"`
	Version string    `json:"version"`
	Target  string    `json:"target"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	// Counts are all that were found and not accepted, by severity.
	Counts map[string]int64 `json:"counts"`
	// Accepted is how many findings the baseline took away.
	Accepted int64     `json:"accepted"`
	Findings []Finding `json:"findings"`
	// Rules are those that Findings name.
	Rules map[ID]About `json:"rules"`
	// More counts the findings of a rule that are not among Findings.
	More    map[ID]int64 `json:"more,omitempty"`
	Notes   []Note       `json:"notes"`
	Unnoted int64        `json:"unnoted,omitempty"` // notes beyond the bound
	Looked  []Tally      `json:"looked"`

	mu       sync.Mutex
	options  Options
	left     map[string]int // of the baseline
	byRule   map[ID][]Finding
	found    map[ID]int64
	recorded map[string]*Accepted
	overflow bool
}

// NewReport begins a report.
func NewReport(tool, version, target string, o Options) *Report {
	if o.PerRule == 0 {
		o.PerRule = DefaultPerRule
	}
	return &Report{
		Schema: 1, Tool: tool, Version: version, Target: visible(target), Began: time.Now().UTC(),
		Counts: map[string]int64{}, Notes: []Note{}, Findings: []Finding{}, Looked: []Tally{},
		options: o, left: o.Baseline.counts(), byRule: map[ID][]Finding{}, found: map[ID]int64{}, recorded: map[string]*Accepted{},
	}
}

// Add adds a finding. Its rule must be registered: another one panics, as a mistake of the program.
func (r *Report) Add(f Finding) {
	rule, ok := Lookup(f.Rule)
	if !ok {
		panic("finding: no rule " + strconv.Quote(string(f.Rule)))
	}
	f.Fingerprint = f.fingerprint()
	f.Help = rule.Page()
	f.Severity = cmp.Or(f.Severity, rule.Severity)
	f.Reason = visible(cmp.Or(f.Reason, rule.Sentence))
	f.Remedy = visible(cmp.Or(f.Remedy, rule.Remedy))
	f.Evidence = visibleLines(f.Evidence)
	f.Repeat = visible(f.Repeat)
	f.Place = shown(f.Place)
	for k, v := range f.Extra {
		f.Extra[k] = visible(v)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.options.Record {
		r.record(&f)
	}
	if r.left[f.Fingerprint] > 0 {
		r.left[f.Fingerprint]--
		r.Accepted++
		return
	}
	r.Counts[f.Severity.String()]++
	r.found[f.Rule]++
	kept := append(r.byRule[f.Rule], f)
	if n := r.bound(&rule); n > 0 && len(kept) >= 2*n {
		kept = first(kept, n)
	}
	r.byRule[f.Rule] = kept
}

// bound is how many findings of a rule are kept; 0 or less is all.
func (r *Report) bound(rule *Rule) int {
	if rule.Severity == Info {
		return min(r.options.PerRule, perInfoRule)
	}
	return r.options.PerRule
}

// first keeps the n that sort first, so that what is kept does not depend on the order in which it was found.
func first(all []Finding, n int) []Finding {
	slices.SortStableFunc(all, compare)
	clear(all[n:])
	return all[:n]
}

// compare orders the findings of a rule.
func compare(a, b Finding) int {
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), a.Place.compare(b.Place), cmp.Compare(a.Evidence, b.Evidence))
}

// Note says what was not looked at, and why. The zero Place is the whole target.
func (r *Report) Note(at Place, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.Notes) >= maxNotes {
		r.Unnoted++
		return
	}
	r.Notes = append(r.Notes, Note{Place: shown(at), Text: visible(text)})
}

// Count says how much was looked at.
func (r *Report) Count(what string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.Looked {
		if r.Looked[i].What == what {
			r.Looked[i].Count += n
			return
		}
	}
	r.Looked = append(r.Looked, Tally{what, n})
}

// Finish ends the report and puts it in order: the worst first, then rules and places. It may be called again after more
// was added.
func (r *Report) Finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Ended = time.Now().UTC()
	r.Findings, r.Rules, r.More = []Finding{}, map[ID]About{}, map[ID]int64{}
	for id, kept := range r.byRule {
		rule, _ := Lookup(id)
		if n := r.bound(&rule); n > 0 && len(kept) > n {
			kept = first(kept, n)
			r.byRule[id] = kept
		}
		r.Findings = append(r.Findings, kept...)
		if len(kept) > 0 {
			r.Rules[id] = About{Sentence: rule.Sentence, Remedy: rule.Remedy, Fix: rule.Fix, Help: rule.Page()}
		}
		if more := r.found[id] - int64(len(kept)); more > 0 {
			r.More[id] = more
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule), compare(a, b))
	})
	slices.SortStableFunc(r.Notes, func(a, b Note) int { return cmp.Or(a.Place.compare(b.Place), cmp.Compare(a.Text, b.Text)) })
}

// Found says whether there is anything above Info that the baseline does not accept: exit status 1.
func (r *Report) Found() bool {
	return r.Counts[Low.String()]+r.Counts[Medium.String()]+r.Counts[High.String()] > 0
}
