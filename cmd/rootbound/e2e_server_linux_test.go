package main_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long anything may take on a slow machine; nothing is expected to.
const patience = 3 * time.Minute

type serversKey struct{}

// servers are those that a script started; the last one is meant by stop, signal and log.
type servers struct {
	all    []*running
	answer string // what alike compares with
	held   []*client
	notify *net.UnixConn
}

func (s *servers) kill() {
	for _, r := range s.all {
		_ = r.cmd.Process.Kill() // it may have ended
		<-r.exited
	}
	if s.notify != nil {
		_ = s.notify.Close()
	}
}

// running is one server process.
type running struct {
	cmd    *exec.Cmd
	exited chan struct{}

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever log grows
	log     bytes.Buffer
}

// Write takes standard error.
func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
	return r.log.Write(p)
}

// wait waits until the log matches.
func (r *running) wait(re *regexp.Regexp) (log string, ok bool) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		log, changed := r.log.String(), r.changed
		r.mu.Unlock()
		if re.MatchString(log) {
			return log, true
		}
		select {
		case <-changed:
		case <-r.exited:
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.log.String(), re.MatchString(r.log.String())
		case <-deadline.C:
			return log, false
		}
	}
}

func of(ts *testscript.TestScript) *servers { return ts.Value(serversKey{}).(*servers) }

func current(ts *testscript.TestScript) *running {
	all := of(ts).all
	if len(all) == 0 {
		ts.Fatalf("no server runs")
	}
	return all[len(all)-1]
}

// start runs a server until it says "listening on"; it sets URL, ADMIN, SOCKET and PID.
func start(ts *testscript.TestScript, cmd *exec.Cmd) {
	r := &running{cmd: cmd, exited: make(chan struct{}), changed: make(chan struct{})}
	cmd.Stderr = r
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	of(ts).all = append(of(ts).all, r)
	ts.Setenv("PID", strconv.Itoa(cmd.Process.Pid))
	lines := make(chan string, 16)
	go func() {
		for sc := bufio.NewScanner(stdout); sc.Scan(); {
			lines <- sc.Text()
		}
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait() // the status is read from ProcessState
		close(lines)
		close(r.exited)
	}()
	for n := 0; n < announced(cmd.Args); n++ {
		select {
		case line, ok := <-lines:
			if !ok {
				ts.Fatalf("the server ended: %v\n%s", cmd.ProcessState, r.log.String())
			}
			setAddress(ts, line, n == 0)
		case <-time.After(patience):
			ts.Fatalf("the server does not listen:\n%s", r.log.String())
		}
	}
}

// announced is how many lines a server prints on standard output: one for each address.
func announced(args []string) int {
	n := 0
	for _, a := range args {
		if a == "--listen" || a == "--admin" {
			n++
		}
	}
	return max(n, 1)
}

func setAddress(ts *testscript.TestScript, line string, first bool) {
	if admin, ok := strings.CutPrefix(line, "admin pages on "); ok {
		ts.Setenv("ADMIN", strings.TrimSuffix(admin, "/-/"))
		return
	}
	address, ok := strings.CutPrefix(line, "listening on ")
	if !ok {
		ts.Fatalf("unexpected on standard output: %q", line)
	}
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		ts.Setenv("SOCKET", socket)
		address = "http://localhost"
	}
	if first {
		ts.Setenv("URL", address)
	}
}

// serverCmd builds the command line of a server: serve [-as UID] [-chroot DIR] ARG...
func serverCmd(ts *testscript.TestScript, args []string) *exec.Cmd {
	path, attr := binary, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for len(args) > 1 {
		switch args[0] {
		case "-as":
			uid, err := strconv.ParseUint(args[1], 10, 32)
			ts.Check(err)
			attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), Groups: []uint32{}}
		case "-chroot":
			attr.Chroot = ts.MkAbs(args[1])
			path = "/rootbound"
		default:
			return serverProcess(ts, path, attr, args)
		}
		args = args[2:]
	}
	return serverProcess(ts, path, attr, args)
}

func serverProcess(ts *testscript.TestScript, path string, attr *syscall.SysProcAttr, args []string) *exec.Cmd {
	hasListen := false
	for _, a := range args {
		hasListen = hasListen || strings.HasPrefix(a, "--listen") || strings.HasPrefix(a, "--config")
	}
	if !hasListen {
		args = append([]string{"--listen", "127.0.0.1:0"}, args...)
	}
	cmd := exec.Command(path, append([]string{"serve"}, args...)...)
	cmd.Dir, cmd.SysProcAttr = ts.Getenv("WORK"), attr
	if attr.Chroot != "" {
		cmd.Dir = "/"
	}
	cmd.Env = []string{"HOME=" + ts.Getenv("HOME"), "NOTIFY_SOCKET=" + ts.Getenv("NOTIFY_SOCKET")}
	return cmd
}

// cmdServe starts a server in the background, on a free port unless told: serve [-as UID] [-chroot DIR] ARG...
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("use refused")
	}
	start(ts, serverCmd(ts, args))
}

// cmdRefused runs a server that must not start: exit status 2, and on standard error one line that matches, and
// nothing on standard output: refused REGEXP ARG...
func cmdRefused(ts *testscript.TestScript, _ bool, args []string) {
	cmd := serverCmd(ts, args[1:])
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	ts.Check(cmd.Start())
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // the status is looked at below
	timer.Stop()
	text := strings.TrimSuffix(errs.String(), "\n")
	switch {
	case cmd.ProcessState.ExitCode() != 2:
		ts.Fatalf("exit status %d, want 2\n%s", cmd.ProcessState.ExitCode(), text)
	case out.Len() > 0:
		ts.Fatalf("it said on standard output: %s", out.String())
	case strings.Contains(text, "\n") || !strings.HasPrefix(text, "rootbound: ") || !strings.HasSuffix(text, "."):
		ts.Fatalf("not one clear line:\n%s", text)
	case !regexp.MustCompile(args[0]).MatchString(text):
		ts.Fatalf("%s\ndoes not match %s", text, args[0])
	}
	ts.Logf("%s", text)
}

