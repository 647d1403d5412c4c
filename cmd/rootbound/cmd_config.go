package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/internal/readfile"
)

// stdinName is the file name that means standard input.
const stdinName = "-"

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check a configuration file and everything it names."`
}

type configCheckCmd struct {
	File   string `arg:"" help:"Configuration file; - is standard input."`
	Format string `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`
}

// Run tries everything that serve --config FILE would need, but opens no socket. What is wrong is wrong use, as it
// would be for serve: exit status 2.
func (c *configCheckCmd) Run(s *surroundings) error {
	err := c.check(s)
	if c.Format == "json" {
		return c.writeJSON(s, err)
	}
	var several *configProblems
	switch {
	case errors.As(err, &several):
		for _, p := range several.Problems[1:] {
			report(s.stderr, usage(several.What(p), p.Rule, p.Remedy))
		}
		p := several.Problems[0]
		return usage(several.What(p), p.Rule, p.Remedy)
	case err != nil:
		return err
	}
	_, err = fmt.Fprintln(s.stdout, c.File+": good")
	return err
}

func (c *configCheckCmd) check(s *surroundings) error {
	file, err := c.read(s)
	if err != nil {
		return err
	}
	settings, problems := file.Serve.Settings()
	if len(problems) > 0 {
		return &configProblems{File: c.File, Problems: problems}
	}
	audit, err := auditSettings(file.Audit, config.Audit{})
	if err != nil {
		return err
	}
	set := &setup{Settings: settings, Mounts: file.Mount, ConfigFile: c.File, Audit: audit, Grants: grantsOf(file.Grant)}
	if set.State, err = newStateSettings(file.State, config.State{}, c.File, s.env); err != nil {
		return err
	}
	if err := set.try(func() ([]*base, error) { return openBases(set.Mounts, set.Base) }); err != nil {
		return err // without a mount too: the directory may stand on serve's command line
	}
	if len(file.Upstream) == 0 {
		return nil
	}
	g, err := newGateSetup(&file.Gate, file.Upstream, c.File)
	if err != nil {
		return err
	}
	g.Audit = audit
	return g.try(func() ([]*base, error) { return g.openBases(g.Base) })
}

func (c *configCheckCmd) read(s *surroundings) (*config.File, error) {
	if c.File == stdinName {
		data, err := readfile.All(s.stdin, stdinName, maxConfig)
		if err != nil {
			return nil, unreadable("configuration "+strconv.Quote(stdinName), err)
		}
		return parseConfig(stdinName, data)
	}
	return readConfig(c.File)
}

// try opens what serve or gate would open, and closes it.
func (s *setup) try(open func() ([]*base, error)) error {
	if err := s.checkPairs(); err != nil {
		return err
	}
	if s.User != "" {
		if _, err := knownIdentity(s.User); err != nil {
			return err
		}
	}
	if err := s.mayListenOnAll(); err != nil {
		return err
	}
	bases, err := open()
	if err != nil {
		return err
	}
	defer closeBases(bases)
	for _, b := range bases {
		if err := b.readable(); err != nil {
			return err
		}
	}
	if err := s.refuseBeneath(bases); err != nil {
		return err
	}
	if _, err = loadCertificates(s.TLSCert, s.TLSKey); err != nil {
		return err
	}
	if _, err = loadUsers(s.Users); err != nil {
		return err
	}
	if _, err = s.loadGrants(); err != nil {
		return err
	}
	if _, err = loadLinkKeys(s.LinkKeys, s.BaseURL); err != nil {
		return err
	}
	if err := s.State.check(); err != nil {
		return err
	}
	_, err = loadAuditKey(s.Audit.Key)
	return err
}

// verdict is what --format json prints.
type verdict struct {
	File     string           `json:"file"`
	Good     bool             `json:"good"`
	Problems []config.Problem `json:"problems"`
}

func (c *configCheckCmd) writeJSON(s *surroundings, err error) error {
	v := verdict{File: c.File, Good: err == nil, Problems: []config.Problem{}}
	var several *configProblems
	var one *usageError
	switch {
	case errors.As(err, &several):
		v.Problems = several.Problems
	case errors.As(err, &one):
		v.Problems = append(v.Problems, config.Problem{Key: one.What, Rule: one.Rule, Remedy: one.Remedy})
	case err != nil:
		return err
	}
	if werr := writeDocument(s.stdout, v); werr != nil {
		return werr
	}
	if err != nil {
		return &alreadyTold{code: exitUsage}
	}
	return nil
}
