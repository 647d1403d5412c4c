package confine_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
	"golang.org/x/sys/unix"
)

// attempt is a probe, what the confined command must get, and what the control gets.
type attempt struct {
	args           []string
	want, unbounds string
}

func try(args ...string) []string { return args }

func checkAttempts(t *testing.T, dir string, flags []string, attempts []attempt, prepare func()) {
	t.Helper()
	for _, a := range attempts {
		if prepare != nil {
			prepare()
		}
		control := runIn(t, dir, nil, append([]string{os.Args[0]}, a.args...)...).out
		if prepare != nil {
			prepare()
		}
		got := runIn(t, dir, flags, append([]string{os.Args[0]}, a.args...)...)
		if got.out != a.want || got.code != 0 {
			t.Errorf("%q confined = %q %d %s, want %q", a.args, got.out, got.code, got.errors, a.want)
		}
		if control != a.unbounds {
			t.Errorf("%q by itself = %q, want %q", a.args, control, a.unbounds)
		}
	}
}

// Reading is where --read and --write say, writing where --write says, executing where --exec says. The control can do all.
func TestFiles(t *testing.T) {
	p := newPlace(t)
	in := func(names ...string) string { return filepath.Join(append([]string{p.dir}, names...)...) }
	prepare := func() {
		for _, err := range []error{
			os.RemoveAll(in("data")), os.RemoveAll(in("new")), os.RemoveAll(in("files", "moved")), os.Mkdir(in("data"), 0o777), os.MkdirAll(in("files", "sub"), 0o755), os.MkdirAll(in("data", "sub"), 0o777),
			os.RemoveAll(in("files", "new")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		write(t, p.secret, "the canary")
		write(t, in("files", "a.txt"), "hello")
		write(t, in("data", "b.txt"), "data")
	}
	prepare()
	if err := os.Symlink("../secret.txt", in("files", "link")); err != nil {
		t.Fatal(err)
	}
	checkAttempts(t, p.dir, []string{"--read", "files", "--write", "data"}, []attempt{
		{try("read", "files/a.txt"), "ok", "ok"},
		{try("list", "files"), "ok", "ok"},
		{try("read", "secret.txt"), "EACCES", "ok"},
		{try("read", "files/../secret.txt"), "EACCES", "ok"},
		{try("read", "files/link"), "EACCES", "ok"},
		{try("read", "/proc/self/root"+p.secret), "EACCES", "ok"},
		{try("read", "/proc/self/cwd/secret.txt"), "EACCES", "ok"},
		{try("read", "/etc/passwd"), "EACCES", "ok"},
		{try("list", "."), "EACCES", "ok"},
		{try("write", "files/new"), "EACCES", "ok"},
		{try("append", "files/a.txt"), "EACCES", "ok"},
		{try("truncate", "files/a.txt"), "EACCES", "ok"},
		{try("truncate", "secret.txt"), "EACCES", "ok"},
		{try("remove", "files/a.txt"), "EACCES", "ok"},
		{try("mkdir", "new"), "EACCES", "ok"},
		{try("link", "secret.txt", "data/linked"), "EXDEV", "ok"},
		{try("rename", "secret.txt", "data/moved"), "EACCES", "ok"},
		{try("rename", "data/b.txt", "files/moved"), "EACCES", "ok"},
		{try("write", "data/new"), "ok", "ok"},
		{try("read", "data/b.txt"), "ok", "ok"},
		{try("rename", "data/b.txt", "data/sub/c.txt"), "ok", "ok"},
		{try("truncate", "data/b.txt"), "ok", "ok"},
		{try("remove", "data/b.txt"), "ok", "ok"},
		{try("mkdir", "data/new"), "ok", "ok"},
		{try("exec", "/bin/true"), "EACCES", "ok"},
		{try("child", "read", "files/a.txt"), "ok", "ok"},
		{try("child", "read", "secret.txt"), "EACCES", "ok"},
		{try("child", "child", "read", "secret.txt"), "EACCES", "ok"},
		{try("stat", "secret.txt"), "ok", "ok"}, // Landlock does not hide: --hide does
	}, prepare)
	checkAttempts(t, p.dir, []string{"--exec", "/bin"}, []attempt{{try("exec", "/bin/true"), "ok", "ok"}}, prepare)
}

// What was written cannot be executed, and a copied program neither.
func TestWrittenIsNotExecuted(t *testing.T) {
	p := newPlace(t)
	text, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(p.files, "true")
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	checkAttempts(t, p.dir, []string{"--write", "files"}, []attempt{{try("exec", program), "EACCES", "ok"}}, nil)
	checkAttempts(t, p.dir, []string{"--read", "files"}, []attempt{{try("exec", program), "EACCES", "ok"}}, nil)
	checkAttempts(t, p.dir, []string{"--exec", "files"}, []attempt{{try("exec", program), "ok", "ok"}}, nil)
}

// Ports are those that were named; what would go around the rules does not exist.
func TestPorts(t *testing.T) {
	allowed, other := listen(t), listen(t)
	free := freePort(t)
	checkAttempts(t, t.TempDir(), []string{"--connect", allowed, "--bind", free}, []attempt{
		{try("connect", allowed), "ok", "ok"},
		{try("connect", other), "EACCES", "ok"},
		{try("child", "connect", other), "EACCES", "ok"},
		{try("mptcp", other), "EPERM", "ok"},
		{try("mptcp", allowed), "EPERM", "ok"},
		{try("fastopen", other), "EPERM", "ok"},
		{try("fastopenmsg", other), "EPERM", "ok"},
		{try("bind", free), "ok", "ok"},
		{try("bind", "0"), "EACCES", "ok"},
		{try("iouring"), "EPERM", "ok"},
		{try("socket", strconv.Itoa(unix.AF_INET), strconv.Itoa(unix.SOCK_DGRAM), "0"), "ok", "ok"},
		{try("socket", strconv.Itoa(unix.AF_UNIX), strconv.Itoa(unix.SOCK_STREAM), "0"), "ok", "ok"},
	}, nil)
	checkAttempts(t, t.TempDir(), []string{"--bind", "0"}, []attempt{{try("bind", "0"), "ok", "ok"}}, nil)
}

// --net leaves the kinds of sockets that it names, whatever the high halves of the arguments hold and by whatever table
// of calls.
func TestNet(t *testing.T) {
	port := listen(t)
	inet, inet6, local, netlink := strconv.Itoa(unix.AF_INET), strconv.Itoa(unix.AF_INET6), strconv.Itoa(unix.AF_UNIX), strconv.Itoa(unix.AF_NETLINK)
	stream, datagram, raw := strconv.Itoa(unix.SOCK_STREAM), strconv.Itoa(unix.SOCK_DGRAM), strconv.Itoa(unix.SOCK_RAW)
	closed := strconv.Itoa(unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK)
	both := []attempt{
		{try("socket", inet, datagram, "0"), "EPERM", "ok"},
		{try("wide", inet, datagram, "0"), "EPERM", "ok"},
		{try("socket", inet6, datagram, "0"), "EPERM", "ok"},
		{try("socket", local, stream, "0"), "EPERM", "ok"},
		{try("wide", local, stream, "0"), "EPERM", "ok"},
		{try("socket", netlink, raw, "0"), "EPERM", "ok"},
		{try("child", "socket", local, stream, "0"), "EPERM", "ok"},
		{try("socketpair"), "ok", "ok"},
		{try("mptcp", port), "EPERM", "ok"},
		{try("newcall"), "ENOSYS", "ENOSYS"},
	}
	checkAttempts(t, t.TempDir(), []string{"--net", "none"}, append(both[:len(both):len(both)], attempt{try("socket", inet, stream, "0"), "EPERM", "ok"},
		attempt{try("wide", inet, stream, "0"), "EPERM", "ok"}), nil)
	checkAttempts(t, t.TempDir(), []string{"--net", "tcp", "--connect", port}, append(both[:len(both):len(both)], attempt{try("socket", inet, stream, "0"), "ok", "ok"},
		attempt{try("wide", inet6, closed, "6"), "ok", "ok"}, attempt{try("connect", port), "ok", "ok"}), nil)
	checkAttempts(t, t.TempDir(), []string{"--net", "all"}, []attempt{{try("socket", netlink, raw, "0"), "ok", "ok"}, {try("wide", inet, datagram, "0"), "ok", "ok"}}, nil)
}

// int80 makes sockets by the calls of another architecture. It says what they answer.
const int80 = `
#include <stdio.h>
int main(int argc, char **argv) {
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(359L), "b"(2L), "c"(2L), "d"(0L) : "memory");
	printf("%s\n", r >= 0 ? "ok" : "refused");
	__asm__ volatile("syscall" : "=a"(r) : "a"(0x40000000L + 41), "D"(2L), "S"(2L), "d"(0L) : "rcx", "r11", "memory");
	printf("%s\n", r >= 0 ? "ok" : "refused");
	return 0;
}`

// A filter written for one table of calls must not be left through another.
func TestOtherArchitectures(t *testing.T) {
	p := newPlace(t)
	source, program := filepath.Join(p.dir, "int80.c"), filepath.Join(p.dir, "int80")
	native := strings.Replace(int80, "int $0x80", "syscall", 1)
	native = strings.Replace(native, `"a"(359L), "b"(2L), "c"(2L)`, `"a"(41L), "D"(2L), "S"(2L)`, 1)
	for name, text := range map[string]string{"foreign": int80, "native": strings.Replace(native, `"d"(0L) : "memory"`, `"d"(0L) : "rcx", "r11", "memory"`, 1)} {
		write(t, source, text)
		if out, err := exec.Command(testenv.Need(t, "gcc"), "-static", "-o", program, source).CombinedOutput(); err != nil {
			t.Fatalf("gcc: %v\n%s", err, out)
		}
		control, confined := runIn(t, p.dir, nil, program), runIn(t, p.dir, []string{"--net", "none"}, program)
		t.Logf("note: %s calls by themselves: %q", name, strings.Fields(control.out))
		if strings.Contains(confined.out, "ok") || confined.code != control.code {
			t.Errorf("%s calls confined = %d %q", name, confined.code, confined.out)
		}
		if name == "native" && !strings.HasPrefix(control.out, "ok") {
			t.Errorf("native calls by themselves = %q: this shows nothing", control.out)
		}
	}
}

// Processes outside get no signals, and abstract sockets outside no connections.
func TestScopes(t *testing.T) {
	name := "@rootbound-test-" + strconv.Itoa(os.Getpid())
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	checkAttempts(t, t.TempDir(), []string{}, []attempt{
		{try("kill", strconv.Itoa(os.Getpid())), "EPERM", "ok"},
		{try("child", "kill", strconv.Itoa(os.Getpid())), "EPERM", "ok"},
		{try("unix", name), "EPERM", "ok"},
	}, nil)
}

// The terminal that the command was started on stays open to it. It must not type there for whoever reads next.
func TestTerminal(t *testing.T) {
	checkAttempts(t, t.TempDir(), []string{}, []attempt{{try("type"), "EPERM", "ENOTTY"}}, nil)
}

// A command of root's has no capability that reaches past the rules.
func TestCapabilities(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("note: not root: there is nothing to take away")
		return
	}
	for _, flags := range [][]string{{}, {"--hide"}} {
		checkAttempts(t, newPlace(t).dir, flags, []attempt{{try("setns"), "EPERM", "ok"}}, nil)
		if got, _ := tryProbe(t, newPlace(t).dir, flags, "socket", strconv.Itoa(unix.AF_PACKET), strconv.Itoa(unix.SOCK_RAW), "0"); got != "EPERM" {
			t.Errorf("a packet socket under %q = %s", flags, got)
		}
	}
}

// The process becomes the command: its number, its exit status, its signals.
func TestBecomesTheCommand(t *testing.T) {
	dir := t.TempDir()
	cmd := build(t, dir, []string{}, os.Args[0], "pid")
	if r := finish(t, cmd); !strings.HasPrefix(r.out, strconv.Itoa(cmd.Process.Pid)+"\n") {
		t.Errorf("the command has the number %q, we started %d", r.out, cmd.Process.Pid)
	}
	for _, code := range []string{"0", "1", "2", "77", "255"} {
		if r := runIn(t, dir, []string{}, os.Args[0], "exit", code); strconv.Itoa(r.code) != code {
			t.Errorf("exit status %d, want %s", r.code, code)
		}
	}
	killed := build(t, dir, []string{}, os.Args[0], "suicide")
	if r := finish(t, killed); r.code != -1 || !strings.Contains(killed.ProcessState.String(), "killed") {
		t.Errorf("killed by itself: %v", killed.ProcessState)
	}
	waitsForTerm(t, build(t, dir, []string{}, os.Args[0], "wait"))
}

// waitsForTerm starts a command that ends with status 9 on SIGTERM.
func waitsForTerm(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	p := testenv.Start(t, cmd, testenv.Output(regexp.MustCompile("waiting")))
	p.Signal(t, unix.SIGTERM)
	if code := p.Wait(t); code != 9 || !strings.Contains(p.Log(), "terminated") {
		t.Errorf("after SIGTERM: %d %q", code, p.Log())
	}
}

// Arguments and environment arrive as they are.
func TestArguments(t *testing.T) {
	r := runIn(t, t.TempDir(), []string{}, os.Args[0], "env", probeVariable)
	if !strings.HasPrefix(r.out, "1\n") {
		t.Errorf("the environment = %q", r.out)
	}
	if r := runIn(t, t.TempDir(), []string{"--exec", "/bin/sh"}, "/bin/echo", "--read", "-x", "a b", "--"); r.out != "--read -x a b --" {
		t.Errorf("echo = %q %s", r.out, r.errors)
	}
}

// Without Landlock nothing starts, unless --sandbox auto is given, which says what is missing and keeps to the rest.
func TestKernelWithoutLandlock(t *testing.T) {
	p := newPlace(t)
	tool := filepath.Join(p.dir, "noopenat2")
	build := exec.Command("go", "build", "-o", tool, "./internal/noopenat2")
	build.Dir = testenv.Repo(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	without := func(call string, flags ...string) result {
		return runIn(t, p.dir, nil, slices.Concat([]string{tool, "-call", call, "--", testenv.Binary(t), "confine"}, flags)...)
	}
	command := []string{"--", os.Args[0], "read", p.secret}
	if r := without("landlock_create_ruleset", command...); r.code != 2 || r.out != "" || !strings.Contains(r.errors, "no rule about files is enforced") ||
		!strings.Contains(r.errors, "landlock_create_ruleset: function not implemented") || !strings.Contains(r.errors, "--sandbox auto") {
		t.Errorf("without Landlock = %d %q %q", r.code, r.out, r.errors)
	}
	r := without("landlock_create_ruleset", append([]string{"--sandbox", "auto"}, command...)...)
	if r.code != 0 || r.out != "ok" {
		t.Errorf("without Landlock, auto = %d %q %q", r.code, r.out, r.errors)
	}
	for _, missing := range []string{"files", "truncated", "ioctl", "ports of TCP", "abstract", "signals"} {
		if !strings.Contains(r.errors, missing) {
			t.Errorf("auto does not say that %q is missing: %s", missing, r.errors)
		}
	}
	if r := without("landlock_create_ruleset", "--sandbox", "auto", "--net", "none", "--", os.Args[0], "socket", "2", "1", "0"); r.out != "EPERM" {
		t.Errorf("without Landlock the filter holds: %q %q", r.out, r.errors)
	}
	if r := without("seccomp", command...); r.code != 2 || !strings.Contains(r.errors, "any kind of socket") {
		t.Errorf("without seccomp = %d %q", r.code, r.errors)
	}
	if r := without("seccomp", append([]string{"--sandbox", "auto"}, command...)...); r.code != 0 || r.out != "EACCES" {
		t.Errorf("without seccomp the rules hold: %d %q %q", r.code, r.out, r.errors)
	}
	if r := without("landlock_create_ruleset", "--explain", "--", "/bin/true"); r.code != 0 || !strings.Contains(r.out, "missing  files") {
		t.Errorf("--explain without Landlock = %d %q", r.code, r.out)
	}
}

// Bad input is one line with the remedy, and nothing is run.
func TestWrongUse(t *testing.T) {
	p := newPlace(t)
	script := filepath.Join(p.dir, "script")
	if err := os.WriteFile(script, []byte("#!/nowhere/at/all\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flags   []string
		command string
		want    string
	}{
		{[]string{"--read", "nope"}, "/bin/true", `--read "nope": it does not exist`},
		{[]string{"--write", ""}, "/bin/true", `--write "": it is empty`},
		{[]string{"--bind", "65536"}, "/bin/true", `--bind "65536": it is not a port`},
		{[]string{"--connect", "0"}, "/bin/true", `--connect "0": it is not a port`},
		{[]string{"--connect", "/no/such/socket"}, "/bin/true", `it does not exist`},
		{[]string{"--connect", "/dev/null", "--net", "tcp"}, "/bin/true", `there are no Unix sockets`},
		{[]string{"--preset", "perl"}, "/bin/true", `--preset`},
		{[]string{"--format", "json"}, "/bin/true", `there is nothing to print`},
		{[]string{"--explain", "--learn"}, "/bin/true", `Leave one of them out`},
		{[]string{}, "no-such-command", `command "no-such-command": it does not exist`},
		{[]string{}, p.secret, `this user may not execute it`},
		{[]string{}, script, `it does not exist`},
	} {
		r := runIn(t, p.dir, tt.flags, tt.command)
		if r.code != 2 || r.out != "" || !strings.Contains(r.errors, tt.want) || strings.Contains(r.errors, "\n") {
			t.Errorf("%q %s = %d %q %q, want 2 and %q", tt.flags, tt.command, r.code, r.out, r.errors, tt.want)
		}
	}
}
