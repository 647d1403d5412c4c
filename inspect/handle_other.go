//go:build !linux

package inspect

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// handle is an open directory. Whatever is asked of it is about one element beneath its os.Root.
type handle struct {
	root *os.Root
	f    *os.File
}

// openBase opens the directory as its operator named it, links included.
func openBase(path string) (*handle, error) { return newHandle(os.OpenRoot(path)) }

func newHandle(root *os.Root, err error) (*handle, error) {
	if err != nil {
		return nil, err
	}
	f, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &handle{root: root, f: f}, nil
}

// child opens a directory that is an element of this one. os.Root follows a link, so what was opened is compared.
func (h *handle) child(elem string) (*handle, error) {
	before, err := h.root.Lstat(elem)
	if err != nil {
		return nil, err
	}
	c, err := newHandle(h.root.OpenRoot(elem))
	if err != nil {
		return nil, err
	}
	opened, err := c.f.Stat()
	if err != nil || !os.SameFile(before, opened) {
		c.close()
		return nil, errors.Join(err, errSwapped)
	}
	return c, nil
}

func (h *handle) close() {
	_ = h.f.Close() // only read from
	_ = h.root.Close()
}

// next returns at most n more names, io.EOF at the end.
func (h *handle) next(n int) ([]string, error) {
	names, err := h.f.Readdirnames(n)
	if len(names) > 0 && err == io.EOF {
		err = nil
	}
	return names, err
}

// rewind has next begin again.
func (h *handle) rewind() error {
	f, err := h.root.Open(".")
	if err != nil {
		return err
	}
	_ = h.f.Close() // only read from
	h.f = f
	return nil
}

func (h *handle) stat(into *facts) error {
	fi, err := h.f.Stat()
	return into.take(fi, err)
}

func (h *handle) lstat(elem string, into *facts) error {
	fi, err := h.root.Lstat(elem)
	return into.take(fi, err)
}

func (f *facts) take(fi fs.FileInfo, err error) error {
	if err != nil {
		return err
	}
	*f = facts{mode: uint32(fi.Mode().Perm()), links: 1, size: fi.Size()}
	f.system(fi)
	for bit, kind := range map[fs.FileMode]uint32{
		fs.ModeDir: typeDir, fs.ModeSymlink: typeLink, fs.ModeNamedPipe: typeFIFO, fs.ModeSocket: typeSocket,
		fs.ModeSetuid: setUser, fs.ModeSetgid: setGroup, fs.ModeSticky: sticky,
	} {
		if fi.Mode()&bit != 0 {
			f.mode |= kind
		}
	}
	switch {
	case fi.Mode().IsRegular():
		f.mode |= typeRegular
	case fi.Mode()&fs.ModeCharDevice != 0:
		f.mode |= typeChar
	case fi.Mode()&fs.ModeDevice != 0:
		f.mode |= typeBlock
	}
	return nil
}

func (h *handle) readlink(elem string) (string, error) { return h.root.Readlink(elem) }

// head reads the beginning of a regular file, as much as fits.
func (h *handle) head(elem string, b []byte) (int, error) {
	before, err := h.root.Lstat(elem)
	if err != nil {
		return 0, err
	}
	if !before.Mode().IsRegular() {
		return 0, errSwapped
	}
	f, err := h.root.OpenFile(elem, openFlags, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(before, opened) {
		return 0, errors.Join(err, errSwapped)
	}
	n, err := io.ReadFull(f, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}

// systemPath is not told here.
func (h *handle) systemPath() string { return "" }

// remote is not told here.
func (h *handle) remote() string { return "" }
