package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/gate"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/server"
)

type gateCmd struct {
	config.Upstream `embed:""`
	config.Gate     `embed:""`
	Audit           config.Audit `embed:""`

	Config string `name:"config" placeholder:"FILE" group:"process" help:"TOML file with the same keys, and several applications as [[upstream]]; flags win over it."`
}

// Run stands in front of the application until the context ends.
func (c *gateCmd) Run(s *surroundings) error {
	g, err := c.setup()
	if err != nil {
		return err
	}
	p := &process{setup: g.setup, surroundings: s, gate: g}
	p.log, p.lines = newLogger(s.stderr, g.LogFormat)
	defer p.close()
	if err := p.open(); err != nil {
		return err
	}
	if err := p.become(); err != nil {
		return err
	}
	return p.serve()
}

// gateSetup is everything that flags and file say together about a gate.
type gateSetup struct {
	*setup
	Watch     bool
	Upstreams []*config.UpstreamSettings

	bases map[string]*base // by what the configuration calls the directory
}

// setup understands the flags and the file they name.
func (c *gateCmd) setup() (*gateSetup, error) {
	if _, problems := c.Gate.Settings(); len(problems) > 0 {
		p := problems[0]
		return nil, usage("--"+strings.TrimPrefix(p.Key, "gate."), p.Rule, p.Remedy)
	}
	file := &config.File{}
	if c.Config != "" {
		var err error
		if file, err = readConfig(c.Config); err != nil {
			return nil, err
		}
	}
	ups, err := c.upstreams(file)
	if err != nil {
		return nil, err
	}
	merged := config.Merge(file.Gate, c.Gate)
	g, err := newGateSetup(&merged, ups, c.Config)
	if err != nil {
		return nil, err
	}
	if g.Audit, err = auditSettings(file.Audit, c.Audit); err != nil {
		return nil, err
	}
	return g, g.checkPairs()
}

// upstreams are the one of the flags, or those of the file.
func (c *gateCmd) upstreams(file *config.File) ([]config.Upstream, error) {
	flags := c.Upstream
	switch {
	case flags.URL != "":
		return []config.Upstream{flags}, nil
	case !isZero(flags):
		return nil, usage("gate", "flags tell of an application, and --upstream does not name it", "Add --upstream URL")
	case len(file.Upstream) == 0:
		return nil, usage("gate", "no application was named", "Write rootbound gate --upstream http://127.0.0.1:5000 --root DIR")
	}
	return file.Upstream, nil
}

func isZero(u config.Upstream) bool {
	return u.At == "" && u.Root == nil && u.Accel == nil && u.Announce == "" && u.Encoded == nil && u.Temporary == nil &&
		u.Timeout == nil && u.Take == nil && u.Ask == "" && u.UniformErrors == nil
}

func newGateSetup(table *config.Gate, ups []config.Upstream, file string) (*gateSetup, error) {
	settings, problems := table.Settings()
	g := &gateSetup{setup: &setup{Settings: settings, ConfigFile: file}, Watch: table.Watch != nil && *table.Watch, bases: map[string]*base{}}
	for i := range ups {
		up, upProblems := ups[i].Settings(upstreamTable(i, file))
		problems = append(problems, upProblems...)
		g.Upstreams = append(g.Upstreams, up)
	}
	if len(problems) > 0 {
		return nil, usage(flagOf(problems[0].Key), problems[0].Rule, problems[0].Remedy)
	}
	return g, g.tryRules()
}

// upstreamTable is what a message calls an application's settings.
func upstreamTable(i int, file string) string {
	if file == "" {
		return "--"
	}
	return fmt.Sprintf("upstream[%d]", i)
}

// flagOf makes the flag of a key that upstreamTable began.
func flagOf(key string) string {
	switch rest, isFlag := strings.CutPrefix(key, "--."); {
	case !isFlag:
		return key
	case rest == "url":
		return "--upstream"
	case rest == "timeout":
		return "--upstream-timeout"
	default:
		return "--" + rest
	}
}

// tryRules has the gate check what needs no directory, so that nothing is opened for a rule that cannot be read.
func (g *gateSetup) tryRules() error {
	for _, up := range g.Upstreams {
		if err := gate.CheckURL(up.URL); err != nil {
			return usage("--upstream "+strconv.Quote(up.URL), err.Error(), "See 'rootbound gate --help'")
		}
		for _, r := range up.Take {
			if _, err := gate.ParseRule(r); err != nil {
				return usage("--take "+strconv.Quote(r), err.Error(), "See 'rootbound gate --help'")
			}
		}
		var prefixes []string
		for _, a := range up.Accel {
			prefixes = append(prefixes, a.Prefix)
		}
		if err := gate.CheckPrefixes(prefixes); err != nil {
			return usage("--accel", err.Error(), "Let no prefix lie beneath another")
		}
		if len(up.Roots)+len(up.Accel) == 0 {
			return usage("--upstream "+strconv.Quote(up.URL), "it has no directory, and so no file could be sent for it", "Add --root DIR or --accel PREFIX=DIR")
		}
	}
	return nil
}

