package attack

import (
	"bytes"
	"net/url"
	"path/filepath"
	"strings"
)

// Canary is a file that must never be handed out. Its token is random, so a body that holds the token was read
// from the file: there are no false alarms.
type Canary struct {
	// Name is how the base directory reaches it, slash separated: "../canary.txt", ".env".
	Name string
	// Token is what the file holds.
	Token string
}

// Up returns how many levels above the base the name climbs before it descends: 0 for a file inside.
func (c Canary) Up() int {
	n := 0
	for rest := c.Name; strings.HasPrefix(rest, "../"); rest = rest[3:] {
		n++
	}
	return n
}

// rest returns the name behind the climb.
func (c Canary) rest() string { return c.Name[3*c.Up():] }

// Layout says where things lie that an attack needs to know. PlantTree makes one; for a server elsewhere it can
// be filled in by hand, with empty fields for what is not known.
type Layout struct {
	// Base is the absolute path of the base directory, with its system's separators. Without it the classes
	// that need absolute paths are left out.
	Base string
	// Outer is an absolute path above everything planted, or empty.
	Outer string
	// File and Dir are names of an existing file and an existing directory inside the base.
	File, Dir string
	// Body is what File holds.
	Body string
	// Canaries are all the files that must not be handed out, outside and (hidden ones) inside.
	Canaries []Canary
}

// names of the planted canaries, and of a file that is nowhere, of the same length for Absent.
const (
	canaryName = "canary.txt"
	absentName = "absent.txt"
)

// Outside returns the canaries outside the base, Hidden those inside.
func (l Layout) Outside() []Canary { return l.canaries(func(up int) bool { return up > 0 }) }

// Hidden returns the canaries inside the base, which are refused because of their names.
func (l Layout) Hidden() []Canary { return l.canaries(func(up int) bool { return up == 0 }) }

func (l Layout) canaries(want func(up int) bool) []Canary {
	var out []Canary
	for _, c := range l.Canaries {
		if want(c.Up()) {
			out = append(out, c)
		}
	}
	return out
}

// Abs returns the absolute path of a canary in slash form, or "" where the base is not known.
func (l Layout) Abs(c Canary) string {
	if l.Base == "" {
		return ""
	}
	return filepath.ToSlash(filepath.Join(l.Base, filepath.FromSlash(c.Name)))
}

// Leaks reports whether body holds a canary's token, and which canary's by its Name. A listing of a directory
// outside leaks too where a file name holds the token.
func (l Layout) Leaks(body []byte) (which string, leaked bool) {
	for _, c := range l.Canaries {
		if c.Token != "" && bytes.Contains(body, []byte(c.Token)) {
			return c.Name, true
		}
	}
	return "", false
}

// Discloses reports whether b (a body, or headers written out) holds an absolute path of the layout, plain or
// percent-encoded. It cannot tell a disclosed path from one the server repeats out of the request; no answer
// may hold either.
func (l Layout) Discloses(b []byte) bool {
	for _, dir := range []string{l.Base, l.Outer} {
		if dir == "" {
			continue
		}
		slash := filepath.ToSlash(dir)
		for _, s := range []string{dir, slash, url.PathEscape(slash), url.QueryEscape(slash)} {
			if bytes.Contains(b, []byte(s)) {
				return true
			}
		}
		if real, err := filepath.EvalSymlinks(dir); err == nil && bytes.Contains(b, []byte(real)) {
			return true
		}
	}
	return false
}

// Absent returns the case with a file that does not exist in place of the canary, and whether there is one. The
// two names have the same length, so a server that answers them differently tells what exists outside its base.
func (l Layout) Absent(c Case) (Case, bool) {
	if !strings.Contains(c.Text, canaryName) {
		return Case{}, false
	}
	c.Name += ".absent"
	for _, s := range []*string{&c.Target, &c.Query, &c.Text} {
		*s = strings.ReplaceAll(*s, canaryName, absentName)
		*s = strings.ReplaceAll(*s, escapeAll(canaryName), escapeAll(absentName))
	}
	return c, true
}
