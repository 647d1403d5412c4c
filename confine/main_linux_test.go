package confine_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/rootbound/rootbound/internal/testenv"
	"golang.org/x/sys/unix"
)

// probeVariable has the test program try one thing, print how the kernel answered, and exit.
const probeVariable = "ROOTBOUND_TEST_PROBE"

func TestMain(m *testing.M) {
	if os.Getenv(probeVariable) != "" {
		unix.Exit(probe(os.Args[1:])) // os.Exit would wait a second for the race detector
	}
	os.Exit(m.Run())
}

func probe(args []string) int {
	try, ok := probes[args[0]]
	if !ok {
		fmt.Println("unknown probe", args[0])
		return 3
	}
	switch err := try(args[1:]); {
	case err == nil:
		fmt.Println("ok")
	default:
		var errno syscall.Errno
		if errors.As(err, &errno) {
			fmt.Println(unix.ErrnoName(errno))
		} else {
			fmt.Println(err)
		}
	}
	return 0
}

func number(word string) int {
	n, err := strconv.Atoi(word)
	if err != nil {
		panic(err)
	}
	return n
}

// probes are what confined commands try. Each has its control: the same without confinement.
var probes = map[string]func(args []string) error{
	"read":  func(a []string) error { _, err := os.ReadFile(a[0]); return err },
	"list":  func(a []string) error { _, err := os.ReadDir(a[0]); return err },
	"stat":  func(a []string) error { _, err := os.Stat(a[0]); return err },
	"chmod": func(a []string) error { return os.Chmod(a[0], 0o600) },
	"write": func(a []string) error { return os.WriteFile(a[0], []byte("x"), 0o600) },
	"append": func(a []string) error {
		f, err := os.OpenFile(a[0], os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		return f.Close()
	},
	"truncate": func(a []string) error { return os.Truncate(a[0], 0) },
	"remove":   func(a []string) error { return os.Remove(a[0]) },
	"mkdir":    func(a []string) error { return os.Mkdir(a[0], 0o700) },
	"rename":   func(a []string) error { return os.Rename(a[0], a[1]) },
	"link":     func(a []string) error { return os.Link(a[0], a[1]) },
	"exec":     func(a []string) error { return exec.Command(a[0], a[1:]...).Run() },
	"child": func(a []string) error {
		out, err := exec.Command("/proc/self/exe", a...).Output()
		if err != nil {
			return err
		}
		if word := strings.TrimSpace(string(out)); word != "ok" {
			return errors.New(word)
		}
		return nil
	},
	"kill": func(a []string) error { return unix.Kill(number(a[0]), 0) },
	"bind": func(a []string) error { return withTCP(0, func(fd int) error { return unix.Bind(fd, loopback(a[0])) }) },
	"connect": func(a []string) error {
		return withTCP(0, func(fd int) error { return unix.Connect(fd, loopback(a[0])) })
	},
	"mptcp": func(a []string) error {
		return withTCP(262, func(fd int) error { return unix.Connect(fd, loopback(a[0])) })
	},
	"fastopen": func(a []string) error {
		return withTCP(0, func(fd int) error { return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, loopback(a[0])) })
	},
	"fastopenmsg": func(a []string) error {
		return withTCP(0, func(fd int) error { return unix.Sendmsg(fd, []byte("x"), nil, loopback(a[0]), unix.MSG_FASTOPEN) })
	},
	"unix": func(a []string) error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		return unix.Connect(fd, &unix.SockaddrUnix{Name: a[0]})
	},
	"socket": func(a []string) error { _, err := unix.Socket(number(a[0]), number(a[1]), number(a[2])); return err },
	"wide": func(a []string) error { // the same with the high halves of the arguments set
		_, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(number(a[0]))|1<<40, uintptr(number(a[1]))|1<<33, uintptr(number(a[2]))|1<<63)
		return asError(errno)
	},
	"x32": func([]string) error {
		_, _, errno := unix.RawSyscall(0x40000000+41, unix.AF_INET, unix.SOCK_DGRAM, 0)
		return asError(errno)
	},
	"newcall":    func([]string) error { _, _, errno := unix.RawSyscall(500, 0, 0, 0); return asError(errno) },
	"socketpair": func([]string) error { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err },
	"iouring": func([]string) error {
		var params [120]byte
		_, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
		return asError(errno)
	},
	"type": func([]string) error { // into a terminal, which /dev/null is not: whoever may ask is told that
		f, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		text := [1]byte{'x'}
		_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, f.Fd(), unix.TIOCSTI|1<<40, uintptr(unsafe.Pointer(&text)))
		return asError(errno)
	},
	"setns":   func([]string) error { return unix.Unshare(unix.CLONE_NEWNS) },
	"env":     func(a []string) error { fmt.Println(os.Getenv(a[0])); return nil },
	"pid":     func([]string) error { fmt.Println(os.Getpid()); return nil },
	"cwd":     func([]string) error { dir, err := os.Getwd(); fmt.Println(dir); return err },
	"exit":    func(a []string) error { unix.Exit(number(a[0])); return nil },
	"suicide": func([]string) error { signal.Reset(); return unix.Kill(os.Getpid(), unix.SIGKILL) },
	"wait": func([]string) error { // until SIGTERM, which it says
		heard := make(chan os.Signal, 1)
		signal.Notify(heard, unix.SIGTERM)
		fmt.Println("waiting")
		fmt.Println(<-heard)
		unix.Exit(9)
		return nil
	},
}

func asError(errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

func loopback(port string) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: number(port), Addr: [4]byte{127, 0, 0, 1}}
}

func withTCP(protocol int, f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, protocol)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return f(fd)
}

// place is a directory that others may enter, with a file to be kept from the command.
type place struct{ dir, files, secret string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir, err := os.MkdirTemp("", "confine-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	p := place{dir, filepath.Join(dir, "files"), filepath.Join(dir, "secret.txt")}
	for _, err := range []error{os.Chmod(dir, 0o755), os.Mkdir(p.files, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	write(t, p.secret, "the canary")
	write(t, filepath.Join(p.files, "a.txt"), "hello")
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// result is how a command ended.
type result struct {
	code        int
	out, errors string
}

// runIn runs a command to its end. Without flags it is the control, unconfined.
func runIn(t *testing.T, dir string, flags []string, command ...string) result {
	t.Helper()
	return finish(t, build(t, dir, flags, command...))
}

func build(t *testing.T, dir string, flags []string, command ...string) *exec.Cmd {
	t.Helper()
	args := command
	if flags != nil {
		args = append(append([]string{testenv.Binary(t), "confine"}, flags...), append([]string{"--"}, command...)...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), probeVariable+"=1")
	return cmd
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), strings.TrimSpace(out.String()), strings.TrimSpace(errs.String())}
}

// tryProbe runs a probe confined and as the control.
func tryProbe(t *testing.T, dir string, flags []string, args ...string) (confined, control string) {
	t.Helper()
	command := append([]string{os.Args[0]}, args...)
	control = runIn(t, dir, nil, command...).out
	r := runIn(t, dir, flags, command...)
	if r.code != 0 {
		t.Errorf("%q: exit code %d, %s", args, r.code, r.errors)
	}
	return r.out, control
}

// unprivileged has a command run by a user without any capability.
func unprivileged(cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{}}}
	}
	return cmd
}

// listen accepts connections on a loopback port until the test ends.
func listen(t *testing.T) (port string) {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(true)
	l, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// freePort is one that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
