package rootbound

import (
	"errors"
	"io/fs"
	"os"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

// reservedName is a name for what is not finished: never served, never listed, and removed by a later Open.
func reservedName() string { return name.ReservedPrefix + RandomName() }

// newNamed makes the file under a reserved name, and locks it so that nobody takes it for a left-over. Who clears
// left-overs may have met it before the lock; then there is another.
func newNamed(u *updir) (f *os.File, temp string, err error) {
	const tries = 8
	for range tries {
		temp = reservedName()
		if f, err = u.createTemp(temp); err != nil {
			return nil, "", err
		}
		if err := durable.Lock(f); !errors.Is(err, durable.ErrLocked) { // other errors: no locks here, and age protects it
			held, err := u.holds(temp, f)
			switch {
			case err != nil:
				return nil, "", errors.Join(err, u.remove(temp), f.Close())
			case held:
				return f, temp, nil
			}
		}
		_ = f.Close()
	}
	return nil, "", reason.New(reason.Busy, nil)
}

// holds says whether the name is that of the open file.
func (u *updir) holds(elem string, f *os.File) (bool, error) {
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := u.stat(elem)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(held, there), err
}
