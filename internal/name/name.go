// Package name is the NAME stage: from the text of a request to a checked name, without any file system.
//
// Percent-decoding happens exactly once. What is not a name at all (bad encoding, invalid UTF-8, NUL, control
// characters, '#', nothing) is malformed; what is a name but one that is never served is refused.
package name

import (
	"path"
	"strings"

	"github.com/rootbound/rootbound/internal/reason"
)

const (
	// MaxElement is the longest element, in bytes (NAME_MAX, limits.h).
	MaxElement = 255
	// MaxName is the longest name, in bytes (PATH_MAX less the NUL, limits.h).
	MaxName = 4095
	// ReservedPrefix starts the names of unfinished uploads; no name with such an element is ever served or listed.
	ReservedPrefix = ".rootbound-"
	// ReservedFirst is the first element of the server's own pages.
	ReservedFirst = "-"
)

// Name is a checked name: slash-separated, relative, without empty, "." or ".." elements. Later stages take
// nothing else. The zero Name is not valid; Name{} is what a failed check returns.
type Name struct {
	text  string
	dir   bool
	asDir bool // judged as a directory's name, which Allow is not asked about
	by    *Rules
}

// Base is the name of the base directory itself.
func (r *Rules) Base() Name { return Name{dir: true, asDir: true, by: r} }

// String returns the name, "." for the base directory itself.
func (n Name) String() string {
	if n.text == "" {
		return "."
	}
	return n.text
}

// Valid says whether the name came from a check.
func (n Name) Valid() bool { return n.by != nil }

// CheckedBy says whether these rules have judged the name as what it now asks for. Another Dir's name is judged
// again, and so is the name of a directory that File made one of a file.
func (n Name) CheckedBy(r *Rules) bool { return n.by == r && r != nil && n.asDir == n.dir }

// IsBase says whether it names the base directory itself.
func (n Name) IsBase() bool { return n.by != nil && n.text == "" }

// WantsDir says whether the request asked for a directory, by a final slash.
func (n Name) WantsDir() bool { return n.dir }

// Last returns the last element, "." for the base.
func (n Name) Last() string { return path.Base(n.String()) }

// Elements returns the elements from the base on; none for the base itself.
func (n Name) Elements() []string {
	if n.text == "" {
		return nil
	}
	return strings.Split(n.text, "/")
}

// Clone returns the same name in memory of its own: a name that is kept must not keep the request it was cut from.
func (n Name) Clone() Name { n.text = strings.Clone(n.text); return n }

// File returns the same name asked for without its final slash: as a file's name it is judged anew by what opens it.
func (n Name) File() Name { n.dir = false; return n }

// Check is a policy on whole names: nil means yes. It may return any error; one without a reason code of its own
// counts as name-policy.
type Check func(name string) error

// Rules decide which names are served. The zero value is the strictest useful setting. Rules are not changed
// after first use; then they are safe for concurrent use.
type Rules struct {
	// Policy is asked after the fixed rules; nil asks nothing more.
	Policy Check
	// AllowHidden lets elements start with a dot.
	AllowHidden bool
	// AllowWellKnown lets the first element be ".well-known" (RFC 8615), and nothing else that is hidden.
	AllowWellKnown bool
	// Deny refuses what any of these match, and all beneath it.
	Deny []Glob
	// Allow, unless empty, refuses files that none of these match.
	Allow []Glob

	within string // see Beneath
}

// Beneath returns the rules of a base of its own within a directory of this one. Its names are relative to that
// directory, but they are judged as what they are called from here: an anchored pattern would mean another file
// otherwise, and a policy less than it says.
func (r *Rules) Beneath(dir string) *Rules {
	sub := *r
	if dir != "." {
		sub.within = r.full(dir)
	}
	return &sub
}

// full is what a name is called from where the rules were made.
func (r *Rules) full(text string) string {
	if r.within == "" {
		return text
	}
	return r.within + "/" + text
}

// FromPath checks the path of a request target as it was sent: percent-encoded, with its leading slash, without
// '?' and query. A final slash asks for a directory.
func (r *Rules) FromPath(escaped string) (Name, error) {
	if strings.IndexByte(escaped, '#') >= 0 {
		return Name{}, reason.New(reason.NameFragment, nil)
	}
	if escaped == "" {
		return Name{}, reason.New(reason.NameEmpty, nil)
	}
	if escaped[0] != '/' {
		return Name{}, reason.New(reason.NameAbsolute, nil)
	}
	text, encodedSlash, err := decode(escaped[1:], false)
	if err != nil {
		return Name{}, err
	}
	if err := malformed(text); err != nil {
		return Name{}, err
	}
	if encodedSlash {
		return Name{}, reason.New(reason.NameEncodedSeparator, nil)
	}
	if text == "" {
		return r.Base(), nil
	}
	trimmed, dir := strings.CutSuffix(text, "/")
	n, err := r.check(trimmed, dir)
	if err != nil {
		return Name{}, err
	}
	return reserved(n)
}

