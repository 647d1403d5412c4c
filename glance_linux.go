package rootbound

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Glance is a small regular file that was opened without waiting for anything. It belongs to one goroutine. Close it.
type Glance struct {
	held
	fd int
}

// localTypes are file systems that answer from memory what they have there, and whose names are compared byte for
// byte but in directories with the casefold flag. One on top of others (overlayfs), or behind a network or a program
// (FUSE), may wait in open(2) itself.
var localTypes = map[int64]bool{
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true, unix.TMPFS_MAGIC: true,
	unix.F2FS_SUPER_MAGIC: true, unix.SQUASHFS_MAGIC: true, unix.RAMFS_MAGIC: true, unix.EROFS_SUPER_MAGIC_V1: true,
}

// glanceGone remembers a kernel that has openat2 without RESOLVE_CACHED (before Linux 5.12).
var glanceGone atomic.Bool

// Glance opens what a checked name names, where that can be done, checked and decided at once: every element is in the
// system's memory (openat2(2), RESOLVE_CACHED), and the walk leaves neither the base nor its file system. sure is false
// where it cannot, and nothing is known of the name then: OpenName tells. With sure comes a Glance, or the error that
// OpenName gives for what does not exist.
//
// It finds what OpenName does, by the same rules. The file's own name is not asked for, because it can be no other: no
// link is followed, and the base's file system does not fold the names on the way.
func (d *Dir) Glance(n Name) (g Glance, sure bool, err error) {
	if !n.Valid() || n.IsBase() || n.WantsDir() || !n.CheckedBy(d.rules) || d.cfg.Symlinks != SymlinksRefuse ||
		!d.useOpenat2() || glanceGone.Load() {
		return Glance{}, false, nil
	}
	if d.hold() != nil {
		return Glance{}, false, nil
	}
	defer d.letGo()
	if !d.folds.glances(d.base.file) || !d.folds.plainUpTo(n.String()) {
		return Glance{}, false, nil
	}
	opened := time.Now()
	fd, err := d.openCached(n.String())
	switch err {
	case nil:
	case unix.ENOENT:
		return Glance{}, true, refusal("open", n.String(), errMissing)
	case unix.EINVAL:
		glanceGone.Store(true)
		return Glance{}, false, nil
	default:
		return Glance{}, false, nil
	}
	g = Glance{held: held{dir: d, name: n, opened: opened}, fd: fd}
	if g.stat(&g.facts) != nil || !g.facts.mode.IsRegular() || d.cfg.Hardlinks == HardlinksRefuse && g.facts.links > 1 {
		g.Close()
		return Glance{}, false, nil
	}
	return g, true, nil
}

// Same is File.Same.
func (g *Glance) Same(l *Loaded) bool { return g.same(l) }

// Size is in bytes.
func (g *Glance) Size() int64 { return g.facts.size }

// Load is File.Load of what is in the system's memory (preadv2(2), RWF_NOWAIT); nil where it is not, or where File.Load
// would give an error.
func (g *Glance) Load(limit int64) *Loaded {
	if g.facts.size > limit {
		return nil
	}
	content := make([]byte, g.facts.size)
	if len(content) > 0 {
		if readNow(g.fd, content) < len(content) {
			return nil
		}
	}
	var now facts
	if g.stat(&now) != nil || !now.same(&g.facts) {
		return nil
	}
	return g.loaded(content)
}

// Close closes the descriptor.
func (g *Glance) Close() { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(g.fd), 0, 0) } // only read from

func (g *Glance) stat(into *facts) error {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" { // elsewhere SYS_FSTAT may fill another struct
		return fstat(g.fd, into)
	}
	var st unix.Stat_t
	if _, _, e := unix.RawSyscall(unix.SYS_FSTAT, uintptr(g.fd), uintptr(unsafe.Pointer(&st)), 0); e != 0 {
		return e
	}
	into.take(&st)
	return nil
}

// readNow reads from the start of a file what is in memory.
func readNow(fd int, b []byte) int {
	iov := unix.Iovec{Base: unsafe.SliceData(b)}
	iov.SetLen(len(b))
	n, _, e := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&iov)), 1, 0, 0, unix.RWF_NOWAIT)
	if e != 0 {
		return 0
	}
	return int(n)
}

// The calls of this file do not block, so the scheduler need not be told of them, which would cost more than some take.

// glances says that the base lies on a file system that does not wait for what it has in memory.
func (m *foldMemory) glances(base *os.File) bool {
	m.about(base)
	return m.local
}

// plainUpTo says that no directory on the way to a name folds names, without asking the system.
func (m *foldMemory) plainUpTo(text string) bool {
	if !kernelFolds() {
		return true
	}
	if !m.recent(".") {
		return false
	}
	for i := range len(text) {
		if text[i] == '/' && !m.recent(text[:i]) {
			return false
		}
	}
	return true
}
