package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is what a run found, as -format json writes it.
type Report struct {
	Rootbound string   `json:"rootbound"`
	Go        string   `json:"go"`
	Nginx     string   `json:"nginx"`
	Kernel    string   `json:"kernel"`
	CPU       string   `json:"cpu"`
	Cores     Cores    `json:"cores"`
	Load      string   `json:"load_average"` // over a minute, before the run
	Rounds    int      `json:"rounds"`
	Scale     float64  `json:"scale"`
	Quick     bool     `json:"quick"`
	HasCache  bool     `json:"has_cache"`
	Flags     []string `json:"serve_flags,omitempty"`
	Rows      []Row    `json:"rows"`
}

// Cores are the numbers of the processors that were used.
type Cores struct {
	Servers int `json:"servers"`
	Load    int `json:"load"`
}

// Row is the figures of one kind of work.
type Row struct {
	Row     string   `json:"row"`
	Work    string   `json:"work"`
	Unit    string   `json:"unit"`
	Bound   string   `json:"bound"`
	Figures []Figure `json:"figures"`
	Ratios  []Ratio  `json:"ratios"`
	// Judged is what the bound is about: a ratio, or megabytes.
	Judged float64 `json:"judged"`
	// Verdict is "met", or "not met" and why, or empty where nobody judged.
	Verdict string `json:"verdict"`
	Error   string `json:"error,omitempty"`
}

// Figure is what one server used, over all rounds. PerSecond, Kernel, Busy and
// FastLane are medians, Noise is the worst; shares are from 0 to 1.
type Figure struct {
	Server    string    `json:"server"`
	Values    []float64 `json:"values"` // one a round, in the row's unit
	Median    float64   `json:"median"`
	Min       float64   `json:"min"`
	Max       float64   `json:"max"`
	PerSecond float64   `json:"requests_per_second"`
	Kernel    float64   `json:"kernel_share"`
	Busy      float64   `json:"core_share"`
	FastLane  float64   `json:"fast_lane_share"`
	Noise     float64   `json:"core_share_of_others"`
}

