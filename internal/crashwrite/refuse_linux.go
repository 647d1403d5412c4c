package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refusals are what a filter can refuse. A file system without O_TMPFILE, a kernel without openat2(2), one whose
// renameat2(2) knows no flags: each as the kernel itself would say it.
var refusals = map[string]struct {
	call  uint32
	flags uint32 // where not 0, only calls whose third argument has all of these
	errno unix.Errno
}{
	"tmpfile":   {unix.SYS_OPENAT, unix.O_TMPFILE, unix.EOPNOTSUPP},
	"openat2":   {unix.SYS_OPENAT2, 0, unix.ENOSYS},
	"renameat2": {unix.SYS_RENAMEAT2, 0, unix.ENOSYS},
}

// refuseCalls applies one seccomp filter (seccomp(2)) to all threads, for good.
func refuseCalls(names []string) error {
	const nr, args2 = 0, 16 + 2*8 // offsets in struct seccomp_data; the low half of the third argument comes first
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	var code []unix.SockFilter
	for _, n := range names {
		r, ok := refusals[n]
		if !ok {
			return fmt.Errorf("%q cannot be refused", n)
		}
		code = append(code, load(nr),
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: r.call, Jt: 0, Jf: 4},
			load(args2),
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: r.flags},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: r.flags, Jt: 0, Jf: 1},
			answer(unix.SECCOMP_RET_ERRNO|uint32(r.errno)))
	}
	code = append(code, answer(unix.SECCOMP_RET_ALLOW))
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}
