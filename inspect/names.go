package inspect

import (
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/name"
)

// name reports what a name alone tells.
func (b *reader) name(d *directory, elem string, f *facts) {
	if odd(elem) {
		b.oddName(d, elem)
	}
	if elem[0] == '.' {
		b.w.add(finding.NameHidden, d.join(elem), "")
	}
	if rule, evidence := byName(elem, f.is(typeDir)); rule != "" {
		b.w.add(rule, d.join(elem), evidence)
	}
}

// odd says, fast, whether anything but the first character of a name wants a closer look.
func odd(elem string) bool {
	for i := 0; i < len(elem); i++ {
		if c := elem[i]; c < ' ' || c >= 0x7f || strings.IndexByte(`\:<>"|?*`, c) >= 0 {
			return true
		}
	}
	if last := elem[len(elem)-1]; last == '.' || last == ' ' {
		return true
	}
	return mayBeDevice(elem)
}

// mayBeDevice is true of all names that begin as the device names of Windows do.
func mayBeDevice(elem string) bool {
	if len(elem) < 3 {
		return false
	}
	switch lower(elem[:3]) {
	case "con", "prn", "aux", "nul", "com", "lpt", "clo":
		return true
	}
	return false
}

func (b *reader) oddName(d *directory, elem string) {
	path := func() string { return d.join(elem) }
	if !utf8.ValidString(elem) {
		b.w.add(finding.NameUTF8, path(), "")
		return
	}
	control, spoof := false, ""
	for _, r := range elem {
		switch {
		case unicode.IsControl(r):
			control = true
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || r == '\u3164' || r == '\u115f':
			spoof = string(r)
		}
	}
	if control {
		b.w.add(finding.NameControl, path(), "")
	}
	if spoof != "" {
		b.w.add(finding.NameSpoof, path(), "")
	}
	if strings.Contains(elem, `\`) {
		b.w.add(finding.NameBackslash, path(), "")
	}
	if err := name.PortableElement(elem); err != nil {
		b.w.add(finding.NamePortable, path(), err.Error())
	}
	if !norm.NFC.IsNormalString(elem) {
		b.w.add(finding.NameNormalForm, path(), "composed: "+norm.NFC.String(elem))
	}
}

// lower is strings.ToLower for ASCII, which leaves a name that is lower case already as it is.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

// fold is what file systems that do not tell case or normal forms apart take for the same.
func fold(elem string) string {
	for i := 0; i < len(elem); i++ {
		if elem[i] >= utf8.RuneSelf {
			return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(elem))))
		}
	}
	return lower(elem)
}

var seed = maphash.MakeSeed()

func foldHash(elem string) uint64 { return maphash.String(seed, fold(elem)) }

// maxCollisions bounds the names of a directory that are compared in full.
const maxCollisions = 1000

// collisions finds names that are one name elsewhere. Of a directory only hashes are kept, and it is read again where two
// are equal.
func (w *walk) collisions(d *directory) {
	slices.Sort(d.hashes)
	twice := map[uint64]bool{}
	for i := 1; i < len(d.hashes) && len(twice) < maxCollisions; i++ {
		if d.hashes[i] == d.hashes[i-1] {
			twice[d.hashes[i]] = true
		}
	}
	d.hashes = nil
	if len(twice) == 0 || d.rewind() != nil {
		return
	}
	groups := map[string][]string{}
	for kept := 0; kept < 4*maxCollisions && !w.ending.Load(); {
		names, err := d.next(batch)
		for _, elem := range names {
			if folded := fold(elem); twice[maphash.String(seed, folded)] {
				groups[folded] = append(groups[folded], elem)
				kept++
			}
		}
		if err == io.EOF || len(names) == 0 {
			break
		}
	}
	for _, names := range groups {
		if len(names) > 1 {
			w.collision(d, names)
		}
	}
}

func (w *walk) collision(d *directory, names []string) {
	slices.Sort(names)
	rule := finding.NameCase
	for _, n := range names[1:] {
		if norm.NFC.String(n) == norm.NFC.String(names[0]) {
			rule = finding.NameNormalForm
		}
	}
	w.add(rule, d.join(names[0]), "beside "+strings.Join(names[1:min(len(names), 5)], ", "))
}
