package rootbound

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/reason"
)

// updir is the directory an upload goes into: a descriptor, and system calls relative to it. The names they take are
// single elements and none of them follows a link, so nothing is walked and the *at calls are confined without
// openat2(2); both containments share them.
type updir struct{ f *os.File }

func (d *Dir) newUpdir(f *os.File, _ string) (*updir, error) { return &updir{f}, nil }

func (u *updir) fd() int      { return int(u.f.Fd()) }
func (u *updir) close() error { return u.f.Close() }
func (u *updir) sync() error  { return durable.SyncDir(u.f) }

func (u *updir) remove(elem string) error { return unix.Unlinkat(u.fd(), elem, 0) }

// look opens whatever has the name, without any effect on it (O_PATH), and says what it is and what it is called.
func (u *updir) look(elem string, into *facts) (own string, err error) {
	f, err := u.openat(elem, unix.O_PATH)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := statDescriptor(f, into); err != nil {
		return "", err
	}
	where, err := descriptorPath(f)
	if err != nil || path.Base(where) == elem+deletedSuffix {
		return elem, nil
	}
	return path.Base(where), nil
}

// stat is lstat(2) for os.SameFile.
func (u *updir) stat(elem string) (fs.FileInfo, error) {
	f, err := u.openat(elem, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// openat never follows a link in the last element, and the only element is the last.
func (u *updir) openat(elem string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Openat(u.fd(), elem, flags|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0o600)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), elem), nil
		case unix.EINTR:
		default:
			return nil, err
		}
	}
}

// newFile makes the file that is written to: one without any name, which a crash takes along (O_TMPFILE, open(2)),
// or where that cannot be had or could not be named later, one under a reserved name.
func (u *updir) newFile(noTmpfile bool) (f *os.File, temp string, err error) {
	if !noTmpfile {
		f, err = u.openat(".", unix.O_TMPFILE|unix.O_WRONLY)
		switch {
		case err == nil && u.canLink(f):
			return f, "", nil
		case err == nil:
			_ = f.Close()
		case !tmpfileMissing(err):
			return nil, "", err
		}
	}
	return newNamed(u)
}

func (u *updir) createTemp(temp string) (*os.File, error) {
	return u.openat(temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
}

// tmpfileMissing: EOPNOTSUPP from a file system without it (NFS, FAT, older overlayfs and FUSE), EISDIR and ENOENT
// from a kernel without it (open(2)), EINVAL, ENOSYS and EPERM from filters and emulations.
func tmpfileMissing(err error) bool {
	for _, e := range []unix.Errno{unix.EOPNOTSUPP, unix.EISDIR, unix.ENOENT, unix.EINVAL, unix.ENOSYS, unix.EPERM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// canLink finds out, before a byte is uploaded, whether the unnamed file can be named later: it asks to name it
// ".", which is EEXIST once the file itself was found, and never changes anything.
func (u *updir) canLink(f *os.File) bool { return errors.Is(u.link(f, "."), unix.EEXIST) }

// link names an unnamed file, never replacing anything. The descriptor itself is enough for who opened it since
// Linux 6.10 (before that CAP_DAC_READ_SEARCH); otherwise it goes by /proc, as open(2) describes under O_TMPFILE.
func (u *updir) link(f *os.File, elem string) error {
	err := unix.Linkat(int(f.Fd()), "", u.fd(), elem, unix.AT_EMPTY_PATH)
	if err == nil || errors.Is(err, unix.EEXIST) {
		return err
	}
	byProc := unix.Linkat(unix.AT_FDCWD, procPath(f), u.fd(), elem, unix.AT_SYMLINK_FOLLOW)
	if errors.Is(byProc, unix.ENOENT) && !errors.Is(err, unix.ENOENT) {
		return err // the first said more than that /proc is not there
	}
	return byProc
}

// place names the file, never replacing anything: link(2) and RENAME_NOREPLACE are EEXIST for whatever has the
// name, a dangling link too.
func (u *updir) place(p *Pending) error {
	if p.temp == "" {
		return u.link(p.file, p.leaf)
	}
	err := unix.Renameat2(u.fd(), p.temp, u.fd(), p.leaf, unix.RENAME_NOREPLACE)
	switch err {
	case nil:
		p.temp = ""
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.EPERM: // a file system, a kernel or a filter without it (rename(2))
		return u.placeByLink(p)
	}
	return err
}

// placeByLink is place where renameat2(2) cannot keep from replacing. For a moment the file has both names.
func (u *updir) placeByLink(p *Pending) error {
	if err := unix.Linkat(u.fd(), p.temp, u.fd(), p.leaf, 0); err != nil {
		return err
	}
	if err := u.remove(p.temp); err != nil {
		return errors.Join(err, u.remove(p.leaf))
	}
	p.temp = ""
	return nil
}

// replace puts the file in the place of another. An unnamed one is named first, under a reserved name and locked,
// since only rename(2) replaces.
func (u *updir) replace(p *Pending) error {
	if p.temp == "" {
		_ = durable.Lock(p.file) // nobody else can have it; where there are no locks, its age protects it
		temp := reservedName()
		if err := u.link(p.file, temp); err != nil {
			return err
		}
		p.temp = temp
	}
	if err := unix.Renameat(u.fd(), p.temp, u.fd(), p.leaf); err != nil {
		if errors.Is(err, unix.EISDIR) { // a directory came in between
			return reason.New(reason.Exists, errNotRegular)
		}
		return err
	}
	p.temp = ""
	return nil
}

// flush is close(2) for an open file: closing any descriptor makes NFS and FUSE report what went wrong.
func flush(f *os.File) error {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// openLeftover opens a regular file for locking; a network file system locks only what is open for writing.
func (u *updir) openLeftover(elem string) (*os.File, error) {
	var st facts
	if _, err := u.look(elem, &st); err != nil {
		return nil, err
	}
	if !st.mode.IsRegular() {
		return nil, errNotRegular
	}
	f, err := u.openat(elem, unix.O_RDWR|unix.O_NONBLOCK) // it may have become a FIFO
	if errors.Is(err, unix.EACCES) {
		f, err = u.openat(elem, unix.O_RDONLY|unix.O_NONBLOCK)
	}
	return f, err
}

// locksReach says whether a lock held by any program that can write here is seen here. On a network file system
// it may not be (nfs(5), local_lock), so age must speak as well.
func locksReach(f *os.File) bool { return plainType(f) }
