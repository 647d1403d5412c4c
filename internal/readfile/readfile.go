// Package readfile reads files that the operator names: configuration, keys, users, tables. What would be waited for is
// refused: nobody should have to find out why a server that was told a FIFO neither starts nor ends.
package readfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// handed are the directories in which a process finds what it was given open, such as a shell's <(COMMAND). Whoever
// names that knows of the other end.
var handed = []string{"/dev/fd", "/proc/self/fd"}

// Open opens a file for reading, without waiting for another end. A FIFO or a device is an error of type *fs.PathError,
// except for os.DevNull and what was handed to this process.
func Open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, flags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		if what := unfit(info.Mode()); what != "" && !isHanded(name) {
			err = &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("it is %s, and not a regular file", what)}
		}
	}
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, err
	}
	return f, nil
}

func unfit(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return ""
}

func isHanded(name string) bool {
	clean := path.Clean(filepath.ToSlash(name))
	return name == os.DevNull || clean == "/dev/stdin" || slices.Contains(handed, path.Dir(clean))
}

// Read reads a file of at most that many bytes; a larger one is an error. What it is is asked of each check first.
func Read(name string, most int64, checks ...func(fs.FileInfo) error) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if len(checks) > 0 {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		for _, check := range checks {
			if err := check(info); err != nil {
				return nil, &fs.PathError{Op: "read", Path: name, Err: err}
			}
		}
	}
	return All(f, name, most)
}

// All reads what is open already, of a name, as Read does.
func All(r io.Reader, name string, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it is over %s", size(most))}
	}
	return b, err
}

func size(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return fmt.Sprintf("%d %s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
