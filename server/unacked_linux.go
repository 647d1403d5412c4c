package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many bytes of a socket's send buffer the other end has not acknowledged (SIOCOUTQ, tcp(7),
// unix(7)); 0 where it cannot be known.
func unacknowledged(c net.Conn) int64 {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	if err := raw.Control(func(fd uintptr) {
		if v, err := unix.IoctlGetInt(int(fd), unix.TIOCOUTQ); err == nil {
			n = v
		}
	}); err != nil {
		return 0
	}
	return int64(n)
}
