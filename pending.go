package rootbound

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

// CreateOptions say what one upload may do. The zero value is the strictest.
type CreateOptions struct {
	// Overwrite replaces a regular file of that name. Nothing else is ever replaced: not a link, not a directory,
	// not a FIFO. Default: a name that is taken is ErrExists.
	Overwrite bool
	// MaxBytes bounds this upload, in bytes; it cannot raise Config.MaxUpload. Default Config.MaxUpload.
	MaxBytes int64
	// Mode has the permission bits of the finished file, whatever the umask. Execute and set-id bits, the sticky
	// bit and writing by others are never set. Default 0o600. A file system without permissions (FAT) keeps its own.
	Mode fs.FileMode
}

// modeMask is what an upload's mode may hold: what was uploaded is data, so nobody runs it.
const modeMask fs.FileMode = 0o664

// fill checks the options and puts the defaults in.
func (o *CreateOptions) fill(cfg *Config) error {
	if o.MaxBytes < 0 {
		return errors.New("rootbound: CreateOptions.MaxBytes must not be negative")
	}
	bound := cfg.MaxUpload
	if bound == 0 {
		bound = DefaultMaxUpload
	}
	if o.MaxBytes == 0 || o.MaxBytes > bound {
		o.MaxBytes = bound
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	o.Mode &= modeMask
	return nil
}

// Pending is an upload on its way: it has no name until Commit gives it one, so nobody can read a part of it, and
// a crash leaves the whole file or none.
//
// Its directory is held open from Create on. Where that directory is moved, or its path replaced by a link, the
// file still goes into the directory that was checked.
//
// Write, then Commit; defer Close, which discards what was not committed. A failed Write or ReadFrom is final: all
// is discarded at once, and Commit repeats the error. It is not safe for concurrent use.
type Pending struct {
	requested string
	name      Name
	leaf      string
	rules     *name.Rules
	opts      CreateOptions
	dir       *updir
	file      *os.File
	temp      string // the reserved name it has so far; "" where it has none

	downloadName string // see DownloadName
	written      int64
	err          error // why it cannot be committed any more
	closed       bool
}

// Create starts an upload under a name that passes the same rules as one that is read. Config.Writable must be
// set. The directory it goes into must exist; links on the way are Config.Symlinks' business, and where one was
// followed the file's own name must pass the rules too.
//
// Refusals are those of Open, and ErrExists (also at Commit: of two uploads to one name one wins), ErrTooLarge,
// ErrNoSpace. The error is a *fs.PathError with the name as requested.
func (d *Dir) Create(text string, o CreateOptions) (*Pending, error) {
	if err := o.fill(&d.cfg); err != nil {
		return nil, err
	}
	p, err := d.create(text, o)
	if err != nil {
		return nil, refusal("create", text, writeReason(err))
	}
	return p, nil
}

func (d *Dir) create(text string, o CreateOptions) (*Pending, error) {
	if !d.cfg.Writable {
		return nil, reason.New(reason.ReadOnly, nil)
	}
	n, err := d.Name(text)
	if err != nil {
		return nil, err
	}
	release, err := d.acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	p, err := d.openPending(n, o)
	if err != nil {
		return nil, err
	}
	p.requested = text
	if _, err = p.occupied(); err == nil { // sooner told is fewer bytes sent; Commit is what decides
		p.file, p.temp, err = p.dir.newFile(d.cfg.noTmpfile)
	}
	if err != nil {
		return nil, errors.Join(err, p.dir.close())
	}
	return p, nil
}

// openPending opens the directory of a checked name by the same confined open that reads, and finds out what the
// file will be called beneath the base. Everything after it works on that directory's descriptor.
func (d *Dir) openPending(n Name, o CreateOptions) (*Pending, error) {
	dir, n, leaf, err := d.openParent(n)
	if err != nil {
		return nil, err
	}
	return &Pending{name: n, leaf: leaf, rules: d.rules, opts: o, dir: dir}, nil
}

// openParent opens the directory that a name is in, and says what the name is beneath the base and in that directory.
func (d *Dir) openParent(n Name) (dir *updir, own Name, leaf string, err error) {
	parent, leaf := ".", n.String()
	if i := strings.LastIndexByte(leaf, '/'); i >= 0 {
		parent, leaf = leaf[:i], leaf[i+1:]
	}
	f, err := d.openConfined(parent)
	if err != nil {
		return nil, Name{}, "", err
	}
	var st facts
	if err := statDescriptor(f, &st); err != nil {
		return nil, Name{}, "", errors.Join(err, f.Close())
	}
	if !st.mode.IsDir() {
		return nil, Name{}, "", errors.Join(reason.New(reason.NotDirectory, nil), f.Close())
	}
	ownParent, err := d.ownParent(f, parent, n)
	if err != nil {
		return nil, Name{}, "", errors.Join(err, f.Close())
	}
	if ownParent != parent {
		if n, err = d.rules.FromText(strings.TrimPrefix(ownParent+"/"+leaf, "./")); err != nil {
			return nil, Name{}, "", errors.Join(reason.New(reason.OpenedName, err), f.Close())
		}
	}
	dir, err = d.newUpdir(f, ownParent)
	if err != nil {
		return nil, Name{}, "", err
	}
	return dir, n, leaf, nil
}

// ownParent is ownName for the directory of a file that does not exist yet: its own name beneath the base. It is
// the file's whole name that the rules then judge, as they do for reading.
func (d *Dir) ownParent(f *os.File, requested string, n Name) (string, error) {
	path, err := descriptorPath(f)
	base, baseErr := descriptorPath(d.base.file)
	if err != nil || baseErr != nil {
		if d.cfg.Symlinks == SymlinksRefuse && !d.mayFold(&File{held: held{dir: d, name: n}, f: f}) {
			return requested, nil
		}
		return "", reason.New(reason.OpenedUnknown, nil)
	}
	own, ok := cutPath(filepath.ToSlash(path), strings.TrimSuffix(filepath.ToSlash(base), deletedSuffix))
	if !ok {
		return "", reason.New(reason.OpenedUnknown, nil)
	}
	return own, nil
}

var errNotRegular = errors.New("it is not a regular file, and so not replaced")

// occupied says whether the name is taken by a file that may be replaced. A name that is taken and must stay is an
// error. It only spares work and protects what is not a file: that nothing is overwritten by accident is decided by
// link(2) or RENAME_NOREPLACE. With Overwrite, a link or FIFO put there after this look is itself replaced by
// rename(2), which never follows.
func (p *Pending) occupied() (bool, error) {
	var st facts
	own, err := p.dir.look(p.leaf, &st)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !p.opts.Overwrite:
		return true, reason.New(reason.Exists, nil)
	case !st.mode.IsRegular():
		return true, reason.New(reason.Exists, errNotRegular)
	}
	if own != p.leaf { // a file system that folds names: what would be replaced is called otherwise
		text := strings.TrimSuffix(p.name.String(), p.leaf) + own
		if err := p.rules.Judge(text, false); err != nil {
			return true, reason.New(reason.OpenedName, err)
		}
	}
	return true, nil
}

