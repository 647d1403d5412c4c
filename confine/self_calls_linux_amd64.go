package confine

import "golang.org/x/sys/unix"

const newfstatat = unix.SYS_NEWFSTATAT

// archCalls are those of ownCalls that other processors do not have. The second line is SQLite's, and does nothing that the
// calls relative to a directory do not.
var archCalls = []uint32{
	unix.SYS_ARCH_PRCTL, unix.SYS_EPOLL_WAIT, unix.SYS_POLL,
	unix.SYS_OPEN, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_ACCESS, unix.SYS_READLINK, unix.SYS_UNLINK, unix.SYS_MKDIR, unix.SYS_RMDIR,
}
