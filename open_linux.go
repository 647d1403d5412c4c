package rootbound

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
)

// openFlags never block on a FIFO (O_NONBLOCK, fifo(7)), never make a terminal ours (O_NOCTTY), and never leak into a child.
const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// openat2Retries bounds how often a walk that raced with a rename is tried again (EAGAIN, openat2(2)).
const openat2Retries = 64

// openat2Gone remembers that openat2 is missing (ENOSYS) or refused by a seccomp filter (EPERM). Only the failure
// is remembered: a filter may be applied at any time, our own among them.
var openat2Gone atomic.Bool

// openBase opens the directory once, by O_PATH so that a directory which may be entered but not read can still be
// a base, and once more through os.Root from that very descriptor.
func openBase(path string) (*base, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return baseFrom(os.NewFile(uintptr(fd), path), path)
}

func baseFrom(f *os.File, path string) (*base, error) {
	b := &base{file: f}
	root, err := os.OpenRoot(procPath(f))
	if errors.Is(err, fs.ErrNotExist) { // no /proc: by path, if that is still the same directory
		root, err = os.OpenRoot(path)
	}
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrPermission) && !openat2Gone.Load():
		return b, nil
	default:
		return nil, errors.Join(err, f.Close())
	}
	b.root = root
	held, err1 := f.Stat()
	reached, err2 := root.Stat(".")
	if err := errors.Join(err1, err2); err != nil {
		return nil, errors.Join(err, b.close())
	}
	if !os.SameFile(held, reached) {
		return nil, errors.Join(fmt.Errorf("open %s: the directory was replaced while it was opened", path), b.close())
	}
	return b, nil
}

// subBase makes a base of an open directory beneath.
func (d *Dir) subBase(f *os.File, own Name) (*base, error) {
	fd, err := unix.Openat2(int(f.Fd()), ".", &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC})
	if err != nil { // openat2 is not there: the same by openat(2), "." cannot lead anywhere
		fd, err = unix.Openat(int(f.Fd()), ".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, systemReason(err)
	}
	b, err := baseFrom(os.NewFile(uintptr(fd), own.String()), procPath(f))
	if err != nil {
		return nil, systemReason(err)
	}
	return b, nil
}

// useOpenat2 says which containment answers the next open.
func (d *Dir) useOpenat2() bool { return !d.cfg.noOpenat2 && !openat2Gone.Load() }

// openConfined is the one open of the product on Linux: walk and open in one system call that the kernel confines.
func (d *Dir) openConfined(text string) (*os.File, error) {
	if d.useOpenat2() {
		f, err := d.open2(text)
		if !openat2Missing(err) {
			return f, err
		}
		openat2Gone.Store(true)
	}
	if d.base.root == nil {
		return nil, reason.New(reason.Unreadable, nil)
	}
	return d.openRoot(text)
}

// openat2Missing tells a kernel or filter without openat2 from a refusal. A filter may answer EPERM; for a plain
// read-only open the kernel itself never does (open(2) has it for O_NOATIME and for writing only).
func openat2Missing(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM)
}

func (d *Dir) resolveFlags() uint64 {
	flags := uint64(unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS)
	if d.cfg.Symlinks == SymlinksRefuse {
		flags |= unix.RESOLVE_NO_SYMLINKS
	}
	return flags
}

func (d *Dir) open2(text string) (*os.File, error) {
	f, err := d.openat2(text, openFlags)
	if errors.Is(err, unix.ESTALE) { // the server forgot its handle; one walk anew (NFS)
		f, err = d.openat2(text, openFlags)
	}
	switch {
	case err == nil:
		return f, nil
	case openat2Missing(err):
		return nil, err
	case errors.Is(err, unix.ELOOP) && d.cfg.Symlinks == SymlinksRefuse:
		return nil, reason.New(reason.LinkRefused, err)
	case errors.Is(err, unix.EXDEV) && d.cfg.Symlinks == SymlinksWithin:
		return d.openRewritten(text, err)
	}
	return nil, systemReason(err)
}

// openOnce is one confined open, without rewriting of absolute links.
func (d *Dir) openOnce(text string) (*os.File, error) {
	if !d.useOpenat2() {
		return d.openRootOnce(text)
	}
	f, err := d.openat2(text, openFlags)
	if err != nil {
		return nil, systemReason(err)
	}
	return f, nil
}

// openat2 opens beneath the base and gives the file the requested name. Only EAGAIN is tried again: with
// RESOLVE_BENEATH, EXDEV is the plain answer to an escape.
func (d *Dir) openat2(text string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{Flags: flags, Resolve: d.resolveFlags()}
	dirfd := int(d.base.file.Fd())
	for try := 0; ; try++ {
		fd, err := unix.Openat2(dirfd, text, &how)
		switch {
		case err == nil:
			return d.adopt(fd, text, flags)
		case err == unix.EINTR:
		case err == unix.EAGAIN && try < openat2Retries:
			if try > 2 {
				runtime.Gosched()
			}
		default:
			return nil, err
		}
	}
}

// adopt makes an *os.File of a descriptor. It is switched back to blocking first: os.NewFile would otherwise
// register it with the poller, which regular files do not have.
func (d *Dir) adopt(fd int, text string, flags uint64) (*os.File, error) {
	if flags&unix.O_PATH == 0 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, 0); err != nil {
			return nil, errors.Join(err, unix.Close(fd))
		}
	}
	return os.NewFile(uintptr(fd), text), nil
}

// linkAt reads the link that text names, without following it: from the link's own descriptor, so that what was
// looked at is what is read. ok is false for anything that is not a link.
func (d *Dir) linkAt(text string) (target string, ok bool, err error) {
	if !d.useOpenat2() {
		return d.rootLinkAt(text)
	}
	f, err := d.openat2(text, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", buf)
	switch {
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL): // readlinkat(2): not a link
		return "", false, nil
	case err != nil:
		return "", false, err
	case n == len(buf):
		return "", false, unix.ENAMETOOLONG
	}
	return string(buf[:n]), true, nil
}

// reaches says whether following text stays beneath the base.
func (d *Dir) reaches(text string) error {
	if !d.useOpenat2() {
		_, err := d.base.root.Stat(text)
		return err
	}
	f, err := d.openat2(text, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	return f.Close()
}

// statDescriptor is fstat(2). It reads the fields itself because os.File.Stat allocates and would not tell links.
func statDescriptor(f *os.File, into *facts) error {
	var st unix.Stat_t
	for {
		err := unix.Fstat(int(f.Fd()), &st)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	*into = facts{
		size:    st.Size,
		modTime: time.Unix(st.Mtim.Unix()),
		change:  time.Unix(st.Ctim.Unix()),
		mode:    fileMode(st.Mode),
		links:   uint64(st.Nlink),
		dev:     uint64(st.Dev),
		ino:     st.Ino,
	}
	return nil
}

func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	default:
		mode |= fs.ModeDevice
	}
	if m&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	return mode
}

func procPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// descriptorPath asks the kernel for the path an open descriptor has now (proc(5), /proc/PID/fd). A deleted file's
// path ends in " (deleted)".
func descriptorPath(f *os.File) (string, error) {
	var stack [512]byte
	n, err := unix.Readlink(procPath(f), stack[:])
	if err != nil {
		return "", err
	}
	if n < len(stack) {
		return string(stack[:n]), nil
	}
	buf := make([]byte, unix.PathMax+64)
	if n, err = unix.Readlink(procPath(f), buf); err != nil {
		return "", err
	}
	if n == len(buf) {
		return "", syscall.ENAMETOOLONG
	}
	return string(buf[:n]), nil
}