// FromQuery checks the value of one form field in a raw query (without '?'): '+' is a space, "%2F" an ordinary
// separator. A field that is missing or empty is name-empty, one that is repeated name-repeated.
func (r *Rules) FromQuery(rawQuery, field string) (Name, error) {
	if strings.IndexByte(rawQuery, '#') >= 0 {
		return Name{}, reason.New(reason.NameFragment, nil)
	}
	value, seen := "", 0
	for pair := range strings.SplitSeq(rawQuery, "&") {
		k, v, _ := strings.Cut(pair, "=")
		key, _, err := decode(k, true)
		if err != nil {
			return Name{}, err
		}
		val, _, err := decode(v, true)
		if err != nil {
			return Name{}, err
		}
		if key == field {
			value = val
			seen++
		}
	}
	if seen > 1 {
		return Name{}, reason.New(reason.NameRepeated, nil)
	}
	n, err := r.FromText(value)
	if err != nil {
		return Name{}, err
	}
	return reserved(n)
}

// FromText checks a name that is already decoded. A final slash is an empty element, and so refused.
func (r *Rules) FromText(text string) (Name, error) {
	if text == "" {
		return Name{}, reason.New(reason.NameEmpty, nil)
	}
	if err := malformed(text); err != nil {
		return Name{}, err
	}
	return r.check(text, false)
}

// FromDir checks the name of a directory: as FromText, but "." is the base itself and Allow is not asked.
func (r *Rules) FromDir(text string) (Name, error) {
	if text == "." {
		return r.Base(), nil
	}
	if text == "" {
		return Name{}, reason.New(reason.NameEmpty, nil)
	}
	if err := malformed(text); err != nil {
		return Name{}, err
	}
	return r.check(text, true)
}

// Child checks one element beneath a checked directory name.
func (r *Rules) Child(dir Name, element string, isDir bool) (Name, error) {
	if !dir.Valid() {
		return Name{}, reason.New(reason.NameEmpty, nil)
	}
	if element == "." { // FromDir would take it for the base
		return Name{}, reason.New(reason.NameDot, nil)
	}
	if strings.IndexByte(element, '/') >= 0 {
		return Name{}, reason.New(reason.NameEncodedSeparator, nil)
	}
	text := element
	if dir.text != "" {
		text = dir.text + "/" + element
	}
	if isDir {
		return r.FromDir(text)
	}
	return r.FromText(text)
}

func (r *Rules) check(text string, dir bool) (Name, error) {
	if err := Local(text); err != nil {
		return Name{}, err
	}
	if err := r.policy(text, dir); err != nil {
		return Name{}, err
	}
	return Name{text: text, dir: dir, asDir: dir, by: r}, nil
}

// policy applies what the operator chose, after Local.
func (r *Rules) policy(text string, dir bool) error {
	text = r.full(text)
	if err := r.elements(text); err != nil {
		return err
	}
	if err := r.patterns(text, dir); err != nil {
		return err
	}
	if r.Policy == nil {
		return nil
	}
	err := r.Policy(text)
	if err != nil && reason.Of(err) == reason.Unforeseen {
		return reason.New(reason.NamePolicy, err)
	}
	return err
}

// elements refuses what starts with a dot.
func (r *Rules) elements(text string) error {
	rest, first := text, true
	for rest != "" {
		elem := rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			elem, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		if strings.HasPrefix(elem, ReservedPrefix) {
			return reason.New(reason.NameReserved, nil)
		}
		if elem[0] == '.' && !r.AllowHidden && !(first && r.AllowWellKnown && elem == ".well-known") {
			return reason.New(reason.NameHidden, nil)
		}
		first = false
	}
	return nil
}

func (r *Rules) patterns(text string, dir bool) error {
	if len(r.Deny) == 0 && len(r.Allow) == 0 {
		return nil
	}
	elems := strings.Split(text, "/")
	if anyMatch(r.Deny, elems) || len(r.Allow) > 0 && !dir && !anyMatch(r.Allow, elems) {
		return reason.New(reason.NameDenied, nil)
	}
	return nil
}

func anyMatch(globs []Glob, elems []string) bool {
	for _, g := range globs {
		if g.matchTree(elems) {
			return true
		}
	}
	return false
}

// reserved refuses the names of the server's own pages, which a request cannot mean.
func reserved(n Name) (Name, error) {
	if n.text == ReservedFirst || strings.HasPrefix(n.text, ReservedFirst+"/") {
		return Name{}, reason.New(reason.NameReserved, nil)
	}
	return n, nil
}

// Judge asks the rules about the name an opened file turned out to have. dir says that it is a directory.
func (r *Rules) Judge(text string, dir bool) error {
	if text == "." {
		return nil
	}
	_, err := r.check(text, dir)
	return err
}

// Opened names an opened file by its own name, after judging it, keeping what the request asked for.
func (r *Rules) Opened(text string, requested Name, isDir bool) (Name, error) {
	if text == "." {
		return r.Base(), nil
	}
	n, err := r.check(text, isDir)
	if err != nil {
		return Name{}, err
	}
	n.dir = requested.dir
	return n, nil
}
