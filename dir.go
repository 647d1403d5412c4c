package rootbound

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

// Dir is an opened base directory. Nothing that is not beneath it can be opened through it.
//
// The directory itself is held open: renaming or replacing its path does not move the base, and a base directory
// that was deleted serves nothing. On Linux every open is one openat2(2) with RESOLVE_BENEATH and
// RESOLVE_NO_MAGICLINKS, and RESOLVE_NO_SYMLINKS unless Config.Symlinks allows links; where that system call is
// missing or refused, and on other systems, os.Root serves instead. Containment says which, and whether a
// self-test proved it. The two differ in this: os.Root follows 8 links for one name where the kernel follows 40, and
// enters no directory that it cannot read.
//
// What it does not confine: mount points beneath the base (they are part of it), and hard links (a hard link to a
// file outside cannot be told from the file; see Config.Hardlinks).
//
// A Dir is safe for concurrent use. Close it when done; files that are open stay usable.
type Dir struct {
	cfg   Config
	rules *name.Rules
	opens chan struct{} // one token for each open in flight, and for each close
	reads chan struct{} // one for each read of the library's own that may wait

	base *base

	mu     sync.Mutex
	users  int // of base; the last one closes it after Close
	closed bool

	folds foldMemory

	// given and resolved are the base's path as it was named and as the system knew it at Open. They only serve to
	// recognise absolute links that point back into the base (SymlinksWithin); no file is ever opened by them.
	given, resolved string
}

// base is what the system holds open for a Dir, and which containment serves it. The fields are set by the
// per-system openBase.
type base struct {
	file *os.File // the directory; on Linux an O_PATH descriptor
	root *os.Root // nil where the directory may be entered but not read
}

func (b *base) close() error {
	var err error
	if b.root != nil {
		err = b.root.Close()
	}
	return errors.Join(err, b.file.Close())
}

// Open opens a base directory. path is the only path of the system that the library ever takes; an empty one is an
// error, not the root directory. Close the Dir when done.
//
// The first Open of a process tries out whether this kernel really confines (see Containment); one that does not
// is an error here, not a surprise later.
func Open(path string, cfg Config) (*Dir, error) {
	rules, err := cfg.rules()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, errors.New("rootbound: the base directory's path is empty: name the directory to serve")
	}
	given, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("rootbound: base directory: %w", err)
	}
	b, err := openBase(path)
	if err != nil {
		return nil, fmt.Errorf("rootbound: base directory: %w", err)
	}
	d := newDir(cfg, rules, b)
	d.given, d.resolved = basePaths(b, given)
	if err := d.prove(); err != nil {
		return nil, errors.Join(err, b.close())
	}
	if cfg.Writable {
		d.clearLeftovers()
	}
	return d, nil
}

// basePaths returns the paths by which absolute links may name the base. The given one was cleaned as text, and so
// may name another directory where it leads through a link; then only the system's own word counts.
func basePaths(b *base, given string) (string, string) {
	resolved, err := descriptorPath(b.file)
	if err != nil {
		resolved, err = filepath.EvalSymlinks(given)
	}
	if err != nil {
		resolved = given
	}
	held, err1 := b.file.Stat()
	named, err2 := os.Stat(given)
	if err1 != nil || err2 != nil || !os.SameFile(held, named) {
		given = resolved
	}
	return given, resolved
}

func newDir(cfg Config, rules *name.Rules, b *base) *Dir {
	n := cfg.MaxOpens
	if n == 0 {
		n = DefaultMaxOpens
	}
	return &Dir{cfg: cfg, rules: rules, base: b, opens: make(chan struct{}, n), reads: make(chan struct{}, n)}
}

// Close lets go of the base directory. Opens after it are ErrUnavailable. It does not wait for opens in flight,
// which may hang: the last of them closes the descriptor.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	if d.users > 0 {
		return nil
	}
	return d.base.close()
}

// Name checks a name that is already decoded, slash-separated and relative.
func (d *Dir) Name(text string) (Name, error) { return named(text)(d.rules.FromText(text)) }

// DirName is Name for a directory; "." is the base itself.
func (d *Dir) DirName(text string) (Name, error) { return named(text)(d.rules.FromDir(text)) }

// NameFromPath checks the path of a request target as it was sent (r.URL.EscapedPath()): percent-encoded, with
// its leading slash. It is decoded exactly once. A final slash asks for a directory.
func (d *Dir) NameFromPath(escaped string) (Name, error) {
	return named(escaped)(d.rules.FromPath(escaped))
}

// NameFromQuery checks one field of a raw query, decoded once as a form is. A field that is missing, empty or
// repeated is ErrMalformed.
func (d *Dir) NameFromQuery(rawQuery, field string) (Name, error) {
	return named(rawQuery)(d.rules.FromQuery(rawQuery, field))
}

// Child checks the name of an entry of a listed directory.
func (d *Dir) Child(dir Name, element string, isDir bool) (Name, error) {
	return named(element)(d.rules.Child(dir, element, isDir))
}

// named gives a refusal the name as it was requested.
func named(requested string) func(Name, error) (Name, error) {
	return func(n Name, err error) (Name, error) {
		if err != nil {
			return Name{}, refusal("name", requested, err)
		}
		return n, nil
	}
}

// refusal wraps a reason the way the standard library reports failed opens.
func refusal(op, requested string, err error) error {
	if _, ok := err.(*reason.Error); !ok { // as most are, which hold no other; errors.As takes its time
		err = durable.Bare(err)
	}
	return &fs.PathError{Op: op, Path: requested, Err: err}
}

