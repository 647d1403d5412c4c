// Package durable writes what must survive: a file that is whole or not there, whatever moment the machine dies at.
package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tempPrefix starts the names of unfinished files. A crash may leave one; it is safe to delete.
const tempPrefix = ".durable-"

// ErrLocked is Lock's error where another holds the lock.
var ErrLocked = errors.New("locked by another")

// WriteFile replaces path by data, or makes it, with exactly these permissions whatever the umask. A reader sees
// the old content or the new, never a part; once WriteFile has returned nil the new content survives a crash of the
// machine. On any error the old file is untouched, unless the error says that only the directory could not be
// synced: then the new content stands, and whether it survives is not known.
//
// What is not a regular file (a link, a directory, a FIFO) is not replaced. The directory is opened once and
// everything done in it: a directory that is replaced meanwhile does not lead the write elsewhere.
//
// Errors name path, so they are for operators, not for clients.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("durable write: %w", err)
	}
	defer root.Close()
	if err := write(root, base, data, perm); err != nil {
		return &fs.PathError{Op: "durable write", Path: path, Err: Bare(err)}
	}
	return nil
}

func write(root *os.Root, base string, data []byte, perm fs.FileMode) (err error) {
	switch fi, err := root.Lstat(base); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !fi.Mode().IsRegular():
		return fmt.Errorf("not a regular file (%s), and so not replaced", fi.Mode().Type())
	}
	temp := tempPrefix + strings.ToLower(rand.Text())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(fill(f, data, perm), f.Close()); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	if err := root.Rename(temp, base); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	d, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("written, but the directory cannot be synced: %w", Bare(err))
	}
	defer d.Close()
	if err := SyncDir(d); err != nil {
		return fmt.Errorf("written, but the directory cannot be synced: %w", Bare(err))
	}
	return nil
}

// fill syncs after the mode was set, so that both are on disk before the file gets its name: a rename may reach the
// disk before the data it names (ext4's delayed allocation, rename(2)).
func fill(f *os.File, data []byte, perm fs.FileMode) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(perm.Perm()); err != nil {
		return err
	}
	return f.Sync()
}

// Bare takes off the paths that the standard library wraps around an error of the system.
func Bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}
