//go:build unix

package attack

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// plantSpecial makes a FIFO that nobody writes to, so that a plain open of it blocks, and a socket.
func plantSpecial(dir string) ([]Link, error) {
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.txt"), 0o644); err != nil {
		return nil, fmt.Errorf("make FIFO: %w", err)
	}
	if err := plantSocket(filepath.Join(dir, "socket.txt")); err != nil {
		return nil, err
	}
	var links []Link
	for _, n := range []string{"fifo.txt", "socket.txt"} {
		links = append(links, Link{
			Class: "special", ID: "special." + n, Name: "links/" + n, Refused: true, RefusedWithin: true, RefusedHard: true,
		})
	}
	return links, nil
}

// plantSocket binds in a short directory and moves the socket: an address holds only some 100 bytes, unix(7).
func plantSocket(path string) error {
	short, err := os.MkdirTemp("", "s")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(short) }()
	from := filepath.Join(short, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: from, Net: "unix"})
	if err != nil {
		return fmt.Errorf("make socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		return err
	}
	return os.Rename(from, path)
}
