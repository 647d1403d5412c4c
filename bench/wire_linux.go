package main

import (
	"bytes"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// head is what the load wants to know of an answer's head.
type head struct {
	status  int
	length  int64
	closing bool
}

// parseHead reads a status line and headers, each ended by CR LF.
func parseHead(data []byte) (head, error) {
	h := head{length: -1}
	line, rest, _ := bytes.Cut(data, []byte("\r\n"))
	if len(line) < 12 || string(line[:9]) != "HTTP/1.1 " {
		return h, fmt.Errorf("%q is no status line", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return h, fmt.Errorf("%q is no status line", line)
	}
	h.status = status
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if line[0]|0x20 != 'c' && line[0]|0x20 != 't' {
			continue
		}
		if err := h.header(line); err != nil {
			return h, err
		}
	}
	if status == 304 || status == 204 {
		h.length = 0 // RFC 9112, 6.3: no body, whatever the headers say
	}
	if h.length < 0 {
		return h, fmt.Errorf("status %d without Content-Length", status)
	}
	return h, nil
}

func (h *head) header(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return fmt.Errorf("header %q: %w", line, err)
		}
		h.length = n
	case bytes.EqualFold(name, []byte("Connection")):
		h.closing = bytes.EqualFold(value, []byte("close"))
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		return fmt.Errorf("header %q: the bench expects lengths", line)
	}
	return nil
}

// The calls below go past the runtime's bookkeeping, which is there for calls
// that block: the descriptors do not block, and epoll_wait has a core to itself.

// waitMillis bounds a wait, so that a server that stalls is noticed.
const waitMillis = 100

func epollWait(epoll int, events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), waitMillis, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return 0, errno
	}
	if errno != 0 {
		return 0, nil
	}
	return int(n), nil
}

func recv(fd int, buf []byte, flags int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// recvDiscard has the kernel throw received bytes away (MSG_TRUNC, tcp(7)): a
// copy of large bodies would make the load slower than the servers.
func recvDiscard(fd int, n int64, flags int) (int, error) {
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), 0, uintptr(n), uintptr(flags|unix.MSG_TRUNC), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(got), nil
}
