package rootbound

import (
	"path/filepath"
	"strings"

	"github.com/rootbound/rootbound/internal/reason"
)

const deletedSuffix = " (deleted)"

// ownName finds out what the opened file is called beneath the base, so that what was decided about is what is
// sent: a link may have been followed, and a file system may fold case or short names. Where the file's own name
// is not the requested one, it must pass the name rules too.
func (d *Dir) ownName(f *File) (Name, error) {
	const tries = 8 // the base may be renamed between the two questions
	for range tries {
		path, err := descriptorPath(f.f)
		if err != nil {
			return d.ownNameUnknown(f)
		}
		path = filepath.ToSlash(path)
		if d.cfg.Symlinks == SymlinksRefuse && !f.name.IsBase() && endsInName(path, f.name.String()) {
			return f.name, d.exact(f) // without links the depth is the same, so the ends agree only where all agrees
		}
		basePath, err := descriptorPath(d.base.file)
		if err != nil {
			return d.ownNameUnknown(f)
		}
		if rel, ok := cutBase(path, filepath.ToSlash(basePath)); ok {
			return d.judgeOwn(f, rel)
		}
	}
	return Name{}, reason.New(reason.OpenedUnknown, nil)
}

// cutBase cuts the base's path, which says so where the base was deleted.
func cutBase(path, base string) (string, bool) {
	if rel, ok := cutPath(path, base); ok {
		return rel, true
	}
	return cutPath(path, strings.TrimSuffix(base, deletedSuffix))
}

// judgeOwn asks the rules about the name that the system gives the opened file. Where it seems to say that the file
// was deleted, that may as well be the end of a name: both readings must pass.
func (d *Dir) judgeOwn(f *File, rel string) (Name, error) {
	requested := f.name.String()
	cut, suffixed := strings.CutSuffix(rel, deletedSuffix)
	if rel != requested && !(suffixed && cut == requested) {
		if suffixed {
			if err := d.rules.Judge(cut, f.IsDir()); err != nil {
				return Name{}, reason.New(reason.OpenedName, err)
			}
			if f.facts.links == 0 {
				rel = cut
			}
		}
		own, err := d.rules.Opened(rel, f.name, f.IsDir())
		if err != nil {
			return Name{}, reason.New(reason.OpenedName, err)
		}
		f.name = own
	}
	return f.name, d.exact(f)
}

func endsInName(path, requested string) bool {
	return endsIn(path, requested) || endsIn(strings.TrimSuffix(path, deletedSuffix), requested)
}

func endsIn(path, name string) bool {
	rest, ok := strings.CutSuffix(path, name)
	return ok && strings.HasSuffix(rest, "/")
}

// ownNameUnknown answers where the system does not tell names (no /proc): without links the requested name is the
// file's own, unless the file system folds names; anything else stays closed.
func (d *Dir) ownNameUnknown(f *File) (Name, error) {
	if d.cfg.Symlinks == SymlinksRefuse {
		return f.name, d.exactUnknown(f)
	}
	return Name{}, reason.New(reason.OpenedUnknown, nil)
}
