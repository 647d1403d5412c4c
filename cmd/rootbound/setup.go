package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/config"
)

// setup is everything that flags and file say together.
type setup struct {
	*config.Settings
	// Mounts holds at least one; their directories are as the operator wrote them, those of a file relative to it.
	Mounts []config.Mount
	// ConfigFile is "" where there is none.
	ConfigFile string
	// Audit is about the record.
	Audit *config.AuditSettings
	// State is where the state is; nil where there is none.
	State *stateSettings
	// Grants are those of the file.
	Grants []authz.Grant
	// Stamps are those of the files that are read again when they change, from before they were read first.
	Stamps map[string]fileStamp
}

// setup understands the flags and the file they name.
func (c *serveCmd) setup(env func(string) string) (*setup, error) {
	if _, problems := c.Serve.Settings(); len(problems) > 0 {
		p := problems[0]
		return nil, usage("--"+strings.TrimPrefix(p.Key, "serve."), p.Rule, p.Remedy)
	}
	mounts, err := c.flagMounts()
	if err != nil {
		return nil, err
	}
	file, stamps := &config.File{}, map[string]fileStamp{}
	if c.Config != "" {
		stamps[c.Config] = stampOf(c.Config)
		if file, err = readConfig(c.Config); err != nil {
			return nil, err
		}
	}
	merged := config.Merge(file.Serve, c.Serve)
	settings, problems := merged.Settings()
	if len(problems) > 0 {
		return nil, usage(problems[0].Key, problems[0].Rule, problems[0].Remedy)
	}
	set := &setup{Settings: settings, Mounts: mergeMounts(file.Mount, mounts), ConfigFile: c.Config, Grants: grantsOf(file.Grant), Stamps: stamps}
	for _, path := range []string{set.Users, set.Policies, set.Groups, set.LinkKeys, set.JWTKeysFile()} {
		stamps[path] = stampOf(path)
	}
	if set.Audit, err = auditSettings(file.Audit, c.Audit); err != nil {
		return nil, err
	}
	if set.State, err = newStateSettings(file.State, c.State, c.Config, env); err != nil {
		return nil, err
	}
	return set, set.check()
}

// flagMounts reads --mount and DIR.
func (c *serveCmd) flagMounts() ([]config.Mount, error) {
	var mounts []config.Mount
	seen := map[string]bool{}
	for _, text := range c.Mount {
		name, dir, ok := strings.Cut(text, "=")
		what := "--mount " + strconv.Quote(text)
		if !ok || name == "" {
			return nil, usage(what, "it is not NAME=DIR", "Write it as --mount music=/srv/music; a directory without a name is the argument DIR")
		}
		m := config.Mount{Name: name, Dir: dir}
		if rule, remedy := config.CheckMount(m); rule != "" {
			return nil, usage(what, rule, remedy)
		}
		if seen[name] {
			return nil, usage(what, "the name stands twice", "Give each mount a name of its own")
		}
		seen[name] = true
		mounts = append(mounts, m)
	}
	if c.Dir != "" {
		mounts = append([]config.Mount{{Dir: c.Dir}}, mounts...)
	}
	return mounts, nil
}

// mergeMounts lets a flag's mount take the place of the file's of the same name.
func mergeMounts(file, flags []config.Mount) []config.Mount {
	out := append([]config.Mount(nil), file...)
next:
	for _, m := range flags {
		for i := range out {
			if out[i].Name == m.Name {
				out[i] = m
				continue next
			}
		}
		out = append(out, m)
	}
	return out
}

// check looks at what only shows when everything is known.
func (s *setup) check() error {
	if len(s.Mounts) == 0 {
		return usage("serve", "no directory was named", "Write rootbound serve DIR")
	}
	return s.checkPairs()
}

// checkPairs looks at settings that need each other.
func (s *setup) checkPairs() error {
	switch {
	case s.TLSCert != "" && s.TLSKey == "":
		return usage("--tls-cert", "a certificate needs its key", "Add --tls-key FILE")
	case s.TLSKey != "" && s.TLSCert == "":
		return usage("--tls-key", "a key needs its certificate", "Add --tls-cert FILE")
	}
	return s.checkFederation()
}

// configProblems are what is wrong with one file.
type configProblems struct {
	File     string
	Problems []config.Problem
}

func (e *configProblems) Error() string {
	p := e.Problems[0]
	text := (&usageError{What: e.What(p), Rule: p.Rule, Remedy: p.Remedy}).Error()
	if more := len(e.Problems) - 1; more > 0 {
		text += fmt.Sprintf(" There is more: rootbound config check %s tells all %d.", e.File, more+1)
	}
	return text
}

// What names the place of a problem as editors and compilers do.
func (e *configProblems) What(p config.Problem) string {
	what := e.File
	if p.Line > 0 {
		what = fmt.Sprintf("%s:%d:%d", e.File, p.Line, p.Column)
	}
	if p.Key != "" {
		what += ": " + p.Key
	}
	return what
}

// As makes it a usageError to whoever asks for the exit status.
func (e *configProblems) As(target any) bool {
	ue, ok := target.(**usageError)
	if ok {
		p := e.Problems[0]
		*ue = &usageError{What: e.What(p), Rule: p.Rule, Remedy: p.Remedy}
	}
	return ok
}

// maxConfig bounds a configuration file, in bytes: whatever is larger is another file.
const maxConfig = 1 << 20

// readConfig reads a file whose relative paths are relative to it.
func readConfig(path string) (*config.File, error) {
	data, err := readNamed("configuration "+strconv.Quote(path), path, maxConfig)
	if err != nil {
		return nil, err
	}
	return parseConfig(path, data)
}

func parseConfig(path string, data []byte) (*config.File, error) {
	parsed, problems := config.Parse(data)
	if len(problems) == 0 {
		problems = checkGrants(parsed)
	}
	if len(problems) > 0 {
		return nil, &configProblems{File: path, Problems: problems}
	}
	file := &parsed.File
	beside := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	beside(&file.Serve.Users)
	beside(&file.Serve.Groups)
	beside(&file.Serve.Policies)
	beside(&file.Serve.LinkKeys)
	beside(&file.Serve.OIDCClientSecret)
	beside(&file.Serve.ClientCA)
	beside(&file.Serve.ClientCRL)
	if !config.IsURL(file.Serve.JWTKeys) {
		beside(&file.Serve.JWTKeys)
	}
	for i := range file.Mount {
		beside(&file.Mount[i].Dir)
	}
	for _, c := range []*config.Common{&file.Serve.Common, &file.Gate.Common} {
		beside(&c.TLSCert)
		beside(&c.TLSKey)
		for i, l := range c.Listen {
			c.Listen[i] = besideSocket(path, l)
		}
		c.Admin = besideSocket(path, c.Admin)
	}
	for i := range file.Upstream {
		file.Upstream[i].Beside(filepath.Dir(path))
	}
	file.Audit.Beside(filepath.Dir(path))
	file.State.Beside(filepath.Dir(path))
	return file, nil
}

func besideSocket(configFile, address string) string {
	socket, ok := strings.CutPrefix(address, "unix:")
	if !ok || filepath.IsAbs(socket) {
		return address
	}
	return "unix:" + filepath.Join(filepath.Dir(configFile), socket)
}
