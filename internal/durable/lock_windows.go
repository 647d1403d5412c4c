package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// Lock takes the lock that says "somebody is still writing this" (LockFileEx). Windows' locks keep others from
// the bytes, so it is a byte that no file has. A crash lets go of it. Another's lock is ErrLocked.
func Lock(f *os.File) error {
	far := windows.Overlapped{Offset: 0xffff_fffe, OffsetHigh: 0x7fff_ffff}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}
