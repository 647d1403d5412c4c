package main

import (
	"errors"
	"io/fs"
	"strconv"

	"github.com/rootbound/rootbound/internal/readfile"
)

var errShared = errors.New("others than its owner may read or write it")

// readSecret reads what the flag names, of at most that many bytes, where nobody but its owner may.
func readSecret(flag, path string, most int64) ([]byte, error) {
	what := flag + " " + strconv.Quote(path)
	b, err := readfile.Read(path, most, func(info fs.FileInfo) error {
		switch {
		case !info.Mode().IsRegular():
			return errors.New("it is not a regular file")
		case !isSecret(info):
			return errShared
		}
		return nil
	})
	switch {
	case errors.Is(err, errShared):
		return nil, usage(what, errShared.Error(), "Change that by 'chmod 0600 FILE'")
	case err != nil:
		return nil, unreadable(what, err)
	}
	return b, nil
}
