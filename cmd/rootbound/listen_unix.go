//go:build unix

package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/rootbound/rootbound/server"
)

// listenUnix listens on a Unix socket that only its owner may use: the user the process becomes, if it becomes one.
func listenUnix(what, path string, owner *identity) (net.Listener, error) {
	l, err := server.ListenUnix(path)
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

func cannotBind(what string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage(what, "the directory for it does not exist", "Create the directory first")
	case errors.Is(err, syscall.EINVAL):
		return usage(what, "the path is too long for a socket", "Use a path of at most 107 bytes")
	}
	return usage(what, strings.TrimPrefix(err.Error(), "server: "), "Use another path")
}
