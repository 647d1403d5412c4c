package confine_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/confine"
	"github.com/rootbound/rootbound/internal/testenv"
)

const learned = `
import ssl, socket, tempfile, subprocess, os, sys, sqlite3
socket.getaddrinfo("localhost", 80)
print(open("files/a.txt").read())
os.chdir("files/sub")
print(open("../deep/er/c.txt").read())
os.chdir("../..")
with tempfile.NamedTemporaryFile(dir="data") as f: f.write(b"x")
subprocess.run(["/bin/sh", "-c", "cat files/sub/b.txt; exec ./tool"], check=True)
l = socket.socket(); l.bind(("127.0.0.1", int(sys.argv[1]))); l.listen()
socket.create_connection(("127.0.0.1", int(sys.argv[2]))).close()
for secret in ("home/.ssh/id_rsa", "/etc/shadow"):
    try: open(secret).close()
    except OSError: pass
print("to the end")
`

func learn(t *testing.T, dir string, flags []string, command ...string) (*confine.Lesson, string) {
	t.Helper()
	cmd := build(t, dir, append([]string{"--learn", "--format", "json"}, flags...), command...)
	cmd.Env = append(cmd.Env, "PYTHONDONTWRITEBYTECODE=1")
	r := finish(t, cmd)
	var l confine.Lesson
	if err := json.Unmarshal([]byte(r.out), &l); err != nil {
		t.Fatalf("%d %v\n%s\n%s", r.code, err, r.out, r.errors)
	}
	if l.Status != r.code {
		t.Errorf("status %d, exit code %d", l.Status, r.code)
	}
	return &l, r.errors
}

func flagValues(l *confine.Lesson, name string) (out []string) {
	for i := 0; i < len(l.Flags); i += 2 {
		if l.Flags[i] == name {
			out = append(out, l.Flags[i+1])
		}
	}
	return out
}

