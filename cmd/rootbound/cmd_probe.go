package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/probe"
)

type probeCmd struct {
	reportFlags `embed:""`
	probeFlags  `embed:""`

	Clean string `name:"clean" placeholder:"DIR" help:"Attack nothing: remove what a killed probe left around this base directory."`
	URL   string `arg:"" optional:"" help:"The server, with FUZZ where it takes names; in path mode at the end by itself."`
}

// probeFlags say how a server is attacked.
type probeFlags struct {
	Mode       string   `name:"mode" placeholder:"MODE" enum:"auto,path,query,form,json,header,cookie,upload" default:"auto" group:"target" help:"Where names go: auto (default) is query where FUZZ stands in the URL's query, else path; path, query, form, json, header, cookie, or upload for the file names of uploads."`
	Data       string   `name:"data" placeholder:"BODY" group:"target" help:"The body in form and json mode, with FUZZ."`
	Field      string   `name:"field" placeholder:"NAME" default:"file" group:"target" help:"The field of the file in upload mode (default file)."`
	Cookie     string   `name:"cookie" placeholder:"COOKIE" group:"target" help:"The cookie in cookie mode, with FUZZ (default file=FUZZ)."`
	Header     []string `name:"header" placeholder:"LINE" sep:"none" group:"target" help:"Send this header with every request, such as 'Authorization: Bearer ...'; with FUZZ in header mode. Repeatable."`
	HTTP       string   `name:"http" placeholder:"VERSION" enum:"auto,1.1,2" default:"auto" group:"target" help:"auto (default) is HTTP/1.1, and HTTP/2 where the server speaks it; 1.1; 2."`
	Insecure   bool     `name:"insecure" group:"target" help:"Take any certificate."`
	Authorized []string `name:"i-am-authorized-for" placeholder:"HOST" sep:"none" group:"target" help:"Attack this host, which is not this machine. Repeatable."`

	Base     string   `name:"base" placeholder:"DIR" group:"oracles" help:"The server's base directory on this machine: canaries are planted above and beside it."`
	Plant    bool     `name:"plant" group:"oracles" help:"Also plant a file, a hidden file and links in the base directory."`
	Race     string   `name:"race" placeholder:"DIR" group:"oracles" help:"A directory in the base directory, in which a file and a link are swapped while the server is asked."`
	File     string   `name:"file" placeholder:"NAME" group:"oracles" help:"A file that the server serves; without it one is planted, or looked for in the base directory."`
	Blind    bool     `name:"blind" group:"oracles" help:"Go on although that file is not served."`
	Strict   bool     `name:"strict" group:"oracles" help:"Guesses at names that nothing slows are a finding, not only worth knowing."`
	Depth    int      `name:"depth" placeholder:"N" default:"8" group:"oracles" help:"How many directories above the base directory get a canary (default 8)."`
	Platform string   `name:"platform" placeholder:"SYSTEM" enum:"auto,unix,windows,any" default:"auto" group:"oracles" help:"Whose names are sent: auto (default) is what this machine and the answers tell, unix, windows, or any."`
	Only     []string `name:"only" placeholder:"CLASS" sep:"none" group:"oracles" help:"Send only this class of names, such as traversal-plain. Repeatable."`

	Rate    float64       `name:"rate" placeholder:"N" group:"pace" help:"Requests a second (default: no bound here, 50 for another machine)."`
	Most    int           `name:"max-requests" placeholder:"N" default:"60000" group:"pace" help:"Stop after so many requests (default 60000)."`
	Workers int           `name:"workers" placeholder:"N" default:"8" group:"pace" help:"Connections at a time (default 8)."`
	Timeout time.Duration `name:"timeout" placeholder:"TIME" default:"10s" group:"pace" help:"How long one answer may take (default 10s)."`
	Sample  int           `name:"sample" placeholder:"N" group:"pace" help:"Send at most so many names of each class, spread over it."`
}

