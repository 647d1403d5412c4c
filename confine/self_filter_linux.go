//go:build amd64 || arm64

package confine

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Calls that this program makes: the Go runtime and net, our own, and those of both when they read proc(5), sleep, profile
// themselves or answer a signal. The kernel remembers for each of them that it is allowed, and looks at no filter then.
var ownCalls = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_PREADV, unix.SYS_PWRITEV,
	unix.SYS_PREADV2, unix.SYS_PWRITEV2, unix.SYS_SENDFILE, unix.SYS_SPLICE, unix.SYS_COPY_FILE_RANGE,
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_CLOSE, unix.SYS_FSTAT, newfstatat, unix.SYS_STATX, unix.SYS_LSEEK, unix.SYS_GETDENTS64,
	unix.SYS_READLINKAT, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_FCNTL, unix.SYS_FLOCK, unix.SYS_FSTATFS, unix.SYS_STATFS,
	unix.SYS_FADVISE64, unix.SYS_READAHEAD, unix.SYS_CACHESTAT, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2, unix.SYS_GETCWD,
	unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_SYNC_FILE_RANGE,
	unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_FCHMOD, unix.SYS_FCHMODAT,
	unix.SYS_UTIMENSAT, unix.SYS_UMASK,
	unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_CONNECT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT, unix.SYS_SHUTDOWN, unix.SYS_RECVFROM, unix.SYS_RECVMSG,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, unix.SYS_EVENTFD2, unix.SYS_PPOLL, unix.SYS_PSELECT6,
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_RESTART_SYSCALL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_MREMAP, unix.SYS_MINCORE, unix.SYS_BRK,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_GETRANDOM, unix.SYS_UNAME, unix.SYS_SYSINFO, unix.SYS_GETRUSAGE, unix.SYS_TIMES, unix.SYS_GETRLIMIT,
	unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE,
	unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF, // these only take rights away
}

// forbiddenCalls are answered with EPERM, so that a log shows what was refused; whatever is in neither list does not exist
// (ENOSYS), as in an older kernel.
var forbiddenCalls = []uint32{
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KILL, unix.SYS_TKILL,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSMOUNT,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF,
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID, unix.SYS_SETGROUPS, unix.SYS_SETFSUID, unix.SYS_SETFSGID,
	unix.SYS_CAPSET, unix.SYS_PERSONALITY, unix.SYS_SECCOMP, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_SYSLOG, unix.SYS_SETHOSTNAME, unix.SYS_SETTIMEOFDAY,
	unix.SYS_BIND, unix.SYS_LISTEN, // listening sockets are open already, and Landlock does not look at one that listens unbound
	unix.SYS_CLOCK_SETTIME, unix.SYS_MKNODAT, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_FANOTIFY_INIT, unix.SYS_MEMFD_CREATE, unix.SYS_PIDFD_GETFD, unix.SYS_SOCKETPAIR,
}

// Arguments that are looked at.
const (
	// newThread are those of clone(2) by which the runtime makes a thread. Whatever has a namespace, or is no thread, is refused.
	newThread = unix.CLONE_THREAD | unix.CLONE_VM | unix.CLONE_SIGHAND
	namespace = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
	// prSetVMA names memory, which the runtime does (prctl(2), PR_SET_VMA).
	prSetVMA = 0x53564d41
	siocOutQ = 0x5411 // SIOCOUTQ: how much of an answer is on its way
	fionRead = 0x541b
	fionBIO  = 0x5421
)

// selfFilter is the filter of this process.
func selfFilter(p Policy) ([]unix.SockFilter, error) {
	arch, err := nativeArch()
	if err != nil {
		return nil, err
	}
	a := &assembler{}
	allow := func() { a.ret(unix.SECCOMP_RET_ALLOW) }
	forbid := func() { a.ret(refuse(unix.EPERM)) }
	a.load(offsetArch)
	a.not(bpfEqual, arch, func() { a.ret(refuse(unix.ENOSYS)) })
	a.load(offsetNumber)
	if len(p.Connect) == 0 { // nothing to be connected, and so no Fast Open: not one argument of these is looked at
		a.in([]uint32{unix.SYS_SENDTO, unix.SYS_SENDMSG}, allow)
	}
	a.in(ownCalls, allow)
	a.in(archCalls, allow)
	a.on(bpfEqual, unix.SYS_SOCKET, func() { a.ownSocket(p, allow, forbid) })
	for number, flags := range map[uint32]uint32{unix.SYS_SENDTO: 3, unix.SYS_SENDMSG: 2} {
		a.on(bpfEqual, number, func() { // Fast Open connects while it sends, which Landlock does not see
			a.arg(flags)
			a.on(bpfAny, unix.MSG_FASTOPEN, forbid)
			allow()
		})
	}
	a.on(bpfEqual, unix.SYS_CLONE, func() {
		a.arg(0)
		a.on(bpfAny, namespace, forbid)
		a.code = append(a.code, unix.SockFilter{Code: bpfAnd, K: newThread})
		a.on(bpfEqual, newThread, allow)
		forbid()
	})
	a.on(bpfEqual, unix.SYS_PRCTL, func() {
		a.arg(0)
		a.in([]uint32{prSetVMA, unix.PR_SET_NO_NEW_PRIVS, unix.PR_GET_NO_NEW_PRIVS, unix.PR_SET_NAME, unix.PR_GET_DUMPABLE, unix.PR_GET_SECCOMP}, allow)
		forbid()
	})
	a.on(bpfEqual, unix.SYS_IOCTL, func() {
		a.arg(1)
		a.in([]uint32{siocOutQ, fionRead, fionBIO, unix.TCGETS, unix.TIOCGWINSZ}, allow)
		forbid()
	})
	a.on(bpfEqual, unix.SYS_PRLIMIT64, func() { // of this process alone
		a.arg(0)
		a.on(bpfEqual, 0, allow)
		forbid()
	})
	a.on(bpfEqual, unix.SYS_TGKILL, allow) // how the runtime interrupts its threads; Landlock keeps signals within, where it can
	a.in(forbiddenCalls, forbid)
	a.ret(refuse(unix.ENOSYS))
	if len(a.code) > unix.BPF_MAXINSNS {
		return nil, errors.New("confine: the filter is too long")
	}
	return a.code, nil
}

// ownSocket judges socket(family, kind, protocol).
func (a *assembler) ownSocket(p Policy, allow, forbid func()) {
	a.arg(0)
	if p.Unix {
		a.on(bpfEqual, unix.AF_UNIX, allow)
	}
	a.in([]uint32{unix.AF_INET, unix.AF_INET6}, func() {
		a.arg(1)
		a.code = append(a.code, unix.SockFilter{Code: bpfAnd, K: kindMask})
		if len(p.Connect) > 0 {
			a.on(bpfEqual, unix.SOCK_STREAM, func() {
				a.arg(2)
				a.in([]uint32{0, unix.IPPROTO_TCP}, allow)
				forbid()
			})
		}
		if p.Datagrams {
			a.on(bpfEqual, unix.SOCK_DGRAM, allow)
		}
		forbid()
	})
	forbid()
}