// Name returns the file's own name beneath the base directory, where a link to a directory was followed not the
// requested one.
func (p *Pending) Name() Name { return p.name }

// Written returns how many bytes were taken so far.
func (p *Pending) Written() int64 { return p.written }

// Write appends. What would pass the bound is ErrTooLarge, and none of it is written.
func (p *Pending) Write(b []byte) (int, error) {
	if err := p.usable("write"); err != nil {
		return 0, err
	}
	if int64(len(b)) > p.opts.MaxBytes-p.written {
		return 0, p.fail("write", reason.New(reason.TooLarge, nil))
	}
	n, err := p.file.Write(b)
	p.written += int64(n)
	if err != nil {
		return n, p.fail("write", err)
	}
	return n, nil
}

// copyBuffer is large enough that system calls do not matter, and small beside what a connection costs anyway.
const copyBuffer = 64 << 10

// ReadFrom writes all of r. An error of r is final too: half of an upload cannot be committed by accident.
func (p *Pending) ReadFrom(r io.Reader) (int64, error) {
	if err := p.usable("write"); err != nil {
		return 0, err
	}
	before := p.written
	// The struct hides ReadFrom from io.Copy, which would call it again.
	_, err := io.CopyBuffer(struct{ io.Writer }{p}, struct{ io.Reader }{r}, make([]byte, copyBuffer))
	if err != nil && p.err == nil {
		p.err = err
		_ = p.discard()
	}
	return p.written - before, err
}