// Run exits with 1 where something was found, with 2 where the attack could not begin.
func (c *probeCmd) Run(s *surroundings) error {
	if c.Clean != "" {
		return c.clean(s)
	}
	if c.URL == "" {
		return usage("probe", "no server was named", "Write rootbound probe http://127.0.0.1:8080/")
	}
	if err := c.check("probe"); err != nil {
		return err
	}
	options, err := c.options("probe")
	if err != nil {
		return err
	}
	report := finding.NewReport("probe", versionText(), c.URL, options)
	shown := newProbeProgress(s)
	ctx, stop := untilHangup(s.ctx)
	defer stop()
	err = probe.Run(ctx, c.config(s, c.URL, shown.show), report)
	shown.end()
	unanswered := errors.Is(err, probe.ErrUnanswered)
	if err != nil && !unanswered && !errors.Is(err, context.Canceled) {
		return probeError(err)
	}
	report.Finish()
	if writeErr := c.finish(s, report); err == nil || writeErr != nil {
		return writeErr
	}
	if unanswered {
		return usage("URL "+strconv.Quote(c.URL), "it stopped answering, so that nothing found says nothing", "See the notes, and probe it again more slowly (--rate, --workers, --timeout)")
	}
	return errors.New("probe: interrupted; what was planted is removed")
}

// untilHangup is a context that also ends with the terminal, and has writes to a reader that is gone fail: either would end the
// process, and what it planted would stay. Hangups that nohup(1) has ignored stay ignored.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

// check refuses numbers that make no sense.
func (f *probeFlags) check(command string) error {
	switch {
	case f.Depth < 1 || f.Depth > 8:
		return usage(fmt.Sprintf("--depth %d", f.Depth), "the corpus climbs from 1 to 8 levels", "Give a number from 1 to 8")
	case f.Most < 1 || f.Workers < 1 || f.Workers > 256 || f.Timeout <= 0 || f.Rate < 0 || f.Sample < 0:
		return usage(command, "--max-requests, --workers (at most 256), --timeout, --rate and --sample are positive", "Give other numbers")
	}
	return nil
}

func (f *probeFlags) config(s *surroundings, url string, progress func(probe.Progress)) probe.Config {
	mode := probe.Mode(f.Mode)
	if mode == "auto" {
		mode = ""
	}
	return probe.Config{
		URL: url, Mode: mode, Base: f.Base, Plant: f.Plant, Race: f.Race, File: f.File, Data: f.Data, Field: f.Field,
		Cookie: f.Cookie, Headers: f.Header, HTTP: f.HTTP, Authorized: f.Authorized, Insecure: f.Insecure, Blind: f.Blind, Strict: f.Strict,
		Workers: f.Workers, Rate: f.Rate, Most: f.Most, Timeout: f.Timeout, Depth: f.Depth, Platform: f.Platform, Sample: f.Sample, Only: f.Only,
		Journals: journalDir(s), Progress: progress,
	}
}

// journalDir is where the lists of what is planted lie: with the state; "" where nothing says where this user keeps it.
func journalDir(s *surroundings) string {
	path, err := defaultState(s.env)
	if err != nil {
		return ""
	}
	return filepath.Dir(path)
}

func (c *probeCmd) clean(s *surroundings) error {
	if c.URL != "" {
		return usage("--clean "+c.Clean, "it attacks nothing, and a URL was given", "Leave one of them out")
	}
	n, err := probe.Clean(journalDir(s), c.Clean)
	if err != nil {
		return probeError(err)
	}
	_, err = fmt.Fprintf(s.stdout, "%d left-over things removed\n", n)
	return err
}

// probeError makes wrong use of all that kept an attack from beginning.
func probeError(err error) error {
	var wrong *probe.ConfigError
	if errors.As(err, &wrong) {
		return usage(wrong.What, wrong.Rule, wrong.Remedy)
	}
	return usage("probe", strings.TrimPrefix(err.Error(), "probe: "), "Put this right, and run 'rootbound probe --clean DIR' if something was planted")
}

// probeProgress shows how far a probe is: one line that is written over on a terminal, elsewhere a line every ten seconds.
type probeProgress struct {
	w        io.Writer
	terminal bool
	last     time.Time
	written  bool
}

func newProbeProgress(s *surroundings) *probeProgress {
	return &probeProgress{w: s.stderr, terminal: isTerminal(s.stderr), last: time.Now()}
}

func (p *probeProgress) show(now probe.Progress) {
	line := fmt.Sprintf("probe: %s, %d of about %d requests, %d kinds of findings", now.Stage, now.Asked, now.Planned, now.Findings)
	switch {
	case p.terminal:
		p.written = true
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s", line) // nothing depends on it
	case time.Since(p.last) >= 10*time.Second:
		p.last = time.Now()
		_, _ = fmt.Fprintln(p.w, line) // nothing depends on it
	}
}

func (p *probeProgress) end() {
	if p.written {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K") // nothing depends on it
	}
}
