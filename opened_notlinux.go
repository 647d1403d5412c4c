//go:build !linux

package rootbound

import "github.com/rootbound/rootbound/internal/reason"

// foldMemory is what Linux remembers about directories.
type foldMemory struct{}

// exactUnknown answers where the system did not tell the file's path.
func (d *Dir) exactUnknown(f *File) error {
	if d.mayFold(f) {
		return reason.New(reason.OpenedUnknown, nil)
	}
	return nil
}
