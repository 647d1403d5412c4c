package lane

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls here never block: their descriptors are non-blocking. So the scheduler need not be told of them, which
// would cost more than many of them take.

// eintr says whether a call is to be made again.
func eintr(e unix.Errno) bool { return e == unix.EINTR }

// epollWait asks without waiting.
func epollWait(epfd int, events []unix.EpollEvent) int {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		if e == 0 {
			return int(n)
		}
		if !eintr(e) {
			return 0
		}
	}
}

// recv reads what is there.
func recv(fd int, b []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if e == 0 {
			return int(n), nil
		}
		if !eintr(e) {
			return 0, e
		}
	}
}

// send writes what there is room for (MSG_NOSIGNAL: the error is enough, the signal would only cost).
func send(fd int, b []byte, flags int) (int, error) {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			uintptr(unix.MSG_NOSIGNAL|flags), 0, 0)
		if e == 0 {
			return int(n), nil
		}
		if !eintr(e) {
			return 0, e
		}
	}
}

// send2 writes two pieces as one.
func send2(fd int, a, b []byte) (int, error) {
	iov := [2]unix.Iovec{{Base: unsafe.SliceData(a)}, {Base: unsafe.SliceData(b)}}
	iov[0].SetLen(len(a))
	iov[1].SetLen(len(b))
	msg := unix.Msghdr{Iov: &iov[0]}
	msg.SetIovlen(2)
	for {
		n, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_NOSIGNAL)
		if e == 0 {
			runtime.KeepAlive(&iov)
			return int(n), nil
		}
		if !eintr(e) {
			return 0, e
		}
	}
}

// sysCachestat is the number of cachestat(2), the same for every architecture but alpha (Linux 6.5).
const sysCachestat = 451

// resident says that the system has all of a part of a file in memory.
func resident(fd int, off int64, n int) bool {
	part := struct{ off, n uint64 }{uint64(off), uint64(n)}
	var cs struct{ cache, dirty, writeback, evicted, recentlyEvicted uint64 }
	_, _, e := unix.RawSyscall6(sysCachestat, uintptr(fd), uintptr(unsafe.Pointer(&part)), uintptr(unsafe.Pointer(&cs)), 0, 0, 0)
	page := int64(os.Getpagesize())
	first, last := off/page, (off+int64(n)-1)/page
	return e == 0 && cs.cache >= uint64(last-first+1)
}

// sendfile is sendfile(2) of what is in memory.
func sendfile(to, from int, off int64, n int) (int, error) {
	for {
		o := off
		m, _, e := unix.RawSyscall6(unix.SYS_SENDFILE, uintptr(to), uintptr(from), uintptr(unsafe.Pointer(&o)), uintptr(n), 0, 0)
		if e == 0 {
			return int(m), nil
		}
		if !eintr(e) {
			return 0, e
		}
	}
}

// accept takes the next connection.
func accept(fd int) (int, netip.Addr, error) {
	var sa unix.RawSockaddrAny
	for {
		size := uint32(unsafe.Sizeof(sa))
		n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if e == 0 {
			return int(n), address(&sa), nil
		}
		if !eintr(e) && e != unix.ECONNABORTED {
			return 0, netip.Addr{}, e
		}
	}
}

// address is the peer's; invalid for Unix sockets.
func address(sa *unix.RawSockaddrAny) netip.Addr {
	switch sa.Addr.Family {
	case unix.AF_INET:
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr)
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		a := netip.AddrFrom16(in.Addr).Unmap()
		if in.Scope_id != 0 && a.Is6() {
			a = a.WithZone(zone(in.Scope_id))
		}
		return a
	}
	return netip.Addr{}
}

func closeFD(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) // a socket's close does not wait
}

// unacknowledged is how many bytes of the send buffer the other end has not taken (SIOCOUTQ, tcp(7), unix(7)).
func unacknowledged(fd int) int64 {
	n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	if err != nil {
		return 0
	}
	return int64(n)
}

// zone is how package net calls the interface of a link-local address.
func zone(index uint32) string {
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(index), 10)
}
