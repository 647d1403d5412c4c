//go:build unix

package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// listenUnix listens on a Unix socket that only its owner may use. A socket that is there already is removed only if
// nobody listens on it; anything else that is there stays.
func listenUnix(what, path string, owner *identity) (net.Listener, error) {
	if err := removeStale(what, path); err != nil {
		return nil, err
	}
	// The mode must be right from the first moment: chmod after bind would leave a gap. The umask is the whole
	// process's, and nothing else runs yet that creates files.
	before := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(before)
	if err != nil {
		return nil, cannotBind(what, err)
	}
	if owner != nil {
		if err := os.Lchown(path, owner.uid, owner.gid); err != nil {
			_ = l.Close()
			return nil, usage(what, "it cannot be given to the user "+owner.name+": "+cause(err), "Use a directory of a local file system, such as /run")
		}
	}
	return l, nil
}

func removeStale(what, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unreadable(what, err)
	case info.Mode().Type() != fs.ModeSocket:
		return usage(what, "something that is not a socket has this name", "Use another path, or remove it yourself")
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
		return usage(what, "another process listens on it", "Stop that one, or use another path")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return usage(what, "whether somebody listens on it cannot be told: "+cause(err), "Use another path, or remove it yourself")
	}
	if err := os.Remove(path); err != nil {
		return usage(what, "the socket that is left over there cannot be removed: "+cause(err), "Use another path, or remove it yourself")
	}
	return nil
}

func cannotBind(what string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage(what, "the directory for it does not exist", "Create the directory first")
	case errors.Is(err, syscall.EINVAL):
		return usage(what, "the path is too long for a socket", "Use a path of at most 107 bytes")
	}
	return usage(what, cause(err), "Use another path")
}
