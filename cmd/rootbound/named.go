package main

import (
	"errors"
	"io/fs"
	"strconv"

	"github.com/rootbound/rootbound/internal/readfile"
)

var errShared = errors.New("others than its owner may read or write it")

// readNamed reads a file of at most that many bytes, which is called what in an error.
func readNamed(what, path string, most int64, checks ...func(fs.FileInfo) error) ([]byte, error) {
	b, err := readfile.Read(path, most, checks...)
	switch {
	case errors.Is(err, errShared):
		return nil, usage(what, errShared.Error(), "Change that by 'chmod 0600 FILE'")
	case err != nil:
		return nil, unreadable(what, err)
	}
	return b, nil
}

// readSecret reads what the flag names, where nobody but its owner may.
func readSecret(flag, path string, most int64) ([]byte, error) {
	return readNamed(flag+" "+strconv.Quote(path), path, most, func(info fs.FileInfo) error {
		switch {
		case !info.Mode().IsRegular():
			return errors.New("it is not a regular file")
		case !isSecret(info):
			return errShared
		}
		return nil
	})
}
