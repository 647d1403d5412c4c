package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/vet"
)

type vetCmd struct {
	reportFlags `embed:""`

	Fix string `name:"fix" placeholder:"HOW" default:"off" enum:"off,diff,write" help:"Rewrite what is clear: diff prints it, write does it; off (default)."`

	Paths []string `arg:"" name:"path" help:"Files and directories: Python, Go, nginx and Apache configuration. Each is a project of its own."`
}

// Run reviews, or rewrites.
func (c *vetCmd) Run(s *surroundings) error {
	o, err := c.options("vet")
	if err != nil {
		return err
	}
	if c.Fix != "off" {
		return c.fix(s, o)
	}
	r, err := vet.Run(s.ctx, vet.Config{Paths: c.Paths, Version: programVersion(), Options: o})
	if err != nil {
		return notReviewed(err)
	}
	return c.finish(s, r)
}

// fix prints what would be changed, or changes it. Exit status 1 where there is something to change.
func (c *vetCmd) fix(s *surroundings, o finding.Options) error {
	if c.Format != "text" || c.Output != "" || c.WriteBaseline != "" {
		return usage("--fix "+c.Fix, "it prints changes and no report", "Leave out --format, --output and --write-baseline")
	}
	changes, err := vet.Fixes(s.ctx, vet.Config{Paths: c.Paths, Version: programVersion(), Options: o})
	if err != nil {
		return notReviewed(err)
	}
	for _, ch := range changes {
		if c.Fix == "write" {
			if err := ch.Write(); err != nil {
				return fmt.Errorf("%s: %w", ch.Path, err)
			}
		}
		if _, err := io.WriteString(s.stdout, ch.Diff()); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	if len(changes) > 0 && c.Fix == "diff" {
		return &alreadyTold{exitFindings}
	}
	return nil
}

// notReviewed names the path that cannot be read.
func notReviewed(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return unreadable(strconv.Quote(pe.Path), err)
	}
	return err
}
