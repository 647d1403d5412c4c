package rootbound

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/rootbound/rootbound/internal/reason"
)

// rootEscape is os.Root's own error for an escape, which the standard library does not export. It is taken once,
// from an open that must escape.
var rootEscape = sync.OnceValue(func() error {
	none := errors.New("os.Root's escape error is not known")
	for _, dir := range []string{".", os.TempDir(), "/"} { // any directory will do, and none must
		root, err := os.OpenRoot(dir)
		if err != nil {
			continue
		}
		f, err := root.Open("..")
		_ = root.Close()
		if err == nil {
			_ = f.Close()
			continue
		}
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return pe.Err
		}
	}
	return none
})

// openRoot is the open where openat2(2) is not to be had: os.Root confines the walk. It has no switch against
// links, so where they are refused each element is looked at, opened, and compared with what was looked at.
func (d *Dir) openRoot(text string) (*os.File, error) {
	if d.cfg.Symlinks == SymlinksWithin {
		f, err := d.openRootOnce(text)
		if reason.Of(err) == reason.LinkEscape {
			return d.openRewritten(text, err)
		}
		return f, err
	}
	return tryRoot(func() (*os.File, error) { return openRootNoLinks(d.base.root, text) })
}

// tryRoot tries again what raced with a rename or met a lease (fcntl(2), F_SETLEASE), a bounded number of times.
func tryRoot(open func() (*os.File, error)) (*os.File, error) {
	const tries = 8
	for try := 0; ; try++ {
		f, err := open()
		if err = systemReason(err); try < tries && reason.Of(err) == reason.Busy {
			continue
		}
		return f, err
	}
}

// errMoved: what was looked at is not what was opened.
var errMoved error = reason.New(reason.Busy, nil)

// openRootOnce follows links as os.Root does.
func (d *Dir) openRootOnce(text string) (*os.File, error) {
	return tryRoot(func() (*os.File, error) { return d.base.root.OpenFile(text, rootFlags, 0) })
}

func openRootNoLinks(root *os.Root, text string) (*os.File, error) {
	cur := root
	defer func() {
		if cur != root {
			_ = cur.Close()
		}
	}()
	for {
		elem, rest, more := strings.Cut(text, "/")
		seen, err := cur.Lstat(elem)
		if err != nil {
			return nil, err
		}
		if seen.Mode()&fs.ModeSymlink != 0 {
			return nil, reason.New(reason.LinkRefused, nil)
		}
		if !more {
			return openSeen(cur, elem, seen)
		}
		if !seen.IsDir() {
			return nil, reason.New(reason.NotDirectory, nil)
		}
		next, err := cur.OpenRoot(elem)
		if err != nil {
			return nil, err
		}
		if cur != root {
			_ = cur.Close()
		}
		cur, text = next, rest
		got, err := cur.Stat(".")
		if err != nil {
			return nil, err
		}
		if !os.SameFile(seen, got) {
			return nil, errMoved
		}
	}
}

// openSeen opens the last element and makes sure that it is what Lstat saw: a link swapped in between is another file.
func openSeen(dir *os.Root, elem string, seen fs.FileInfo) (*os.File, error) {
	if !seen.Mode().IsRegular() && !seen.IsDir() {
		return nil, reason.New(reason.SpecialFile, nil)
	}
	f, err := dir.OpenFile(elem, rootFlags, 0)
	if err != nil {
		return nil, err
	}
	got, err := f.Stat()
	if err == nil && !os.SameFile(seen, got) {
		err = errMoved
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// rootLinkAt is linkAt on os.Root.
func (d *Dir) rootLinkAt(text string) (target string, ok bool, err error) {
	fi, err := d.base.root.Lstat(text)
	if err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		return "", false, err
	}
	target, err = d.base.root.Readlink(text)
	if errors.Is(err, syscall.EINVAL) { // a link no more, readlink(2)
		return "", false, nil
	}
	return target, err == nil, err
}
