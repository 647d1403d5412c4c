package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/inspect"
	"github.com/rootbound/rootbound/internal/finding"
)

type inspectCmd struct {
	Dir string `arg:"" type:"string" help:"The directory."`

	reportFlags `embed:""`

	Watch    bool          `name:"watch" help:"Keep looking, and print what is new and what is gone, until interrupted."`
	Interval time.Duration `name:"interval" placeholder:"TIME" default:"30s" help:"With --watch: how long to wait between two looks, 30s by default. A look that takes long makes it longer."`
}

// Run exits with 1 where something was found, or not all could be looked at.
func (c *inspectCmd) Run(s *surroundings) error {
	options, err := c.options("inspect")
	if err != nil {
		return err
	}
	cfg := inspect.Config{Version: programVersion(), Report: options, Home: s.env("HOME")}
	if isTerminal(s.stderr) {
		cfg.Progress = func(p inspect.Progress) { showProgress(s.stderr, p) }
	}
	if c.Watch {
		return c.watch(s, cfg)
	}
	r, err := inspect.Run(s.ctx, c.Dir, cfg)
	if cfg.Progress != nil {
		_, _ = io.WriteString(s.stderr, "\r\x1b[K") // the line of the progress
	}
	if err != nil {
		return unreadable("directory "+strconv.Quote(c.Dir), err)
	}
	if err := c.finish(s, r); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return &alreadyTold{exitFindings}
	}
	return nil
}

func showProgress(w io.Writer, p inspect.Progress) {
	_, _ = fmt.Fprintf(w, "\r\x1b[K%d files and directories, %d MiB read, %d findings", p.Entries, p.Bytes>>20, p.Found) // nobody is left to be told
}

func (c *inspectCmd) watch(s *surroundings, cfg inspect.Config) error {
	if c.WriteBaseline != "" || c.Output != "" || (c.Format != "text" && c.Format != "json") {
		return usage("--watch", "it prints changes as they come, as text or as JSON lines", "Leave out --write-baseline, --output and other formats")
	}
	if c.Interval <= 0 {
		return usage("--interval "+c.Interval.String(), "it is not positive", "Give a time such as 30s")
	}
	cfg.Progress = nil
	err := inspect.Watch(s.ctx, c.Dir, cfg, c.Interval, func(change inspect.Change) error { return c.change(s, &change) })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return unreadable("directory "+strconv.Quote(c.Dir), err)
	}
	return nil
}

// change prints what a look found otherwise than the one before it.
func (c *inspectCmd) change(s *surroundings, change *inspect.Change) error {
	if c.Format == "json" {
		return json.NewEncoder(s.stdout).Encode(change)
	}
	at := change.Time.UTC().Format("2006-01-02 15:04:05Z")
	_, err := fmt.Fprintf(s.stdout, "%s %s\n", at, change.Summary)
	for _, f := range change.New {
		if err == nil {
			_, err = fmt.Fprintf(s.stdout, "%s + %s %s %s  %s\n", at, f.Severity, f.Rule, f.Place, strings.ReplaceAll(f.Evidence, "\n", `\n`)) // what a link holds shall not begin a line
		}
	}
	for _, g := range change.Gone {
		if err == nil {
			_, err = fmt.Fprintf(s.stdout, "%s - %s %s\n", at, g.Rule, g.Place)
		}
	}
	return err
}

// startLooking takes a quick look at what is served, in the background. What it returns ends that, and waits for it, though
// not for a disk that hangs.
func (p *process) startLooking() (stop func()) {
	if p.gate != nil || !p.Inspect {
		return func() {}
	}
	ctx, cancel := context.WithCancel(p.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, b := range p.bases {
			p.quickLook(ctx, b)
		}
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(time.Second):
		}
	}
}

// quickLook says in the log what a short look at a base directory finds.
func (p *process) quickLook(ctx context.Context, b *base) {
	const mostEntries, mostTime = 20_000, 2 * time.Second
	if kind := inspect.Distant(b.path); kind != "" {
		p.log.Info("not inspected", "directory", b.path, "why", "each look at its file system may hang: "+kind)
		return
	}
	r, err := inspect.Run(ctx, b.path, inspect.Config{
		Version: programVersion(), Report: finding.Options{PerRule: 1}, Quick: true, MaxEntries: mostEntries, MaxTime: mostTime, Workers: 1, Home: p.env("HOME"),
	})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.log.Warn("the directory could not be inspected", "directory", b.path, "error", cause(err))
	case r.Counts[finding.High.String()] > 0:
		p.log.Warn("inspected", "directory", b.path, "found", r.Summary(), "for-all", "rootbound inspect "+b.path)
	default:
		p.log.Info("inspected", "directory", b.path, "found", r.Summary(), "for-all", "rootbound inspect "+b.path)
	}
}
