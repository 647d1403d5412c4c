package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// ListenUnix makes a Unix socket that only its owner may connect to (mode 0600), in place of one that nobody listens
// on any more. The socket's file goes when the listener is closed.
func ListenUnix(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		// On Linux bind(2) takes over the mode of the descriptor: the file is never there with another one.
		return errors.Join(c.Control(func(fd uintptr) { err = ownerOnly(fd) }), err)
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil { // for the other systems
		return nil, errors.Join(fmt.Errorf("server: %w", err), l.Close())
	}
	return l, nil
}

// removeStale removes a socket whose owner is gone, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // the listen says what is wrong
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("server: %s is there already and no socket: name another path", path)
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("server: somebody listens on %s already", path), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("server: %s is there already: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}
