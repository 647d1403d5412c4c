//go:build unix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// SyncDir makes the names in an open directory durable: fsync(2) of a file does not cover the entry that names it.
// A file system that cannot sync directories says EINVAL or ENOTSUP; there is nothing more to be had from it.
func SyncDir(dir *os.File) error {
	err := dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}
