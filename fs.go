package rootbound

import (
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

// FS presents the base directory to the standard library: regular files and listable directories, under the same
// rules and the same confined open. What is refused is fs.ErrNotExist or fs.ErrPermission, as the reason has it.
func (d *Dir) FS() fs.FS { return dirFS{d} }

type dirFS struct{ d *Dir }

var (
	_ fs.ReadDirFS  = dirFS{}
	_ fs.ReadFileFS = dirFS{}
	_ fs.StatFS     = dirFS{}
)

func (s dirFS) open(op, text string) (*File, error) {
	if !fs.ValidPath(text) {
		return nil, &fs.PathError{Op: op, Path: text, Err: fs.ErrInvalid}
	}
	n, err := s.d.DirName(text)
	if err == nil {
		var f *File
		f, err = s.d.openName(n.File())
		if err == nil && !f.IsDir() {
			if err = s.d.rules.Judge(text, false); err != nil { // the rules for files are stricter than those for directories
				_ = f.Close()
			}
		}
		if err == nil {
			f.name = n
			return f, nil
		}
	}
	return nil, refusal(op, text, err)
}

// Open opens a file or a directory.
func (s dirFS) Open(text string) (fs.File, error) {
	f, err := s.open("open", text)
	if err != nil {
		return nil, err
	}
	if f.IsDir() {
		return &fsDir{File: f}, nil
	}
	return f, nil
}

// Stat opens and asks the descriptor: there is no look without the confined open.
func (s dirFS) Stat(text string) (fs.FileInfo, error) {
	f, err := s.open("stat", text)
	if err != nil {
		return nil, err
	}
	return fileInfo{f}, f.Close()
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

// fsDir is an open directory as fs.ReadDirFile wants it: it can be read in parts.
type fsDir struct {
	*File
	next func() (Entry, error, bool)
	stop func()
	done bool
}

func (d *fsDir) Read([]byte) (int, error) {
	return 0, refusal("read", d.name.String(), reason.New(reason.Directory, nil))
}

func (d *fsDir) Close() error {
	if d.stop != nil {
		d.stop()
	}
	return d.File.Close()
}

// ReadDir reads the next n entries, or all that are left for n <= 0; see fs.ReadDirFile.
func (d *fsDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.next == nil {
		d.next, d.stop = pullEntries(d.File)
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

// pullEntries turns the sequence into a next function for callers that read in parts.
func pullEntries(f *File) (func() (Entry, error, bool), func()) { return iter.Pull2(f.Entries()) }
