package rootbound

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// casefold is FS_CASEFOLD_FL (linux/fs.h): names in this directory are compared without regard to case.
const casefold = 0x40000000

// plainTypes are file systems that compare names byte for byte but in directories with the casefold flag (statfs(2)).
var plainTypes = map[int64]bool{
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true, unix.TMPFS_MAGIC: true,
	unix.OVERLAYFS_SUPER_MAGIC: true, unix.F2FS_SUPER_MAGIC: true, unix.SQUASHFS_MAGIC: true, unix.RAMFS_MAGIC: true,
}

// mayFold says whether the file could have been reached by another name than its own without a link. It is only
// asked where /proc is not there to tell; when in doubt it says yes.
func (d *Dir) mayFold(f *File) bool {
	if !plainType(f.f) {
		return true
	}
	elems := f.name.Elements()
	for i := range elems {
		prefix := strings.Join(elems[:i], "/")
		if prefix == "" {
			prefix = "."
		}
		dir, err := d.openConfined(prefix)
		if err != nil {
			return true
		}
		fold := !plainType(dir) || folds(dir)
		_ = dir.Close()
		if fold {
			return true
		}
	}
	return false
}

func plainType(f *os.File) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(int(f.Fd()), &st) == nil && plainTypes[int64(st.Type)]
}

func folds(dir *os.File) bool {
	flags, err := unix.IoctlGetUint32(int(dir.Fd()), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&casefold != 0 // an error: the file system has no such flags
}
