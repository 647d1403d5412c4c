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

func (d *Dir) subBase(_ *os.File, own Name) (*base, error) {
	root, err := d.base.root.OpenRoot(filepath.FromSlash(own.String()))
	if err != nil {
		return nil, systemReason(err)
	}
	b, err := baseFrom(root)
	return b, systemReason(err)
}

func (d *Dir) useOpenat2() bool { return false }

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
