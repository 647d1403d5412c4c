//go:build !linux

package rootbound

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// openBase opens the directory for os.Root; the second handle is for asking its path.
func openBase(path string) (*base, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return baseFrom(root)
}

func baseFrom(root *os.Root) (*base, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &base{file: f, root: root}, nil
}

// subBase reaches an open directory once more, by its name, and takes it only if it is the same.
func (d *Dir) subBase(f *os.File, own string) (*base, error) {
	root, err := d.base.root.OpenRoot(filepath.FromSlash(own))
	if err != nil {
		return nil, systemReason(err)
	}
	held, err1 := f.Stat()
	reached, err2 := root.Stat(".")
	err = errors.Join(err1, err2)
	if err == nil && !os.SameFile(held, reached) {
		err = errMoved
	}
	if err != nil {
		return nil, errors.Join(systemReason(err), root.Close())
	}
	b, err := baseFrom(root)
	return b, systemReason(err)
}

func (d *Dir) useOpenat2() bool { return false }

func useOpenat2(bool) bool { return false }

// openConfined is the one open of the product where there is no openat2(2).
func (d *Dir) openConfined(text string) (*os.File, error) { return d.openRoot(text) }

func (d *Dir) openOnce(text string) (*os.File, error) { return d.openRootOnce(text) }

func (d *Dir) linkAt(text string) (target string, ok bool, err error) { return d.rootLinkAt(text) }

func (d *Dir) reaches(text string) error {
	_, err := d.base.root.Stat(text)
	return err
}

func statDescriptor(f *os.File, into *facts) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	*into = facts{size: fi.Size(), modTime: fi.ModTime(), mode: fi.Mode() & (fs.ModeType | fs.ModePerm), links: linkCount(f, fi)}
	return nil
}
