package confine

import (
	"errors"

	"golang.org/x/sys/unix"
)

// newestCall is the highest system call that this program has heard of. A newer one might make sockets in a way that no
// filter here knows; the x32 calls of amd64 have far higher numbers. Programs find that the kernel lacks them.
const newestCall = unix.SYS_LISTNS

// Numbers that package unix does not have.
const (
	protocolMPTCP = 262
	familyRDS     = 21
	familySMC     = 43
	ioctlLinux    = 0x541c // TIOCLINUX, which pastes on a console
	kindMask      = 0xf    // SOCK_TYPE_MASK of the kernel's include/linux/net.h
)

// assembler writes a filter. The arguments of the calls we judge are C ints: the kernel takes their low halves, and so
// does a filter; the high halves are not looked at, since whatever they hold changes nothing.
type assembler struct{ code []unix.SockFilter }

func (a *assembler) ret(action uint32) {
	a.code = append(a.code, unix.SockFilter{Code: bpfRet, K: action})
}

func (a *assembler) load(offset uint32) {
	a.code = append(a.code, unix.SockFilter{Code: bpfLoad, K: offset})
}

func (a *assembler) arg(n uint32) { a.load(offsetArgs + 8*n) } // little-endian: the low half comes first

// on runs body where the last value compares, and skips it elsewhere. Each body ends the filter or falls through.
func (a *assembler) on(code uint16, k uint32, body func()) { a.jump(code, k, true, body) }

// not runs body where the last value does not compare.
func (a *assembler) not(code uint16, k uint32, body func()) { a.jump(code, k, false, body) }

func (a *assembler) jump(code uint16, k uint32, when bool, body func()) {
	at := len(a.code)
	a.code = append(a.code, unix.SockFilter{Code: code, K: k})
	body()
	skip := len(a.code) - at - 1
	if skip > 255 {
		panic("confine: a jump over more than 255 instructions")
	}
	if when {
		a.code[at].Jf = uint8(skip)
	} else {
		a.code[at].Jt = uint8(skip)
	}
}

// in runs body where the last value is one of some. body must end the filter.
func (a *assembler) in(values []uint32, body func()) {
	for _, v := range values {
		a.on(bpfEqual, v, body)
	}
}

// socketFilter is the filter of a plan. It forbids with EPERM, and has what it does not know not exist (ENOSYS).
func socketFilter(n Net) ([]unix.SockFilter, error) {
	arch, err := nativeArch()
	if err != nil {
		return nil, err
	}
	a := &assembler{}
	forbid := func() { a.ret(refuse(unix.EPERM)) }
	unknown := func() { a.ret(refuse(unix.ENOSYS)) }
	a.load(offsetArch)
	a.not(bpfEqual, arch, unknown)
	a.load(offsetNumber)
	a.on(bpfAbove, newestCall, unknown)
	// What is done through a ring passes no filter: IORING_OP_SOCKET would.
	a.in([]uint32{unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER}, forbid)
	// The terminal that we were started on stays open to the command: it must not type into it for the shell to read.
	a.on(bpfEqual, unix.SYS_IOCTL, func() {
		a.arg(1)
		a.in([]uint32{unix.TIOCSTI, ioctlLinux}, forbid)
		a.ret(unix.SECCOMP_RET_ALLOW)
	})
	a.on(bpfEqual, unix.SYS_SOCKETPAIR, func() {
		if n != NetAll {
			a.arg(0)
			a.not(bpfEqual, unix.AF_UNIX, forbid)
		}
		a.ret(unix.SECCOMP_RET_ALLOW)
	})
	a.on(bpfEqual, unix.SYS_SOCKET, func() { a.socket(n, forbid) })
	// Fast Open connects while it sends. Landlock looks at connect(2).
	for number, flags := range map[uint32]uint32{unix.SYS_SENDTO: 3, unix.SYS_SENDMSG: 2, unix.SYS_SENDMMSG: 3} {
		a.on(bpfEqual, number, func() {
			a.arg(flags)
			a.on(bpfAny, unix.MSG_FASTOPEN, forbid)
			a.ret(unix.SECCOMP_RET_ALLOW)
		})
	}
	a.ret(unix.SECCOMP_RET_ALLOW)
	if len(a.code) > unix.BPF_MAXINSNS {
		return nil, errors.New("confine: the filter is too long")
	}
	return a.code, nil
}

// socket judges socket(family, kind, protocol).
func (a *assembler) socket(n Net, forbid func()) {
	if n == NetNone {
		forbid()
		return
	}
	a.arg(0)
	internet := func() { a.internet(n, forbid) }
	a.in([]uint32{unix.AF_INET, unix.AF_INET6}, internet)
	if n == NetTCP {
		forbid()
		return
	}
	a.in([]uint32{familyRDS, familySMC}, forbid)
	a.ret(unix.SECCOMP_RET_ALLOW)
}

// internet judges the kind and the protocol of an IPv4 or IPv6 socket: streams are TCP and nothing that only looks like
// it, and kinds that connect in other ways than TCP and UDP do not exist.
func (a *assembler) internet(n Net, forbid func()) {
	a.arg(1)
	a.code = append(a.code, unix.SockFilter{Code: bpfAnd, K: kindMask})
	a.on(bpfEqual, unix.SOCK_STREAM, func() {
		a.arg(2)
		a.in([]uint32{0, unix.IPPROTO_TCP}, func() { a.ret(unix.SECCOMP_RET_ALLOW) })
		forbid()
	})
	if n == NetAll {
		a.in([]uint32{unix.SOCK_DGRAM, unix.SOCK_RAW}, func() { a.ret(unix.SECCOMP_RET_ALLOW) })
	}
	forbid()
}
