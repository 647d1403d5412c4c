package inspect

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// leadsOf asks os.Root where a name leads.
func leadsOf(root *os.Root, name string) (leads, error) {
	for range 8 { // what becomes a link between two calls of os.Root gives ELOOP too, but not each time
		_, err := root.Stat(name)
		switch {
		case err == nil:
			return leadsWithin, nil
		case errors.Is(err, escapeOf(root)):
			return leadsOut, nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			return leadsNowhere, nil
		case !errors.Is(err, syscall.ELOOP):
			return 0, err
		}
	}
	return leadsRound, nil
}

// escapeOf is what os.Root says of a name that leaves it: it has no name of its own.
func escapeOf(root *os.Root) error {
	_, err := root.Stat("..")
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return errors.ErrUnsupported
}
