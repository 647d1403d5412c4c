package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// New understands a Config. It looks at files, follows links and asks the kernel what it enforces; it runs nothing and
// confines nothing. A path that does not exist, and everything else that whoever wrote the Config can put right, is a
// *RuleError.
func New(cfg Config) (*Plan, error) {
	p := &Plan{Args: cfg.Command, Bind: cfg.Bind, Connect: cfg.Connect, Net: cfg.Net, Hide: cfg.Hide, bestEffort: cfg.BestEffort}
	var err error
	if p.dir, err = os.Getwd(); err != nil {
		return nil, fmt.Errorf("confine: %w", err)
	}
	if p.Support, err = Kernel(); err != nil {
		return nil, err
	}
	p.Support.Namespaces = p.Support.Namespaces || canMount() // who may mount needs no user namespace around it
	if len(cfg.Sockets) > 0 && cfg.Net != NetAll {
		return nil, &RuleError{fmt.Sprintf("--connect %q", cfg.Sockets[0]), "with --net " + cfg.Net.String() + " there are no Unix sockets", "Leave one of them out"}
	}
	rules := &ruleset{}
	for _, named := range []struct {
		flag  string
		paths []string
		Access
	}{{"--read", cfg.Read, Read}, {"--write", cfg.Write, Read | Write}, {"--exec", cfg.Exec, Read | Execute}, {"--connect", cfg.Sockets, Connect}} {
		for _, path := range named.paths {
			if err := rules.must(path, named.Access, named.flag); err != nil {
				return nil, err
			}
		}
	}
	if len(cfg.Exec) > 0 {
		for _, pattern := range loaders {
			rules.dynamic(pattern, nil)
		}
	}
	rules.devices()
	var programs []program
	if len(cfg.Command) > 0 {
		if programs, err = chain(cfg.Command[0]); err != nil {
			return nil, err
		}
		p.Command = programs[0].path
		rules.command(programs)
	}
	for _, name := range cfg.Presets {
		if err := rules.preset(name, programs, cfg.Command); err != nil {
			return nil, err
		}
	}
	p.Rules = rules.sorted()
	return p, nil
}

// ruleset collects rules, one for each path.
type ruleset struct{ rules []Rule }

// must adds a rule for a path that somebody named.
func (s *ruleset) must(path string, access Access, flag string) error {
	what := fmt.Sprintf("%s %q", flag, path)
	if path == "" {
		return &RuleError{what, "it is empty", "Name a file or directory"}
	}
	switch err := s.add(path, access, flag); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return &RuleError{what, "it does not exist", "Make it first, or name one that does"}
	case errors.Is(err, fs.ErrPermission):
		return &RuleError{what, "this user may not look at it", "Change its mode, or leave it out"}
	default:
		return &RuleError{what, err.Error(), "Name another"}
	}
}

// may adds rules for those of some paths that exist. They may hold the signs of filepath.Match.
func (s *ruleset) may(access Access, why string, paths ...string) {
	for _, pattern := range paths {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, path := range found {
			// What is not there, or not for this user, is not needed either.
			_ = s.add(path, access, why)
		}
	}
}

func (s *ruleset) add(path string, access Access, why string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.rules, func(r Rule) bool { return r.Path == abs })
	if i < 0 {
		s.rules = append(s.rules, Rule{Path: abs, Real: real, dir: info.IsDir(), device: info.Mode()&fs.ModeDevice != 0})
		i = len(s.rules) - 1
	}
	r := &s.rules[i]
	r.Access |= access
	if !slices.Contains(strings.Split(r.Why, ", "), why) {
		r.Why = strings.TrimPrefix(r.Why+", "+why, ", ")
	}
	return nil
}

// sorted leaves out what another rule says already.
func (s *ruleset) sorted() []Rule {
	kept := slices.DeleteFunc(slices.Clone(s.rules), func(r Rule) bool {
		return r.Path == r.Real && slices.ContainsFunc(s.rules, func(o Rule) bool {
			return o.dir && o.Path != r.Path && beneath(r.Real, o.Real) && o.Real != r.Real && r.Access&^o.Access == 0
		})
	})
	return sortRules(kept)
}

// command adds what it takes to start the programs.
func (s *ruleset) command(programs []program) {
	for _, p := range programs {
		for _, path := range p.links {
			s.may(Read|Execute, "command", escapeGlob(path))
		}
		if interp, libraries := loader(p.real()); interp != "" {
			s.dynamic(escapeGlob(interp), libraries)
		}
	}
}

// escapeGlob makes a path mean itself in may.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
