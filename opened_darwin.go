package rootbound

import (
	"bytes"
	"io/fs"
	"os"
	"syscall"
	"unsafe"
)

// descriptorPath asks the kernel for an open file's path (fcntl(2), F_GETPATH), with the case it has on disk.
func descriptorPath(f *os.File) (string, error) {
	const getPath = 50 // F_GETPATH, sys/fcntl.h
	var buf [1024]byte // MAXPATHLEN
	conn, err := f.SyscallConn()
	if err != nil {
		return "", err
	}
	var errno syscall.Errno
	err = conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_FCNTL, fd, getPath, uintptr(unsafe.Pointer(&buf[0])))
	})
	if err != nil {
		return "", err
	}
	if errno != 0 {
		return "", errno
	}
	n := bytes.IndexByte(buf[:], 0)
	if n < 0 {
		return "", syscall.ENAMETOOLONG
	}
	return string(buf[:n]), nil
}

func linkCount(_ *os.File, fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

// mayFold: Apple's file systems compare names without regard to case unless they were made otherwise.
func (d *Dir) mayFold(*File) bool { return true }

// exact: the path the system gives has the names as they are on disk.
func (d *Dir) exact(*File) error { return nil }
