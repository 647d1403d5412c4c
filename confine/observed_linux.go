package confine

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// observed is what a command did. It is kept by the path that the kernel ends at, links resolved.
type observed struct {
	read, write, list, run map[string]bool
	changed                map[string]bool // directories in which names were made or taken away
	bind, connect          map[uint16]bool
	sockets                map[string]bool // Unix sockets connected to
	tcp, other             bool            // kinds of sockets in use
	own                    bool            // it looked at its own /proc
}

func newObserved() *observed {
	o := &observed{bind: map[uint16]bool{}, connect: map[uint16]bool{}}
	for _, m := range []*map[string]bool{&o.read, &o.write, &o.list, &o.run, &o.changed, &o.sockets} {
		*m = map[string]bool{}
	}
	return o
}

// path notes a call about a path, before the call does anything.
func (o *observed) path(c call, path string, flags uint64) {
	if ownProc(path) {
		o.own = true
		return
	}
	real, err := filepath.EvalSymlinks(path)
	info, statErr := os.Stat(real)
	exists := err == nil && statErr == nil
	switch {
	case c.makes, c.open && flags&unix.O_CREAT != 0 && !exists:
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			o.changed[dir] = true
		}
	case !exists, c.open && flags&unix.O_PATH != 0:
	case c.exec && !info.IsDir():
		o.run[path] = true
	case c.open && flags&unix.O_TMPFILE == unix.O_TMPFILE:
		o.changed[real] = true
	case c.writes, flags&unix.O_ACCMODE != unix.O_RDONLY, flags&unix.O_TRUNC != 0:
		o.write[real] = true
	case info.IsDir():
		o.list[real] = true
	default:
		o.read[real] = true
	}
}

// ownProc says whether a path is about the process that asks, or another one: no rule can name that beforehand.
func ownProc(path string) bool {
	rest, ok := strings.CutPrefix(path, "/proc/")
	if !ok {
		return path == "/proc"
	}
	first, _, _ := strings.Cut(rest, "/")
	return first == "self" || first == "thread-self" || strings.Trim(first, "0123456789") == ""
}

func (o *observed) socket(family int) {
	switch family {
	case unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_NETLINK: // what they are used for tells
	default:
		o.other = true
	}
}

func (o *observed) address(c call, a address) {
	switch a.family {
	case unix.AF_INET, unix.AF_INET6:
		o.internet(c, a)
	case unix.AF_UNIX:
		switch {
		case a.path == "@", a.path == "":
			o.other = true
		case c.bind:
			o.other = true
			if dir, err := filepath.EvalSymlinks(filepath.Dir(a.path)); err == nil {
				o.changed[dir] = true
			}
		default:
			if real, err := filepath.EvalSymlinks(a.path); err == nil {
				o.other = true
				o.sockets[real] = true
			}
		}
	}
}

func (o *observed) internet(c call, a address) {
	switch {
	case a.kind == unix.SOCK_STREAM && c.bind:
		o.tcp = true
		o.bind[a.port] = true
	case a.kind == unix.SOCK_STREAM:
		o.tcp = true
		o.connect[a.port] = true
	case c.bind, a.port == dnsPort:
		o.other = true
		// Connecting another UDP socket is how the C library sorts addresses: nothing is sent, and it does without.
	}
}

const dnsPort = 53