// cmdActivate starts a server with a socket of systemd's kind: activate ADDRESS ARG...
func cmdActivate(ts *testscript.TestScript, neg bool, args []string) {
	network, address := "tcp", args[0]
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", ts.MkAbs(path)
	}
	l, err := net.Listen(network, address)
	ts.Check(err)
	defer l.Close()
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // it is the server's now
	}
	f, err := l.(interface{ File() (*os.File, error) }).File()
	ts.Check(err)
	defer f.Close()
	// LISTEN_PID must be the process's own id (sd_listen_fds(3)): the shell knows it and becomes the server.
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" serve "$@"`, binary}, args[1:]...)...)
	cmd.Dir, cmd.ExtraFiles = ts.Getenv("WORK"), []*os.File{f}
	cmd.Env = []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=web", "NOTIFY_SOCKET=" + ts.Getenv("NOTIFY_SOCKET")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if !neg {
		start(ts, cmd)
		return
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	_ = cmd.Run() // the status is looked at
	if cmd.ProcessState.ExitCode() != 2 {
		ts.Fatalf("exit status %d, want 2\n%s", cmd.ProcessState.ExitCode(), errs.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("stderr"), errs.Bytes(), 0o644))
}

// cmdStop ends the last server with SIGTERM and wants exit status 0.
func cmdStop(ts *testscript.TestScript, _ bool, args []string) {
	r := current(ts)
	ts.Check(r.cmd.Process.Signal(syscall.SIGTERM))
	ended(ts, r)
}

func ended(ts *testscript.TestScript, r *running) {
	select {
	case <-r.exited:
	case <-time.After(patience):
		ts.Fatalf("the server does not stop:\n%s", r.log.String())
	}
	if code := r.cmd.ProcessState.ExitCode(); code != 0 {
		ts.Fatalf("exit status %d (%v)\n%s", code, r.cmd.ProcessState, r.log.String())
	}
}

// cmdSignal sends HUP or INT.
func cmdSignal(ts *testscript.TestScript, _ bool, args []string) {
	sig := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT}[args[0]]
	ts.Check(current(ts).cmd.Process.Signal(sig))
	if sig == syscall.SIGINT {
		ended(ts, current(ts))
	}
}

// cmdLog waits until the last server's log matches: log REGEXP. With !, what is there must not match; that is said
// after something later was waited for.
func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	re := regexp.MustCompile(args[0])
	r := current(ts)
	if neg {
		r.mu.Lock()
		defer r.mu.Unlock()
		if re.MatchString(r.log.String()) {
			ts.Fatalf("the log matches %s:\n%s", re, r.log.String())
		}
		return
	}
	if log, ok := r.wait(re); !ok {
		ts.Fatalf("the log does not match %s:\n%s", re, log)
	}
}

// cmdGet asks the last server with curl: get STATUS [CURLARG...] /TARGET. Body and headers are left in the files
// body and headers.
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	target := args[len(args)-1]
	if strings.HasPrefix(target, "/") {
		target = ts.Getenv("URL") + target
	}
	curl := append([]string{"-sS", "--path-as-is", "-g", "--max-time", "60", "-D", "headers", "-o", "body", "-w", "%{http_code}"}, args[1:len(args)-1]...)
	cmd := exec.Command("curl", append(curl, target)...)
	cmd.Dir = ts.Getenv("WORK")
	ts.Check(os.WriteFile(filepath.Join(cmd.Dir, "body"), nil, 0o644)) // curl leaves it alone where there is none
	out, err := cmd.CombinedOutput()
	if neg {
		if err == nil {
			ts.Fatalf("answered: %s", out)
		}
		return
	}
	if err != nil || string(out) != args[0] {
		body, _ := os.ReadFile(filepath.Join(cmd.Dir, "body"))
		ts.Fatalf("%s: %s (%v), want %s\n%s", target, out, err, args[0], body)
	}
}

// cmdGetLink is cmdGet of the link that a file holds.
func cmdGetLink(ts *testscript.TestScript, neg bool, args []string) {
	cmdGet(ts, neg, []string{args[0], strings.TrimSpace(ts.ReadFile(args[1]))})
}

var (
	requestID = regexp.MustCompile(`(?mi)^(request-id: |request )\S+`)
	date      = regexp.MustCompile(`(?mi)^date: .*`)
)

// cmdAlike compares the last answer with that of the first alike: header for header and byte for byte, but for the
// date and the request id, which must be there and of one length.
func cmdAlike(ts *testscript.TestScript, neg bool, _ []string) {
	answer := ts.ReadFile("headers") + "\n" + ts.ReadFile("body")
	if len(requestID.FindAllString(answer, -1)) == 0 {
		ts.Fatalf("no request id:\n%s", answer)
	}
	answer = requestID.ReplaceAllStringFunc(answer, func(id string) string { return "id of " + strconv.Itoa(len(id)) })
	answer = date.ReplaceAllString(answer, "date")
	s := of(ts)
	if s.answer == "" {
		s.answer = answer
	}
	if (answer != s.answer) != neg {
		ts.Fatalf("this answer:\n%s\ncompared with the first:\n%s", answer, s.answer)
	}
}
