// Package attack is the one corpus of attacks on file serving: names and request-targets that try to make a
// server hand out a file that lies outside its base directory, or one inside it that is not to be served.
//
// Tests, the probe and the documentation all take their attacks from here, so an attack is written down once.
// The package imports no testing code; tests plant trees through the subpackage plant. That every class of
// attack is real is shown by package undefended, whose servers each make one mistake: the command
// internal/attack/report runs the corpus against them, and a class that leaks from none of them must be listed
// there with the reason.
//
// A new attack is a new form in grammar.go where it multiplies with separators and depths, otherwise a line in
// the file of its kind: names.go for what is wrong with a name alone, targets.go for what only a request-target
// or a length can say.
package attack

import "strings"

// Case is one attack, written in the three ways it can reach a server.
//
// Decoding Query as a form value gives Text. So does decoding the percent-escapes of Target without its first
// slash, with bad escapes left as they are, but for the class target-form, whose targets are of another shape.
type Case struct {
	// Class groups the cases that rely on the same misreading; see Classes.
	Class string
	// Name is a short identifier, unique in the corpus and stable as long as new forms are added at the end of
	// their lists.
	Name string
	// Target is the request-target as bytes for the request line. It never holds a space, CR or LF: these are
	// percent-encoded where an attack needs them. It may hold any other byte, NUL among them.
	Target string
	// Query is the value to put behind "?file=", encoded as the attacker would write it.
	Query string
	// Text is the decoded name, for a call of a library.
	Text string
}

// Class is a group of cases that rely on one misreading.
type Class struct {
	Name  string
	About string // what a server has to misread for these cases to work
}

// Classes returns every class that Corpus and PlantLinks use, in the order of reports.
func Classes() []Class {
	return append([]Class(nil), classes...)
}

var classes = []Class{
	{"traversal-plain", "`..` elements that leave the base as they stand"},
	{"traversal-encoded", "the same, percent-encoded once: a check on the undecoded text misses them"},
	{"traversal-double", "percent-encoded twice: decoding again after the check brings them back"},
	{"traversal-triple", "percent-encoded three times"},
	{"traversal-overlong", "UTF-8 in more bytes than needed, which lax decoders turn into dots and slashes"},
	{"traversal-percent-u", "`%uXXXX`, which is no URL encoding but is decoded by some servers"},
	{"traversal-backslash", "backslashes, which Windows and some frameworks read as slashes"},
	{"traversal-best-fit", "full-width and other look-alikes that compatibility mapping turns into dots and slashes"},
	{"traversal-params", "`;parameters` in elements, dropped after the check"},
	{"traversal-slashes", "several slashes and `/./` between the elements"},
	{"traversal-control", "control characters within the dots, dropped after the check"},
	{"traversal-windows", "trailing spaces in elements, dropped by Windows"},
	{"traversal-multi-dot", "three and four dots, which Windows 9x and NetWare read as two and three levels up"},
	{"traversal-bad-percent", "percent signs that start no escape, dropped after the check"},
	{"traversal-bad-utf8", "bytes that are no UTF-8, dropped after the check"},
	{"traversal-mixed", "two of these disguises at once"},
	{"traversal-strip", "names that become traversals by the removal of `../`"},
	{"sibling-prefix", "a directory beside the base whose name starts with the base's name"},
	{"absolute", "an absolute name, which replaces the base in a join"},
	{"file-url", "a file: URL where the opener accepts URLs"},
	{"unc", "names that Windows reads as a host and a share, and redirects to another host"},
	{"drive", "Windows drives, device and object manager prefixes"},
	{"device", "names that are devices on Windows, whatever their extension"},
	{"tilde", "home directories, for whatever expands them"},
	{"nul", "a NUL, at which C ends the name"},
	{"newline", "line ends, over which anchored expressions and strip() disagree with the check"},
	{"trailing", "slashes, dots, spaces and elements behind the name"},
	{"stream", "NTFS streams and short names of a refused name"},
	{"hidden", "names that start with a dot, in spellings a rule may miss"},
	{"case-fold", "refused names in another case, for file systems that fold it"},
	{"normalization", "refused names in another Unicode normalization, or with characters HFS+ ignores"},
	{"query-fragment", "`?` and `#`: one part is checked, another opened"},
	{"target-form", "request-targets that are no absolute path: absolute-form, authority-form, asterisk-form"},
	{"alias", "a URL prefix without its slash, mapped to a directory with one"},
	{"length", "names and elements at and beyond the limits of buffers and systems"},
	{"link-file", "a symbolic link to a file outside"},
	{"link-dir", "a symbolic link to a directory outside, and names through it"},
	{"link-chain", "links that leave only after several steps"},
	{"link-loop", "links that lead to themselves, or through more steps than any system follows"},
	{"link-dangling", "links to nothing outside"},
	{"link-hidden", "a link inside the base to a name that is refused"},
	{"link-sidecar", "a precompressed sibling that is a link to a file outside"},
	{"link-index", "an index page that is a link to a file outside"},
	{"link-inside", "links that stay inside the base: refused unless links are allowed, then served"},
	{"hard-link", "another name of a file outside"},
	{"special", "FIFO and socket: an open that blocks, or wakes a peer"},
}

// Corpus returns every case for a layout, always the same for the same layout, each Name and each way of
// writing only once. A layout without Base, Up canaries or hidden names yields fewer classes.
func Corpus(l Layout) []Case {
	b := &builder{layout: l, seen: make(map[written]bool)}
	b.grammar()
	b.strip()
	b.siblings()
	b.names()
	b.targets()
	return b.cases
}

type written struct{ target, query, text string }

type builder struct {
	layout Layout
	cases  []Case
	seen   map[written]bool
}

// add appends the case of wire, the bytes an attacker writes behind the first slash of a path.
func (b *builder) add(class, name, wire string) {
	b.addTarget(class, name, "/"+escapeLine(wire), wire)
}

// addTarget is add for a target that is not simply a slash and wire.
func (b *builder) addTarget(class, name, target, wire string) {
	w := written{target: escapeLine(target), query: escapeForm(wire), text: decode(wire)}
	if b.seen[w] {
		return
	}
	b.seen[w] = true
	b.cases = append(b.cases, Case{
		Class:  class,
		Name:   strings.TrimPrefix(class, "traversal-") + "." + name,
		Target: w.target,
		Query:  w.query,
		Text:   w.text,
	})
}
