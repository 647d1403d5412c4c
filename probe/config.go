package probe

import (
	"fmt"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mode says in what part of a request the names go.
type Mode string

// The modes.
const (
	Path   Mode = "path"
	Query  Mode = "query"
	Form   Mode = "form"
	JSON   Mode = "json"
	Header Mode = "header"
	Cookie Mode = "cookie"
	Upload Mode = "upload"
)

// Config says what is attacked and how. URL alone is required.
type Config struct {
	// URL is of the server. In Path and Query mode FUZZ stands where names go; without it Path appends to the path.
	URL string
	// Mode is Path by default, or Query where FUZZ stands in the URL's query.
	Mode Mode
	// Base is the server's base directory on this machine: canaries are planted around it. Empty: only what a well-known
	// system file and the answers tell can be seen.
	Base string
	// Plant also plants an ordinary file, a hidden one and links within Base.
	Plant bool
	// Race is a directory beneath Base in which a file and links are swapped while the server is asked for them.
	Race string
	// RaceTime is how long each of at most three races takes, 5 seconds by default.
	RaceTime time.Duration
	// File is a name that the server serves. Empty: one is looked for in Base, or planted.
	File string
	// Data is the body in Form and JSON mode, with FUZZ; Field the name of the file's field in Upload mode. Cookie is the
	// value of the Cookie header. Headers are whole lines, sent with every request.
	Data, Field, Cookie string
	Headers             []string
	// HTTP is "auto" (default: HTTP/1.1, then HTTP/2 where it is spoken), "1.1" or "2".
	HTTP string
	// Authorized are the hosts that may be attacked beside this machine.
	Authorized []string
	// Insecure takes any certificate.
	Insecure bool
	// Blind goes on where the ordinary file is not served, so that nothing found may say nothing.
	Blind bool
	// Strict makes what is expected of careful servers alone a finding: guesses at names that nothing slows.
	Strict bool
	// Workers ask at the same time, 8 by default; Rate bounds requests a second (0: no bound on loopback, 50 elsewhere),
	// Most all of them (60,000 by default). Timeout bounds one request, 10 seconds by default.
	Workers int
	Rate    float64
	Most    int
	Timeout time.Duration
	// Depth is how many levels above Base hold a canary, 8 by default, where they can be written to.
	Depth int
	// Platform is "unix", "windows", "any", or "auto" (default): what the server's answers and this machine tell.
	Platform string
	// Sample is how many names of each class are sent; 0 is all.
	Sample int
	// Only are the classes of the corpus that are sent; empty is all.
	Only []string
	// Journals is the directory that the journal is kept in; required with Base, and not beneath it.
	Journals string
	// Progress, if not nil, is called now and then, from one goroutine at a time.
	Progress func(Progress)
}

// Progress says how far a run is.
type Progress struct {
	Stage          string
	Asked, Planned int
	Findings       int
}

// ConfigError is what whoever started a run can put right.
type ConfigError struct{ What, Rule, Remedy string }

func (e *ConfigError) Error() string { return e.What + ": " + e.Rule + ". " + e.Remedy + "." }

func quote(s string) string { return strconv.Quote(s) }

// Modes are all modes.
func Modes() []Mode { return []Mode{Path, Query, Form, JSON, Header, Cookie, Upload} }

// complete fills in the defaults and refuses what contradicts itself.
func (c *Config) complete() error {
	if c.Mode == "" {
		c.Mode = Path
		if _, query, ok := strings.Cut(c.URL, "?"); ok && strings.Contains(query, Place) {
			c.Mode = Query
		}
	}
	defaults := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	defaults(&c.HTTP, "auto")
	defaults(&c.Platform, "auto")
	defaults(&c.Field, "file")
	c.Workers = orInt(c.Workers, 8)
	c.Most = orInt(c.Most, 60_000)
	c.Depth = orInt(c.Depth, 8)
	if c.RaceTime == 0 {
		c.RaceTime = 5 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if err := c.places(); err != nil {
		return err
	}
	return c.directories()
}

func orInt(n, value int) int {
	if n == 0 {
		return value
	}
	return n
}

// places checks that FUZZ stands where the mode looks for it.
func (c *Config) places() error {
	in := map[Mode]*string{Form: &c.Data, JSON: &c.Data, Cookie: &c.Cookie}
	byDefault := map[Mode]string{Form: "file=" + Place, JSON: `{"file":"` + Place + `"}`, Cookie: "file=" + Place}
	missing := func(what, example string) error {
		return &ConfigError{what, "nothing says where the names go", "Write " + Place + " there, as in " + example}
	}
	for _, h := range c.Headers {
		if name, _, ok := strings.Cut(h, ":"); !ok || textproto.TrimString(name) != name || name == "" || strings.ContainsAny(h, "\r\n") {
			return &ConfigError{"--header " + quote(h), "it is not NAME: VALUE", "Write --header 'Authorization: Bearer ...'"}
		}
	}
	switch c.Mode {
	case Path, Upload:
	case Query:
		if !strings.Contains(c.URL, Place) {
			return missing("URL "+quote(c.URL), "'http://127.0.0.1:5000/download?file="+Place+"'")
		}
	case Header:
		if !slices.ContainsFunc(c.Headers, func(h string) bool { return strings.Contains(h, Place) }) {
			return missing("--mode header", "--header 'X-File: "+Place+"'")
		}
	case Form, JSON, Cookie:
		p := in[c.Mode]
		if *p == "" {
			*p = byDefault[c.Mode]
		}
		if !strings.Contains(*p, Place) {
			return missing("--mode "+string(c.Mode), quote(byDefault[c.Mode]))
		}
	default:
		return &ConfigError{"--mode " + quote(string(c.Mode)), "there is no such mode", fmt.Sprintf("Use one of %v", Modes())}
	}
	return nil
}

// directories resolves Base and Race, which must lie beneath it, and the place of the journal, which must not.
func (c *Config) directories() error {
	if c.Base == "" {
		switch {
		case c.Plant:
			return &ConfigError{"--plant", "nothing says where", "Add --base DIR"}
		case c.Race != "":
			return &ConfigError{"--race " + quote(c.Race), "it must lie beneath the base directory", "Add --base DIR"}
		}
		return nil
	}
	var err error
	if c.Base, err = realDir("--base", c.Base); err != nil {
		return err
	}
	if c.Race != "" {
		if c.Race, err = realDir("--race", c.Race); err != nil {
			return err
		}
		if !beneath(c.Base, c.Race) {
			return &ConfigError{"--race " + quote(c.Race), "it does not lie beneath the base directory " + quote(c.Base), "Name a directory that the server serves"}
		}
	}
	if c.Journals == "" {
		return &ConfigError{"--base", "there is no place for the journal of what is planted", "Set XDG_STATE_HOME or HOME"}
	}
	if err := os.MkdirAll(c.Journals, 0o700); err != nil {
		return &ConfigError{"journal " + quote(c.Journals), err.Error(), "Set XDG_STATE_HOME to a directory that this user may write to"}
	}
	if c.Journals, err = realDir("journal", c.Journals); err != nil {
		return err
	}
	if beneath(c.Base, c.Journals) {
		return &ConfigError{"journal " + quote(c.Journals), "it lies beneath the base directory, and would be served", "Set XDG_STATE_HOME to a directory elsewhere"}
	}
	return nil
}

func realDir(what, path string) (string, error) {
	real, err := filepath.Abs(path)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return "", &ConfigError{what + " " + quote(path), "it cannot be found", "Name a directory of this machine"}
	}
	if fi, err := os.Stat(real); err != nil || !fi.IsDir() {
		return "", &ConfigError{what + " " + quote(path), "it is not a directory", "Name a directory of this machine"}
	}
	return real, nil
}

// beneath says whether dir is base, or lies in it, by elements.
func beneath(base, dir string) bool {
	rel, err := filepath.Rel(base, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
