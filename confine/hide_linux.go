package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// inNamespace starts this very command line again, in a user namespace where it may mount, waits for it and passes
// signals on. The user and group stay who they are. The death of this process is the end of the other.
func (p *Plan) inNamespace() (status int, err error) {
	runtime.LockOSThread() // the death signal is that of the thread that forked
	defer runtime.UnlockOSThread()
	attr := newUserNamespace()
	attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	attr.Pdeathsig = unix.SIGKILL
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, SysProcAttr: attr}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("confine: --hide: user namespace: %w", err)
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case s := <-signals:
				if !typed(s) {
					_ = cmd.Process.Signal(s) // it may have ended just now
				}
			case <-ended:
				return
			}
		}
	}()
	var failed *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &failed) {
		return 0, fmt.Errorf("confine: %w", err)
	}
	return exitStatus(cmd.ProcessState), nil
}

// passedOn are the signals for the command. Those of job control stop both of us, as they should.
var passedOn = []os.Signal{
	unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR,
	unix.SIGVTALRM,
}

// typed says whether a signal comes from a terminal in whose foreground we are: then the command has it already.
func typed(s os.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT && s != unix.SIGWINCH {
		return false
	}
	foreground, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

// exitStatus is a process's end as a shell has it: 128 and the signal's number for one that a signal ended.
func exitStatus(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

// hide gives the calling thread, which must be locked, a file tree that has what the rules name and nothing else.
func (p *Plan) hide() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("confine: --hide: mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("confine: --hide: private mounts: %w", err)
	}
	t, err := newTree()
	if err != nil {
		return fmt.Errorf("confine: --hide: %w", err)
	}
	rules := slices.Clone(p.Rules)
	slices.SortStableFunc(rules, func(a, b Rule) int { return len(a.Real) - len(b.Real) }) // what lies beneath comes later
	for _, r := range rules {
		for _, o := range p.Rules { // rules add up, as they do for Landlock; mounts would cover each other
			if beneath(r.Real, o.Real) {
				r.Access |= o.Access
			}
		}
		if err := t.add(r); err != nil {
			return fmt.Errorf("confine: --hide: %s: %w", quotePath(r.Path), err)
		}
	}
	// The working directory exists, if only as an empty one, so that the command has one.
	dir, err := filepath.EvalSymlinks(p.dir)
	if err == nil {
		err = t.mkdirAll(dir)
	}
	if err != nil {
		return fmt.Errorf("confine: --hide: working directory: %w", err)
	}
	if err := t.enter(dir); err != nil {
		return fmt.Errorf("confine: --hide: %w", err)
	}
	return nil
}

// tree is the new file tree while it grows: an empty file system in memory that covers "/", whose names
// are opened from its descriptor. The old one is still what paths mean.
type tree struct{ fd int }

func newTree() (*tree, error) {
	ctx, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsopen: %w", err)
	}
	defer func() { _ = unix.Close(ctx) }()
	for key, value := range map[string]string{"mode": "0755", "size": "4m"} {
		if err := unix.FsconfigSetString(ctx, key, value); err != nil {
			return nil, fmt.Errorf("fsconfig: %w", err)
		}
	}
	if err := unix.FsconfigCreate(ctx); err != nil {
		return nil, fmt.Errorf("fsconfig: %w", err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return nil, fmt.Errorf("fsmount: %w", err)
	}
	// Clones of what lies beneath are taken from the old tree, whose root keeps its meaning for this process.
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return nil, errors.Join(fmt.Errorf("move_mount: %w", err), unix.Close(fd))
	}
	return &tree{fd}, nil
}

