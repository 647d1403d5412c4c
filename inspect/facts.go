package inspect

// What a file is, in the upper bits of its mode (inode(7)); the same on every system.
const (
	typeMask    = 0o170000
	typeSocket  = 0o140000
	typeLink    = 0o120000
	typeRegular = 0o100000
	typeBlock   = 0o060000
	typeDir     = 0o040000
	typeChar    = 0o020000
	typeFIFO    = 0o010000

	setUser  = 0o4000
	setGroup = 0o2000
	sticky   = 0o1000
)

// facts are what the system says of a file that was looked at, not opened.
type facts struct {
	mode     uint32 // type, set-id bits and permissions, as in inode(7)
	uid, gid uint32
	dev, ino uint64
	links    uint64
	size     int64 // in bytes
}

func (f *facts) is(kind uint32) bool { return f.mode&typeMask == kind }

// same says whether both are about one file.
func (f *facts) same(g *facts) bool { return f.dev == g.dev && f.ino == g.ino }

// kindOf is the type in a word.
func (f *facts) kindOf() string {
	switch f.mode & typeMask {
	case typeSocket:
		return "socket"
	case typeLink:
		return "symbolic link"
	case typeRegular:
		return "file"
	case typeBlock:
		return "block device"
	case typeDir:
		return "directory"
	case typeChar:
		return "character device"
	case typeFIFO:
		return "FIFO"
	}
	return "file of an unknown kind"
}
