package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// launcher starts processes from one thread that runs on the servers' core and
// lives as long as they do: they inherit its place, and the kernel ends them
// with it.
type launcher struct {
	commands chan *exec.Cmd
	errs     chan error
}

func newLauncher(core int) (*launcher, error) {
	l := &launcher{commands: make(chan *exec.Cmd), errs: make(chan error)}
	go l.run(core)
	return l, <-l.errs
}

func (l *launcher) run(core int) {
	runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
	err := setAffinity(0, only(core))
	l.errs <- err
	if err != nil {
		return
	}
	for cmd := range l.commands {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		l.errs <- cmd.Start()
	}
}

func (l *launcher) start(cmd *exec.Cmd) error {
	l.commands <- cmd
	return <-l.errs
}

func (l *launcher) close() { close(l.commands) }

// only is the set of one core.
func only(core int) *unix.CPUSet {
	var set unix.CPUSet
	set.Set(core)
	return &set
}

func setAffinity(thread int, set *unix.CPUSet) error {
	if err := unix.SchedSetaffinity(thread, set); err != nil {
		return fmt.Errorf("pinning a thread: %w", err)
	}
	return nil
}

// cores returns the core for the servers and the one for the load: the first
// and the last of a set. With a single core they are the same.
func cores(set *unix.CPUSet) (servers, load int) {
	servers = -1
	for core := range 64 * len(set) {
		if !set.IsSet(core) {
			continue
		}
		if servers < 0 {
			servers = core
		}
		load = core
	}
	return servers, load
}

// pinSelf moves every thread of this process to some cores; those to come
// inherit it.
func pinSelf(set *unix.CPUSet) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := setAffinity(id, set); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// process is a server under measurement: a program and what it started.
type process struct {
	cmd   *exec.Cmd
	log   string // file that holds what it printed
	ended chan struct{}
}

// spawn starts a program whose output goes to a file.
func (l *launcher) spawn(cmd *exec.Cmd, log string) (*process, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if err := l.start(cmd); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	return p, nil
}

var listening = regexp.MustCompile(`listening on (?:https?://)?([0-9.]+:[0-9]+)`)

// address waits until the process prints where it listens.
func (p *process) address() (string, error) {
	var addr string
	err := p.await(func() bool {
		text, err := os.ReadFile(p.log)
		if match := listening.FindSubmatch(text); err == nil && match != nil {
			addr = string(match[1])
		}
		return addr != ""
	})
	return addr, err
}

// await polls until ready, the end of the process, or half a minute.
func (p *process) await(ready func() bool) error {
	deadline := time.After(30 * time.Second)
	for !ready() {
		select {
		case <-p.ended:
			return p.failed("it ended: " + p.cmd.ProcessState.String())
		case <-deadline:
			return p.failed("it is not ready")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// failed is an error with the end of what the process printed.
func (p *process) failed(what string) error {
	const end = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		text = []byte(err.Error())
	}
	return fmt.Errorf("%s: %s; the end of its output: %s", filepath.Base(p.cmd.Path), what, text[max(0, len(text)-end):])
}

// stop ends the process and all it started.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// pids returns the process and what it started: its process group.
func (p *process) pids() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if group, err := syscall.Getpgid(pid); err == nil && group == p.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return nil, p.failed("it is gone")
	}
	return pids, nil
}

// usage is what the processes of a server have used so far.
type usage struct {
	cpu          time.Duration // user and system, to the nanosecond
	user, system int64         // how it divides, in clock ticks
	at           time.Time
	core         int64 // ticks for which the servers' core was busy, by whomever
}

const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux Go runs on

func (p *process) usage(core int) (usage, error) {
	pids, err := p.pids()
	if err != nil {
		return usage{}, err
	}
	var u usage
	for _, pid := range pids {
		// The clock of another process, of all its threads, those that ended
		// too: what clock_getcpuclockid(3) returns.
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
			return u, fmt.Errorf("CPU clock of %d: %w", pid, err)
		}
		u.cpu += time.Duration(ts.Nano())
		fields, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return u, err
		}
		u.user += fields[11]
		u.system += fields[12]
	}
	u.at = time.Now()
	u.core, err = coreBusy(core)
	return u, err
}

// statFields returns the numbers of proc_pid_stat(5) that follow the command's
// name: the state, which is none, has index 0, utime 11, stime 12.
func statFields(path string) ([]int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	after := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	numbers := make([]int64, len(after))
	for i, f := range after[1:] {
		numbers[i+1], _ = strconv.ParseInt(f, 10, 64) // some are unsigned and larger; not ours
	}
	return numbers, nil
}

// coreBusy returns for how many ticks a core has done anything (proc_stat(5)).
func coreBusy(core int) (int64, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 9 || f[0] != "cpu"+strconv.Itoa(core) {
			continue
		}
		var sum int64
		for _, i := range []int{1, 2, 3, 6, 7} { // user nice system irq softirq
			n, err := strconv.ParseInt(f[i], 10, 64)
			if err != nil {
				return 0, err
			}
			sum += n
		}
		return sum, nil
	}
	return 0, fmt.Errorf("/proc/stat has no cpu%d", core)
}

// memory returns the server's proportional set size in bytes: pages it shares
// with nobody, and its part of those it shares (proc_pid_smaps(5)). What the
// kernel holds for its sockets is not in it, for no server.
func (p *process) memory() (int64, error) {
	pids, err := p.pids()
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
				kB, err := strconv.ParseInt(f[1], 10, 64)
				if err != nil {
					return 0, err
				}
				sum += kB << 10
			}
		}
	}
	return sum, nil
}
