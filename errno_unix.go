//go:build unix

package rootbound

import (
	"errors"
	"syscall"

	"github.com/rootbound/rootbound/internal/reason"
)

// errnos says what each error of open(2), openat2(2), fstat(2) and getdents(2) means for a request. An error that
// says something about the name is a 404; one that says something about us or the device is not.
var errnos = map[syscall.Errno]reason.Code{
	syscall.ENOENT:       reason.Missing,
	syscall.ENAMETOOLONG: reason.Missing,
	syscall.EXDEV:        reason.LinkEscape,
	syscall.ELOOP:        reason.LinkLoop,
	syscall.ENOTDIR:      reason.NotDirectory,
	syscall.EISDIR:       reason.Directory,
	syscall.EACCES:       reason.Unreadable,
	syscall.EPERM:        reason.Unreadable,
	syscall.ENXIO:        reason.SpecialFile, // a socket, or a device without a driver
	syscall.ENODEV:       reason.SpecialFile,
	syscall.EOPNOTSUPP:   reason.SpecialFile, // a socket, on BSD
	syscall.EMFILE:       reason.ShortDescriptors,
	syscall.ENFILE:       reason.ShortDescriptors,
	syscall.ENOMEM:       reason.ShortMemory,
	syscall.EIO:          reason.InputOutput,
	syscall.ESTALE:       reason.Stale,
	syscall.ETIMEDOUT:    reason.Stale,
	syscall.ENOTCONN:     reason.Stale,
	syscall.EAGAIN:       reason.Busy, // a lease of another program, or a walk that kept racing with renames
	syscall.ENOSPC:       reason.NoSpace,
	syscall.EDQUOT:       reason.NoSpace,
	syscall.EFBIG:        reason.TooLarge,
	syscall.EEXIST:       reason.Exists,
	syscall.EROFS:        reason.ReadOnly,
}

// errnoReason returns the reason of a system error, "" for one that is not on the list.
func errnoReason(err error) reason.Code {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	return errnos[errno]
}
