package main

import (
	"errors"
	"path/filepath"
	"strconv"

	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/config"
)

// maxPolicies bounds a file of policies or groups, in bytes.
const maxPolicies = 4 << 20

// grantsOf are those of a file, as package authz has them.
func grantsOf(tables []config.Grant) (out []authz.Grant) {
	yes := func(b *bool) bool { return b != nil && *b }
	for _, t := range tables {
		g := authz.Grant{
			User: t.User, Group: t.Group, Authenticated: yes(t.Authenticated), Anyone: yes(t.Anyone),
			On: t.On, May: t.May, Deny: yes(t.Deny),
		}
		if t.Refuse != nil {
			g.Refuse = *t.Refuse
		}
		out = append(out, g)
	}
	return out
}

// checkGrants says what is wrong with the grants of a file, and where.
func checkGrants(parsed *config.Parsed) (problems []config.Problem) {
	for i, g := range grantsOf(parsed.File.Grant) {
		key, rule, remedy := g.Check()
		if rule == "" {
			continue
		}
		full := "grant[" + strconv.Itoa(i) + "]"
		line, column := parsed.Place(full)
		if l, c := parsed.Place(full + "." + key); key != "" {
			full += "." + key
			if l > 0 {
				line, column = l, c
			}
		}
		problems = append(problems, config.Problem{Line: line, Column: column, Key: full, Rule: rule, Remedy: remedy})
	}
	return problems
}

// source reads what is decided by.
func (s *setup) source() (src authz.Source, err error) {
	src = authz.Source{Grants: s.Grants, PoliciesName: filepath.Base(s.Policies), GroupsName: filepath.Base(s.Groups)}
	if src.Policies, err = readPolicies("--policies", s.Policies); err != nil {
		return src, err
	}
	src.Groups, err = readPolicies("--groups", s.Groups)
	return src, err
}

func readPolicies(flag, path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	return readNamed(flag+" "+strconv.Quote(path), path, maxPolicies)
}

// loadGrants makes an Authorizer; nil where whoever is let in may have everything.
func (s *setup) loadGrants() (*authz.Authorizer, error) {
	if len(s.Grants) == 0 && s.Policies == "" {
		if s.Groups != "" {
			return nil, usage("--groups "+strconv.Quote(s.Groups), "nothing is granted to any group", "Add a [[grant]] to the configuration, or --policies FILE")
		}
		return nil, nil
	}
	src, err := s.source()
	if err != nil {
		return nil, err
	}
	z, err := authz.New(src)
	if err != nil {
		return nil, badGrants(err)
	}
	if s.Users == "" && s.State == nil && s.LinkKeys == "" && !s.LetsIn() && !z.Anonymous() {
		return nil, usage("grants", "nobody can authenticate, and nothing is granted to anyone", "Add --users FILE, or a grant with anyone = true")
	}
	return z, nil
}

func badGrants(err error) error {
	var se *authz.SourceError
	if errors.As(err, &se) {
		return usage(se.Place(), se.Rule, se.Remedy)
	}
	return usage("grants", innermost(err), "Add a [[grant]] to the configuration")
}

// grantFiles are what is read again when it changed.
func (s *setup) grantFiles() (out []string) {
	if len(s.Grants) > 0 {
		out = append(out, s.ConfigFile)
	}
	for _, path := range []string{s.Policies, s.Groups} {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}

// reloadGrants reads grants, policies and groups again. Where they cannot be used, what was decided by before stays.
func (p *process) reloadGrants() {
	err := p.rereadGrants()
	if err != nil {
		p.log.Error("the grants cannot be read again; the old ones stay", "error", p.sandboxed(err))
		return
	}
	p.log.Info("the grants were read again", "policies", p.authz.Policies())
}

func (p *process) rereadGrants() error {
	next := *p.setup
	if len(p.Grants) > 0 {
		file, err := readConfig(p.ConfigFile)
		if err != nil {
			return err
		}
		if next.Grants = grantsOf(file.Grant); len(next.Grants) == 0 {
			return errors.New("no [[grant]] stands in the file any more, which would mean everything to everybody: stop and start for that")
		}
	}
	src, err := next.source()
	if err != nil {
		return err
	}
	return p.authz.Replace(src)
}

// grantsAsUser reads what grants are read from once more with the rights that are left.
func (p *process) grantsAsUser() error {
	if p.authz == nil {
		return nil
	}
	for _, path := range p.grantFiles() {
		if err := canRead(path); err != nil {
			return usage(strconv.Quote(path), "the user "+strconv.Quote(p.identity.name)+" may not read it, and so could not reload it later",
				"Let that user read it, for instance by 'chgrp' to its group and 'chmod g+r', and enter the directories above it")
		}
	}
	return nil
}
