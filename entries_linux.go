package rootbound

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lister looks at the entries of one open directory.
type lister struct{ f *os.File }

func (f *File) newLister() (*lister, error) { return &lister{f.f}, nil }

func (l *lister) close() {}

// lstat is fstatat(2) beneath the open directory. elem holds no '/', so nothing is walked.
func (l *lister) lstat(elem string, into *facts) error {
	var st unix.Stat_t
	err := control(l.f, func(fd int) error {
		return unix.Fstatat(fd, elem, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
	})
	if err != nil {
		return err
	}
	*into = facts{size: st.Size, modTime: time.Unix(st.Mtim.Unix()), mode: fileMode(st.Mode), links: uint64(st.Nlink)}
	return nil
}
