//go:build amd64 || arm64

package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Self confines this process, every thread of it, for good: Landlock for files and ports, a filter for system calls,
// no_new_privs, no core dumps. Whatever the kernel lacks is left out and told in Enforced.Missing; what is enforced was
// tried. then runs when the process is confined and Policy.Temporary may still be written to. Self is to be called once;
// an error means that the process may be confined in part, and should end.
func Self(p Policy, then func() error) (*Enforced, error) {
	support, err := Kernel()
	if err != nil {
		return nil, err
	}
	if withCgo {
		support.FS, support.Net, support.Scope = 0, 0, 0
		support.Why = map[string]string{"landlock": "this binary was built with cgo; build it with CGO_ENABLED=0", "seccomp": support.Why["seccomp"]}
	}
	s := &self{policy: p, support: support, result: &Enforced{ABI: support.ABI}}
	if err := s.privileges(); err != nil {
		return nil, err
	}
	if err := s.landlock(p.Temporary); err != nil {
		return nil, err
	}
	if err := s.filter(); err != nil {
		return nil, err
	}
	if err := then(); err != nil {
		return nil, err
	}
	if p.Temporary != "" { // another layer, of which the first one's right to write is no part
		if err := s.landlock(""); err != nil {
			return nil, err
		}
	}
	return s.result, s.feel()
}

// self is a process that is being confined.
type self struct {
	policy  Policy
	support Support
	rules   []Rule
	result  *Enforced
}

// privileges gives up those that execve(2) could bring, and leaves no memory behind: a core dump holds keys.
func (s *self) privileges() error {
	if s.support.NoNewPrivs && !withCgo { // there the filter brings it, see seccomp(2), SECCOMP_FILTER_FLAG_TSYNC
		if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("confine: no_new_privs: %w", err)
		}
	}
	// Where these are refused, for instance by a container, feel says what is missing.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	return nil
}

// landlock has every thread restricted to the policy, and to what it may do in the directory temporary.
func (s *self) landlock(temporary string) error {
	if !s.support.Files() {
		return nil
	}
	if s.rules == nil {
		if err := s.collect(); err != nil {
			return err
		}
	}
	plan := &Plan{Rules: s.rules, Connect: s.policy.Connect, Support: s.support}
	if temporary != "" {
		extra := &ruleset{rules: slices.Clone(s.rules)}
		if err := extra.add(temporary, Read|Write, "self-test"); err == nil { // without it the test says that it could not run
			plan.Rules = extra.rules
		}
	}
	attr := ll.RulesetAttr{}
	attr.HandledAccessFS, attr.HandledAccessNet, attr.Scoped = plan.handled()
	if s.policy.Abstract {
		attr.Scoped &^= scopeAbstract
	}
	err := plan.enforce(attr, func(fd int) error { return ll.AllThreadsLandlockRestrictSelf(fd, 0) })
	if err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	return nil
}

// collect looks the policy's paths up.
func (s *self) collect() error {
	rules := &ruleset{rules: []Rule{}}
	for _, part := range []struct {
		paths []string
		Access
	}{{s.policy.Read, Read}, {s.policy.Write, Read | Write}, {s.policy.Remove, Remove}} {
		for _, path := range part.paths {
			if err := rules.add(path, part.Access, "own"); err != nil {
				var pe *os.PathError
				if errors.As(err, &pe) {
					err = pe.Err
				}
				return fmt.Errorf("confine: %s: %w", quotePath(path), err)
			}
		}
	}
	s.rules = rules.rules
	return nil
}

// filter has every thread's system calls pass the filter.
func (s *self) filter() error {
	if !s.support.Seccomp {
		return nil
	}
	code, err := selfFilter(s.policy)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if withCgo {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("confine: no_new_privs: %w", err)
		}
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(code)
	switch {
	case errno != 0:
		return fmt.Errorf("confine: seccomp: %w", errno)
	case thread != 0:
		return fmt.Errorf("confine: seccomp: thread %d could not take the filter", thread)
	}
	return nil
}

// feel tries what must not work any more.
func (s *self) feel() error {
	threads, err := threadsHeld()
	if err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	s.say("files", s.feelFiles(), s.why("landlock", "every file that the user may read or write can be opened"))
	s.say("tcp", (s.support.TCP() || len(s.policy.Connect) == 0) && refused(s.feelTCP()), s.why("landlock", "the ports of TCP are not restricted"))
	s.say("system-calls", threads.filtered && refused(unix.Exec(nowhere, []string{nowhere}, nil)), s.why("seccomp", "every system call can be made"))
	s.say("sockets", threads.filtered && refused(feelSocket(unix.AF_NETLINK, unix.SOCK_RAW)), s.why("seccomp", "every kind of socket can be made"))
	s.say("no-new-privileges", threads.noNewPrivs, s.why("seccomp", "programs could gain privileges"))
	var core unix.Rlimit
	err = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	dumpable, dumpErr := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	s.say("no-core-dumps", err == nil && core.Max == 0 && dumpErr == nil && dumpable != 1, "memory can be dumped to a file")
	return nil
}

func (s *self) why(what, sentence string) string {
	if why := s.support.Why[what]; why != "" {
		return sentence + " (" + why + ")"
	}
	return sentence
}

func (s *self) say(part string, on bool, otherwise string) {
	if on {
		s.result.On = append(s.result.On, part)
		return
	}
	s.result.Missing = append(s.result.Missing, part+": "+otherwise)
}

// feelFiles opens what no rule names: the root directory, or where that is served whole, something new to be written.
func (s *self) feelFiles() bool {
	if !s.support.Files() {
		return false
	}
	flags, path := unix.O_RDONLY|unix.O_DIRECTORY, "/"
	if slices.ContainsFunc(s.rules, func(r Rule) bool { return r.Real == "/" }) {
		flags, path = unix.O_TMPFILE|unix.O_WRONLY, os.TempDir()
	}
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err == nil {
		_ = unix.Close(fd)
	}
	return refused(err)
}

func (s *self) feelTCP() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	port := 1
	for slices.Contains(s.policy.Connect, uint16(port)) {
		port++
	}
	return unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
}

func feelSocket(family, kind int) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func refused(err error) bool { return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) }

// held is what all threads are held to.
type held struct{ filtered, noNewPrivs bool }

// threadsHeld reads proc(5) of each thread: one that is left out would be a way around everything.
func threadsHeld() (held, error) {
	h := held{true, true}
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) == 0 {
		return held{}, err // no /proc: it is not known
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return held{}, err
		}
		h.filtered = h.filtered && strings.Contains(string(b), "\nSeccomp:\t2\n")
		h.noNewPrivs = h.noNewPrivs && strings.Contains(string(b), "\nNoNewPrivs:\t1\n")
	}
	return h, nil
}