// openBases opens each directory once.
func (g *gateSetup) openBases(cfg rootbound.Config) (out []*base, err error) {
	add := func(label, at, dir string, writable bool) {
		key := dirKey(dir, writable)
		if err != nil || g.bases[key] != nil {
			return
		}
		c := cfg
		c.Writable = writable
		var b *base
		if b, err = openBase(label, config.Mount{Name: at, Dir: dir}, c); err == nil {
			g.bases[key] = b
			out = append(out, b)
		}
	}
	for _, up := range g.Upstreams {
		for _, r := range up.Roots {
			add("--root "+strconv.Quote(r.Dir), r.Path, r.Dir, up.Temporary)
		}
		for _, a := range up.Accel {
			add("--accel "+strconv.Quote(a.Prefix+"="+a.Dir), a.Prefix, a.Dir, false)
		}
	}
	if err != nil {
		closeBases(out)
		return nil, err
	}
	return out, nil
}

func dirKey(dir string, writable bool) string {
	if writable {
		return "w" + dir
	}
	return "r" + dir
}

// open makes the gate of directories that are open.
func (g *gateSetup) open(p *process) (*gate.Gate, error) {
	cfg := gate.Config{TrustedProxies: g.TrustedProxies, CrossOrigin: g.CrossOrigin, Site: g.Site, Watch: g.Watch, Log: p.log}
	for _, up := range g.Upstreams {
		u := gate.Upstream{
			URL: up.URL, At: up.At, Take: up.Take, Ask: up.Ask, UniformErrors: up.UniformErrors, Encoded: up.Encoded, Temporary: up.Temporary,
			Timeout: up.Timeout, Announce: map[string]string{"": "", "x-sendfile": gate.AnnounceSendfile, "x-accel-redirect": gate.AnnounceAccel}[up.Announce],
		}
		for _, r := range up.Roots {
			b := g.bases[dirKey(r.Dir, up.Temporary)]
			paths := []string{r.Path}
			if r.Path == "" {
				paths = b.paths()
			}
			u.Roots = append(u.Roots, gate.Root{Paths: paths, Dir: b.dir})
		}
		for _, a := range up.Accel {
			b := g.bases[dirKey(a.Dir, false)]
			u.Accel = append(u.Accel, gate.Accel{Prefix: a.Prefix, Paths: b.paths(), Dir: b.dir})
		}
		cfg.Upstreams = append(cfg.Upstreams, u)
	}
	made, err := gate.New(cfg)
	if err != nil {
		return nil, usage("gate", strings.TrimPrefix(err.Error(), "gate: "), "See 'rootbound gate --help'")
	}
	return made, nil
}

// paths are those by which an application on this machine may call the directory: as it was given, and with its links
// resolved as they were at start.
func (b *base) paths() []string {
	given, err := filepath.Abs(b.mount.Dir)
	if err != nil || given == b.path {
		return []string{filepath.ToSlash(b.path)}
	}
	return []string{filepath.ToSlash(given), filepath.ToSlash(b.path)}
}

// sayWhatIsGated tells the operator everything that decides what strangers get.
func (p *process) sayWhatIsGated(cfg *server.Config) {
	p.sayBases("files from", func(b *base) string { return b.mount.Name })
	for _, up := range p.gate.Upstreams {
		at := up.At
		if at == "" {
			at = "/"
		}
		p.log.Info("in front of", "upstream", up.URL, "at", at, "roots", len(up.Roots), "accel", len(up.Accel), "take", strings.Join(up.Take, "; "),
			"ask", up.Ask, "uniform-errors", strings.Join(up.UniformErrors, " "), "watch", p.gate.Watch, "readers", "whoever the application lets in")
		if len(up.Take) > 0 && up.Ask == "" {
			p.log.Warn("routes that are taken over are answered to everybody: the application is not asked; add --ask PATH", "upstream", up.URL)
		}
	}
	p.log.Info("rules", "names", p.NamePolicy, "symlinks", word(p.Base.Symlinks == rootbound.SymlinksWithin, "within", "refuse"),
		"hardlinks", word(p.Base.Hardlinks == rootbound.HardlinksRefuse, "refuse", "allow"), "hidden", p.Base.AllowHidden, "site", p.Site)
	p.log.Info("limits", "connections", cfg.MaxConns, "min-rate", p.MinRate, "grace", p.Grace.String(), "opens", rootbound.DefaultMaxOpens)
	p.warnRoot()
}
