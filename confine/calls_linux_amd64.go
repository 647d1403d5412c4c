package confine

import "golang.org/x/sys/unix"

// oldCalls are those of calls in the form without a directory, which newer architectures never had.
var oldCalls = map[uint32]call{
	unix.SYS_OPEN:     {open: true, path: 0, flags: 1},
	unix.SYS_CREAT:    {makes: true, path: 0},
	unix.SYS_MKDIR:    {makes: true, path: 0},
	unix.SYS_MKNOD:    {makes: true, path: 0},
	unix.SYS_RMDIR:    {makes: true, path: 0},
	unix.SYS_UNLINK:   {makes: true, path: 0},
	unix.SYS_RENAME:   {makes: true, path: 0, also: 1},
	unix.SYS_LINK:     {makes: true, path: 0, also: 1},
	unix.SYS_SYMLINK:  {makes: true, path: 1},
	unix.SYS_RENAMEAT: {makes: true, at: true, dir: 0, path: 1, also: 3},
}
