package inspect

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/finding"
)

// above looks at each directory above the base, from it upwards: by "..", so that no path is trusted.
func (w *walk) above() {
	at, child := w.base.fd, w.base.facts
	for range 4096 {
		fd, err := unix.Openat(at, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if at != w.base.fd {
			_ = unix.Close(at)
		}
		if err != nil {
			w.report.Note(finding.Place{}, "who may write above could not be seen further up: "+plain(err))
			return
		}
		at = fd
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			break
		}
		var dir facts
		dir.take(&st)
		if dir.same(&child) { // the root is its own parent
			break
		}
		w.parent(where(fd), &dir, &child)
		child = dir
	}
	if at != w.base.fd {
		_ = unix.Close(at)
	}
}

// mountPoints reports what is mounted beneath the base, as the system lists it.
func (w *walk) mountPoints() {
	w.mounts = map[string]bool{}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		w.report.Note(finding.Place{}, "mounts of the same file system (bind mounts) were not looked for: /proc/self/mountinfo cannot be read")
		return
	}
	for line := range bytes.Lines(text) {
		m, ok := parseMount(string(line))
		if !ok || m.at == w.abs || !beneath(m.at, w.abs) {
			continue
		}
		path := strings.TrimPrefix(strings.TrimPrefix(m.at, w.abs), "/")
		if !w.mounts[path] {
			w.mounts[path] = true
			w.add(finding.MountPoint, path, m.String())
		}
	}
}

// mount is a line of proc_pid_mountinfo(5).
type mount struct{ at, kind, source, root string }

func parseMount(line string) (m mount, ok bool) {
	fields, rest, ok := strings.Cut(line, " - ")
	f, source := strings.Fields(fields), strings.Fields(rest)
	if !ok || len(f) < 6 || len(source) < 2 {
		return m, false
	}
	return mount{at: unescape(f[4]), kind: source[0], source: unescape(source[1]), root: unescape(f[3])}, true
}

func (m *mount) String() string {
	if m.root == "/" {
		return m.kind + " from " + m.source
	}
	return m.kind + " from " + m.source + ", its directory " + m.root + " (a bind mount)"
}

// distant are the types of file systems, as mountinfo calls them, that others answer for.
var distant = regexp.MustCompile(`^(?:nfs4?|cifs|smb3|smbfs|9p|ceph|afs|autofs|lustre|glusterfs|fuse|fuseblk|fuse\..*)$`)

// Distant is the type of the file system that a resolved path is on, where a network or a program answers for it, so that
// each look at it may hang; "" elsewhere, and where that is not known. It asks no file system but /proc.
func Distant(path string) string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	var on mount
	for line := range bytes.Lines(text) {
		if m, ok := parseMount(string(line)); ok && beneath(path, m.at) && len(m.at) >= len(on.at) { // of equal ones the last is on top
			on = m
		}
	}
	if distant.MatchString(on.kind) {
		return on.kind
	}
	return ""
}

var octalEscape = regexp.MustCompile(`\\[0-7]{3}`)

// unescape undoes how mountinfo writes spaces and the like.
func unescape(s string) string {
	return octalEscape.ReplaceAllStringFunc(s, func(e string) string {
		n, _ := strconv.ParseUint(e[1:], 8, 8) // three digits of it, or it is as large as a byte gets
		return string([]byte{byte(n)})
	})
}

// mounted is asked about a directory on another device than its parent. It says whether it is not to be walked into.
func (w *walk) mounted(d *directory, path string) bool {
	if !w.mounts[path] {
		w.add(finding.MountPoint, path, "another file system, or a subvolume")
	}
	if what := d.remote(); what != "" {
		w.report.Note(finding.Place{Path: path}, "it is "+what+": not looked into")
		return true
	}
	return false
}

// interpreters run what their arguments name.
var interpreters = regexp.MustCompile(`^(?:python|node|nodejs|ruby|php|perl|java|deno|bun|gunicorn|uwsgi)[\d.]*(?:-cgi|-fpm)?$`)

// programs reports running programs that were started from the base, ourselves among them.
func (w *walk) programs() {
	if w.cfg.Quick {
		w.program("self", map[string]bool{})
		return
	}
	proc, err := os.Open("/proc")
	if err != nil {
		w.report.Note(finding.Place{}, "running programs were not looked at: "+plain(err))
		return
	}
	defer proc.Close()
	entries, _ := proc.Readdirnames(-1)
	seen := map[string]bool{}
	for _, pid := range entries {
		if '0' <= pid[0] && pid[0] <= '9' {
			w.program(pid, seen)
		}
	}
}

func (w *walk) program(pid string, seen map[string]bool) {
	for _, p := range started(pid, w.abs) {
		if p != w.abs && beneath(p, w.abs) && !seen[p] {
			seen[p] = true
			w.add(finding.PlaceProgram, strings.TrimPrefix(strings.TrimPrefix(p, w.abs), "/"), "it is running")
		}
	}
}

// started are the files that a process was started from: its program and, of an interpreter, what its arguments name within
// base. What they name elsewhere is not looked at: it may be on a file system that hangs.
func started(pid, base string) (out []string) {
	exe, err := os.Readlink("/proc/" + pid + "/exe")
	if err != nil {
		return nil // it ended, or is somebody else's
	}
	exe = strings.TrimSuffix(exe, " (deleted)")
	out = append(out, exe)
	if !interpreters.MatchString(filepath.Base(exe)) {
		return out
	}
	args, err1 := os.ReadFile("/proc/" + pid + "/cmdline")
	cwd, err2 := os.Readlink("/proc/" + pid + "/cwd")
	if errors.Join(err1, err2) != nil {
		return out
	}
	for i, arg := range strings.Split(string(args), "\x00") {
		if i == 0 || i > 8 || arg == "" || arg[0] == '-' {
			continue
		}
		if !filepath.IsAbs(arg) {
			arg = filepath.Join(cwd, arg)
		}
		arg = filepath.Clean(arg)
		if !beneath(arg, base) {
			continue
		}
		if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() {
			out = append(out, arg)
		}
	}
	return out
}
