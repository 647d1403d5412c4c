package confine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// With --hide nothing exists but what the rules name, for root and for a user without capabilities. The control is the
// same command without --hide, which finds that the secret exists.
func TestHide(t *testing.T) {
	p := newPlace(t)
	if err := os.Symlink("files", filepath.Join(p.dir, "current")); err != nil {
		t.Fatal(err)
	}
	script := "for f in secret.txt files/a.txt /etc/passwd /proc/self /usr/bin/env /dev/null /lib/; do if test -e $f; then echo $f; fi; done; cat current/a.txt; pwd; echo x 2>/dev/null > files/x; echo w > data/w; exit 5"
	for _, hide := range []bool{true, false} {
		for _, privileged := range []bool{true, false} {
			data := filepath.Join(p.dir, "data")
			for _, err := range []error{os.RemoveAll(data), os.Mkdir(data, 0o777), os.Chmod(data, 0o777)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			flags := []string{"--read", "current", "--write", "data", "--exec", "/bin/cat"}
			want := "secret.txt files/a.txt /etc/passwd /proc/self /usr/bin/env /dev/null /lib/ hello" + p.dir
			if hide {
				flags = append(flags, "--hide")
				want = "files/a.txt /dev/null /lib/ hello" + p.dir
			}
			cmd := build(t, p.dir, flags, "/bin/sh", "-c", script)
			if !privileged {
				unprivileged(cmd)
			}
			r := finish(t, cmd)
			if hide && !privileged && !namespacesFor(cmd) {
				refusesToHide(t, r)
				continue
			}
			if got := strings.Join(strings.Fields(r.out), " "); got != want || r.code != 5 {
				t.Errorf("hide %v, privileged %v = %d %q, want %q\n%s", hide, privileged, r.code, got, want, r.errors)
			}
			if text, err := os.ReadFile(filepath.Join(data, "w")); err != nil || string(text) != "w\n" {
				t.Errorf("hide %v, privileged %v: what was written = %q, %v", hide, privileged, text, err)
			}
			if _, err := os.Stat(filepath.Join(p.files, "x")); err == nil {
				t.Errorf("hide %v, privileged %v: it wrote where it may only read", hide, privileged)
			}
		}
	}
}

// Nothing leads back out: no descriptor, no "..", no second namespace, and no way to make the tree writable.
func TestHideHasNoWayBack(t *testing.T) {
	p := newPlace(t)
	checkAttempts(t, p.files, []string{"--hide", "--read", p.files}, []attempt{
		{try("read", p.secret), "ENOENT", "ok"},
		{try("read", "../secret.txt"), "ENOENT", "ok"},
		{try("stat", "../secret.txt"), "ENOENT", "ok"},
		{try("chmod", "../secret.txt"), "ENOENT", "ok"},
		{try("chmod", "a.txt"), "EROFS", "ok"},
		{try("stat", "/root"), "ENOENT", "ok"},
	}, nil)
}

// Rules that overlap add up, hidden as not, whatever their order and by whatever link they name a directory.
func TestHideOverlap(t *testing.T) {
	p := newPlace(t)
	for _, err := range []error{os.Symlink("files", filepath.Join(p.dir, "z-link")), os.Mkdir(filepath.Join(p.files, "sub"), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, flags := range [][]string{{"--write", "files", "--read", "z-link"}, {"--read", "files", "--write", "z-link"}, {"--write", "files", "--exec", "files/sub"}} {
		for _, more := range [][]string{{}, {"--hide"}} {
			r := runIn(t, p.dir, append(flags[:4:4], more...), "/bin/sh", "-c", "echo x > files/sub/x && echo y > files/y && echo written")
			if r.out != "written" {
				t.Errorf("%q %q = %q %s", flags, more, r.out, r.errors)
			}
		}
	}
}

// Landlock has no right for what a loader maps into memory. Where nothing else is hidden, what was written can be loaded
// so; with --hide it cannot.
func TestHideLoader(t *testing.T) {
	p := newPlace(t)
	var loaders []string
	for _, pattern := range []string{"/lib64/ld-linux-*.so.*", "/lib/ld-linux-*.so.*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		loaders = append(loaders, found...)
	}
	if len(loaders) == 0 {
		t.Fatal("no loader of the C library")
	}
	load := "cp /bin/true files/t && exec " + loaders[0] + " ./files/t"
	flags := []string{"--write", "files", "--exec", "/bin"}
	if r := runIn(t, p.dir, flags, "/bin/sh", "-c", load); r.code != 0 {
		t.Errorf("without --hide the loader loads it, and this shows nothing: %d %s", r.code, r.errors)
	}
	if r := runIn(t, p.dir, append(flags, "--hide"), "/bin/sh", "-c", load); r.code == 0 {
		t.Errorf("with --hide the loader loaded what was written")
	}
}

// namespacesFor says, by unshare(1), whether who runs the command may make a user namespace: in a chroot, and in many a
// container, nobody may.
func namespacesFor(cmd *exec.Cmd) bool {
	try := exec.Command("unshare", "--user", "--map-root-user", "--mount", "true")
	try.SysProcAttr = cmd.SysProcAttr
	return try.Run() == nil
}

// refusesToHide is what comes of --hide there.
func refusesToHide(t *testing.T, r result) {
	t.Helper()
	if r.code != 2 || !strings.Contains(r.errors, "user namespace: ") || !strings.Contains(r.errors, "--sandbox auto") {
		t.Errorf("--hide where there are no user namespaces: %d %q", r.code, r.errors)
	}
}

// Signals and the exit status go through the process that waits outside of the user namespace.
func TestHideUnprivileged(t *testing.T) {
	p := newPlace(t)
	sh := func(script string) []string { return []string{"/bin/sh", "-c", script} }
	if cmd := unprivileged(build(t, p.dir, []string{"--hide"}, "/bin/true")); !namespacesFor(cmd) {
		refusesToHide(t, finish(t, cmd))
		return
	}
	waitsForTerm(t, unprivileged(build(t, p.dir, []string{"--hide"}, sh("trap 'echo terminated; exit 9' TERM; echo waiting; while :; do :; done")...)))
	cmd := unprivileged(build(t, p.dir, []string{"--hide"}, sh("kill -KILL $$")...))
	if r := finish(t, cmd); r.code != 128+int(unix.SIGKILL) {
		t.Errorf("ended by a signal: status %d %s", r.code, r.errors)
	}
}

// The file system that stands in for the root holds nothing and takes nothing.
func TestHideRootIsReadOnly(t *testing.T) {
	p := newPlace(t)
	r := runIn(t, p.dir, []string{"--hide", "--sandbox", "require", "--exec", "/bin"}, "/bin/sh", "-c", "echo x > /etc/x; echo x > /x; ls -d /proc/1; echo $?")
	if strings.Count(r.errors, "ermission denied")+strings.Count(r.errors, "ead-only") != 2 || !strings.HasSuffix(r.out, "2") {
		t.Errorf("= %q %q", r.out, r.errors)
	}
}
