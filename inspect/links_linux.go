package inspect

import (
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// resolver asks the system where links lead, confined to the base.
type resolver struct {
	base *directory
	root *os.Root // where openat2(2) is missing; nil where that could not be opened either
	gone atomic.Bool
}

func (r *resolver) open(base *directory, path string) {
	r.base = base
	root, err := os.OpenRoot(path)
	if err != nil {
		return
	}
	fi, err := root.Stat(".")
	if err == nil {
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Dev == base.dev && st.Ino == base.ino {
			r.root = root
			return
		}
	}
	_ = root.Close() // another directory has its path meanwhile
}

func (r *resolver) close() {
	if r.root != nil {
		_ = r.root.Close() // only looked at
	}
}

// leads walks a name beneath the base, links included, and opens nothing at its end (O_PATH).
func (r *resolver) leads(name string) (leads, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	for range 32 { // EAGAIN: a rename raced with the walk (openat2(2))
		if r.gone.Load() {
			break
		}
		fd, err := unix.Openat2(r.base.fd, name, &how)
		switch err {
		case nil:
			_ = unix.Close(fd)
			return leadsWithin, nil
		case unix.EXDEV:
			return leadsOut, nil
		case unix.ELOOP:
			return leadsRound, nil
		case unix.ENOENT, unix.ENOTDIR:
			return leadsNowhere, nil
		case unix.EAGAIN, unix.EINTR:
			continue
		case unix.ENOSYS, unix.EPERM:
			r.gone.Store(true)
		default:
			return 0, err
		}
	}
	if !r.gone.Load() || r.root == nil {
		return 0, unix.EAGAIN
	}
	return leadsOf(r.root, name)
}

// follow says where a link leads in the end, wherever that is, and what is there. It opens nothing.
func (h *handle) follow(elem string) (path, kind string, err error) {
	fd, err := unix.Openat(h.fd, elem, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", "", err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", "", err
	}
	var f facts
	f.take(&st)
	return where(fd), f.kindOf(), nil
}
