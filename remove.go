package rootbound

import (
	"errors"

	"github.com/rootbound/rootbound/internal/reason"
)

// Remove takes the name of an open file away, for what was temporary: the directory is opened by the same confined
// open as everything, and the name goes only while it is still that of this file. Whoever replaces the file in the
// very instant between the two loses the new one: do not share the names of temporary files. The file itself stays
// open until Close. Config.Writable must be set.
func (f *File) Remove() error {
	if err := f.remove(); err != nil {
		return refusal("remove", f.name.String(), err)
	}
	return nil
}

func (f *File) remove() (err error) {
	switch {
	case !f.dir.cfg.Writable:
		return reason.New(reason.ReadOnly, nil)
	case f.IsDir():
		return reason.New(reason.Directory, nil)
	}
	release, err := f.dir.acquire()
	if err != nil {
		return err
	}
	defer release()
	dir, _, leaf, err := f.dir.openParent(f.name)
	if err != nil {
		return openReason(err)
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	held, err := dir.holds(leaf, f.f)
	switch {
	case err != nil:
		return systemReason(err)
	case !held:
		return reason.New(reason.Missing, nil)
	}
	if err := dir.remove(leaf); err != nil {
		return writeReason(err)
	}
	return nil
}
