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
	path, err := descriptorPath(f.f)
	if err != nil {
		return d.ownNameUnknown(f)
	}
	path = filepath.ToSlash(path)
	requested := f.name.String()
	if d.cfg.Symlinks == SymlinksRefuse && requested != "." && endsInName(path, requested) {
		return f.name, nil // without links the depth is the same, so the ends agree only where all agrees
	}
	basePath, err := descriptorPath(d.base.file)
	if err != nil {
		return d.ownNameUnknown(f)
	}
	basePath = filepath.ToSlash(basePath)
	rel, ok := cutPath(path, strings.TrimSuffix(basePath, deletedSuffix))
	if !ok { // the base or the file moved between the two questions
		return Name{}, reason.New(reason.OpenedUnknown, nil)
	}
	if rel == requested {
		return f.name, nil
	}
	if cut, ok := strings.CutSuffix(rel, deletedSuffix); ok {
		if cut == requested {
			return f.name, nil
		}
		if err := d.rules.Judge(cut, f.IsDir()); err != nil {
			return Name{}, reason.New(reason.OpenedName, err)
		}
	}
	own, err := d.rules.Opened(rel, f.name, f.IsDir())
	if err != nil {
		return Name{}, reason.New(reason.OpenedName, err)
	}
	return own, nil
}

func endsInName(path, requested string) bool {
	path = strings.TrimSuffix(path, deletedSuffix)
	cut := len(path) - len(requested)
	return cut > 0 && path[cut-1] == '/' && path[cut:] == requested || strings.HasSuffix(path, "/"+requested)
}

// ownNameUnknown answers where the system does not tell names (no /proc): without links on a file system that does
// not fold names the requested name is the file's own; anything else stays closed.
func (d *Dir) ownNameUnknown(f *File) (Name, error) {
	if d.cfg.Symlinks == SymlinksRefuse && !d.mayFold(f) {
		return f.name, nil
	}
	return Name{}, reason.New(reason.OpenedUnknown, nil)
}
