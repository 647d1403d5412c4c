package rootbound

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

// facts are what fstat(2) said of an open descriptor.
type facts struct {
	size     int64 // bytes
	modTime  time.Time
	change   time.Time // st_ctime, zero where the system has none
	mode     fs.FileMode
	links    uint64 // names the file has; 1 where the system does not say
	dev, ino uint64
}

// same says whether two answers of fstat(2) are of one file that nobody touched in between.
func (a *facts) same(b *facts) bool {
	return a.size == b.size && a.modTime.Equal(b.modTime) && a.change.Equal(b.change) &&
		a.mode == b.mode && a.links == b.links && a.dev == b.dev && a.ino == b.ino
}

// held is what is known of an opened file beside its descriptor: what an answer is made from. It is not changed
// after the open.
type held struct {
	dir    *Dir
	name   Name
	facts  facts
	opened time.Time
}

// File is an open file or directory beneath a base directory. What it says of itself was asked of the open
// descriptor, once, at open: it does not follow later changes (see Changed).
//
// Reading moves one offset, as with os.File; ReadAt is safe for concurrent use.
type File struct {
	held
	f *os.File

	// described is what File.Answer worked out last of a file that is shared.
	described atomic.Pointer[description]
}

// description is how a file is represented where the caller asked for a media type, "" for the file's own.
type description struct {
	asked string
	rep   represented
}

// Name returns the file's own name beneath the base directory. It differs from what was requested where a link
// was followed or the file system folds names.
func (f *File) Name() Name { return f.name }

// Size is in bytes, from fstat(2) at open.
func (f *File) Size() int64 { return f.facts.size }

// ModTime is the time of last modification, from fstat(2) at open.
func (f *File) ModTime() time.Time { return f.facts.modTime }

// IsDir says whether it is a directory.
func (f *File) IsDir() bool { return f.facts.mode.IsDir() }

// ETag is the entity tag (RFC 9110 8.8.3): size and modification time in nanoseconds, so that replicas agree. It
// is weak while the file is younger than two seconds: until then it may change twice within one tick of the clock.
func (f *File) ETag() string { return f.tag() }

func (h *held) tag() string { return plan.ETag(h.facts.size, h.facts.modTime, h.young()) }

// young says that the file may still change within the same tick of its clock (RFC 9110 8.8.1, 8.8.2.2).
func (h *held) young() bool { return h.opened.Sub(h.facts.modTime) < settling }

// settling is how long after a change another may go unseen: the coarsest clock of a file system, FAT's, ticks so.
const settling = 2 * time.Second

// Stat returns the facts from open as a fs.FileInfo whose Name is the last element.
func (f *File) Stat() (fs.FileInfo, error) { return fileInfo{f, f.name}, nil }

// Read reads from the current offset.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.f.Read(p)
	return n, f.failed("read", err)
}

// ReadAt reads from an offset; see io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(p, off)
	return n, f.failed("read", err)
}

// Seek moves the offset of Read; see io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	n, err := f.f.Seek(offset, whence)
	return n, f.failed("seek", err)
}

// Close closes the descriptor. Where so many opens and closes of the base are blocked in the file system as may be, it
// returns nil at once and the descriptor is closed later.
func (f *File) Close() error { return f.failed("close", f.dir.closeWithin(f.f)) }

// Changed asks the descriptor again and says whether the file was changed in place since it was opened. A file
// that was replaced by rename is not changed: the descriptor still has the old one. A change within one tick of
// the file system's clock that keeps the size cannot be seen, nor one whose author sets the time back, nor a store
// through a mapping (mmap(2)) before the system has noticed it.
func (f *File) Changed() (bool, error) {
	now := File{f: f.f}
	if err := now.stat(); err != nil {
		return false, refusal("stat", f.name.String(), err)
	}
	return now.facts.size != f.facts.size || !now.facts.modTime.Equal(f.facts.modTime), nil
}

// failed rebuilds an error of the standard library so that it names the file as it is known beneath the base.
func (f *File) failed(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return refusal(op, f.name.String(), err)
}

func (f *File) stat() error {
	if err := statDescriptor(f.f, &f.facts); err != nil {
		return systemReason(err)
	}
	return nil
}

// fileInfo presents the facts of a File as the standard library wants them.
type fileInfo struct {
	f    *File
	name Name
}

func (i fileInfo) Name() string       { return i.name.Last() }
func (i fileInfo) Size() int64        { return i.f.facts.size }
func (i fileInfo) Mode() fs.FileMode  { return i.f.facts.mode }
func (i fileInfo) ModTime() time.Time { return i.f.facts.modTime }
func (i fileInfo) IsDir() bool        { return i.f.IsDir() }
func (i fileInfo) Sys() any           { return nil }

// systemReason gives the system's error its reason. Errors that already have one keep it.
func systemReason(err error) error {
	var re *reason.Error
	if err == nil || errors.As(err, &re) {
		return err
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		err = le.Err
	}
	switch {
	case errors.Is(err, rootEscape()):
		return reason.New(reason.LinkEscape, err)
	case errors.Is(err, fs.ErrClosed):
		return reason.New(reason.Closed, nil)
	}
	if code := errnoReason(err); code != "" {
		return reason.New(code, err)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return reason.New(reason.Missing, err)
	case errors.Is(err, fs.ErrPermission):
		return reason.New(reason.Unreadable, err)
	}
	return reason.New(reason.Unforeseen, err)
}
