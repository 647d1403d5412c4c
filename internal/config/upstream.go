package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/name"
)

// Settings understands every value, with keys such as "gate.listen". Whoever an application lets in may read: any
// address is taken.
func (g *Gate) Settings() (*Settings, []Problem) {
	set, problems := (&Serve{Common: g.Common}).settings("gate")
	set.Public = true
	return set, problems
}

// UpstreamSettings is Upstream with every value understood.
type UpstreamSettings struct {
	URL           string
	At            string
	Roots         []RootSettings
	Accel         []AccelSettings
	Announce      string // "", "x-sendfile" or "x-accel-redirect"
	Encoded       bool
	Temporary     bool
	Timeout       time.Duration // 0 is the default
	Take          []string
	Ask           string
	UniformErrors []string
}

// RootSettings is a directory and what the application calls it; "" is as it is named here.
type RootSettings struct{ Path, Dir string }

// AccelSettings is a prefix and the directory behind it.
type AccelSettings struct{ Prefix, Dir string }

// Settings understands the values. The rules that packages gate has for paths and routes are left to it.
func (u *Upstream) Settings(table string) (*UpstreamSettings, []Problem) {
	c := checker{table: table}
	out := &UpstreamSettings{
		URL: u.URL, At: u.At, Announce: c.choice("announce", u.Announce, ""), Encoded: isTrue(u.Encoded), Temporary: isTrue(u.Temporary),
		Take: u.Take, Ask: u.Ask, UniformErrors: u.UniformErrors,
	}
	if u.URL == "" {
		c.problem("url", "", "it names no application", "Write http://HOST:PORT, https://HOST:PORT or unix:PATH")
	}
	if u.Timeout != nil {
		if out.Timeout = time.Duration(*u.Timeout); out.Timeout == 0 {
			c.problem("timeout", "0s", "no application answers in no time", "Write a duration such as 60s")
		}
	}
	for _, text := range u.Root {
		out.Roots = append(out.Roots, c.root(text))
	}
	for _, text := range u.Accel {
		prefix, dir, ok := strings.Cut(text, "=")
		if !ok || dir == "" || !absolutePath(prefix) || strings.Trim(prefix, "/") == "" {
			c.problem("accel", text, "it is not PREFIX=DIR", "Write it as /protected/=DIR")
		}
		out.Accel = append(out.Accel, AccelSettings{prefix, dir})
	}
	u.routes(&c)
	return out, c.problems
}

// routes checks what is said of paths of the application's. A setting that would do nothing is an error: whoever wrote
// it believes that somebody is asked, or told.
func (u *Upstream) routes(c *checker) {
	switch {
	case u.Ask == "":
	case !strings.HasPrefix(u.Ask, "/"):
		c.problem("ask", u.Ask, "it is not a path", "Write a path of the application such as /auth-check")
	case len(u.Take) == 0:
		c.problem("ask", u.Ask, "no route is taken over that the application could be asked about", "Name one by take, such as 'GET /download?file={name}', or leave it out")
	}
	for _, p := range u.UniformErrors {
		if !strings.HasPrefix(p, "/") || strings.Trim(p, "/") == "" {
			c.problem("uniform-errors", p, "it is not a path beneath the top", "Write a path of the application such as /download")
		}
	}
	if u.Announce == "x-accel-redirect" && len(u.Accel) == 0 {
		c.problem("announce", u.Announce, "no prefix is named that stands for a directory", "Add accel PREFIX=DIR, or announce x-sendfile")
	}
}

// root splits PATH=DIR. A directory that has '=' in its name needs its PATH.
func (c *checker) root(text string) RootSettings {
	r := RootSettings{Dir: text}
	if path, dir, ok := strings.Cut(text, "="); ok && strings.HasPrefix(path, "/") {
		r = RootSettings{path, dir}
	}
	if r.Dir == "" || r.Path != "" && !absolutePath(r.Path) {
		c.problem("root", text, "it is neither DIR nor PATH=DIR", "Write the directory, or what the application calls it before it: /app/files=DIR")
	}
	return r
}

// absolutePath is one of an application, which runs on a system like ours: slashes, and no element that is none.
func absolutePath(p string) bool {
	rest, ok := strings.CutPrefix(p, "/")
	rest = strings.TrimSuffix(rest, "/")
	return ok && (rest == "" || name.Local(rest) == nil)
}

// Beside makes relative paths of a file relative to where it lies.
func (u *Upstream) Beside(dir string) {
	beside := func(p string) string {
		if p == "" || filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, p)
	}
	for i, text := range u.Root {
		if path, d, ok := strings.Cut(text, "="); ok && strings.HasPrefix(path, "/") {
			u.Root[i] = path + "=" + beside(d)
		} else {
			u.Root[i] = beside(text)
		}
	}
	for i, text := range u.Accel {
		if prefix, d, ok := strings.Cut(text, "="); ok {
			u.Accel[i] = prefix + "=" + beside(d)
		}
	}
	if socket, ok := strings.CutPrefix(u.URL, "unix:"); ok {
		u.URL = "unix:" + beside(socket)
	}
}
