package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Kernel asks the running kernel what it enforces. What cannot be undone is tried on threads, and in a child, that end
// at once. It costs about a millisecond, and its answer changes when a filter or a sandbox is put on, so it is not kept.
// The error means that trying itself failed; what is merely missing is no error.
func Kernel() (Support, error) {
	s := Support{Why: map[string]string{}}
	if err := s.landlock(); err != nil {
		s.Why["landlock"] = err.Error()
		s.FS, s.Net, s.Scope = 0, 0, 0
	}
	if err := s.filters(); err != nil {
		s.Why["seccomp"] = err.Error()
	}
	if err := tryNamespaces(); err != nil {
		s.Why["namespaces"] = err.Error()
	} else {
		s.Namespaces = true
	}
	return s, nil
}

// landlock finds the rights a ruleset may handle, each by itself, and then has threads feel them.
func (s *Support) landlock() error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return fmt.Errorf("landlock_create_ruleset: %w", err)
	}
	s.ABI = abi
	s.FS = accepted(fsLast, func(bit uint64) ll.RulesetAttr { return ll.RulesetAttr{HandledAccessFS: bit} })
	s.Net = accepted(netLast, func(bit uint64) ll.RulesetAttr { return ll.RulesetAttr{HandledAccessNet: bit} })
	s.Scope = accepted(scopeLast, func(bit uint64) ll.RulesetAttr { return ll.RulesetAttr{Scoped: bit} })
	if !s.Files() {
		return errors.New("landlock_create_ruleset accepts no rules for files")
	}
	trials, err := newTrials()
	if err != nil {
		return err
	}
	defer trials.close()
	return trials.run(s)
}

func accepted(last uint64, attr func(uint64) ll.RulesetAttr) (bits uint64) {
	for bit := uint64(1); bit <= last; bit <<= 1 {
		a := attr(bit)
		if fd, err := ll.LandlockCreateRuleset(&a, 0); err == nil {
			_ = unix.Close(fd)
			bits |= bit
		}
	}
	return bits
}

// enter restricts the calling thread to nothing of what the ruleset handles.
func enter(attr ll.RulesetAttr) error {
	if err := noNewPrivs(); err != nil {
		return err
	}
	fd, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return fmt.Errorf("landlock_create_ruleset: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := ll.LandlockRestrictSelf(fd, 0); err != nil {
		return fmt.Errorf("landlock_restrict_self: %w", err)
	}
	return nil
}

// trials are what a thread without any right tries. What succeeds there is not enforced, whatever the kernel accepts.
type trials struct {
	abstract int // a listening abstract socket, made outside
	name     unix.Sockaddr
	parent   bool // our parent can be sent signals from outside
}

func newTrials() (*trials, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil { // a filter of ours or of a container: then there is nothing to be tried
		return &trials{abstract: -1}, nil
	}
	t := &trials{abstract: fd, parent: os.Getppid() > 0 && unix.Kill(os.Getppid(), 0) == nil}
	if err := unix.Bind(fd, &unix.SockaddrUnix{}); err != nil { // the kernel picks an abstract name
		return nil, errors.Join(fmt.Errorf("bind: %w", err), unix.Close(fd))
	}
	if err := unix.Listen(fd, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), unix.Close(fd))
	}
	if t.name, err = unix.Getsockname(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("getsockname: %w", err), unix.Close(fd))
	}
	return t, nil
}

func (t *trials) close() {
	if t.abstract >= 0 {
		_ = unix.Close(t.abstract)
	}
}

func (t *trials) run(s *Support) (err error) {
	onThread(func() {
		if err = enter(ll.RulesetAttr{HandledAccessFS: s.FS, HandledAccessNet: s.Net, Scoped: s.Scope}); err == nil {
			err = t.feel(s)
		}
	})
	if err != nil || !s.Devices() {
		return err
	}
	onThread(func() {
		if err = enter(ll.RulesetAttr{HandledAccessFS: fsIoctlDev}); err == nil && !ioctlRefused() {
			s.FS &^= fsIoctlDev
		}
	})
	return err
}