// Ratio is rootbound's figure divided by another server's of the same round.
type Ratio struct {
	To     string  `json:"to"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// bound is what a row must not exceed: so many times the figure of the best of
// some servers or, without servers, so many megabytes.
type bound struct {
	atMost float64
	of     []string
}

// leastFast is the share that the fast lane must answer of the rows it is made for.
const leastFast = 0.99

// noisy is the share of the servers' core that others may use while a row is
// measured; more of it and the figures are worth less.
const noisy = 0.15

func (b bound) String() string {
	switch len(b.of) {
	case 0:
		return fmt.Sprintf("≤ %.0f MB", b.atMost)
	case 1:
		return fmt.Sprintf("≤ %s × %s", ratioText(b.atMost), b.of[0])
	}
	return fmt.Sprintf("≤ %.2f × the better nginx", b.atMost)
}

// result makes the row of a report out of samples by server; there may be none.
func (r *row) result(samples map[string][]sample) Row {
	row := Row{Row: r.name, Work: r.work, Unit: r.unit, Bound: r.bound.String()}
	for _, name := range r.servers {
		if len(samples[name]) > 0 {
			row.Figures = append(row.Figures, figure(name, samples[name]))
		}
	}
	for _, name := range r.servers {
		if name != ours && len(samples[ours]) > 0 && len(samples[name]) == len(samples[ours]) {
			row.Ratios = append(row.Ratios, ratio(samples[ours], name, samples[name]))
		}
	}
	missing := func(server string) bool { return len(samples[server]) == 0 }
	if !missing(ours) && !slices.ContainsFunc(r.bound.of, missing) {
		row.judge(r)
	}
	return row
}

func (row *Row) judge(r *row) {
	us := row.figure(ours)
	row.Judged = us.Median
	if len(r.bound.of) > 0 {
		best := slices.MinFunc(r.bound.of, func(a, b string) int {
			return int(math.Copysign(1, row.figure(a).Median-row.figure(b).Median))
		})
		row.Judged = row.ratio(best).Median
	}
	var short []string
	if row.Judged > r.bound.atMost {
		short = append(short, "cost")
	}
	if r.lane && us.FastLane < leastFast {
		short = append(short, fmt.Sprintf("the fast lane answers less than %.0f %%", leastFast*100))
	}
	row.Verdict = "met"
	if len(short) > 0 {
		row.Verdict = "not met: " + strings.Join(short, "; ")
	}
}

func (row *Row) figure(server string) Figure {
	i := slices.IndexFunc(row.Figures, func(f Figure) bool { return f.Server == server })
	if i < 0 {
		return Figure{}
	}
	return row.Figures[i]
}

func (row *Row) ratio(to string) Ratio {
	i := slices.IndexFunc(row.Ratios, func(r Ratio) bool { return r.To == to })
	if i < 0 {
		return Ratio{}
	}
	return row.Ratios[i]
}

// summary is the row in a few words.
func (row *Row) summary() string {
	if row.Error != "" {
		return "FAILED: " + row.Error
	}
	var words []string
	for _, r := range row.Ratios {
		words = append(words, fmt.Sprintf("%s × %s", ratioText(r.Median), r.To))
	}
	words = append(words, row.Verdict)
	for _, f := range row.Figures {
		if f.Noise > noisy && row.Unit != overIdle {
			return strings.Join(words, ", ") + " (NOISY: others used the servers' core too)"
		}
	}
	return strings.Join(words, ", ")
}

func figure(name string, samples []sample) Figure {
	column := func(of func(sample) float64) []float64 {
		values := make([]float64, 0, len(samples))
		for _, s := range samples {
			values = append(values, round(of(s)))
		}
		return values
	}
	values := column(func(s sample) float64 { return s.value })
	return Figure{
		Server:    name,
		Values:    values,
		Median:    median(values),
		Min:       slices.Min(values),
		Max:       slices.Max(values),
		PerSecond: median(column(func(s sample) float64 { return s.perSecond })),
		Kernel:    median(column(func(s sample) float64 { return s.kernel })),
		Busy:      median(column(func(s sample) float64 { return s.busy })),
		FastLane:  median(column(func(s sample) float64 { return s.fast })),
		Noise:     slices.Max(column(func(s sample) float64 { return s.noise })),
	}
}

// ratio compares round by round: what disturbs the machine for longer than a
// round is in both figures.
func ratio(us []sample, name string, them []sample) Ratio {
	var values []float64
	for i := range us {
		// A server whose memory did not grow at all would divide by nothing.
		values = append(values, round(us[i].value/max(them[i].value, 0.001)))
	}
	return Ratio{To: name, Median: median(values), Min: slices.Min(values), Max: slices.Max(values)}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return round((sorted[(n-1)/2] + sorted[n/2]) / 2)
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// good tells whether every row was measured and, if required, met.
func (r *Report) good(required bool) bool {
	return !slices.ContainsFunc(r.Rows, func(row Row) bool {
		return row.Error != "" || required && row.Verdict != "met"
	})
}

func (r *Report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	return e.Encode(r)
}

func (r *Report) machine() string {
	return fmt.Sprintf("%s, %s, %s, Linux %s, %s; %d rounds", r.Rootbound, r.Go, r.Nginx, r.Kernel, r.CPU, r.Rounds)
}

// writeText writes the figures as a table, a line for each server of each row.
func (r *Report) writeText(w io.Writer) error {
	fmt.Fprintf(w, "%s; servers on CPU %d, load on CPU %d, load average before %s\n", r.machine(), r.Cores.Servers, r.Cores.Load, r.Load)
	if r.Cores.Servers == r.Cores.Load {
		fmt.Fprintln(w, "There is one core for servers and load: expect noise.")
	}
	if r.Quick {
		fmt.Fprintln(w, "-quick: the figures mean nothing.")
	}
	for i := range r.Rows {
		r.Rows[i].writeText(w)
	}
	return nil
}

func (row *Row) writeText(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s (%s)\n", row.Row, row.Work, row.Unit)
	if row.Error != "" {
		fmt.Fprintf(w, "  FAILED: %s\n", row.Error)
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "  server\tmedian\tmin\tmax\tratio\tmin\tmax\tkernel\trequests/s\tcore\tothers\tfast lane\t")
	for _, f := range row.Figures {
		ratios, lane := "\t\t", ""
		if f.Server == ours {
			lane = percent(f.FastLane)
		} else if q := row.ratio(f.Server); q.To != "" {
			ratios = fmt.Sprintf("%s\t%s\t%s", ratioText(q.Median), ratioText(q.Min), ratioText(q.Max))
		}
		fmt.Fprintf(t, "  %s\t%.2f\t%.2f\t%.2f\t%s\t%s\t%.0f\t%s\t%s\t%s\t\n", f.Server, f.Median, f.Min, f.Max, ratios,
			percent(f.Kernel), f.PerSecond, percent(f.Busy), percent(f.Noise), lane)
	}
	t.Flush()
	fmt.Fprintf(w, "  %s: %s\n", row.Bound, row.Verdict)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", share*100) }

// ratioText writes a ratio with two digits behind the point, or where these say nothing, with as many as say something.
func ratioText(ratio float64) string {
	if ratio > 0 && ratio < 0.01 {
		return fmt.Sprintf("%.5f", ratio)
	}
	return fmt.Sprintf("%.2f", ratio)
}
