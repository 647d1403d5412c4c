package rootbound

import (
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/windows"
)

// descriptorPath asks the system for an open file's path, long names in the case they have on disk
// (GetFinalPathNameByHandleW).
func descriptorPath(f *os.File) (string, error) {
	buf := make([]uint16, 512)
	for {
		n, err := windows.GetFinalPathNameByHandle(windows.Handle(f.Fd()), &buf[0], uint32(len(buf)), 0)
		if err != nil {
			return "", err
		}
		if int(n) < len(buf) {
			return strings.TrimPrefix(windows.UTF16ToString(buf[:n]), `\\?\`), nil
		}
		buf = make([]uint16, n+1)
	}
}

func linkCount(f *os.File, _ fs.FileInfo) uint64 {
	if f == nil {
		return 1 // an entry that is not open: only the open that serves it can tell
	}
	var info windows.ByHandleFileInformation
	if windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info) != nil {
		return 1
	}
	return uint64(info.NumberOfLinks)
}

// mayFold: Windows compares names without regard to case, and knows short ones.
func (d *Dir) mayFold(*File) bool { return true }

// exact: the path the system gives has the names as they are on disk.
func (d *Dir) exact(*File) error { return nil }
