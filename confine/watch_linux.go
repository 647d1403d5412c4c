package confine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is where a system call has what we want to know: the numbers of its arguments.
type call struct {
	open, makes, writes, exec bool
	at                        bool // dir is the descriptor of a directory
	dir, path, flags          int
	also                      int  // a second path, after its descriptor where at is true
	how                       bool // flags points to a struct open_how
	socket, connect, bind     bool
	addr                      int // the argument with an address; its length follows
}

var calls = map[uint32]call{
	unix.SYS_OPENAT:    {open: true, at: true, dir: 0, path: 1, flags: 2},
	unix.SYS_OPENAT2:   {open: true, at: true, dir: 0, path: 1, flags: 2, how: true},
	unix.SYS_EXECVE:    {exec: true, path: 0},
	unix.SYS_EXECVEAT:  {exec: true, at: true, dir: 0, path: 1},
	unix.SYS_MKDIRAT:   {makes: true, at: true, dir: 0, path: 1},
	unix.SYS_MKNODAT:   {makes: true, at: true, dir: 0, path: 1},
	unix.SYS_UNLINKAT:  {makes: true, at: true, dir: 0, path: 1},
	unix.SYS_SYMLINKAT: {makes: true, at: true, dir: 1, path: 2},
	unix.SYS_LINKAT:    {makes: true, at: true, dir: 0, path: 1, also: 3},
	unix.SYS_RENAMEAT2: {makes: true, at: true, dir: 0, path: 1, also: 3},
	unix.SYS_TRUNCATE:  {writes: true, path: 0},
	unix.SYS_SOCKET:    {socket: true},
	unix.SYS_CONNECT:   {connect: true, addr: 1},
	unix.SYS_SENDTO:    {connect: true, addr: 4},
	unix.SYS_BIND:      {bind: true, addr: 1},
}

func callOf(number uint32) (call, bool) {
	if c, ok := calls[number]; ok {
		return c, true
	}
	c, ok := oldCalls[number]
	return c, ok
}

// watchFilter asks us about every call of the tables. Calls of another architecture are not watched.
func watchFilter() ([]unix.SockFilter, error) {
	arch, err := nativeArch()
	if err != nil {
		return nil, err
	}
	a := &assembler{}
	allow := func() { a.ret(unix.SECCOMP_RET_ALLOW) }
	a.load(offsetArch)
	a.not(bpfEqual, arch, allow)
	a.load(offsetNumber)
	for _, table := range []map[uint32]call{calls, oldCalls} {
		for number := range table {
			a.on(bpfEqual, number, func() { a.ret(unix.SECCOMP_RET_USER_NOTIF) })
		}
	}
	allow()
	return a.code, nil
}

// notification and response are the structs of seccomp_unotify(2).
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	call  int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// notifIDValid is SECCOMP_IOCTL_NOTIF_ID_VALID.
const notifIDValid = 0x40082102

// watcher hears of every call of the tables, lets it go on, and keeps what it was about.
type watcher struct {
	listener int
	own      int // the thread that starts the command, whose calls are ours
	seen     *observed
}

// run hears until no process with the filter is left, or until stop can be read from.
func (w *watcher) run(stop int) error {
	fds := []unix.PollFd{{Fd: int32(w.listener), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll: %w", err)
		}
		switch {
		case fds[0].Revents&unix.POLLIN != 0:
			if err := w.hear(); err != nil {
				return err
			}
		case fds[0].Revents != 0, fds[1].Revents != 0:
			return nil
		}
	}
}

func (w *watcher) hear() error {
	var n notification
	if err := w.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR) { // it was killed meanwhile
			return nil
		}
		return fmt.Errorf("notification: %w", err)
	}
	if int(n.pid) != w.own {
		w.note(n)
	}
	answer := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	if err := w.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&answer)); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("notification: %w", err)
	}
	return nil
}

