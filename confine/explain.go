package confine

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// explanation is the JSON of a plan. The names are kept stable.
type explanation struct {
	Command  []string      `json:"command"`
	Program  string        `json:"program"`
	Rules    []ruleWords   `json:"rules"`
	Bind     []uint16      `json:"bind"`
	Connect  []uint16      `json:"connect"`
	Net      string        `json:"net"`
	Hide     bool          `json:"hide"`
	Kernel   []kernelWords `json:"kernel"`
	Landlock int           `json:"landlockABI"`
	Missing  []string      `json:"missing"`
	Open     []string      `json:"staysOpen"`
}

type ruleWords struct {
	Path   string   `json:"path"`
	Real   string   `json:"real,omitempty"`
	Access []string `json:"access"`
	Why    string   `json:"why"`
}

type kernelWords struct {
	Name     string `json:"name"`
	Enforced bool   `json:"enforced"`
	Needed   bool   `json:"needed"`
}

func (p *Plan) explanation() explanation {
	e := explanation{
		Command: nonNil(p.Args), Program: p.Command, Bind: nonNil(p.Bind), Connect: nonNil(p.Connect), Net: p.Net.String(), Hide: p.Hide,
		Landlock: p.Support.ABI, Missing: nonNil(p.Missing()), Open: p.StaysOpen(), Rules: []ruleWords{},
	}
	for _, r := range p.Rules {
		w := ruleWords{Path: r.Path, Access: r.Access.Words(), Why: r.Why}
		if r.Real != r.Path {
			w.Real = r.Real
		}
		e.Rules = append(e.Rules, w)
	}
	for _, d := range p.demands() {
		e.Kernel = append(e.Kernel, kernelWords{d.name, d.has, d.needed})
	}
	e.Kernel = append(e.Kernel, kernelWords{"unix-sockets", p.Support.UnixSockets(), false}, kernelWords{"udp", p.Support.UDP(), false})
	return e
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// ExplainJSON writes the plan as one JSON object.
func (p *Plan) ExplainJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(p.explanation())
}

// Explain writes the plan for people.
func (p *Plan) Explain(w io.Writer) error {
	var b strings.Builder
	if p.Command != "" {
		fmt.Fprintf(&b, "program: %s\n", quotePath(p.Command))
	}
	b.WriteString("files:\n")
	for _, r := range p.Rules {
		fmt.Fprintf(&b, "  %-14s %s", strings.Join(r.Access.Words(), "+"), quotePath(r.Path))
		if r.Real != r.Path {
			fmt.Fprintf(&b, " -> %s", quotePath(r.Real))
		}
		fmt.Fprintf(&b, "  (%s)\n", r.Why)
	}
	if p.Hide {
		b.WriteString("  nothing else exists\n")
	} else {
		b.WriteString("  nothing else can be read, listed, written or executed\n")
	}
	fmt.Fprintf(&b, "TCP: bind %s; connect %s\nsockets: %s\n", ports(p.Bind), ports(p.Connect), p.Net)
	fmt.Fprintf(&b, "this kernel, asked by trying (Landlock ABI %d):\n", p.Support.ABI)
	for _, k := range p.explanation().Kernel {
		word := "enforced"
		if !k.Enforced {
			word = "missing"
		}
		fmt.Fprintf(&b, "  %-8s %s\n", word, k.Name)
	}
	for _, what := range []string{"landlock", "seccomp", "notify", "namespaces"} {
		if why := p.Support.Why[what]; why != "" {
			fmt.Fprintf(&b, "  %s: %s\n", what, why)
		}
	}
	b.WriteString("stays open:\n")
	for _, line := range p.StaysOpen() {
		fmt.Fprintf(&b, "  - %s\n", line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func ports(list []uint16) string {
	if len(list) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(list))
	var words []string
	for _, p := range slices.Compact(sorted) {
		words = append(words, strconv.Itoa(int(p)))
	}
	return strings.Join(words, " ")
}

// quotePath keeps a name from drawing on the terminal.
func quotePath(path string) string {
	if quoted := strconv.Quote(path); quoted != `"`+path+`"` {
		return quoted
	}
	return path
}
