package confine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Learn runs the command of cfg without any confinement, watches what it and everything it starts open, make, execute,
// bind and connect to, and proposes rules. Those of cfg are taken for granted. It returns once the last of the processes
// has ended; the end of ctx is passed on to the command as SIGTERM. What the command was not made to do is not
// learned.
func Learn(ctx context.Context, cfg Config, stdin io.Reader, stdout, stderr io.Writer) (*Lesson, error) {
	plan, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if plan.Command == "" {
		return nil, &RuleError{"--learn", "no command was named", "Add it after --"}
	}
	if !plan.Support.Notify {
		return nil, &RuleError{"--learn", "this kernel does not let a filter ask: " + plan.Support.Why["notify"] + plan.Support.Why["seccomp"], "Use Linux 5.5 or newer, outside of a container that forbids it"}
	}
	cmd := &exec.Cmd{Path: plan.Command, Args: plan.Args, Stdin: stdin, Stdout: stdout, Stderr: stderr}
	l := &learner{cmd: cmd, seen: newObserved()}
	if err := l.run(ctx); err != nil {
		return nil, fmt.Errorf("confine: --learn: %w", err)
	}
	return l.propose(cfg)
}

type learner struct {
	cmd  *exec.Cmd
	seen *observed
}

// run starts the command beneath the filter and watches it to its end.
func (l *learner) run(ctx context.Context) error {
	stopRead, stopWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(stopRead.Close(), stopWrite.Close()) }()
	watched := make(chan error, 1)
	listener, err := l.start(func(w *watcher) { go func() { watched <- w.run(int(stopRead.Fd())) }() })
	if listener >= 0 {
		defer func() { _ = unix.Close(listener) }()
	}
	if err != nil {
		if listener >= 0 {
			err = errors.Join(err, stopWrite.Close(), <-watched)
		}
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.cmd.Process.Signal(unix.SIGTERM) })
	defer stop()
	var failed *exec.ExitError
	if err := l.cmd.Wait(); err != nil && !errors.As(err, &failed) {
		return errors.Join(err, stopWrite.Close(), <-watched)
	}
	select {
	case err = <-watched: // nobody is left
	case <-ctx.Done():
		err = errors.Join(stopWrite.Close(), <-watched)
	}
	return err
}

