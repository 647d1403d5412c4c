package rootbound

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

// Entry is one servable entry of a directory.
type Entry struct {
	// Name is the checked name beneath the base directory.
	Name Name
	// Own is what the file itself is called beneath the base: another name where Name is that of a link. Whoever asks whether an
	// entry may be shown asks about both, for what is told of it is the file's.
	Own Name
	// Mode has the type and permission bits.
	Mode fs.FileMode
	// Size is in bytes; for a directory it is whatever the file system says.
	Size int64
	// ModTime is the time of last modification.
	ModTime time.Time
}

// IsDir says whether the entry is a directory.
func (e Entry) IsDir() bool { return e.Mode.IsDir() }

// entryBatch is how many entries are read at a time: what a listing needs in memory whatever the directory holds.
const entryBatch = 512

// Entries reads a directory in the order of the file system and yields what may be served: entries whose names
// the rules refuse are left out, and so is what is neither a regular file nor a directory. Facts come from the
// directory's own descriptor, never from a path. Under SymlinksWithin a link is yielded as what it leads to, under
// its own name; a link that cannot be followed is left out like anything else that would be refused.
//
// It can be used once for each open directory. An error ends the sequence.
func (f *File) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if !f.IsDir() {
			yield(Entry{}, refusal("list", f.name.String(), reason.New(reason.NotDirectory, nil)))
			return
		}
		lister, err := f.newLister()
		if err != nil {
			yield(Entry{}, refusal("list", f.name.String(), systemReason(err)))
			return
		}
		defer lister.close()
		for {
			var names []string
			err := f.waiting(sendPatience, func() (err error) {
				names, err = f.f.Readdirnames(entryBatch)
				return err
			})
			for _, n := range names {
				e, ok := f.entry(lister, n)
				if ok && !yield(e, nil) {
					return
				}
			}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				if f.closed() { // Readdirnames has an error of its own for it, which is not fs.ErrClosed
					err = fs.ErrClosed
				}
				yield(Entry{}, refusal("list", f.name.String(), systemReason(err)))
				return
			}
		}
	}
}

func (f *File) closed() bool {
	_, err := f.f.Seek(0, io.SeekCurrent)
	return errors.Is(err, fs.ErrClosed)
}

// entry judges one name of the directory and looks at what it names.
func (f *File) entry(l *lister, elem string) (Entry, bool) {
	n, err := f.dir.rules.Child(f.name, elem, true) // hidden and denied ones cost no system call
	if err != nil {
		return Entry{}, false
	}
	var st facts
	if f.waiting(sendPatience, func() error { return l.lstat(elem, &st) }) != nil {
		return Entry{}, false
	}
	var own Name
	link := st.mode&fs.ModeSymlink != 0
	if link {
		if f.dir.cfg.Symlinks == SymlinksRefuse || !f.followed(n, &st, &own) {
			return Entry{}, false
		}
	}
	if st.mode.IsDir() {
		if !link {
			own = n
		}
		return Entry{Name: n, Own: own, Mode: st.mode, Size: st.size, ModTime: st.modTime}, true
	}
	if n, err = f.dir.rules.Child(f.name, elem, false); err != nil {
		return Entry{}, false
	}
	if !st.mode.IsRegular() || f.dir.cfg.Hardlinks == HardlinksRefuse && st.links > 1 {
		return Entry{}, false
	}
	if !link {
		own = n
	}
	return Entry{Name: n, Own: own, Mode: st.mode, Size: st.size, ModTime: st.modTime}, true
}

// followed looks at what a link leads to through the same open that would serve it.
func (f *File) followed(n Name, into *facts, own *Name) bool {
	to, err := f.dir.openName(n.File())
	if err != nil {
		return false
	}
	defer to.Close()
	*into, *own = to.facts, to.name
	return true
}