// What is proposed is what is needed: the program runs under it to its end, and its children and what they execute are
// seen. Secrets are named and not proposed.
func TestLearn(t *testing.T) {
	p := newPlace(t)
	for _, dir := range []string{"files/sub", "files/deep/er", "data", "app", "home/.ssh"} {
		if err := os.MkdirAll(filepath.Join(p.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(p.dir, "app/main.py"), learned)
	write(t, filepath.Join(p.dir, "files/sub/b.txt"), "from the child\n")
	write(t, filepath.Join(p.dir, "files/deep/er/c.txt"), "by another way")
	write(t, filepath.Join(p.dir, "home/.ssh/id_rsa"), "key")
	if err := os.WriteFile(filepath.Join(p.dir, "tool"), []byte("#!/bin/sh\necho a script\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	bind, connect := freePort(t), listen(t)
	command := []string{testenv.Need(t, "python3"), "app/main.py", bind, connect}
	l, said := learn(t, p.dir, nil, command...)
	if l.Status != 0 || !strings.Contains(said, "to the end") || !strings.Contains(said, "a script") {
		t.Fatalf("learning: %d %s", l.Status, said)
	}
	for name, want := range map[string][]string{
		"--preset": {"python"}, "--read": {p.files}, "--write": {filepath.Join(p.dir, "data")}, "--bind": {bind}, "--connect": {connect}, "--net": {"tcp"},
	} {
		got := slices.DeleteFunc(flagValues(l, name), func(v string) bool { return strings.HasPrefix(v, "/proc/") || strings.HasPrefix(v, "/sys/") })
		if !slices.Equal(got, want) {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for _, program := range []string{"/bin/sh", filepath.Join(p.dir, "tool")} {
		if !slices.Contains(flagValues(l, "--exec"), program) {
			t.Errorf("--exec lacks %s: %q", program, flagValues(l, "--exec"))
		}
	}
	warnings := strings.Join(l.Warnings, "\n")
	for _, secret := range []string{filepath.Join(p.dir, "home/.ssh/id_rsa"), "/etc/shadow"} {
		if !strings.Contains(warnings, secret) || strings.Contains(strings.Join(l.Flags, "\n"), secret) {
			t.Errorf("%s: warnings %q, flags %q", secret, l.Warnings, l.Flags)
		}
	}
	cmd := build(t, p.dir, l.Flags, command...)
	cmd.Env = append(cmd.Env, "PYTHONDONTWRITEBYTECODE=1")
	if r := finish(t, cmd); r.code != 0 || !strings.Contains(r.out, "to the end") || !strings.Contains(r.out, "from the child") || !strings.Contains(r.out, "a script") {
		t.Errorf("under what was proposed: %d %q\n%s", r.code, r.out, r.errors)
	}
	// Each part of the proposal is needed: without it the program fails.
	for _, name := range []string{"--preset", "--read", "--write", "--bind", "--connect", "--exec"} {
		var less []string
		for i := 0; i < len(l.Flags); i += 2 {
			if l.Flags[i] != name {
				less = append(less, l.Flags[i], l.Flags[i+1])
			}
		}
		cmd := build(t, p.dir, less, command...)
		cmd.Env = append(cmd.Env, "PYTHONDONTWRITEBYTECODE=1")
		if r := finish(t, cmd); r.code == 0 && strings.Contains(r.out, "to the end") {
			t.Errorf("without %s it runs to its end all the same", name)
		}
	}
}

// The exit status of the command is that of --learn, what rules are given is taken for granted, and a program of one thread
// or many is watched to its last process.
func TestLearnSmall(t *testing.T) {
	p := newPlace(t)
	l, _ := learn(t, p.dir, []string{"--read", "files"}, "/bin/sh", "-c", "read x < files/a.txt; exit 4")
	if l.Status != 4 || !slices.Equal(flagValues(l, "--read"), []string{"files"}) || !slices.Equal(flagValues(l, "--net"), []string{"none"}) || len(l.Warnings) == 0 {
		t.Errorf("%+v", l)
	}
	l, _ = learn(t, p.dir, nil, "/bin/sh", "-c", "(read x < files/a.txt; sleep 0.2; read y < secret.txt) & exit 0")
	if !slices.Contains(flagValues(l, "--read"), p.secret) {
		t.Errorf("a child that outlives the command: %+v", l)
	}
	for range 5 { // our own program has many threads, and so had the one that starts it
		if l, _ = learn(t, p.dir, nil, os.Args[0], "child", "read", p.secret); !slices.Contains(flagValues(l, "--read"), p.secret) {
			t.Errorf("a program with threads: %+v", l)
		}
	}
	if l, _ = learn(t, p.dir, nil, os.Args[0], "unix", "@no-such-socket"); !slices.Equal(flagValues(l, "--net"), []string{"all"}) {
		t.Errorf("a Unix socket: %+v", l)
	}
	one := build(t, p.dir, []string{"--learn"}, "/bin/sh", "-c", "read x < files/a.txt; exit 0")
	one.Env = append(one.Env, "GOMAXPROCS=1", "GOGC=1")
	if r := finish(t, one); r.code != 0 || !strings.Contains(r.out, "--read "+p.files) {
		t.Errorf("on one processor: %d %q %q", r.code, r.out, r.errors)
	}
}

// A user without capabilities can learn too; the watched processes gain no privileges.
func TestLearnUnprivileged(t *testing.T) {
	p := newPlace(t)
	r := finish(t, unprivileged(build(t, p.dir, []string{"--learn"}, "/bin/sh", "-c", "read x < files/a.txt; grep NoNewPrivs /proc/$$/status")))
	if r.code != 0 || !strings.Contains(r.out, "--read "+p.files) || !strings.Contains(r.errors, "NoNewPrivs:\t1") {
		t.Errorf("= %d %q %q", r.code, r.out, r.errors)
	}
}

// Where no filter can ask, that is said, and nothing is run.
func TestLearnWithoutSeccomp(t *testing.T) {
	p := newPlace(t)
	tool := filepath.Join(p.dir, "noopenat2")
	compile := exec.Command("go", "build", "-o", tool, "./internal/noopenat2")
	compile.Dir = testenv.Repo(t)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	r := runIn(t, p.dir, nil, tool, "-call", "seccomp", "--", testenv.Binary(t), "confine", "--learn", "--", "/bin/echo", "ran")
	if r.code != 2 || strings.Contains(r.out+r.errors, "ran\n") || !strings.Contains(r.errors, "does not let a filter ask") {
		t.Errorf("= %d %q %q", r.code, r.out, r.errors)
	}
}