func (w *watcher) ioctl(request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.listener), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// note reads what the call is about out of the process that waits in it. Nothing is decided by it, so that the process
// may change it afterwards does no harm; but the process must still be the one that asked.
func (w *watcher) note(n notification) {
	c, ok := callOf(uint32(n.call))
	if !ok {
		return
	}
	p := asker{pid: int(n.pid), n: n}
	var say []func()
	for _, path := range p.paths(c) {
		flags := p.openFlags(c)
		say = append(say, func() { w.seen.path(c, path, flags) })
	}
	if c.socket {
		say = append(say, func() { w.seen.socket(int(int32(n.args[0]))) })
	}
	if c.connect || c.bind {
		if addr := p.address(c); addr != nil {
			say = append(say, func() { w.seen.address(c, *addr) })
		}
	}
	if w.ioctl(notifIDValid, unsafe.Pointer(&n.id)) != nil {
		return
	}
	for _, f := range say {
		f()
	}
}

// asker is the process whose call waits for us.
type asker struct {
	pid int
	n   notification
}

func (p asker) proc(name string) string { return "/proc/" + strconv.Itoa(p.pid) + "/" + name }

// memory reads up to size bytes at an address; fewer where the memory ends.
func (p asker) memory(addr uint64, size int) []byte {
	f, err := os.Open(p.proc("mem"))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, size)
	n, _ := f.ReadAt(b, int64(addr)) // a short read is the end of what is mapped
	return b[:n]
}

// paths are the absolute paths that a call names, without links resolved.
func (p asker) paths(c call) (out []string) {
	if !c.open && !c.makes && !c.writes && !c.exec {
		return nil
	}
	add := func(dir, path int) {
		name, _, ok := bytes.Cut(p.memory(p.n.args[path], unix.PathMax), []byte{0})
		if !ok {
			return
		}
		at := int32(unix.AT_FDCWD)
		if c.at {
			at = int32(p.n.args[dir])
		}
		if abs := p.absolute(at, string(name)); abs != "" {
			out = append(out, abs)
		}
	}
	add(c.dir, c.path)
	if c.also > 0 {
		add(c.also-1, c.also)
	}
	return out
}

func (p asker) absolute(at int32, name string) string {
	if !filepath.IsAbs(name) {
		base := p.proc("cwd")
		if at != unix.AT_FDCWD {
			base = p.proc("fd/" + strconv.Itoa(int(at)))
		}
		dir, err := os.Readlink(base)
		if err != nil || !filepath.IsAbs(dir) {
			return ""
		}
		return filepath.Join(dir, name)
	}
	if root, err := os.Readlink(p.proc("root")); err == nil && root != "/" {
		return filepath.Join(root, name)
	}
	return filepath.Clean(name)
}

func (p asker) openFlags(c call) uint64 {
	if !c.open {
		return 0
	}
	if c.how {
		if b := p.memory(p.n.args[c.flags], 8); len(b) == 8 {
			return binary.NativeEndian.Uint64(b)
		}
		return 0
	}
	return uint64(uint32(p.n.args[c.flags]))
}

// address is where a socket is bound or connected to.
type address struct {
	family uint16
	kind   int // SOCK_STREAM and so on
	port   uint16
	path   string // of a Unix socket, absolute; "@" for an abstract one
}

func (p asker) address(c call) *address {
	size := int(min(p.n.args[c.addr+1], 128))
	b := p.memory(p.n.args[c.addr], size)
	if p.n.args[c.addr] == 0 || len(b) < 4 {
		return nil
	}
	a := &address{family: binary.NativeEndian.Uint16(b), kind: p.kind(int(int32(p.n.args[0])))}
	switch a.family {
	case unix.AF_INET, unix.AF_INET6:
		a.port = binary.BigEndian.Uint16(b[2:])
	case unix.AF_UNIX:
		if b[2] == 0 {
			a.path = "@"
			break
		}
		name, _, _ := strings.Cut(string(b[2:]), "\x00")
		a.path = p.absolute(unix.AT_FDCWD, name)
	}
	return a
}

// kind is what sort of socket a descriptor of the process is; a stream where it cannot be known.
func (p asker) kind(fd int) int {
	pidfd, err := unix.PidfdOpen(p.group(), 0)
	if err != nil {
		return unix.SOCK_STREAM
	}
	defer func() { _ = unix.Close(pidfd) }()
	own, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return unix.SOCK_STREAM
	}
	defer func() { _ = unix.Close(own) }()
	kind, err := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return unix.SOCK_STREAM
	}
	return kind
}

// group is the process that the asking thread belongs to.
func (p asker) group() int {
	text, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return p.pid
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "Tgid:"); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
				return n
			}
		}
	}
	return p.pid
}
