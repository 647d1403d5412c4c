package probe

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
)

// How many answers of each kind are timed: at first, and where these differ, again with other files, in rounds until it is clear.
const (
	firstSamples = 50
	mostSamples  = 200
)

// timedClasses are the techniques whose answers are timed: one attempt each.
var timedClasses = []string{"traversal-plain", "traversal-encoded", "absolute", "sibling-prefix", "link-file", "link-dir"}

// timing compares how long answers take. Samples are taken in random order, so that whatever else the machine does meanwhile
// falls on both kinds alike; a rank test asks how likely the difference is by chance, and only a large and certain one counts,
// twice, with different files, beside two missing files that must not differ.
func (r *run) timing(ctx context.Context) {
	var picked []attempt
	all := r.pairs()
	for _, class := range timedClasses {
		i := slices.IndexFunc(all, func(t attempt) bool { return t.Class == class && t.secret != nil })
		if i >= 0 && !r.toldBy(class) {
			picked = append(picked, all[i])
		}
	}
	if r.target.scheme == "" || len(picked) == 0 || r.pace.every > 0 {
		return
	}
	r.begin("times of answers", 2*firstSamples*len(picked))
	x := r.target.http1()
	defer x.close()
	for _, t := range picked {
		r.time(ctx, x, t)
	}
}

// time compares one technique's answers.
func (r *run) time(ctx context.Context, x exchanger, t attempt) {
	missing, another := t.absent(r.missingLike(t, 0)), t.absent(r.missingLike(t, 1))
	one, ok := r.timed(ctx, x, t, missing, &samples{})
	if !ok || one.p > 1e-5 || !one.large() {
		return
	}
	var second samples
	two := comparison{p: 1}
	for !(two.p < 1e-9 && two.large()) {
		if len(second.yes) >= mostSamples {
			return
		}
		r.planned.Add(2 * firstSamples)
		if two, ok = r.timed(ctx, x, t.other(), another, &second); !ok {
			return
		}
	}
	var control samples
	same := comparison{p: 1}
	for len(control.yes) < len(second.yes) {
		r.planned.Add(2 * firstSamples)
		if same, ok = r.timed(ctx, x, missing, another, &control); !ok {
			return
		}
	}
	if (one.bias > 0.5) != (two.bias > 0.5) || same.p < 1e-3 || same.large() {
		return
	}
	a, err := r.ask(ctx, x, t)
	if err != nil || a == nil {
		return
	}
	r.hit(hitKey{finding.ExistenceTiming, t.Class, "HTTP/1.1"}, evidence{attempt: t, beside: []attempt{missing}, answer: a, how: fmt.Sprintf(
		"half of the answers come within %v where the file exists and within %v where it does not (%d and %d of each timed; by chance with probability %.0e)",
		two.there.Round(time.Microsecond), two.gone.Round(time.Microsecond), firstSamples, len(second.yes), two.p)})
}

// toldBy says whether the answers of a class differ anyway.
func (r *run) toldBy(class string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.hits {
		if key.rule == finding.ExistenceOracle && key.class == class {
			return true
		}
	}
	return false
}

// comparison is what two samples of times say.
type comparison struct {
	p           float64       // that chance alone makes a difference like this
	bias        float64       // how often an answer of the first kind takes longer than one of the second: 0.5 is no difference
	there, gone time.Duration // medians
}

// large says whether a difference could be used: nearly always in one direction, and by a tenth of the time.
func (c comparison) large() bool {
	difference := (c.there - c.gone).Abs()
	return math.Abs(c.bias-0.5) > 0.3 && difference > 30*time.Microsecond && difference > min(c.there, c.gone)/10
}

// samples are how long answers of two kinds took.
type samples struct{ yes, no []time.Duration }

// timed takes firstSamples more of each kind, in random order, and compares all that were taken.
func (r *run) timed(ctx context.Context, x exchanger, there, gone attempt, s *samples) (comparison, bool) {
	order := make([]bool, 2*firstSamples)
	for i := range firstSamples {
		order[i] = true
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, first := range order {
		t := gone
		if first {
			t = there
		}
		began := time.Now()
		if a, err := r.ask(ctx, x, t); err != nil || a == nil {
			return comparison{}, false
		}
		if took := time.Since(began); first {
			s.yes = append(s.yes, took)
		} else {
			s.no = append(s.no, took)
		}
	}
	return compareTimes(s.yes, s.no), true
}

// compareTimes is the test of Mann and Whitney with the normal approximation, which is good beyond some twenty samples.
func compareTimes(yes, no []time.Duration) comparison {
	type sample struct {
		took  time.Duration
		first bool
	}
	var all []sample
	for _, d := range yes {
		all = append(all, sample{d, true})
	}
	for _, d := range no {
		all = append(all, sample{d, false})
	}
	slices.SortFunc(all, func(a, b sample) int { return cmp.Compare(a.took, b.took) })
	ranks, ties := 0.0, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].took == all[i].took {
			j++
		}
		for k := i; k < j; k++ {
			if all[k].first {
				ranks += float64(i+j+1) / 2
			}
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	a, b := float64(len(yes)), float64(len(no))
	u, n := ranks-a*(a+1)/2, a+b
	deviation := math.Sqrt(a * b / 12 * (n + 1 - ties/(n*(n-1))))
	c := comparison{p: 1, bias: u / (a * b), there: median(yes), gone: median(no)}
	if deviation > 0 {
		c.p = math.Erfc(math.Abs(u-a*b/2) / deviation / math.Sqrt2)
	}
	return c
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}
