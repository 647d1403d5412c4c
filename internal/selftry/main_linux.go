// Command selftry is a tool of the tests: it confines itself as the server does, and then tries from every thread what
// code that got into the process would try. It is built without cgo, as what ships is, and never shipped.
//
//	selftry -policy JSON TRY...
//
// A TRY is a word of the table below and its arguments, separated by commas. Printed are lines TRY ANSWER, once for each
// answer that some thread had: "ok", or the name of an error. Without -policy nothing is confined.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/confine"
)

func main() {
	policy := flag.String("policy", "", "confine.Policy as JSON")
	flag.Parse()
	if err := run(*policy, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "selftry:", err)
		os.Exit(1)
	}
}

// threads is how many there are before the process is confined, and again after.
const threads = 4

func run(policy string, tries []string) error {
	begin := make(chan struct{})
	var all answers
	all.from(threads, begin, tries) // these threads are older than what confines them
	if policy != "" {
		var p confine.Policy
		if err := json.Unmarshal([]byte(policy), &p); err != nil {
			return err
		}
		inside := ""
		e, err := confine.Self(p, func() error {
			if p.Temporary != "" {
				inside = answer("write", []string{p.Temporary + "/between"})
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Println("enforced", strings.Join(e.On, " "))
		fmt.Println("missing", strings.Join(e.Missing, "; "))
		if inside != "" {
			fmt.Println("between", inside)
		}
	}
	close(begin)
	all.from(threads, begin, tries)
	all.wait.Wait()
	slices.Sort(all.lines)
	for _, l := range slices.Compact(all.lines) {
		fmt.Println(l)
	}
	return nil
}

type answers struct {
	wait  sync.WaitGroup
	mu    sync.Mutex
	lines []string
}

// from has n threads try everything, once begin is closed.
func (a *answers) from(n int, begin <-chan struct{}, tries []string) {
	var locked sync.WaitGroup
	for range n {
		locked.Add(1)
		a.wait.Go(func() {
			runtime.LockOSThread()
			locked.Done()
			<-begin
			for _, text := range tries {
				words := strings.Split(text, ",")
				line := text + " " + answer(words[0], words[1:])
				a.mu.Lock()
				a.lines = append(a.lines, line)
				a.mu.Unlock()
			}
		})
	}
	locked.Wait()
}

func answer(word string, args []string) string {
	try := table[word]
	if try == nil {
		return "unknown"
	}
	err := try(args)
	var errno unix.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

var table = map[string]func(args []string) error{
	"read":  func(a []string) error { _, err := os.ReadFile(a[0]); return err },
	"list":  func(a []string) error { _, err := os.ReadDir(a[0]); return err },
	"write": func(a []string) error { return os.WriteFile(a[0]+strconv.Itoa(unix.Gettid()), []byte("x"), 0o600) },
	"truncate": func(a []string) error {
		f, err := os.OpenFile(a[0], os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		return f.Close()
	},
	"mkdir": func(a []string) error {
		path := a[0] + strconv.Itoa(unix.Gettid())
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		return os.Remove(path)
	},
	"makes and removes": func(a []string) error {
		path := a[0] + strconv.Itoa(unix.Gettid())
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		return os.Remove(path)
	},
	"exec": func([]string) error { // a program that does not exist: who may execute is told so
		if err := unix.Exec("/proc/self/none", []string{"x"}, nil); err != unix.ENOENT {
			return err
		}
		return nil
	},
	"fork": func([]string) error {
		pid, _, errno := unix.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
		if pid == 0 && errno == 0 {
			for { // the child
				_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		if errno != 0 {
			return errno
		}
		_, err := unix.Wait4(int(pid), nil, 0, nil)
		return err
	},
	"namespace": func([]string) error { return unix.Unshare(unix.CLONE_FILES) },
	"memory of a process": func([]string) error {
		b, c := [1]byte{1}, [1]byte{}
		local := []unix.Iovec{{Base: &c[0], Len: 1}}
		remote := []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 1}}
		_, err := unix.ProcessVMReadv(os.Getpid(), local, remote, 0)
		runtime.KeepAlive(&b)
		return err
	},
	"anonymous file": func([]string) error {
		fd, err := unix.MemfdCreate("x", unix.MFD_CLOEXEC)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	},
	"signal": func(a []string) error {
		pid, err := strconv.Atoi(a[0])
		if err != nil {
			return err
		}
		return unix.Kill(pid, 0)
	},
	"connect": func(a []string) error {
		c, err := net.Dial("tcp", a[0])
		if err != nil {
			return err
		}
		return c.Close()
	},
	"bind": func([]string) error {
		return socket(unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error { return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) })
	},
	"listen": func([]string) error {
		return socket(unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error { return unix.Listen(fd, 1) })
	},
	"tcp":   func([]string) error { return socket(unix.AF_INET, unix.SOCK_STREAM, 0, nil) },
	"udp":   func([]string) error { return socket(unix.AF_INET, unix.SOCK_DGRAM, 0, nil) },
	"unix":  func([]string) error { return socket(unix.AF_UNIX, unix.SOCK_STREAM, 0, nil) },
	"raw":   func([]string) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, 0, nil) },
	"mptcp": func([]string) error { return socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP, nil) },
	"pair": func([]string) error {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return errors.Join(unix.Close(fds[0]), unix.Close(fds[1]))
	},
	"fast open": func(a []string) error {
		addr, err := net.ResolveTCPAddr("tcp4", a[0])
		if err != nil {
			return err
		}
		to := &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}
		return socket(unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error { return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, to) })
	},
	"dumpable": func([]string) error {
		n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		if err == nil && n != 1 {
			err = unix.EPERM
		}
		return err
	},
	"other architecture": func([]string) error { // an x32 call: getpid(2)
		_, _, errno := unix.RawSyscall(0x40000000+39, 0, 0, 0)
		if errno != 0 {
			return errno
		}
		return nil
	},
	"unknown call": func([]string) error {
		_, _, errno := unix.RawSyscall(9999, 0, 0, 0)
		return errno
	},
}

func socket(family, kind, protocol int, use func(fd int) error) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if use == nil {
		return nil
	}
	return use(fd)
}
