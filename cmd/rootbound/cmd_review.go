package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/review"
)

type reviewCmd struct {
	Look   reviewLookCmd   `cmd:"" name:"look" default:"withargs" hidden:"" help:"Look at directories and servers with all tools that apply, and write one report to hand on."`
	Verify reviewVerifyCmd `cmd:"" help:"Check that a signed report is what was signed."`
}

type reviewLookCmd struct {
	Targets []string `arg:"" name:"target" help:"Directories, files of source or configuration, and URLs."`

	Format string `name:"format" placeholder:"FORMAT" default:"auto" enum:"auto,text,json,sarif,html" help:"text, json, sarif or html. auto (default): by the end of --output (.txt, .json, .sarif, else html); text without."`

	outputFlags `embed:""`

	Skip    []string `name:"skip" placeholder:"TOOL" sep:"none" enum:"inspect,vet,probe" help:"Leave out inspect, vet or probe; the report says so. Repeatable."`
	Compare string   `name:"compare" placeholder:"LAST" help:"Tell what is new and gone since this report (json or html). With --sign it must be signed by the same key."`
	Sign    string   `name:"sign" placeholder:"FILE" help:"Sign the report (json or html) with this private key of 'rootbound audit keygen'."`
	Config  []string `name:"config" placeholder:"FILE" sep:"none" help:"The configuration that is running: the report names the SHA-256 of this file. Repeatable."`

	probeFlags `embed:""`
}

// preparation is what a review reads before it looks at anything.
type preparation struct {
	baseline *finding.Baseline
	last     *review.Document
	key      *auditKey
	config   []review.File
}

// Run exits with 1 where something was found or left unfinished, with 2 where nothing could be looked at.
func (c *reviewLookCmd) Run(s *surroundings) error {
	ready, err := c.prepare()
	if err != nil {
		return err
	}
	ctx, stop := untilHangup(s.ctx)
	defer stop()
	d := review.New(versionText(), c.Targets)
	d.Configuration = ready.config
	c.look(ctx, s, d, ready.baseline)
	if ctx.Err() != nil {
		return errors.New("review: interrupted; what was planted is removed, and no report is written")
	}
	if !d.Ran() {
		return nothingLookedAt(d)
	}
	d.Finish()
	if c.Compare != "" {
		d.Compare(ready.last)
	}
	return c.finish(s, d, ready.key)
}

// nothingLookedAt says why, of each part.
func nothingLookedAt(d *review.Document) error {
	var why []string
	for _, p := range d.Unfinished() {
		why = append(why, p.Why)
	}
	if len(why) == 0 {
		return usage("--skip", "it leaves nothing to look at", "Leave one of them out, or name another target")
	}
	return usage("review", "nothing could be looked at", strings.TrimSuffix(strings.Join(why, " "), "."))
}

// prepare refuses wrong use before anything is looked at.
func (c *reviewLookCmd) prepare() (*preparation, error) {
	if err := c.check("review"); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	c.Targets = slices.DeleteFunc(c.Targets, func(t string) bool { // a part is told from others by its target
		twice := seen[t]
		seen[t] = true
		return twice
	})
	for _, t := range c.Targets {
		if t == "" {
			return nil, usage("target", "it is empty", "Name a directory or a URL")
		}
		if u, err := url.Parse(t); isURL(t) && err == nil && u.User != nil { // the report would hand it on
			return nil, usage("target", "a URL holds a user", "Give credentials with --header 'Authorization: ...'")
		}
	}
	if c.Format == "auto" {
		c.Format = formatOf(c.Output)
	}
	ready := &preparation{}
	options, err := c.options("review")
	if err != nil {
		return nil, err
	}
	ready.baseline = options.Baseline
	if c.Sign != "" {
		if !slices.Contains(review.Signed, c.Format) {
			return nil, usage("--sign", c.Format+" has no place for a signature", "Use --format json or html")
		}
		if ready.key, err = loadSigningKey("--sign "+strconv.Quote(c.Sign), c.Sign); err != nil {
			return nil, err
		}
	}
	for _, name := range c.Config {
		f, err := digest(name)
		if err != nil {
			return nil, err
		}
		ready.config = append(ready.config, f)
	}
	if c.Compare != "" {
		ready.last, err = c.readLast(ready.key)
	}
	return ready, err
}

// formatOf is what the name of a report's file says.
func formatOf(output string) string {
	switch strings.ToLower(filepath.Ext(output)) {
	case ".json":
		return "json"
	case ".sarif":
		return "sarif"
	case ".txt":
		return "text"
	}
	if output == "" {
		return "text"
	}
	return "html"
}

// maxReview bounds what is read as a report, in bytes.
const maxReview = 256 << 20

// digest is a file of configuration as the report names it.
func digest(name string) (review.File, error) {
	text, err := readNamed("--config "+strconv.Quote(name), name, maxReview)
	sum := sha256.Sum256(text)
	return review.File{Name: finding.Visible(filepath.Base(name)), SHA256: hex.EncodeToString(sum[:])}, err
}

// readLast reads the last report; nil where there is none yet. Where ours will be signed, an attacker's would hide what is new.
func (c *reviewLookCmd) readLast(key *auditKey) (*review.Document, error) {
	what := "--compare " + strconv.Quote(c.Compare)
	if _, err := os.Stat(c.Compare); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	text, err := readNamed(what, c.Compare, maxReview)
	if err != nil {
		return nil, err
	}
	if key == nil {
		last, err := review.Read(text)
		if err != nil {
			return nil, usage(what, "it is no report of rootbound review in json or html ("+cause(err)+")", "Name one, or a file that does not exist yet")
		}
		return last, nil
	}
	verifier, err := note.NewVerifier(key.verifier)
	if err != nil {
		return nil, usage("--sign "+strconv.Quote(c.Sign), "its public half cannot be told", "Make another with rootbound audit keygen")
	}
	last, err := review.Verify(text, verifier)
	if err != nil {
		return nil, usage(what, "it is not a report that the key of --sign signed: "+cause(err), "Name one, or a file that does not exist yet")
	}
	return last, nil
}

// finish writes what was asked for.
func (c *reviewLookCmd) finish(s *surroundings, d *review.Document, key *auditKey) error {
	if err := c.accept(d.Baseline); err != nil {
		return err
	}
	var text []byte
	var err error
	if key != nil {
		text, err = review.RenderSigned(d, c.Format, key.signer)
	} else {
		text, err = review.Render(d, c.Format, c.Output == "" && coloured(s, s.stdout))
	}
	if err != nil {
		return err
	}
	if err := c.write(s, text, d.Summary()); err != nil {
		return err
	}
	if c.Output != "" && d.Since != nil {
		if _, err := io.WriteString(s.stdout, d.Since.Text()); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	if len(d.Unfinished()) > 0 || d.Found() && c.WriteBaseline == "" {
		return &alreadyTold{exitFindings}
	}
	return nil
}

// isURL says whether a target is a server, and no path.
func isURL(target string) bool {
	scheme, _, ok := strings.Cut(target, "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// look runs what applies: directories first, before anything is planted in them.
func (c *reviewLookCmd) look(ctx context.Context, s *surroundings, d *review.Document, baseline *finding.Baseline) {
	l := &looker{reviewLookCmd: c, s: s, d: d, baseline: baseline}
	for _, t := range c.Targets {
		if !isURL(t) && ctx.Err() == nil {
			l.path(ctx, t)
		}
	}
	for _, t := range c.Targets {
		if isURL(t) && ctx.Err() == nil {
			l.server(ctx, t)
		}
	}
}
