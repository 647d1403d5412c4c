package audit

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// noFollow: the log is the file itself, not what a link names.
const noFollow = unix.O_NOFOLLOW

// dataSync waits until what was written is on disk, with the size (fdatasync(2)). Others may close the file meanwhile.
func dataSync(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = raw.Control(func(fd uintptr) {
		for {
			if syncErr = unix.Fdatasync(int(fd)); syncErr != unix.EINTR {
				return
			}
		}
	})
	return errors.Join(err, syncErr)
}
