package rootbound

import (
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

// Loaded is the content of an opened file in memory, with all that its File knew. It holds no descriptor and is not
// changed after Load: it is safe for concurrent use, needs no closing, and goes with the last reference to it.
//
// It says what was true when its file was opened, its entity tag included. Whoever keeps one asks a newly opened
// File (see File.Same) before long whether it still holds.
type Loaded struct {
	held
	rep     represented
	content []byte

	// Memo is for whoever keeps the Loaded: what it has worked out from it, of some hundred bytes. This package does
	// not look at it.
	Memo atomic.Value
}

// memoSize is what Memory allows for Memo, in bytes.
const memoSize = 1 << 10

// Load reads the whole of an open regular file into memory. It asks fstat(2) again after the last byte: where
// anything differs from what it said at open, the error is ErrUnavailable with reason "busy", as it is where the file
// ended early. One that is larger than limit bytes is ErrTooLarge, and nothing of it is read.
//
// A change within one tick of the file system's clock that keeps the size cannot be seen; the entity tag of a file that
// young is weak. Load does not move the offset of Read, and the File stays the caller's to close.
func (f *File) Load(limit int64) (*Loaded, error) {
	switch {
	case f.IsDir():
		return nil, refusal("load", f.name.String(), reason.New(reason.Directory, nil))
	case f.Size() > limit:
		return nil, refusal("load", f.name.String(), reason.New(reason.TooLarge, nil))
	}
	content := slices.Grow([]byte(nil), int(f.Size()))[:f.Size()]
	if n, err := f.readAt(readPatience, content, 0); n < len(content) {
		if err == nil || errors.Is(err, io.EOF) {
			err = reason.New(reason.Busy, nil)
		}
		return nil, refusal("load", f.name.String(), systemReason(err))
	}
	now := File{f: f.f}
	if err := f.waiting(readPatience, now.stat); err != nil {
		return nil, refusal("load", f.name.String(), err)
	}
	if !now.facts.same(&f.facts) {
		return nil, refusal("load", f.name.String(), reason.New(reason.Busy, nil))
	}
	return f.loaded(content), nil
}

// loaded works out once what every answer says.
func (h *held) loaded(content []byte) *Loaded {
	l := &Loaded{held: *h, content: content}
	l.name = h.name.Clone()
	l.rep.etag = l.tag()
	l.rep.inline = plan.Disposition(false, l.name.Last())
	l.rep.ctype, l.rep.active = plan.ContentType(l.name.Last(), content[:min(len(content), headSize)])
	return l
}

// Same says whether f, opened again by the same name, is what l was loaded from and has not been touched since: one
// Dir, one name of its own, and all that fstat(2) says (device, inode, size, both times, mode, links). It is never so
// for an l whose file had been touched less than two seconds before, which may have changed again within one tick of
// its clock, nor where the system does not tell inodes: load again.
func (f *File) Same(l *Loaded) bool { return f.same(l) }

func (h *held) same(l *Loaded) bool {
	return h.dir == l.dir && h.name.String() == l.name.String() && h.facts.same(&l.facts) && l.settled()
}

// settled says that a later change must show. Not the modification time decides it, which anybody may set back, but
// st_ctime too, which only the kernel sets.
func (h *held) settled() bool {
	return h.facts.ino != 0 && !h.young() && h.opened.Sub(h.facts.change) >= settling
}

// Name is File.Name's.
func (l *Loaded) Name() Name { return l.name }

// Size is the length of the content, in bytes.
func (l *Loaded) Size() int64 { return l.facts.size }

// ETag is File.ETag's. One that is weak stays so; load the file again when it is older.
func (l *Loaded) ETag() string { return l.rep.etag }

// Memory is how many bytes of memory it takes, its content and what Memo may take included.
func (l *Loaded) Memory() int64 {
	n := int64(unsafe.Sizeof(Loaded{})) + memoSize + int64(cap(l.content))
	for _, s := range []string{l.name.String(), l.rep.etag, l.rep.inline, l.rep.ctype} {
		n += int64(len(s) + len(s)/8 + 16) // an allocation is rounded up
	}
	return n
}

// Answer decides what HTTP says, as File.Answer of the file at the time it was opened: by the same code. It reads
// nothing and does not block, except with SendOptions.Precompressed, for then siblings are opened as they are for a
// File. Its only error is that of options that are wrong.
func (l *Loaded) Answer(req *plan.Request, o *SendOptions) (*Answer, error) {
	if err := o.check(l.name); err != nil {
		return nil, err
	}
	if o.ContentType == "" {
		return l.answer(req, o, &l.rep, &Answer{content: l.content}), nil
	}
	rep := l.rep
	rep.ctype, rep.active = o.ContentType, plan.IsActive(o.ContentType)
	return l.answer(req, o, &rep, &Answer{content: l.content}), nil
}

// Buffers appends the pieces of the body to dst, in order, for a writer of its own such as writev(2), and says whether
// that is all of it. It is not, and nothing is appended, where bytes are still in a file: then Send carries the answer
// out. The pieces belong to the Loaded: they must not be written to.
func (a *Answer) Buffers(dst [][]byte) ([][]byte, bool) {
	if a.body != nil && firstFile(a) >= 0 {
		return dst, false
	}
	for _, s := range a.Plan.Segments {
		if s.Text != "" {
			dst = append(dst, []byte(s.Text))
		} else {
			dst = append(dst, a.content[s.Off:s.Off+s.Len:s.Off+s.Len])
		}
	}
	return dst, true
}