// Commit makes the content durable, gives the file its name, and makes that durable: when it returns nil the file
// is there, whole, even if the machine dies now. After an error there is nothing, with one exception: where an
// old file was replaced and the directory cannot be synced, the new one stands, and the error is ErrUnavailable
// with reason "not-durable".
func (p *Pending) Commit() error {
	if err := p.usable("commit"); err != nil {
		return err
	}
	if err := p.commit(); err != nil {
		return p.fail("commit", err)
	}
	p.closed = true
	// Everything is on disk: what closing could still report is not about the file.
	_ = p.file.Close()
	_ = p.dir.close()
	return nil
}

func (p *Pending) commit() error {
	// A file system without permissions answers EPERM to the file's owner; the file has at most 0600 then, or what
	// the mount says.
	if err := p.file.Chmod(p.opts.Mode); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	// Data before name: a rename may reach the disk before what it names. The flush brings out what NFS and FUSE
	// report at close(2) only.
	if err := errors.Join(p.file.Sync(), flush(p.file)); err != nil {
		return durableReason(err)
	}
	replaced, err := p.publish()
	if err != nil {
		return err
	}
	if err := p.dir.sync(); err != nil {
		if !replaced {
			err = errors.Join(err, p.withdraw())
		}
		return durableReason(err)
	}
	return nil
}

// publish gives the file its name. The first attempt cannot replace anything; only where that met a file, and
// Overwrite asks for it, a rename follows.
func (p *Pending) publish() (replaced bool, err error) {
	err = p.dir.place(p)
	if !p.opts.Overwrite || !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	if _, err := p.occupied(); err != nil {
		return false, err
	}
	return true, p.dir.replace(p)
}

// withdraw takes the name away again, if it is still this file's.
func (p *Pending) withdraw() error {
	if held, err := p.dir.holds(p.leaf, p.file); err != nil || !held {
		return err
	}
	return p.dir.remove(p.leaf)
}

// Close discards what was not committed. After Commit it does nothing, so it can be deferred.
func (p *Pending) Close() error {
	if err := p.discard(); err != nil {
		return refusal("close", p.requested, writeReason(err))
	}
	return nil
}

func (p *Pending) discard() error {
	if p.closed {
		return nil
	}
	p.closed = true
	var err error
	if p.temp != "" {
		err = p.dir.remove(p.temp)
	}
	_ = p.file.Close() // its content is not wanted
	return errors.Join(err, p.dir.close())
}

func (p *Pending) usable(op string) error {
	switch {
	case p.err != nil:
		return p.err
	case p.closed:
		return refusal(op, p.requested, fs.ErrClosed)
	}
	return nil
}

// fail discards everything and remembers why.
func (p *Pending) fail(op string, err error) error {
	p.err = refusal(op, p.requested, writeReason(err))
	_ = p.discard() // a name that is left behind is a reserved one, and goes at the next Open
	return p.err
}

// writeReason is systemReason for writing, where a permission that is missing is another one.
func writeReason(err error) error {
	var re *reason.Error
	if err == nil || errors.As(err, &re) {
		return err
	}
	if errors.Is(err, fs.ErrPermission) {
		return reason.New(reason.Unwritable, durable.Bare(err))
	}
	return systemReason(err)
}

// durableReason: what fsync(2) and close(2) report is either that the space is gone or that the data is.
func durableReason(err error) error {
	if re := systemReason(err); reason.Of(re) == reason.NoSpace {
		return re
	}
	return reason.New(reason.NotDurable, durable.Bare(err))
}

// RandomName returns a name nobody can guess: 26 characters of a-z and 2-7, 130 bits from crypto/rand. See
// Dir.CreateUnguessable, which stores an upload under one.
func RandomName() string { return strings.ToLower(rand.Text()) }
