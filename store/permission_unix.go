//go:build unix

package store

import (
	"io/fs"
	"os"
	"syscall"
)

// checkDir refuses a directory where others could put files beside the state, which SQLite would believe.
func checkDir(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o022 != 0 {
		return refused("Run 'chmod go-w "+path+"', or name a directory of its own",
			"others may write to its directory %s (mode %04o), and what they put beside it would be believed", path, info.Mode().Perm())
	}
	if !reachable(info) {
		return refused("Name one that belongs to the user that runs this", "its directory %s belongs to another user, who could replace it", path)
	}
	return nil
}

// checkFile refuses a file that others may read or write.
func checkFile(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 != 0 {
		return refused("Run 'chmod 600 "+path+"'", "others may read or write %s (mode %04o), which holds password hashes", path, info.Mode().Perm())
	}
	if !reachable(info) {
		return refused("Name one that belongs to the user that runs this, or run 'chown' on it", "%s belongs to another user", path)
	}
	return nil
}

// reachable says whether a file belongs to us, or to root, who can change it anyway. To root all files are, as for
// 'rootbound user add' beside a server that runs as somebody else.
func reachable(info fs.FileInfo) bool {
	owner, ok := ownerOf(info)
	return !ok || owner == 0 || owner == os.Geteuid() || os.Geteuid() == 0
}

func ownerOf(info fs.FileInfo) (uid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// handOver gives a file that root made to whose directory it is in: the server that runs as that user could not open it.
// SQLite does the same with the files beside it.
func handOver(f *os.File, dir fs.FileInfo) error {
	st, ok := dir.Sys().(*syscall.Stat_t)
	if os.Geteuid() != 0 || !ok || st.Uid == 0 {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}
