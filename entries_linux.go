package rootbound

import (
	"time"

	"golang.org/x/sys/unix"
)

// lister looks at the entries of one open directory.
type lister struct{ fd int }

func (f *File) newLister() (*lister, error) { return &lister{fd: int(f.f.Fd())}, nil }

func (l *lister) close() {}

// lstat is fstatat(2) beneath the open directory. elem holds no '/', so nothing is walked.
func (l *lister) lstat(elem string, into *facts) error {
	var st unix.Stat_t
	if err := unix.Fstatat(l.fd, elem, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT); err != nil {
		return err
	}
	*into = facts{size: st.Size, modTime: time.Unix(st.Mtim.Unix()), mode: fileMode(st.Mode), links: uint64(st.Nlink)}
	return nil
}
