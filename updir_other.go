//go:build !linux

package rootbound

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/reason"
)

// updir is the directory an upload goes into: reached once more through os.Root, only if it is still the one that
// was opened, and held from then on. The names its methods take are single elements.
type updir struct {
	f    *os.File
	root *os.Root
}

func (d *Dir) newUpdir(f *os.File, own string) (*updir, error) {
	root, err := d.base.root.OpenRoot(filepath.FromSlash(own))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	u := &updir{f, root}
	held, err1 := f.Stat()
	reached, err2 := root.Stat(".")
	if err := errors.Join(err1, err2); err != nil {
		return nil, errors.Join(err, u.close())
	}
	if !os.SameFile(held, reached) {
		return nil, errors.Join(errMoved, u.close())
	}
	return u, nil
}

func (u *updir) close() error { return errors.Join(u.root.Close(), u.f.Close()) }
func (u *updir) sync() error  { return durable.SyncDir(u.f) }

func (u *updir) remove(elem string) error { return u.root.Remove(elem) }

func (u *updir) stat(elem string) (fs.FileInfo, error) { return u.root.Lstat(elem) }

// look says what has the name and, for a regular file, what it is called.
func (u *updir) look(elem string, into *facts) (own string, err error) {
	fi, err := u.root.Lstat(elem)
	if err != nil {
		return "", err
	}
	*into = facts{size: fi.Size(), modTime: fi.ModTime(), mode: fi.Mode()}
	if !fi.Mode().IsRegular() {
		return elem, nil
	}
	f, err := openSeen(u.root, elem, fi)
	if err != nil {
		return "", err
	}
	defer f.Close()
	where, err := descriptorPath(f)
	if err != nil {
		return elem, nil
	}
	return filepath.Base(where), nil
}

// newFile makes the file that is written to, under a reserved name: unnamed files are Linux's alone.
func (u *updir) newFile(bool) (f *os.File, temp string, err error) { return newNamed(u) }

func (u *updir) createTemp(temp string) (*os.File, error) {
	return u.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// place names the file by a hard link, which never replaces anything; a file system without hard links (FAT)
// takes no uploads here. For a moment the file has both names.
func (u *updir) place(p *Pending) error {
	if err := u.root.Link(p.temp, p.leaf); err != nil {
		return err
	}
	if err := u.root.Remove(p.temp); err != nil {
		return errors.Join(err, u.root.Remove(p.leaf))
	}
	p.temp = ""
	return nil
}

// replace puts the file in the place of another.
func (u *updir) replace(p *Pending) error {
	if err := u.root.Rename(p.temp, p.leaf); err != nil {
		if fi, lerr := u.root.Lstat(p.leaf); lerr == nil && fi.IsDir() { // a directory came in between
			return reason.New(reason.Exists, errNotRegular)
		}
		return err
	}
	p.temp = ""
	return nil
}

// flush has nothing to add to the sync here.
func flush(*os.File) error { return nil }

// openLeftover opens a regular file for locking.
func (u *updir) openLeftover(elem string) (*os.File, error) {
	fi, err := u.root.Lstat(elem)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return openSeen(u.root, elem, fi)
}

// locksReach: the locks of these systems are the file server's too.
func locksReach(*os.File) bool { return true }
