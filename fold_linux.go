package rootbound

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/reason"
)

// casefold is FS_CASEFOLD_FL (linux/fs.h): names in this directory are compared without regard to case.
const casefold = 0x40000000

// plainTypes are file systems that compare names byte for byte but in directories with the casefold flag (statfs(2)).
var plainTypes = map[int64]bool{
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true, unix.TMPFS_MAGIC: true,
	unix.OVERLAYFS_SUPER_MAGIC: true, unix.F2FS_SUPER_MAGIC: true, unix.SQUASHFS_MAGIC: true, unix.RAMFS_MAGIC: true,
	unix.EROFS_SUPER_MAGIC_V1: true, unix.PROC_SUPER_MAGIC: true,
}

// kernelFolds says whether this kernel can fold names on file systems of the plain types at all.
var kernelFolds = sync.OnceValue(func() bool {
	if _, err := os.Stat("/sys/fs"); err != nil {
		return true // nobody tells
	}
	for _, fs := range []string{"ext4", "f2fs", "tmpfs"} {
		if _, err := os.Stat("/sys/fs/" + fs + "/features/casefold"); err == nil {
			return true
		}
	}
	return false
})

// exact makes sure that an opened file's name is its name on disk, byte for byte. The path that /proc tells is no
// proof of that: on file systems that fold names (FAT, SMB, ext4 with casefold, FUSE as it likes) it is made of the
// names by which the directories' entries were looked up first. There, and only there, the directories on the way
// are read: slow, but what the rules said of "secret" holds for "SECRET".
func (d *Dir) exact(f *File) error {
	if f.name.IsBase() || !d.mayFold(f) || d.folds.recent("\x00"+f.name.String()) {
		return nil
	}
	elems := f.name.Elements()
	for i, elem := range elems {
		listed, err := d.lists(prefixOf(elems, i), elem)
		if err != nil {
			return reason.New(reason.OpenedUnknown, err)
		}
		if !listed {
			return reason.New(reason.OpenedName, nil)
		}
	}
	d.folds.remember("\x00" + f.name.String())
	return nil
}

// exactUnknown is exact where /proc is not there.
func (d *Dir) exactUnknown(f *File) error { return d.exact(f) }

// prefixOf returns the directory that holds element i.
func prefixOf(elems []string, i int) string {
	if i == 0 {
		return "."
	}
	return strings.Join(elems[:i], "/")
}

// lists says whether a directory has an entry of exactly this name.
func (d *Dir) lists(dir, elem string) (bool, error) {
	f, err := d.openConfined(dir)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(entryBatch)
		switch {
		case slices.Contains(names, elem):
			return true, nil
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, systemReason(err)
		}
	}
}

// mayFold says whether the file could have been reached by another name than its own without a link. When in doubt
// it says yes, but for a directory of a plain file system that cannot be read, whose flag nobody can ask for.
func (d *Dir) mayFold(f *File) bool {
	if !d.folds.onPlainBase(d.base.file, f) && !plainType(f.f) {
		return true
	}
	if !kernelFolds() {
		return false
	}
	elems := f.name.Elements()
	for i := range elems {
		if d.dirFolds(prefixOf(elems, i)) {
			return true
		}
	}
	return false
}

func (d *Dir) dirFolds(prefix string) bool {
	if d.folds.recent(prefix) {
		return false
	}
	dir, err := d.openConfined(prefix)
	if err != nil {
		return reason.Of(err) != reason.Unreadable
	}
	defer dir.Close()
	if !plainType(dir) || folds(dir) {
		return true
	}
	d.folds.remember(prefix)
	return false
}

func plainType(f *os.File) bool { return plainTypes[fileSystem(f)] }

// fileSystem is the type of the one that a file is on (statfs(2)), 0 where it is not known.
func fileSystem(f *os.File) int64 {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil {
		return 0
	}
	return int64(st.Type)
}

func folds(dir *os.File) bool {
	flags, err := unix.IoctlGetUint32(int(dir.Fd()), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&casefold != 0 // an error: the file system has no such flags
}

// foldMemory remembers for a second which names were found exact (a NUL before the name) and which directories do not
// fold, so that not every open asks again. It is bounded; the zero value is ready.
type foldMemory struct {
	once  sync.Once // for the next three
	plain bool      // the base is of a plain type
	local bool      // and of one that waits for nobody else
	dev   uint64    // st_dev of the base

	mu   sync.Mutex
	seen map[string]time.Time
}

// onPlainBase says that a file is of the base's own file system, and that one of a plain type: nearly always so, and
// without asking the system again. The base is held, so that its device number is nobody else's.
func (m *foldMemory) onPlainBase(base *os.File, f *File) bool {
	m.about(base)
	return m.plain && f.facts.dev == m.dev
}

// about asks once what there is to know of the base's file system.
func (m *foldMemory) about(base *os.File) {
	m.once.Do(func() {
		var st facts
		if statDescriptor(base, &st) != nil {
			return
		}
		kind := fileSystem(base)
		m.dev, m.plain, m.local = st.dev, plainTypes[kind], localTypes[kind]
	})
}

const (
	foldMemorySize = 4096 // names
	foldMemoryAge  = time.Second
)

func (m *foldMemory) recent(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.seen[key]
	return ok && time.Since(at) < foldMemoryAge
}

func (m *foldMemory) remember(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil || len(m.seen) >= foldMemorySize {
		m.seen = make(map[string]time.Time)
	}
	m.seen[key] = time.Now()
}
