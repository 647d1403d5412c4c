package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/readfile"
)

// reportFlags are the flags of every command that reports findings.
type reportFlags struct {
	Format string `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json,sarif,html" help:"text (default), json, sarif or html."`

	outputFlags `embed:""`
}

// outputFlags say where a report goes, and what it leaves out.
type outputFlags struct {
	Output        string `name:"output" short:"o" placeholder:"FILE" help:"Write the report there, readable for you alone, instead of to standard output."`
	Baseline      string `name:"baseline" placeholder:"FILE" help:"Accept the findings of this list; one whose evidence changed comes back."`
	WriteBaseline string `name:"write-baseline" placeholder:"FILE" help:"Write the list that accepts all that is found now. Exit status 0 then."`
}

// options reads the baseline.
func (f *outputFlags) options(tool string) (finding.Options, error) {
	o := finding.Options{Record: f.WriteBaseline != ""}
	if f.Baseline == "" {
		return o, nil
	}
	what := "--baseline " + strconv.Quote(f.Baseline)
	file, err := readfile.Open(f.Baseline)
	if err != nil {
		return o, unreadable(what, err)
	}
	defer file.Close()
	if o.Baseline, err = finding.ReadBaseline(file, tool); err != nil {
		return o, usage(what, cause(err), "Give a file that 'rootbound "+tool+" --write-baseline FILE' wrote")
	}
	return o, nil
}

// finish writes the finished report, and its list of accepted findings. Exit status 1 where something was found.
func (f *reportFlags) finish(s *surroundings, r *finding.Report) error {
	if err := f.accept(r.NewBaseline); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := finding.Write(&b, r, f.Format, f.Output == "" && coloured(s, s.stdout)); err != nil {
		return err
	}
	if err := f.write(s, b.Bytes(), r.Summary()); err != nil {
		return err
	}
	if r.Found() && f.WriteBaseline == "" {
		return &alreadyTold{exitFindings}
	}
	return nil
}

// accept writes the list of accepted findings, where one was asked for.
func (f *outputFlags) accept(found func() (*finding.Baseline, error)) error {
	if f.WriteBaseline == "" {
		return nil
	}
	b, err := found()
	if err == nil {
		err = b.WriteFile(f.WriteBaseline)
	}
	if err != nil {
		return usage("--write-baseline "+strconv.Quote(f.WriteBaseline), cause(err), "Name a file in a directory that this user may write to")
	}
	return nil
}

// write writes a report to where it goes; to a file whole or not at all.
func (f *outputFlags) write(s *surroundings, text []byte, summary string) error {
	if f.Output == "" {
		if _, err := s.stdout.Write(text); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
		return nil
	}
	if err := durable.WriteFile(f.Output, text, 0o600); err != nil {
		return usage("--output "+strconv.Quote(f.Output), cause(err), "Name a file in a directory that this user may write to")
	}
	if _, err := fmt.Fprintf(s.stderr, "%s; see %s\n", summary, oneLine(f.Output)); err != nil {
		return fmt.Errorf("standard error: %w", err)
	}
	return nil
}

// coloured says whether w is a terminal of somebody who has nothing against colours (no-color.org).
func coloured(s *surroundings, w io.Writer) bool { return s.env("NO_COLOR") == "" && isTerminal(w) }
