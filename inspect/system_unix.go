//go:build unix && !linux

package inspect

import (
	"io/fs"
	"os"
	"syscall"
)

// openFlags never wait for a FIFO's writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

func (f *facts) system(fi fs.FileInfo) {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		f.uid, f.gid, f.dev, f.ino, f.links = st.Uid, st.Gid, uint64(st.Dev), uint64(st.Ino), uint64(st.Nlink)
	}
}