// feel runs on a thread that may do nothing. What it can do all the same is struck from s.
func (t *trials) feel(s *Support) error {
	if fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Close(fd)
		return errors.New("a directory without any right could be read all the same")
	}
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	s.Net &^= felt(netBindTCP, unix.SOCK_STREAM, func(fd int) error { return unix.Bind(fd, loopback) })
	s.Net &^= felt(netBindUDP, unix.SOCK_DGRAM, func(fd int) error { return unix.Bind(fd, loopback) })
	s.Net &^= felt(netConnectTCP, unix.SOCK_STREAM, func(fd int) error { return unix.Connect(fd, &unix.SockaddrInet4{Port: 1, Addr: loopback.Addr}) })
	s.Net &^= felt(netConnectUDP, unix.SOCK_DGRAM, func(fd int) error { return unix.Connect(fd, &unix.SockaddrInet4{Port: 1, Addr: loopback.Addr}) })
	if t.abstract >= 0 {
		if fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
			if unix.Connect(fd, t.name) == nil {
				s.Scope &^= scopeAbstract
			}
			_ = unix.Close(fd)
		}
	}
	if t.parent && unix.Kill(os.Getppid(), 0) == nil {
		s.Scope &^= scopeSignal
	}
	return nil
}

// felt returns bit where try is not refused as Landlock refuses.
func felt(bit uint64, kind int, try func(fd int) error) uint64 {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil { // no such sockets here: nothing to be tried, and nothing to be used
		return 0
	}
	defer func() { _ = unix.Close(fd) }()
	if err := try(fd); errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return 0
	}
	return bit
}

// ioctlRefused asks /dev/null, which is no terminal, whether it is one. Without the device nothing can be tried.
func ioctlRefused() bool {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	_, err = unix.IoctlGetTermios(fd, unix.TCGETS)
	return errors.Is(err, unix.EACCES)
}

// filters tries one that refuses getpriority(2), and one that asks us.
func (s *Support) filters() (err error) {
	if _, err := nativeArch(); err != nil {
		return err
	}
	onThread(func() {
		if err = noNewPrivs(); err != nil {
			return
		}
		s.NoNewPrivs = true
		if _, err = setFilter(onlyFor(unix.SYS_GETPRIORITY, refuse(unix.EDOM)), 0); err != nil {
			return
		}
		_, felt := unix.Getpriority(unix.PRIO_PROCESS, 0)
		if s.Seccomp = errors.Is(felt, unix.EDOM); !s.Seccomp {
			err = errors.New("a filter was accepted and had no effect")
			return
		}
		fd, notify := setFilter(onlyFor(unix.SYS_GETPRIORITY, unix.SECCOMP_RET_USER_NOTIF), unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)
		if notify != nil {
			s.Why["notify"] = notify.Error()
			return
		}
		s.Notify = true
		_ = unix.Close(fd)
	})
	return err
}

func onlyFor(number, action uint32) []unix.SockFilter {
	return []unix.SockFilter{
		{Code: bpfLoad, K: offsetNumber},
		{Code: bpfEqual, K: number, Jf: 1},
		{Code: bpfRet, K: action},
		{Code: bpfRet, K: unix.SECCOMP_RET_ALLOW},
	}
}

// nowhere is a program that does not exist: a child that gets as far as missing it could do all before.
const nowhere = "/proc/self/no-such-program"

// tryNamespaces makes a child in namespaces of its own that mounts (os/exec makes the tree private, as we would) and
// then fails to find its program.
func tryNamespaces() error {
	cmd := exec.Cmd{Path: nowhere, Args: []string{nowhere}, SysProcAttr: newUserNamespace()}
	cmd.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
	err := cmd.Start()
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return fmt.Errorf("user namespace: %w", errno)
	}
	return fmt.Errorf("user namespace: %w", err)
}

// newUserNamespace has a child keep its user and group in a user namespace of its own, with all capabilities there.
func newUserNamespace() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}},
	}
}
