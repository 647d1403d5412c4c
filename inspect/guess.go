package inspect

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
)

// What makes names guessable: so many of one kind in a directory, found with so many guesses each.
const (
	fewNames    = 5
	easyGuesses = 1000
	maxPatterns = 256 // of a directory, that are kept
	maxRuns     = 4   // of digits in a name, that are looked at
	shortStem   = 3
)

// guesses are what the names of a directory have in common.
type guesses struct {
	patterns map[string]*sequence
	short    int // names of at most shortStem letters and digits
	words    int // names that are on the list
	word     string
}

// sequence is names that differ in numbers alone.
type sequence struct {
	n           int64
	least, most [maxRuns]int64
	width       [maxRuns]int
	runs        int
	first, last string
}

// more takes names in; g may be nil, and is made where there are enough.
func (g *guesses) more(elems []string) *guesses {
	if g == nil {
		if len(elems) < fewNames {
			return nil
		}
		g = &guesses{patterns: map[string]*sequence{}}
	}
	for _, e := range elems {
		g.take(e)
	}
	return g
}

func (g *guesses) take(elem string) {
	stem := strings.TrimSuffix(elem, path.Ext(elem))
	if len(stem) <= shortStem && isAlnum(stem) {
		g.short++
	} else if common[lower(stem)] {
		g.words++
		if g.word == "" || elem < g.word {
			g.word = strings.Clone(elem)
		}
	}
	var s sequence
	pattern := s.read(elem)
	if s.runs == 0 {
		return
	}
	known := g.patterns[string(pattern)]
	if known == nil {
		if len(g.patterns) >= maxPatterns {
			g.forget()
		}
		s.n, s.first, s.last = 1, strings.Clone(elem), strings.Clone(elem)
		g.patterns[string(pattern)] = &s
		return
	}
	known.n++
	for i := range s.runs {
		known.least[i], known.most[i] = min(known.least[i], s.least[i]), max(known.most[i], s.most[i])
	}
	if elem < known.first {
		known.first = strings.Clone(elem)
	} else if elem > known.last {
		known.last = strings.Clone(elem)
	}
}

// forget makes room: what came once is not a sequence so far.
func (g *guesses) forget() {
	for p, s := range g.patterns {
		if s.n == 1 {
			delete(g.patterns, p)
		}
	}
	if len(g.patterns) >= maxPatterns {
		clear(g.patterns)
	}
}

// read takes the numbers out of a name and returns what is left of it, with # in their place. Hexadecimal is no number.
func (s *sequence) read(elem string) []byte {
	out := make([]byte, 0, 64)
	for i := 0; i < len(elem); {
		j := i
		for j < len(elem) && '0' <= elem[j] && elem[j] <= '9' {
			j++
		}
		if j == i || j-i > 18 || s.runs == maxRuns {
			if j == i {
				j++
			}
			out = append(out, elem[i:j]...)
			i = j
			continue
		}
		var n int64
		for _, c := range elem[i:j] {
			n = n*10 + int64(c-'0')
		}
		s.least[s.runs], s.most[s.runs], s.width[s.runs] = n, n, j-i
		s.runs++
		out = append(out, '#')
		i = j
	}
	return out
}

// guesses is how many names there are between the least and the most, and what they are made of.
func (s *sequence) guesses() (n float64, kind string) {
	if days, ok := s.days(); ok {
		return days, "dates"
	}
	n = 1
	for i := range s.runs {
		n *= float64(s.most[i]-s.least[i]) + 1
	}
	return n, "numbers"
}

