// Command noopenat2 runs a command for which openat2(2) does not exist, as on
// an old kernel or under a container's seccomp filter:
//
//	noopenat2 [-errno ENOSYS|EPERM] [-call NAME] -- COMMAND [ARG...]
//
// NAME is another call that is refused instead, one of those in refusable.
//
// The filter is the kernel's own and passes on to everything the command
// starts. It is set with no_new_privs, so set-id programs gain nothing below.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	fmt.Fprintln(os.Stderr, "noopenat2:", run())
	os.Exit(2)
}

// refusable are the calls that can be missing.
var refusable = map[string]uint32{
	"openat2":                 unix.SYS_OPENAT2,
	"landlock_create_ruleset": unix.SYS_LANDLOCK_CREATE_RULESET,
	"seccomp":                 unix.SYS_SECCOMP,
	"mount":                   unix.SYS_MOUNT,
}

// run returns, with the reason, only if the command could not be started.
func run() error {
	name := flag.String("errno", "ENOSYS", "what openat2 answers: ENOSYS or EPERM")
	call := flag.String("call", "openat2", "the call that is refused")
	flag.Parse()
	number, known := refusable[*call]
	if !known {
		return fmt.Errorf("-call %s: want one of those in refusable", *call)
	}
	answer, ok := map[string]unix.Errno{"ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM}[*name]
	if !ok {
		return fmt.Errorf("-errno %s: want ENOSYS or EPERM", *name)
	}
	if flag.NArg() == 0 {
		return fmt.Errorf("no command; use: noopenat2 [-errno ENOSYS|EPERM] [-call NAME] -- COMMAND [ARG...]")
	}
	path, err := exec.LookPath(flag.Arg(0))
	if err != nil {
		return err
	}
	if err := refuse(number, answer); err != nil {
		return err
	}
	return fmt.Errorf("exec %s: %w", path, unix.Exec(path, flag.Args(), os.Environ()))
}

// refuse sets the filter on all threads of this process. There is no
// way back.
func refuse(number uint32, answer unix.Errno) error {
	filter, err := program(number, answer)
	if err != nil {
		return err
	}
	// no_new_privs is the thread's, and TSYNC passes it on with the filter.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("seccomp(2): %w", errno)
	}
	if thread != 0 {
		return fmt.Errorf("seccomp(2): thread %d could not take the filter", thread)
	}
	return nil
}

// Offsets in struct seccomp_data, seccomp(2).
const (
	offsetNumber = 0
	offsetArch   = 4
)

// x32Bit marks the numbers of the x32 calls, which share amd64's architecture.
const x32Bit = 0x40000000

// program is the filter. A call through another architecture's table (32 bit,
// x32) is refused as a whole: there a call has the same number with other
// neighbours, and nothing that the tests run makes such calls.
func program(number uint32, answer unix.Errno) ([]unix.SockFilter, error) {
	arch, ok := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("no filter for %s", runtime.GOARCH)
	}
	const (
		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jge  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		ret  = unix.BPF_RET | unix.BPF_K
	)
	return []unix.SockFilter{
		{Code: load, K: offsetArch},
		{Code: jeq, K: arch, Jf: 5},
		{Code: load, K: offsetNumber},
		{Code: jge, K: x32Bit, Jt: 3},
		{Code: jeq, K: number, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(answer)},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}, nil
}
