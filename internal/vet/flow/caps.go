package flow

// caps is what a text can hold, for someone who means harm. For a path it is what the
// whole of it can become.
type caps struct {
	up      bool // an element ".." with something behind it
	midUp   bool // one behind an element that must exist, unless the text is cleaned
	bare    bool // the whole, or the last element, is ".."
	slash   bool
	abs     bool // it begins with a slash
	newline bool // at its end, where a pattern meant to end it
}

var (
	anything = caps{up: true, bare: true, slash: true, abs: true}
	oneName  = caps{bare: true} // an element: no separator
	nothing  = caps{}
)

func (c caps) or(d caps) caps {
	return caps{c.up || d.up, c.midUp || d.midUp, c.bare || d.bare, c.slash || d.slash, c.abs || d.abs, c.newline || d.newline}
}

func (c caps) escapes() bool { return c.up || c.abs }

func (c caps) noSlash() caps {
	c.slash, c.up, c.midUp, c.abs = false, false, false, false
	return c
}

func (c caps) noDots() caps {
	c.up, c.midUp, c.bare = false, false, false
	return c
}

// containment is what a check has shown of a path.
type containment uint8

const (
	notContained containment = iota
	asText                   // beneath the base as text: links were not looked at
	resolved                 // beneath the base with links resolved, when it was looked at
)

// judged is what is known of a path where it is used.
type judged struct {
	src  *Source // nil: nothing of it is from a request
	caps caps
	cont containment
	// bareOnly: cont holds but for a sibling whose name begins as the base's.
	sibling bool
	remains map[string]bool
	// worthless are steps that look like a defence and are none, in words.
	worthless []string
	notes     map[string]bool // "replace", "decode", "prefix", ...
	suffix    string          // text that always ends it
	base      *Val
}

func (j *judged) note(key, words string) {
	if j.notes[key] {
		return
	}
	j.notes[key] = true
	if words != "" {
		j.worthless = append(j.worthless, words)
	}
}

func (j *judged) remain(what string) { j.remains[what] = true }

func newJudged() *judged { return &judged{remains: map[string]bool{}, notes: map[string]bool{}} }

// worst takes what is worse of two values that a path may have.
func (j *judged) worst(k *judged) *judged {
	switch {
	case j.src == nil:
		return k
	case k.src == nil:
		return j
	}
	out := newJudged()
	bad, good := j, k
	if k.unsafe() && !j.unsafe() {
		bad, good = k, j
	}
	if bad.unsafe() {
		return bad
	}
	out.src, out.caps, out.cont, out.base = bad.src, j.caps.or(k.caps), min(j.cont, k.cont), bad.base
	out.sibling = j.sibling || k.sibling
	out.worthless = append(append(out.worthless, bad.worthless...), good.worthless...)
	for _, one := range []*judged{j, k} {
		for r := range one.remains {
			out.remains[r] = true
		}
		for n := range one.notes {
			out.notes[n] = true
		}
	}
	return out
}

func (j *judged) unsafe() bool {
	return j.src != nil && j.cont == notContained && j.caps.escapes()
}