// days counts the days between dates, where the numbers are some: 20260131, or 2026-01-31.
func (s *sequence) days() (float64, bool) {
	var from, to string
	switch {
	case s.runs == 1 && s.width[0] == 8:
		from, to = fmt.Sprint(s.least[0]), fmt.Sprint(s.most[0])
	case s.runs == 3 && s.width[0] == 4 && s.most[1] <= 12 && s.most[2] <= 31 && s.least[1] > 0 && s.least[2] > 0:
		from = fmt.Sprintf("%04d0101", s.least[0])
		to = fmt.Sprintf("%04d1231", s.most[0])
		if s.least[0] == s.most[0] {
			from = fmt.Sprintf("%04d%02d01", s.least[0], s.least[1])
			to = fmt.Sprintf("%04d%02d28", s.most[0], s.most[1])
		}
	default:
		return 0, false
	}
	a, err1 := time.Parse("20060102", from)
	b, err2 := time.Parse("20060102", to)
	if err1 != nil || err2 != nil {
		return 0, false
	}
	return b.Sub(a).Hours()/24 + 1, true
}

func isAlnum(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return s != ""
}

// sequences is one finding about all sequences of a directory.
func (g *guesses) sequences() (f finding.Finding, found bool) {
	var patterns []string
	var files, tries float64
	var most *sequence
	for pattern, s := range g.patterns {
		n, _ := s.guesses()
		if s.n < fewNames || n/float64(s.n) > easyGuesses {
			continue
		}
		patterns = append(patterns, pattern)
		files, tries = files+float64(s.n), tries+max(n, float64(s.n))
		if most == nil || s.n > most.n || s.n == most.n && s.first < most.first {
			most = s
		}
	}
	if most == nil {
		return f, false
	}
	slices.Sort(patterns)
	_, kind := most.guesses()
	return finding.Finding{
		Rule: finding.PredictableName, Identity: strings.Join(patterns[:min(len(patterns), 8)], "\n"),
		Evidence: fmt.Sprintf("%.0f names that differ in %s, such as %s to %s: %.0f guesses find all of them, %.1f guesses a file",
			files, kind, most.first, most.last, tries, tries/files),
	}, true
}

// guessable reports the names of a directory that an attacker finds by guessing.
func (w *walk) guessable(d *directory) {
	g := d.guess
	d.guess = nil
	if g == nil {
		return
	}
	place := finding.Place{Path: d.path()}
	if f, ok := g.sequences(); ok {
		f.Place = place
		w.addFinding(f)
	}
	if g.short >= fewNames {
		w.addFinding(finding.Finding{
			Rule: finding.PredictableName, Severity: finding.Info, Place: place, Identity: "short",
			Evidence: fmt.Sprintf("%d names of at most %d letters and digits, without the extension: 47988 guesses find all of them", g.short, shortStem),
		})
	}
	if g.words >= 2 {
		w.addFinding(finding.Finding{
			Rule: finding.PredictableName, Severity: finding.Info, Place: place, Identity: "words",
			Evidence: fmt.Sprintf("%d names such as %s are on a list of %d that everybody tries first", g.words, g.word, len(common)),
		})
	}
}

// common are names that are tried first wherever files are looked for.
var common = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`about access account accounts admin administrator agenda all annual api app application archive archives attachment audit
		auth backup balance bank bill billing board book books budget calendar cert certificate client clients code company config configuration confidential
		contact contacts contract contracts copy credentials customer customers cv data database db default demo dev doc document documents download downloads
		draft drafts dump email employees env error errors example examples export exports faq feedback file files final finance form forms guide help home
		image images import index info install intern internal inventory invoice invoices key keys latest letter license list log login logo logs mail main
		manual master meeting member members memo menu minutes misc money new news note notes notice offer old order orders overview page paper password
		passwords passwd pay payment payments payroll personal photo photos picture plan plans policy portfolio pres presentation price prices pricelist private
		product products profile project projects proposal prod production protocol public quote readme receipt record records register release report reports
		request resume review root salary salaries sales sample schedule scan secret secrets secure security server service settings setup share shared site
		slides source spec staff staging statement status summary support system table task tasks tax taxes template temp test tests text ticket tickets time
		timesheet tmp todo token tokens tool tools training transactions update upload uploads user users video videos web welcome work workbook`) {
		m[w] = true
	}
	return m
}()
