package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/inspect"
	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/review"
	"github.com/rootbound/rootbound/probe"
	"github.com/rootbound/rootbound/vet"
)

// looker looks at the targets of a review, one after the other.
type looker struct {
	*reviewLookCmd
	s        *surroundings
	d        *review.Document
	baseline *finding.Baseline
}

// begin begins a part, with what its report needs; false where it was left out.
func (l *looker) begin(tool, target string) (*review.Part, finding.Options, bool) {
	p := l.d.Add(tool, target)
	if slices.Contains(l.Skip, tool) {
		p.Fail(review.Left, "--skip "+tool)
		return p, finding.Options{}, false
	}
	return p, finding.Options{Baseline: l.baseline.Part(p.Key()), Record: true}, true
}

// path looks at a directory by inspect and vet, at a file by vet.
func (l *looker) path(ctx context.Context, target string) {
	info, err := os.Stat(target)
	if err != nil || info.IsDir() {
		l.inspect(ctx, target)
	}
	if err == nil && ctx.Err() == nil {
		l.vet(ctx, target)
	}
}

func (l *looker) inspect(ctx context.Context, dir string) {
	p, o, ok := l.begin("inspect", dir)
	if !ok {
		return
	}
	cfg := inspect.Config{Version: programVersion(), Report: o, Home: l.s.env("HOME")}
	if isTerminal(l.s.stderr) {
		cfg.Progress = func(now inspect.Progress) { showProgress(l.s.stderr, now) }
	}
	r, err := inspect.Run(ctx, dir, cfg)
	if cfg.Progress != nil {
		_, _ = io.WriteString(l.s.stderr, "\r\x1b[K") // the line of the progress
	}
	if err != nil {
		p.Fail(review.Failed, unreadable("directory "+strconv.Quote(dir), err).Error())
		return
	}
	p.Tried = "A walk that follows nothing; of each file the first 64 KiB."
	if filepath.IsLocal(dir) {
		p.Under = filepath.ToSlash(filepath.Clean(dir))
	}
	p.Take(r, o.Baseline)
}

func (l *looker) vet(ctx context.Context, path string) {
	p, o, ok := l.begin("vet", path)
	if !ok {
		return
	}
	r, err := vet.Run(ctx, vet.Config{Paths: []string{path}, Version: programVersion(), Options: o})
	if err != nil {
		p.Fail(review.Failed, notReviewed(err).Error())
		return
	}
	p.Tried = "Names from requests are followed to files; nothing is run."
	p.Take(r, o.Baseline)
	if len(r.Looked) == 0 {
		p.Why = "it holds neither source nor web server configuration that vet reads"
	}
}

func (l *looker) server(ctx context.Context, target string) {
	p, o, ok := l.begin("probe", target)
	if !ok {
		return
	}
	r := finding.NewReport("probe", programVersion(), target, o)
	shown := newProbeProgress(l.s)
	err := probe.Run(ctx, l.config(l.s, target, shown.show), r)
	shown.end()
	unanswered := errors.Is(err, probe.ErrUnanswered)
	if err != nil && !unanswered {
		p.Fail(review.Failed, probeError(err).Error())
		return
	}
	r.Finish()
	p.Tried = l.tried()
	p.Take(r, o.Baseline)
	if unanswered {
		p.Fail(review.Cut, "URL "+strconv.Quote(target)+": it stopped answering, so that nothing found says nothing. Probe it again more slowly (--rate, --workers, --timeout).")
	}
}

// tried says what the probe could use.
func (l *looker) tried() string {
	with := []string{"Names, mode " + l.Mode}
	if l.Base == "" {
		with = append(with, "nothing planted")
	} else {
		with = append(with, "canaries around "+strconv.Quote(l.Base))
	}
	if l.Plant {
		with = append(with, "files and links within it")
	}
	if l.Race != "" {
		with = append(with, "a race in "+strconv.Quote(l.Race))
	}
	if l.Sample > 0 {
		with = append(with, fmt.Sprintf("%d names of each class alone", l.Sample))
	}
	if len(l.Only) > 0 {
		with = append(with, "no class but "+strings.Join(l.Only, " "))
	}
	return finding.Visible(strings.Join(with, "; ")) + "."
}
