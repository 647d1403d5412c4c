package inspect

import (
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// handle is an open directory. Whatever is asked of it is about one element beneath its descriptor, so that no path can be
// swapped on the way.
type handle struct {
	fd int
	f  *os.File
}

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC

// openBase opens the directory as its operator named it, links included.
func openBase(path string) (*handle, error) {
	return newHandle(unix.Open(path, dirFlags, 0))
}

func newHandle(fd int, err error) (*handle, error) {
	if err != nil {
		return nil, err
	}
	return &handle{fd: fd, f: os.NewFile(uintptr(fd), "directory")}, nil
}

// child opens a directory that is an element of this one.
func (h *handle) child(elem string) (*handle, error) {
	return newHandle(unix.Openat(h.fd, elem, dirFlags|unix.O_NOFOLLOW, 0))
}

func (h *handle) close() { _ = h.f.Close() } // only read from

// next returns at most n more names, io.EOF at the end.
func (h *handle) next(n int) ([]string, error) {
	names, err := h.f.Readdirnames(n)
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	var se *os.SyscallError
	if errors.As(err, &se) {
		err = se.Err
	}
	if len(names) > 0 && err == io.EOF {
		err = nil
	}
	return names, err
}

// rewind has next begin again.
func (h *handle) rewind() error {
	_, err := h.f.Seek(0, io.SeekStart)
	return err
}

func (h *handle) stat(into *facts) error {
	var st unix.Stat_t
	if err := unix.Fstat(h.fd, &st); err != nil {
		return err
	}
	into.take(&st)
	return nil
}

func (h *handle) lstat(elem string, into *facts) error {
	var st unix.Stat_t
	if err := unix.Fstatat(h.fd, elem, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT); err != nil {
		return err
	}
	into.take(&st)
	return nil
}

func (f *facts) take(st *unix.Stat_t) {
	*f = facts{mode: st.Mode, uid: st.Uid, gid: st.Gid, dev: st.Dev, ino: st.Ino, links: uint64(st.Nlink), size: st.Size}
}

func (h *handle) readlink(elem string) (string, error) { return readlinkat(h.fd, elem) }

func readlinkat(dirfd int, elem string) (string, error) {
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dirfd, elem, b)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// head reads the beginning of a regular file, as much as fits. The file is held by a descriptor that opens nothing (O_PATH)
// before it is opened for reading, by way of that descriptor: what was swapped for a FIFO or a device is not opened.
func (h *handle) head(elem string, b []byte) (int, error) {
	held, err := unix.Openat(h.fd, elem, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(held)
	var st unix.Stat_t
	if err := unix.Fstat(held, &st); err != nil {
		return 0, err
	}
	if st.Mode&typeMask != typeRegular {
		return 0, errSwapped
	}
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(held), flags, 0)
	if err == unix.ENOENT { // no /proc here: what is opened is looked at before it is read
		if fd, err = unix.Openat(h.fd, elem, flags|unix.O_NOFOLLOW, 0); err != nil {
			return 0, err
		}
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&typeMask != typeRegular {
			_ = unix.Close(fd)
			return 0, errSwapped
		}
	}
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return readFull(fd, b)
}

func readFull(fd int, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m, err := unix.Read(fd, b[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || m <= 0 {
			return n, err
		}
		n += m
	}
	return n, nil
}

// where is the path of what a descriptor holds, "" where the system does not tell.
func where(fd int) string {
	path, err := readlinkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd))
	if err != nil {
		return ""
	}
	return path
}

// systemPath is where the directory is now, as the system tells.
func (h *handle) systemPath() string { return where(h.fd) }

// remote says whether the file system answers from elsewhere, or is made of the system's own state: neither is walked into
// where it is mounted beneath.
func (h *handle) remote() string {
	var st unix.Statfs_t
	if unix.Fstatfs(h.fd, &st) != nil {
		return ""
	}
	return foreign[uint64(st.Type)&0xffffffff]
}

// foreign are the file systems that are not walked into, by statfs(2)'s f_type.
var foreign = map[uint64]string{
	unix.NFS_SUPER_MAGIC: "a network file system (NFS)", 0xff534d42: "a network file system (CIFS)", 0xfe534d42: "a network file system (SMB)",
	unix.FUSE_SUPER_MAGIC: "a file system of a program (FUSE)", unix.V9FS_MAGIC: "a network file system (9p)", 0x00c36400: "a network file system (Ceph)",
	unix.AFS_SUPER_MAGIC: "a network file system (AFS)", unix.AUTOFS_SUPER_MAGIC: "an automounter's",
	unix.PROC_SUPER_MAGIC: "the system's own state (proc)", unix.SYSFS_MAGIC: "the system's own state (sysfs)",
	unix.DEVPTS_SUPER_MAGIC: "the system's own state (devpts)", unix.CGROUP_SUPER_MAGIC: "the system's own state (cgroup)",
	unix.CGROUP2_SUPER_MAGIC: "the system's own state (cgroup)", unix.DEBUGFS_MAGIC: "the system's own state (debugfs)",
	unix.TRACEFS_MAGIC: "the system's own state (tracefs)", unix.SECURITYFS_MAGIC: "the system's own state (securityfs)",
	unix.BPF_FS_MAGIC: "the system's own state (bpf)", unix.PSTOREFS_MAGIC: "the system's own state (pstore)",
	unix.EFIVARFS_MAGIC: "the system's own state (efivarfs)", unix.BINFMTFS_MAGIC: "the system's own state (binfmt_misc)",
}
