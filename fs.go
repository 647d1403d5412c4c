package rootbound

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

// FS presents the base directory to the standard library: regular files and listable directories, under the same
// rules and the same confined open. What the file system refuses is fs.ErrNotExist, whatever the reason; what the
// rules refuse of the name alone is fs.ErrPermission; what is not a name at all is fs.ErrInvalid and, so that
// http.FileServerFS answers 404, fs.ErrNotExist.
func (d *Dir) FS() fs.FS { return dirFS{d} }

type dirFS struct{ d *Dir }

var (
	_ fs.ReadDirFS  = dirFS{}
	_ fs.ReadFileFS = dirFS{}
	_ fs.StatFS     = dirFS{}
)

// noName is the error for what is not a name; see FS.
type noName struct{ error }

func (e noName) Is(target error) bool { return target == fs.ErrNotExist }
func (e noName) Unwrap() error        { return e.error }

// open opens a file or directory and gives it the name that was asked for, as fs.FileInfo wants it.
func (s dirFS) open(op, text string) (*fsFile, error) {
	if !fs.ValidPath(text) {
		return nil, &fs.PathError{Op: op, Path: text, Err: noName{fs.ErrInvalid}}
	}
	n, err := s.d.DirName(text)
	if err == nil {
		var f *File
		if f, err = s.openAny(n); err == nil {
			return &fsFile{File: f, name: n}, nil
		}
	}
	err = refusal(op, text, err)
	if errors.Is(err, ErrMalformed) {
		err = refusal(op, text, noName{errors.Unwrap(err)})
	}
	return nil, err
}

// openAny opens what may be either. Allow is about files only, so whether it has a say depends on what was found:
// its no is that of the file system, or it would tell which names exist.
func (s dirFS) openAny(n Name) (*File, error) {
	f, err := s.d.openName(n.File())
	if err != nil {
		return nil, err
	}
	if !f.IsDir() {
		if err := s.d.rules.Judge(n.String(), false); err != nil {
			_ = f.Close()
			return nil, reason.New(reason.OpenedName, err)
		}
	}
	return f, nil
}

// Open opens a file or a directory.
func (s dirFS) Open(text string) (fs.File, error) {
	f, err := s.open("open", text)
	if err != nil {
		return nil, err
	}
	if f.IsDir() {
		return &fsDir{fsFile: f}, nil
	}
	return f, nil
}

// Stat opens and asks the descriptor: there is no look without the confined open.
func (s dirFS) Stat(text string) (fs.FileInfo, error) {
	f, err := s.open("stat", text)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// ReadFile reads a whole regular file.
func (s dirFS) ReadFile(text string) ([]byte, error) {
	f, err := s.open("open", text)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.IsDir() {
		return nil, refusal("read", text, reason.New(reason.Directory, nil))
	}
	return io.ReadAll(f)
}

// ReadDir lists a directory, sorted by name.
func (s dirFS) ReadDir(text string) ([]fs.DirEntry, error) {
	f, err := s.open("readdir", text)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !f.IsDir() {
		return nil, refusal("readdir", text, reason.New(reason.NotDirectory, nil))
	}
	var out []fs.DirEntry
	for e, err := range f.Entries() {
		if err != nil {
			return out, err
		}
		out = append(out, fsEntry{e})
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// fsFile is an open file under the name it was asked for: that of a link, where one was followed.
type fsFile struct {
	*File
	name Name
}

func (f *fsFile) Stat() (fs.FileInfo, error) { return fileInfo{f.File, f.name}, nil }

// fsDir is an open directory as fs.ReadDirFile wants it: it can be read in parts.
type fsDir struct {
	*fsFile
	next   func() (Entry, error, bool)
	stop   func()
	done   bool
	closed bool
}

func (d *fsDir) Read([]byte) (int, error) {
	return 0, refusal("read", d.name.String(), reason.New(reason.Directory, nil))
}

func (d *fsDir) Close() error {
	d.closed = true
	if d.stop != nil {
		d.stop()
	}
	return d.File.Close()
}

// ReadDir reads the next n entries, or all that are left for n <= 0; see fs.ReadDirFile.
func (d *fsDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.closed {
		return nil, refusal("readdir", d.name.String(), reason.New(reason.Closed, nil))
	}
	if d.next == nil {
		d.next, d.stop = iter.Pull2(d.Entries())
	}
	var out []fs.DirEntry
	for !d.done && (n <= 0 || len(out) < n) {
		e, err, ok := d.next()
		if !ok {
			d.done = true
			break
		}
		if err != nil {
			return out, err
		}
		out = append(out, fsEntry{e})
	}
	if n > 0 && len(out) == 0 {
		return nil, io.EOF
	}
	return out, nil
}

// fsEntry presents an Entry as the standard library wants it.
type fsEntry struct{ e Entry }

func (e fsEntry) Name() string               { return e.e.Name.Last() }
func (e fsEntry) IsDir() bool                { return e.e.IsDir() }
func (e fsEntry) Type() fs.FileMode          { return e.e.Mode.Type() }
func (e fsEntry) Info() (fs.FileInfo, error) { return entryInfo{e.e}, nil }
func (e fsEntry) String() string             { return fs.FormatDirEntry(e) }

type entryInfo struct{ Entry }

func (i entryInfo) Name() string       { return i.Entry.Name.Last() }
func (i entryInfo) Size() int64        { return i.Entry.Size }
func (i entryInfo) Mode() fs.FileMode  { return i.Entry.Mode }
func (i entryInfo) ModTime() time.Time { return i.Entry.ModTime }
func (i entryInfo) Sys() any           { return nil }