// start starts the command on a thread that has the filter, so that it and all its children have it, and that ends
// afterwards. watch is called once there is a listener, and must hear at once: the command's own execve(2) asks it.
//
// Between fork and execve the thread waits inside of the kernel where the collector cannot stop it, and the watcher must
// run meanwhile: so there is no collection, and a processor for it.
func (l *learner) start(watch func(*watcher)) (listener int, err error) {
	filter, err := watchFilter()
	if err != nil {
		return -1, err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if n := runtime.GOMAXPROCS(0); n < 2 {
		runtime.GOMAXPROCS(2)
		defer runtime.GOMAXPROCS(n)
	}
	runtime.GC() // now, so that none is under way
	listener = -1
	onThread(func() {
		if err = noNewPrivs(); err != nil {
			return
		}
		if listener, err = setFilter(filter, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV); errors.Is(err, unix.EINVAL) {
			listener, err = setFilter(filter, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER) // before Linux 5.19
		}
		if err != nil {
			return
		}
		unix.CloseOnExec(listener)
		watch(&watcher{listener: listener, own: unix.Gettid(), seen: l.seen})
		err = l.cmd.Start()
	})
	return listener, err
}

// propose makes flags of what was seen and is not covered by what is given anyway.
func (l *learner) propose(cfg Config) (*Lesson, error) {
	lesson := &Lesson{Status: exitStatus(l.cmd.ProcessState), Command: cfg.Command, Warnings: []string{}}
	cfg.Net = NetAll
	cfg.Presets = append(slices.Clone(cfg.Presets), l.presets(cfg.Presets)...)
	plan, err := New(cfg)
	if err != nil {
		return nil, err
	}
	flags := func(name string, values ...string) {
		for _, v := range values {
			lesson.Flags = append(lesson.Flags, name, v)
		}
	}
	flags("--preset", cfg.Presets...)
	cfg.Exec = l.runs(plan, cfg.Exec)
	flags("--exec", cfg.Exec...)
	if plan, err = New(cfg); err != nil {
		return nil, err
	}
	reads, writes := l.files(plan, lesson)
	flags("--read", outermost(append(slices.Clone(cfg.Read), reads...))...)
	flags("--write", outermost(append(slices.Clone(cfg.Write), writes...))...)
	flags("--bind", portFlags(l.seen.bind, cfg.Bind)...)
	flags("--connect", portFlags(l.seen.connect, cfg.Connect)...)
	flags("--connect", slices.Sorted(maps.Keys(l.seen.sockets))...)
	for _, port := range slices.Sorted(maps.Keys(l.seen.connect)) {
		if port >= ephemeral {
			lesson.Warnings = append(lesson.Warnings, fmt.Sprintf("it connected to port %d, which looks like one that the kernel picked: the next run may have another", port))
		}
	}
	flags("--net", l.net(lesson).String())
	if lesson.Status != 0 {
		lesson.Warnings = append(lesson.Warnings, fmt.Sprintf("the command ended with status %d: what it would have opened afterwards is missing", lesson.Status))
	}
	return lesson, nil
}

// ephemeral is the lowest port that Linux picks by itself unless told otherwise, ip(7).
const ephemeral = 32768

func portFlags(seen map[uint16]bool, given []uint16) (out []string) {
	all := slices.Concat(slices.Collect(maps.Keys(seen)), given)
	slices.Sort(all)
	for _, p := range slices.Compact(all) {
		out = append(out, strconv.Itoa(int(p)))
	}
	return out
}

// presets are those of the interpreters that were executed.
func (l *learner) presets(given []string) (out []string) {
	for _, name := range Presets {
		for path := range l.seen.run {
			real, err := filepath.EvalSymlinks(path)
			found := strings.HasPrefix(filepath.Base(path), languages[name].interpreter) || err == nil && strings.HasPrefix(filepath.Base(real), languages[name].interpreter)
			if _, missing := languages[name].onPath(); found && missing == nil && !slices.Contains(given, name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// covered says whether a rule of the plan already allows something.
func covered(plan *Plan, path string, access Access) bool {
	return slices.ContainsFunc(plan.Rules, func(r Rule) bool {
		return (path == r.Real || r.dir && beneath(path, r.Real)) && access&^r.Access == 0
	})
}

// runs are the programs that were executed, with the interpreters of scripts and the loaders among them.
func (l *learner) runs(plan *Plan, given []string) []string {
	out := slices.Clone(given)
	add := func(path string) {
		if real, err := filepath.EvalSymlinks(path); err == nil && !covered(plan, real, Execute) {
			out = append(out, path)
		}
	}
	for path := range l.seen.run {
		programs, err := chain(path)
		if err != nil {
			continue
		}
		for _, p := range programs {
			add(p.path)
			if interp, _ := loader(p.real()); interp != "" {
				add(interp)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// files are the proposals for reading and writing.
func (l *learner) files(plan *Plan, lesson *Lesson) (reads, writes []string) {
	home, _ := os.UserHomeDir()
	f := folder{keep: []string{home, plan.dir}}
	open := func(seen map[string]bool, access Access) (out []string) {
		for _, path := range slices.Sorted(maps.Keys(seen)) {
			switch {
			case secret(path):
				f.dont = append(f.dont, path)
				lesson.Warnings = append(lesson.Warnings, fmt.Sprintf("it opened %s, which is by its name a secret: not proposed", quotePath(path)))
			case !covered(plan, path, access):
				out = append(out, path)
			}
		}
		return out
	}
	readFiles, readDirs := open(l.seen.read, Read), open(l.seen.list, Read)
	written, changed := open(l.seen.write, Write), open(l.seen.changed, Write)
	for i, dir := range changed {
		for { // what was made and taken away again lay in something that stayed
			if info, err := os.Stat(dir); err == nil && info.IsDir() {
				break
			}
			dir = filepath.Dir(dir)
		}
		changed[i] = dir
	}
	written = slices.DeleteFunc(written, func(path string) bool { _, err := os.Stat(path); return err != nil })
	writes = outermost(append(written, changed...))
	for _, path := range writes {
		if slices.Contains(broad, path) || path == home || path == plan.dir {
			lesson.Warnings = append(lesson.Warnings, fmt.Sprintf("it makes files in %s: better give it a directory of its own (for temporary files, by TMPDIR)", quotePath(path)))
		}
	}
	for i, dir := range readDirs {
		if !f.foldable(dir) {
			lesson.Warnings = append(lesson.Warnings, fmt.Sprintf("it listed %s, where much else lies: not proposed", quotePath(dir)))
			readDirs[i] = ""
		}
	}
	readDirs = slices.DeleteFunc(readDirs, func(p string) bool { return p == "" })
	inWritten := func(path string) bool {
		return slices.ContainsFunc(writes, func(w string) bool { return beneath(path, w) })
	}
	reads = f.fold(slices.DeleteFunc(readFiles, inWritten), slices.DeleteFunc(readDirs, inWritten))
	// What was made by the command itself, and is gone, needs no rule.
	return slices.DeleteFunc(reads, func(path string) bool { _, err := os.Stat(path); return err != nil }), writes
}

// net is the narrowest choice that fits, and says what the others would close.
func (l *learner) net(lesson *Lesson) Net {
	for _, path := range slices.Sorted(maps.Keys(l.seen.sockets)) {
		lesson.Warnings = append(lesson.Warnings, fmt.Sprintf("it talks to the Unix socket %s", quotePath(path)))
	}
	if l.seen.own {
		lesson.Warnings = append(lesson.Warnings, "it looked at processes under /proc: no rule can name them beforehand, and most programs do without")
	}
	switch {
	case l.seen.other:
		return NetAll
	case l.seen.tcp:
		return NetTCP
	}
	return NetNone
}