// Open opens a regular file for reading: the name is checked, then walked and opened by one confined open. A
// directory, and anything else that is not a regular file, is ErrNotFound. The error is a *fs.PathError with the
// name as requested.
func (d *Dir) Open(text string) (*File, error) {
	n, err := d.Name(text)
	if err != nil {
		return nil, err
	}
	f, err := d.OpenName(n)
	if err != nil {
		return nil, err
	}
	if f.IsDir() {
		_ = f.Close()
		return nil, refusal("open", text, reason.New(reason.Directory, nil))
	}
	return f, nil
}

// OpenName opens what a checked name names: a regular file or a directory; nothing else is ever returned. A name
// that asks for a directory opens no file.
func (d *Dir) OpenName(n Name) (*File, error) {
	if !n.Valid() {
		return nil, refusal("open", "", reason.New(reason.NameEmpty, nil))
	}
	if !n.CheckedBy(d.rules) {
		if err := d.rules.Judge(n.String(), n.WantsDir()); err != nil {
			return nil, refusal("open", n.String(), err)
		}
	}
	f, err := d.openName(n)
	if err != nil {
		return nil, refusal("open", n.String(), err)
	}
	return f, nil
}

// openName opens a name that was judged, at least as a directory's: its callers see to what Allow says of files.
func (d *Dir) openName(n Name) (*File, error) {
	release, err := d.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	f, err := d.openConfined(n.String())
	if err != nil {
		return nil, openReason(err)
	}
	file, err := d.admit(f, n)
	if err != nil {
		_ = f.Close() // the refusal is what matters
		return nil, err
	}
	return file, nil
}

// openReason keeps a failed open to what a failed open may say. The system's error can be anything a file system in
// user space makes up, and a 403 or 409 would tell clients about it.
func openReason(err error) error {
	switch reason.Lookup(reason.Of(err)).Kind {
	case reason.ErrNotFound, reason.ErrUnavailable:
		return err
	}
	return reason.New(reason.Unforeseen, err)
}

// admit asks everything of the open descriptor: that it is what may be served, and what its own name is.
func (d *Dir) admit(f *os.File, n Name) (*File, error) {
	file := &File{held: held{dir: d, name: n, opened: time.Now()}, f: f}
	if err := file.stat(); err != nil {
		return nil, err
	}
	switch {
	case file.facts.mode.IsDir():
	case !file.facts.mode.IsRegular():
		return nil, reason.New(reason.SpecialFile, nil)
	case n.WantsDir():
		return nil, reason.New(reason.NotDirectory, nil)
	case d.cfg.Hardlinks == HardlinksRefuse && file.facts.links > 1:
		return nil, reason.New(reason.HardLink, nil)
	}
	own, err := d.ownName(file)
	if err != nil {
		return nil, err
	}
	file.name = own
	return file, nil
}

// acquire takes one of the base's open slots and keeps the base from being closed. A file system that hangs then costs its bounded
// share of threads and no more.
func (d *Dir) acquire() (release func(), err error) {
	select {
	case d.opens <- struct{}{}:
	default:
		t := time.NewTimer(time.Second)
		defer t.Stop()
		select {
		case d.opens <- struct{}{}:
		case <-t.C:
			return nil, reason.New(reason.ShortOpens, nil)
		}
	}
	if err := d.hold(); err != nil {
		<-d.opens
		return nil, err
	}
	return d.release, nil
}

func (d *Dir) release() {
	d.letGo()
	<-d.opens
}

// hold keeps the base from being closed until letGo.
func (d *Dir) hold() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return reason.New(reason.Closed, nil)
	}
	d.users++
	return nil
}

func (d *Dir) letGo() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users--
	if d.closed && d.users == 0 {
		_ = d.base.close() // Close has long returned
	}
}

// Sub opens a directory beneath as a base of its own, with the same configuration and a descriptor of its own: a
// mount, or what a link to a directory gives away. Its files cannot be left even towards this Dir, and it lives on
// when this Dir is closed. Names are judged as they were called from this Dir when Sub was called, so that it gives
// away nothing that this Dir refuses.
func (d *Dir) Sub(text string) (*Dir, error) {
	n, err := d.DirName(text)
	if err != nil {
		return nil, err
	}
	release, err := d.acquire()
	if err != nil {
		return nil, refusal("open", text, err)
	}
	defer release()
	s, err := d.sub(n)
	if err != nil {
		return nil, refusal("open", text, openReason(err))
	}
	return s, nil
}

func (d *Dir) sub(n Name) (*Dir, error) {
	f, err := d.openConfined(n.String())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := d.admit(f, n) // a file is not a directory: n asks for one
	if err != nil {
		return nil, err
	}
	return file.sub()
}

// Sub makes an open directory a base of its own, as Dir.Sub does by name: it is the very one that is open, and what Name
// says it is called. The File stays the caller's to close.
func (f *File) Sub() (*Dir, error) {
	if !f.IsDir() {
		return nil, refusal("open", f.name.String(), reason.New(reason.NotDirectory, nil))
	}
	release, err := f.dir.acquire()
	if err != nil {
		return nil, refusal("open", f.name.String(), err)
	}
	defer release()
	s, err := f.sub()
	if err != nil {
		return nil, refusal("open", f.name.String(), openReason(err))
	}
	return s, nil
}

func (f *File) sub() (*Dir, error) {
	d, own := f.dir, f.name.String()
	b, err := d.subBase(f.f, own)
	if err != nil {
		return nil, err
	}
	s := newDir(d.cfg, d.rules.Beneath(own), b)
	s.opens, s.reads = d.opens, d.reads // one file system, and one bound of what may hang in it
	s.given, s.resolved = basePaths(b, filepath.Join(d.given, filepath.FromSlash(own)))
	return s, nil
}
