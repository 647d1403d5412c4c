package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/rootbound/rootbound/internal/readfile"
)

// ErrNone says that there is no log at a path.
var ErrNone = errors.New("there is no log")

// logFiles are those of a log, for somebody who reads while it may be written.
type logFiles struct {
	names   []string
	current *os.File // the last of them, held: it may get a number meanwhile
}

// openFiles lists the files of the log at path. A rotation in between is noticed: no file is missed or read twice.
func openFiles(path string) (*logFiles, error) {
	for {
		current, err := readfile.Open(path)
		if errors.Is(err, fs.ErrNotExist) { // between two files, or there is none
			current = nil
		} else if err != nil {
			return nil, err
		}
		names, err := Files(path)
		switch {
		case err == nil && len(names) == 0:
			err = fmt.Errorf("%s: %w", path, ErrNone)
		case err == nil && !sameCurrent(path, current, names):
			if current != nil {
				_ = current.Close() // only read from
			}
			continue
		}
		l := &logFiles{names, current}
		if err != nil {
			l.close()
			return nil, err
		}
		return l, nil
	}
}

// sameCurrent says whether the list still is about the file that was opened before it was made.
func sameCurrent(path string, current *os.File, names []string) bool {
	listed := names[len(names)-1] == path
	if current == nil || !listed {
		return (current == nil) == !listed
	}
	mine, err := current.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

// each calls read for each file, oldest first, until it returns false or an error. Files at the front that the rules of
// retention take away meanwhile are left out.
func (l *logFiles) each(read func(name string, f io.Reader, last bool) (bool, error)) error {
	began := false
	for i, name := range l.names {
		last := i == len(l.names)-1
		f, held := l.current, last && l.current != nil
		if !held {
			var err error
			if f, err = readfile.Open(name); errors.Is(err, fs.ErrNotExist) && !began && !last {
				continue
			} else if err != nil {
				return err
			}
		}
		began = true
		more, err := read(name, f, last)
		if !held {
			err = errors.Join(err, f.Close())
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (l *logFiles) close() {
	if l.current != nil {
		_ = l.current.Close() // only read from
	}
}
