package inspect

import (
	"fmt"
	"os/user"
	"strconv"
	"sync"

	"github.com/rootbound/rootbound/internal/finding"
)

// reader is what one worker has for itself.
type reader struct {
	w    *walk
	buf  []byte
	scan scan
	// Of the directory at hand.
	regular []string
	hashes  []uint64
}

func newReader(w *walk) *reader { return &reader{w: w, buf: make([]byte, w.cfg.ContentBytes)} }

// look looks at elements of a directory and returns those that are directories.
func (b *reader) look(d *directory, names []string) (subdirs []string) {
	w := b.w
	b.regular, b.hashes = b.regular[:0], b.hashes[:0]
	for _, elem := range names {
		if w.ending.Load() {
			break
		}
		var f facts
		if err := d.lstat(elem, &f); err != nil {
			w.failed(d.join(elem), err, "not looked at")
			continue
		}
		if most := w.cfg.MaxEntries; most > 0 && w.progress().Entries >= most {
			w.stop(errEntries)
			break
		}
		if !d.quiet {
			b.name(d, elem, &f)
			b.hashes = append(b.hashes, foldHash(elem))
		}
		w.rights(d, elem, &f)
		switch f.mode & typeMask {
		case typeDir:
			w.dirs.Add(1)
			subdirs = append(subdirs, elem)
		case typeRegular:
			w.files.Add(1)
			b.file(d, elem, &f)
		case typeLink:
			w.others.Add(1)
			w.link(d, elem)
		default:
			w.others.Add(1)
			w.special(d, elem, &f)
		}
	}
	d.mu.Lock()
	d.hashes = append(d.hashes, b.hashes...)
	d.guess = d.guess.more(b.regular)
	d.mu.Unlock()
	return subdirs
}

// file looks at a regular file.
func (b *reader) file(d *directory, elem string, f *facts) {
	if f.links > 1 {
		b.w.hard.saw(d, elem, f)
	}
	if d.quiet {
		return
	}
	b.regular = append(b.regular, elem)
	if !b.w.cfg.Quick && f.size > 0 {
		b.content(d, elem)
	}
}

func (w *walk) special(d *directory, elem string, f *facts) {
	out := finding.Finding{Rule: finding.SpecialFile, Place: finding.Place{Path: d.join(elem)}, Evidence: f.kindOf()}
	if f.is(typeBlock) || f.is(typeChar) {
		out.Severity = finding.High
	}
	w.addFinding(out)
}

// rights reports who else may change a file, or run it as somebody else.
func (w *walk) rights(d *directory, elem string, f *facts) {
	if f.uid != w.base.uid && f.uid != 0 {
		w.owners.saw(d, elem, f)
	}
	if f.is(typeLink) {
		return // the mode of a link has no meaning
	}
	if f.mode&0o002 != 0 && (f.is(typeDir) || f.is(typeRegular)) {
		out := finding.Finding{Rule: finding.WorldWritable, Place: finding.Place{Path: d.join(elem)}, Evidence: f.kindOf() + " with mode " + octal(f.mode)}
		if f.is(typeRegular) || f.mode&sticky != 0 {
			out.Severity = finding.Medium
		}
		w.addFinding(out)
	}
	if !f.is(typeRegular) {
		return
	}
	if f.mode&setUser != 0 || f.mode&setGroup != 0 && f.mode&0o010 != 0 {
		w.add(finding.SetID, d.join(elem), "mode "+octal(f.mode)+", owner "+userName(f.uid)+", group "+groupName(f.gid))
	}
	if f.mode&0o111 != 0 && !d.quiet {
		w.add(finding.Executable, d.join(elem), "mode "+octal(f.mode))
	}
}

func octal(mode uint32) string { return fmt.Sprintf("%04o", mode&0o7777) }

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func groupName(gid uint32) string {
	id := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// maxHardLinks bounds the files with several names that are remembered.
const maxHardLinks = 200_000

// hardLinks counts the names of files that have several.
type hardLinks struct {
	mu    sync.Mutex
	files map[fileID]*hardLink
	over  int64 // files that were not remembered
}

type fileID struct{ dev, ino uint64 }

type hardLink struct {
	links, seen uint64
	first       string
}

func (h *hardLinks) saw(d *directory, elem string, f *facts) {
	path := d.join(elem)
	h.mu.Lock()
	defer h.mu.Unlock()
	id := fileID{f.dev, f.ino}
	known := h.files[id]
	if known == nil {
		if len(h.files) >= maxHardLinks {
			h.over++
			return
		}
		if h.files == nil {
			h.files = map[fileID]*hardLink{}
		}
		known = &hardLink{first: path}
		h.files[id] = known
	}
	known.links = f.links
	known.seen++
	known.first = min(known.first, path)
}

// report reports the files with names that were not seen: unless the walk was cut short, they are outside.
func (h *hardLinks) report(w *walk) {
	if w.over != nil && len(h.files) > 0 {
		w.report.Note(finding.Place{}, "whether files have other names outside is known only after all of it was looked at")
		return
	}
	for _, f := range h.files {
		if f.seen < f.links {
			w.add(finding.HardLink, f.first, fmt.Sprintf("%d names, %d of them here", f.links, f.seen))
		}
	}
	if h.over > 0 {
		w.report.Note(finding.Place{}, fmt.Sprintf("more than %d files have several names: where those of the others are is not known", maxHardLinks))
	}
}

// owners counts what belongs to whom.
type owners struct {
	mu sync.Mutex
	by map[uint32]*owned
}

type owned struct {
	n     int64
	first string
}

func (o *owners) saw(d *directory, elem string, f *facts) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by == nil {
		o.by = map[uint32]*owned{}
	}
	its := o.by[f.uid]
	if its == nil {
		its = &owned{first: d.join(elem)}
		o.by[f.uid] = its
	} else if its.n < 1000 { // which is first matters where there are few
		its.first = min(its.first, d.join(elem))
	}
	its.n++
}

func (o *owners) report(w *walk) {
	for uid, its := range o.by {
		w.addFinding(finding.Finding{
			Rule: finding.OtherOwner, Place: finding.Place{Path: its.first}, Identity: "user " + strconv.FormatUint(uint64(uid), 10),
			Evidence: fmt.Sprintf("%d of user %s; the directory belongs to %s", its.n, userName(uid), userName(w.base.uid)),
		})
	}
}
