package rootbound

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile takes the lock that says "somebody is still writing this" (LockFileEx). Windows' locks keep others from
// the bytes, so it is a byte that no file has. A crash lets go of it. Another's lock is errLocked.
func lockFile(f *os.File) error {
	far := windows.Overlapped{Offset: 0xffff_fffe, OffsetHigh: 0x7fff_ffff}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}
