package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/review"
)

type reviewVerifyCmd struct {
	Report string   `arg:"" type:"string" help:"The report, json or html."`
	Key    string   `name:"key" required:"" placeholder:"KEY" help:"The public key, or a file that holds it."`
	Config []string `name:"config" placeholder:"FILE" sep:"none" help:"A configuration that the report must speak for. Repeatable."`
	Format string   `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`
}

// judgement is what --format json prints.
type judgement struct {
	Report        string        `json:"report"`
	Intact        bool          `json:"intact"`
	Problems      []string      `json:"problems"`
	Key           string        `json:"key"`
	Version       string        `json:"version,omitempty"`
	Ended         string        `json:"ended,omitempty"`
	Targets       []string      `json:"targets,omitempty"`
	Configuration []review.File `json:"configuration,omitempty"`
	Summary       string        `json:"summary,omitempty"`
}

// Run exits with 1 where the report is not what was signed, or not about that configuration.
func (c *reviewVerifyCmd) Run(s *surroundings) error {
	key, err := publicKey(c.Key)
	if err != nil {
		return err
	}
	text, err := readNamed("report "+strconv.Quote(c.Report), c.Report, maxReview)
	if err != nil {
		return err
	}
	j := judgement{Report: c.Report, Problems: []string{}, Key: key.Name()}
	d, err := review.Verify(text, key)
	if err != nil {
		j.Problems = append(j.Problems, finding.Visible(cause(err)))
	} else {
		j.Intact = true
		j.Version, j.Ended, j.Targets, j.Configuration, j.Summary = d.Version, d.Ended.UTC().Format("2006-01-02 15:04:05Z"), d.Targets, d.Configuration, d.Summary()
		if j.Problems, err = c.configurations(d); err != nil {
			return err
		}
	}
	if c.Format == "json" {
		err = writeDocument(s.stdout, j)
	} else {
		err = j.write(s.stdout)
	}
	if err == nil && len(j.Problems) > 0 {
		err = &alreadyTold{exitFindings}
	}
	return err
}

// configurations says which of the files are none that the report speaks for.
func (c *reviewVerifyCmd) configurations(d *review.Document) ([]string, error) {
	problems := []string{}
	for _, name := range c.Config {
		f, err := digest(name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(d.Configuration, func(g review.File) bool { return g.SHA256 == f.SHA256 }) {
			problems = append(problems, fmt.Sprintf("the configuration %q (sha256 %s) is none that the report speaks for", name, f.SHA256))
		}
	}
	return problems, nil
}

func (j *judgement) write(w io.Writer) error {
	var b strings.Builder
	if j.Intact {
		fmt.Fprintf(&b, "signed with the key %q by %s\nended %s\n", j.Key, oneLine(j.Version), j.Ended)
		for _, t := range j.Targets {
			fmt.Fprintf(&b, "target %s\n", oneLine(t))
		}
		for _, f := range j.Configuration {
			fmt.Fprintf(&b, "configuration %s sha256 %s\n", oneLine(f.Name), oneLine(f.SHA256))
		}
		fmt.Fprintf(&b, "%s\n", oneLine(j.Summary))
	}
	switch {
	case !j.Intact:
		fmt.Fprintf(&b, "CHANGED: %s\n", j.Problems[0])
	case len(j.Problems) > 0:
		for _, p := range j.Problems {
			fmt.Fprintf(&b, "OTHER CONFIGURATION: %s\n", oneLine(p))
		}
	default:
		b.WriteString("good\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
