package rootbound

import (
	"fmt"
	"strconv"

	"github.com/rootbound/rootbound/internal/name"
)

// Symlinks says what happens where a name leads through a symbolic link.
type Symlinks uint8

const (
	// SymlinksRefuse refuses every name that leads through a link. It is the zero value.
	SymlinksRefuse Symlinks = iota
	// SymlinksWithin follows links that stay beneath the base directory, relative or absolute, and refuses those
	// that leave. The file a link leads to must pass the name rules under its own name too.
	SymlinksWithin
)

// String names the policy as messages do.
func (s Symlinks) String() string {
	switch s {
	case SymlinksRefuse:
		return "refuse"
	case SymlinksWithin:
		return "within"
	}
	return "Symlinks(" + strconv.Itoa(int(s)) + ")"
}

// Hardlinks says what happens with a file that has other names. A hard link cannot be told from the file itself,
// and one made by somebody else may name a file from outside the base directory.
type Hardlinks uint8

const (
	// HardlinksAllow serves them: many tools (backups, package stores) make hard links for no other reason than
	// space. It is the zero value, and the one policy whose zero value is not the strict one.
	HardlinksAllow Hardlinks = iota
	// HardlinksRefuse refuses files with more than one name.
	HardlinksRefuse
)

// NamePolicy is asked about every name, after the rules that always hold (see Local); a non-nil error refuses the
// name. It sees the decoded, slash-separated name, relative to the directory that Open was given, also for a Sub of
// it. It must be a pure function of the text, and safe for
// concurrent use. nil asks nothing more.
type NamePolicy func(name string) error

// Local is the policy that always holds: it refuses names that are empty or absolute, that have empty, "." or
// ".." elements, backslashes, control characters, NUL, invalid UTF-8, or elements over 255 bytes; on Windows also
// whatever Windows reads as something else. Hidden elements are Config.AllowHidden's business.
func Local(text string) error { return name.Local(text) }

// Portable refuses, on every system, what any system would misread: device names (CON, NUL.txt), colons, trailing
// dots and spaces, and <>"|?*.
func Portable(text string) error { return name.Portable(text) }

// Strict is the classic allowlist: [A-Za-z0-9_.-]+ for each element, matched to the very end.
func Strict(text string) error { return name.Strict(text) }

// Name is a checked name: slash-separated, relative, judged by the rules of the Dir it came from. Its zero value
// is not valid and opens nothing.
type Name = name.Name

// DefaultMaxOpens bounds the opens of one base directory that are in flight at once.
const DefaultMaxOpens = 128

// DefaultMaxUpload bounds one upload, in bytes.
const DefaultMaxUpload = 1 << 30

// Config says what a base directory gives away. Its zero value is the strictest useful setting.
type Config struct {
	// Symlinks: default SymlinksRefuse.
	Symlinks Symlinks
	// Hardlinks: default HardlinksAllow.
	Hardlinks Hardlinks
	// Names is asked after Local: Portable, Strict or a function of yours. Default: nothing more.
	Names NamePolicy
	// AllowHidden serves names with elements that start with a dot.
	AllowHidden bool
	// AllowWellKnown serves names beneath ".well-known" (RFC 8615) and no other hidden ones.
	AllowWellKnown bool
	// Deny refuses names that match any of these patterns, and all beneath them. For a Sub too, names are matched
	// as they are called from the directory that Open was given. '*' and '?' match within an
	// element, '**' any number of elements; a pattern without '/' matches an element at any depth.
	Deny []string
	// Allow, unless empty, refuses files that match none of these patterns.
	Allow []string
	// MaxOpens bounds the opens in flight at once, so that a hanging file system cannot use up the process's
	// threads; one more waits a second at most and is then ErrUnavailable. As many reads of the library's own may be
	// blocked; there one more waits five seconds, or in the middle of an answer a minute. Default DefaultMaxOpens.
	MaxOpens int
	// Writable lets Create work. Default: read only.
	Writable bool
	// MaxUpload bounds one upload, in bytes. Default DefaultMaxUpload.
	MaxUpload int64

	// noOpenat2 makes tests use os.Root where openat2 is at hand.
	noOpenat2 bool
	// noTmpfile makes tests use a named temporary where O_TMPFILE is at hand.
	noTmpfile bool
}

// rules translates the configuration into what the NAME stage asks, and reports what cannot work.
func (c *Config) rules() (*name.Rules, error) {
	if c.Symlinks > SymlinksWithin {
		return nil, fmt.Errorf("rootbound: Config.Symlinks is %d: use SymlinksRefuse or SymlinksWithin", c.Symlinks)
	}
	if c.Hardlinks > HardlinksRefuse {
		return nil, fmt.Errorf("rootbound: Config.Hardlinks is %d: use HardlinksAllow or HardlinksRefuse", c.Hardlinks)
	}
	if c.MaxOpens < 0 || c.MaxUpload < 0 {
		return nil, fmt.Errorf("rootbound: Config.MaxOpens and Config.MaxUpload must not be negative")
	}
	r := &name.Rules{AllowHidden: c.AllowHidden, AllowWellKnown: c.AllowWellKnown}
	if c.Names != nil {
		r.Policy = name.Check(c.Names)
	}
	var err error
	if r.Deny, err = globs("Deny", c.Deny); err != nil {
		return nil, err
	}
	if r.Allow, err = globs("Allow", c.Allow); err != nil {
		return nil, err
	}
	return r, nil
}

func globs(field string, patterns []string) ([]name.Glob, error) {
	var out []name.Glob
	for _, p := range patterns {
		g, err := name.ParseGlob(p)
		if err != nil {
			return nil, fmt.Errorf("rootbound: Config.%s pattern %q: %w", field, p, err)
		}
		out = append(out, g)
	}
	return out, nil
}
