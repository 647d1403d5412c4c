package rootbound

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

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
	for {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		switch err {
		case nil:
			return baseFrom(os.NewFile(uintptr(fd), path), path)
		case unix.EINTR:
		default:
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// baseFrom adds an os.Root to an open directory; path is where to find it if there is no /proc.
func baseFrom(f *os.File, path string) (*base, error) {
	b := &base{file: f}
	root, err := os.OpenRoot(procPath(f))
	if errors.Is(err, fs.ErrNotExist) {
		root, err = os.OpenRoot(path)
	}
	if err != nil {
		if errors.Is(err, fs.ErrPermission) && !openat2Gone.Load() {
			return b, nil
		}
		return nil, errors.Join(baseError(path, err), f.Close())
	}
	b.root = root
	held, err1 := f.Stat()
	reached, err2 := root.Stat(".")
	err = errors.Join(err1, err2)
	if err == nil && !os.SameFile(held, reached) { // only where it was found by path
		err = errMoved
	}
	if err != nil {
		return nil, errors.Join(baseError(path, err), b.close())
	}
	return b, nil
}

// baseError names the directory as it was given, not by the descriptor it was opened through.
func baseError(path string, err error) error { return refusal("open", path, err) }

// subBase makes a base of an open directory beneath.
func (d *Dir) subBase(f *os.File, own string) (*base, error) {
	fd, err := unix.Openat(int(f.Fd()), ".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) // "." leads nowhere else
	if err != nil {
		return nil, systemReason(err)
	}
	b, err := baseFrom(os.NewFile(uintptr(fd), own), own)
	if err != nil {
		return nil, systemReason(err)
	}
	return b, nil
}

// useOpenat2 says which containment answers the next open.
func (d *Dir) useOpenat2() bool { return useOpenat2(d.cfg.noOpenat2) }

func useOpenat2(noOpenat2 bool) bool { return !noOpenat2 && !openat2Gone.Load() }

// openConfined is the one open of the product on Linux: walk and open in one system call that the kernel confines.
func (d *Dir) openConfined(text string) (*os.File, error) {
	if d.useOpenat2() {
		f, err := d.open2(text)
		if !openat2Missing(err) {
			return f, err
		}
		if d.openat2Answers() {
			return nil, systemReason(err)
		}
		openat2Gone.Store(true)
	}
	if d.base.root == nil {
		return nil, reason.New(reason.Unreadable, nil)
	}
	return d.openRoot(text)
}

// errMissing is the most common refusal. Caches keep many; one for all keeps them near each other.
var errMissing = reason.New(reason.Missing, unix.ENOENT)

// openat2Missing says that an error may be that of a kernel without openat2 (ENOSYS), or of a seccomp filter (EPERM).
func openat2Missing(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM)
}

// openat2Answers tells the two from a refusal of one file: a virus scanner (fanotify(7)) answers EPERM too, and a
// file system in user space anything. An O_PATH open of the base itself asks neither.
func (d *Dir) openat2Answers() bool {
	f, err := d.openat2(".", unix.O_PATH|unix.O_CLOEXEC)
	if err == nil {
		_ = f.Close()
	}
	return !openat2Missing(err)
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
	switch {
	case err == nil:
		return f, nil
	case err == unix.ENOENT:
		return nil, errMissing
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

// openat2 opens beneath the base and gives the file the requested name. EAGAIN is tried again, and ESTALE once (an
// NFS server forgot its handle: one walk anew); with RESOLVE_BENEATH, EXDEV is the plain answer to an escape.
func (d *Dir) openat2(text string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{Flags: flags, Resolve: d.resolveFlags()}
	dirfd := int(d.base.file.Fd()) // not closed meanwhile: see acquire
	stale := false
	for try := 0; ; try++ {
		fd, err := unix.Openat2(dirfd, text, &how)
		switch {
		case err == nil:
			return d.adopt(fd, text, flags)
		case err == unix.EINTR:
		case err == unix.ESTALE && !stale:
			stale = true
		case err == unix.EAGAIN && try < openat2Retries:
			if try > 2 {
				runtime.Gosched()
			}
		default:
			return nil, err
		}
	}
}

// resolveCached is RESOLVE_CACHED (openat2(2), Linux 5.12): fail where the walk would have to wait.
const resolveCached = 0x20

// openCached is the confined open of what the system has in memory, within the base's own mount. It is EAGAIN where it
// would wait, and its callers take no other failure but ENOENT for an answer. As it does not block, the scheduler is
// not told of it: that would cost more than the open.
func (d *Dir) openCached(text string) (int, error) {
	var path [256]byte
	if len(text) >= len(path) || strings.IndexByte(text, 0) >= 0 {
		return -1, unix.EAGAIN
	}
	copy(path[:], text)
	how := unix.OpenHow{Flags: openFlags, Resolve: d.resolveFlags() | unix.RESOLVE_NO_XDEV | resolveCached}
	fd, _, e := unix.RawSyscall6(unix.SYS_OPENAT2, d.base.file.Fd(), uintptr(unsafe.Pointer(&path)), uintptr(unsafe.Pointer(&how)),
		unsafe.Sizeof(how), 0, 0)
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
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

// control runs do on the descriptor, which another goroutine cannot close and have reused meanwhile.
func control(f *os.File, do func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return fs.ErrClosed
	}
	if conn.Control(func(fd uintptr) { err = do(int(fd)) }) != nil {
		return fs.ErrClosed
	}
	return err
}

// statDescriptor is fstat(2).
func statDescriptor(f *os.File, into *facts) error {
	return control(f, func(fd int) error { return fstat(fd, into) })
}

func fstat(fd int, into *facts) error {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	for err == unix.EINTR {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		return err
	}
	into.take(&st)
	return nil
}

// take has the facts of a struct stat.
func (a *facts) take(st *unix.Stat_t) {
	*a = facts{
		size:    st.Size,
		modTime: time.Unix(st.Mtim.Unix()),
		change:  time.Unix(st.Ctim.Unix()),
		mode:    fileMode(st.Mode),
		links:   uint64(st.Nlink),
		dev:     uint64(st.Dev),
		ino:     st.Ino,
	}
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