// add makes the links on the way to a rule's path, and mounts what it names.
func (t *tree) add(r Rule) error {
	if err := t.links(r.Path); err != nil {
		return err
	}
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE | unix.AT_SYMLINK_NOFOLLOW)
	from, err := unix.OpenTree(unix.AT_FDCWD, r.Real, flags)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer func() { _ = unix.Close(from) }()
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID, Propagation: unix.MS_PRIVATE}
	if !r.device {
		attr.Attr_set |= unix.MOUNT_ATTR_NODEV
	}
	switch {
	case r.Access&Write == 0:
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	case r.Access&Execute == 0: // so that the loader cannot map it for executing either
		attr.Attr_set |= unix.MOUNT_ATTR_NOEXEC
	}
	if err := unix.MountSetattr(from, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	to, err := t.place(r)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(to) }()
	if err := unix.MoveMount(from, "", to, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// place opens where a rule is to be mounted, and makes it where it does not exist.
func (t *tree) place(r Rule) (fd int, err error) {
	if fd, err = t.open(r.Real); err == nil {
		return fd, nil
	}
	if r.dir {
		if err := t.mkdirAll(r.Real); err != nil {
			return -1, err
		}
		return t.open(r.Real)
	}
	if err := t.mkdirAll(filepath.Dir(r.Real)); err != nil {
		return -1, err
	}
	parent, err := t.open(filepath.Dir(r.Real))
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(parent) }()
	if err := unix.Mknodat(parent, filepath.Base(r.Real), unix.S_IFREG|0o444, 0); err != nil {
		return -1, fmt.Errorf("mknod: %w", err)
	}
	return t.open(r.Real)
}

// open opens a path of the new tree, element by element: nothing that is asked for has a link in it, and openat2(2) may be
// refused to us.
func (t *tree) open(path string) (int, error) {
	fd, err := unix.Openat(t.fd, ".", unix.O_PATH|unix.O_CLOEXEC, 0)
	for _, element := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		if err != nil {
			break
		}
		parent := fd
		fd, err = unix.Openat(parent, element, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		err = errors.Join(err, unix.Close(parent))
	}
	if err != nil {
		return -1, fmt.Errorf("%s: %w", quotePath(path), err)
	}
	return fd, nil
}

func (t *tree) mkdirAll(path string) error {
	if fd, err := t.open(path); err == nil {
		return unix.Close(fd)
	}
	if path == "/" {
		return nil
	}
	if err := t.mkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	parent, err := t.open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(parent) }()
	if err := unix.Mkdirat(parent, filepath.Base(path), 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("mkdir %s: %w", quotePath(path), err)
	}
	return nil
}

// maxLinks is how many links a path may lead through, path_resolution(7).
const maxLinks = 40

// links makes every symbolic link that the old tree has on the way of a path, such as /lib -> usr/lib.
func (t *tree) links(path string) error {
	for range maxLinks {
		link, target, rest := firstLink(path)
		if link == "" {
			return nil
		}
		if err := t.mkdirAll(filepath.Dir(link)); err != nil {
			return err
		}
		parent, err := t.open(filepath.Dir(link))
		if err != nil {
			return err
		}
		// EEXIST is a link made for an earlier rule; EROFS lies in a directory that is mounted already and has it.
		err = unix.Symlinkat(target, parent, filepath.Base(link))
		_ = unix.Close(parent)
		if err != nil && !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EROFS) {
			return fmt.Errorf("symlink %s: %w", quotePath(link), err)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(link), target)
		}
		path = filepath.Join(target, rest)
	}
	return unix.ELOOP
}

// firstLink finds the first element of an absolute path that is a link, what it says, and what of the path follows it.
func firstLink(path string) (link, target, rest string) {
	elements := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i := range elements {
		prefix := "/" + strings.Join(elements[:i+1], "/")
		if target, err := os.Readlink(prefix); err == nil {
			return prefix, target, strings.Join(elements[i+1:], "/")
		}
	}
	return "", "", ""
}

// enter makes the tree the root, read-only but for what is mounted in it, and lets go of the old one.
func (t *tree) enter(dir string) error {
	if err := unix.MountSetattr(t.fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	if err := unix.Fchdir(t.fd); err != nil {
		return fmt.Errorf("fchdir: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount: %w", err)
	}
	if err := unix.Close(t.fd); err != nil {
		return err
	}
	return unix.Chdir(dir)
}
