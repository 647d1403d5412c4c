package finding

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rootbound/rootbound/internal/durable"
)

// Baseline is a list of findings that are accepted. A finding whose evidence changed is another one, and comes back.
type Baseline struct {
	Schema   int        `json:"schema"` // 1
	Tool     string     `json:"tool"`
	Accepted []Accepted `json:"accepted"`
}

// Accepted is one accepted finding. All but Fingerprint and Count is for whoever reviews the file.
type Accepted struct {
	Fingerprint string `json:"fingerprint"`
	Rule        ID     `json:"rule"`
	Place       string `json:"place"`
	Count       int    `json:"count"` // findings with this fingerprint, such as two equal lines of a file
	// Part is the part of a review that found it; "" elsewhere.
	Part string `json:"part,omitempty"`
}

// maxBaseline bounds the file that ReadBaseline takes, in bytes.
const maxBaseline = 64 << 20

// ReadBaseline reads what Baseline.WriteFile wrote for this tool.
func ReadBaseline(r io.Reader, tool string) (*Baseline, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBaseline+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBaseline {
		return nil, errors.New("it is too large for a list of accepted findings")
	}
	var b Baseline
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("it is not a list of accepted findings (%v)", err)
	}
	if b.Schema != 1 {
		return nil, fmt.Errorf("it has schema %d, and this version knows 1", b.Schema)
	}
	if b.Tool != tool {
		return nil, fmt.Errorf("it was written by %q, not %q", b.Tool, tool)
	}
	return &b, nil
}

// WriteFile writes the list, whole or not at all.
func (b *Baseline) WriteFile(path string) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(text, '\n'), 0o644)
}

// Part returns what b accepts in that part of a review. A nil b accepts nothing.
func (b *Baseline) Part(name string) *Baseline {
	if b == nil {
		return nil
	}
	out := &Baseline{Schema: b.Schema, Tool: b.Tool}
	for _, a := range b.Accepted {
		if a.Part == name {
			out.Accepted = append(out.Accepted, a)
		}
	}
	return out
}

// Split parts b into what accepted takes away from it and what is left. A nil accepted takes nothing.
func (b *Baseline) Split(accepted *Baseline) (open, taken []Accepted) {
	there := accepted.counts()
	for _, a := range b.Accepted {
		n := min(a.Count, there[a.Fingerprint])
		if n > 0 {
			there[a.Fingerprint] -= n
			t := a
			t.Count = n
			taken = append(taken, t)
		}
		if a.Count -= n; a.Count > 0 {
			open = append(open, a)
		}
	}
	return open, taken
}

func (b *Baseline) counts() map[string]int {
	if b == nil {
		return nil
	}
	m := make(map[string]int, len(b.Accepted))
	for _, a := range b.Accepted {
		m[a.Fingerprint] += max(a.Count, 1)
	}
	return m
}

func (r *Report) record(f *Finding) {
	if a := r.recorded[f.Fingerprint]; a != nil {
		a.Count++
		return
	}
	if len(r.recorded) >= maxAccepted {
		r.overflow = true
		return
	}
	r.recorded[f.Fingerprint] = &Accepted{Fingerprint: f.Fingerprint, Rule: f.Rule, Place: f.Place.String(), Count: 1}
}

// NewBaseline accepts all that was found, whether or not it was accepted before. The report's options must have said Record.
func (r *Report) NewBaseline() (*Baseline, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.overflow {
		return nil, fmt.Errorf("more than %d findings are not accepted one by one: put the most frequent ones right first", maxAccepted)
	}
	b := &Baseline{Schema: 1, Tool: r.Tool, Accepted: make([]Accepted, 0, len(r.recorded))}
	for _, a := range r.recorded {
		b.Accepted = append(b.Accepted, *a)
	}
	slices.SortFunc(b.Accepted, func(x, y Accepted) int {
		return cmp.Or(cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Place, y.Place), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	return b, nil
}

// Without returns what b accepts and other does not, in the order of b. A nil b accepts nothing.
func (b *Baseline) Without(other *Baseline) []Accepted {
	out := []Accepted{}
	if b == nil {
		return out
	}
	there := other.counts()
	for _, a := range b.Accepted {
		if there[a.Fingerprint] < a.Count {
			out = append(out, a)
		}
	}
	return out
}
