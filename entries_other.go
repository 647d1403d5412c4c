//go:build !linux

package rootbound

import (
	"errors"
	"os"
	"path/filepath"
)

// lister looks at the entries of one open directory: reached once more through os.Root, and only if it is still
// the same directory.
type lister struct{ root *os.Root }

func (f *File) newLister() (*lister, error) {
	root, err := f.dir.base.root.OpenRoot(filepath.FromSlash(f.name.String()))
	if err != nil {
		return nil, err
	}
	held, err1 := f.f.Stat()
	reached, err2 := root.Stat(".")
	if err := errors.Join(err1, err2); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if !os.SameFile(held, reached) {
		return nil, errors.Join(errMoved, root.Close())
	}
	return &lister{root}, nil
}

func (l *lister) close() { _ = l.root.Close() }

func (l *lister) lstat(elem string, into *facts) error {
	fi, err := l.root.Lstat(elem)
	if err != nil {
		return err
	}
	*into = facts{size: fi.Size(), modTime: fi.ModTime(), mode: fi.Mode(), links: 1}
	if fi.Mode().IsRegular() {
		into.links = linkCount(nil, fi)
	}
	return nil
}
