package rootbound

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/rootbound/rootbound/internal/reason"
)

var errnos = map[syscall.Errno]reason.Code{
	windows.ERROR_FILE_NOT_FOUND:       reason.Missing,
	windows.ERROR_PATH_NOT_FOUND:       reason.Missing,
	windows.ERROR_INVALID_NAME:         reason.Missing,
	windows.ERROR_FILENAME_EXCED_RANGE: reason.Missing,
	windows.ERROR_DIRECTORY:            reason.NotDirectory,
	syscall.ELOOP:                      reason.LinkLoop,
	windows.ERROR_ACCESS_DENIED:        reason.Unreadable,
	windows.ERROR_SHARING_VIOLATION:    reason.Busy,
	windows.ERROR_LOCK_VIOLATION:       reason.Busy,
	windows.ERROR_TOO_MANY_OPEN_FILES:  reason.ShortDescriptors,
	windows.ERROR_NOT_ENOUGH_MEMORY:    reason.ShortMemory,
	windows.ERROR_IO_DEVICE:            reason.InputOutput,
	windows.ERROR_DISK_FULL:            reason.NoSpace,
	windows.ERROR_HANDLE_DISK_FULL:     reason.NoSpace,
	windows.ERROR_DISK_QUOTA_EXCEEDED:  reason.NoSpace,
	windows.ERROR_WRITE_PROTECT:        reason.ReadOnly,
	windows.ERROR_FILE_TOO_LARGE:       reason.TooLarge,
	windows.ERROR_FILE_EXISTS:          reason.Exists,
	windows.ERROR_ALREADY_EXISTS:       reason.Exists,
}

func errnoReason(err error) reason.Code {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	return errnos[errno]
}
