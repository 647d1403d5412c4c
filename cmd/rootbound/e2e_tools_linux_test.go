package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rootbound/rootbound/internal/testenv"
)

// cmdSelfSigned writes a certificate for localhost with the given common name: selfsigned CERT KEY NAME.
func cmdSelfSigned(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(testenv.WriteCertificate(ts.MkAbs(args[0]), ts.MkAbs(args[1]), args[2]))
}

// cmdRoot fails a script that tells nothing unless root runs it.
func cmdRoot(ts *testscript.TestScript, _ bool, _ []string) {
	if os.Geteuid() != 0 {
		ts.Fatalf("this script drops root's rights: run the tests as root")
	}
}

// cmdIDs compares the user and group ids of the server's threads: ids UID GID GROUPS.
func cmdIDs(ts *testscript.TestScript, _ bool, args []string) {
	tasks, err := os.ReadDir("/proc/" + ts.Getenv("PID") + "/task")
	ts.Check(err)
	for _, t := range tasks {
		status, err := os.ReadFile("/proc/" + ts.Getenv("PID") + "/task/" + t.Name() + "/status")
		ts.Check(err)
		for field, want := range map[string]string{
			"Uid": strings.Repeat("\t"+args[0], 4), "Gid": strings.Repeat("\t"+args[1], 4), "Groups": "\t" + args[2] + " ",
			"CapPrm": "\t0000000000000000", "CapEff": "\t0000000000000000",
		} {
			if !strings.Contains(string(status), "\n"+field+":"+want+"\n") {
				ts.Fatalf("thread %s: %s is not %s:\n%s", t.Name(), field, want, status)
			}
		}
	}
}

// cmdLarge writes a file of 16 MiB.
func cmdLarge(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("0123456789abcdef"), 1<<20), 0o644))
}

// cmdFinish stops the server in the middle of a download, which must arrive whole: finish FILE /TARGET. FILE is made
// large enough that no buffer on the way can hold it. With !, the download must break off: nobody reads on before the
// server has ended.
func cmdFinish(ts *testscript.TestScript, neg bool, args []string) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), want, 0o644))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("URL")+args[1], nil)
	ts.Check(err)
	resp, err := new(http.Transport).RoundTrip(req)
	ts.Check(err)
	defer resp.Body.Close()
	first := make([]byte, 1)
	_, err = io.ReadFull(resp.Body, first)
	ts.Check(err)

	r := current(ts)
	ts.Check(r.cmd.Process.Signal(syscall.SIGTERM))
	if log, ok := r.wait(regexp.MustCompile(`"stopping"`)); !ok {
		ts.Fatalf("it does not say that it stops:\n%s", log)
	}
	if neg {
		ended(ts, r)
	}
	rest, err := io.ReadAll(resp.Body)
	if neg {
		if err == nil {
			ts.Fatalf("the download arrived whole: %d bytes", 1+len(rest))
		}
		return
	}
	if err != nil || !bytes.Equal(append(first, rest...), want) {
		ts.Fatalf("the download broke off: %d of %d bytes, %v", 1+len(rest), len(want), err)
	}
	ended(ts, r)
}

// cmdStale leaves a socket behind that nobody listens on.
func cmdStale(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: ts.MkAbs(args[0]), Net: "unix"})
	ts.Check(err)
	l.SetUnlinkOnClose(false)
	ts.Check(l.Close())
}

// cmdBusy listens until the script ends; the address stands in $BUSY.
func cmdBusy(ts *testscript.TestScript, _ bool, args []string) {
	network, address := "tcp", "127.0.0.1:0"
	if len(args) > 0 {
		network, address = "unix", ts.MkAbs(args[0])
	}
	l, err := net.Listen(network, address)
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv("BUSY", l.Addr().String())
}

// cmdNotified plays systemd: without argument it makes the socket, with one it waits for that state.
func cmdNotified(ts *testscript.TestScript, _ bool, args []string) {
	s := of(ts)
	if len(args) == 0 {
		path := ts.MkAbs("notify")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		ts.Check(err)
		s.notify = conn
		ts.Setenv("NOTIFY_SOCKET", path)
		return
	}
	ts.Check(s.notify.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, 256)
	n, err := s.notify.Read(buf)
	ts.Check(err)
	if string(buf[:n]) != args[0] {
		ts.Fatalf("systemd was told %q, want %q", buf[:n], args[0])
	}
}

// cmdCompletes asks bash what the printed completion offers: completes SCRIPT 'typed words' WORD...
func cmdCompletes(ts *testscript.TestScript, _ bool, args []string) {
	words := strings.Split(args[1], " ")
	program := fmt.Sprintf(`source ./%s; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _rootbound; echo "${COMPREPLY[*]}"`, args[0])
	cmd := exec.Command("bash", append([]string{"-c", program, "bash"}, words...)...)
	cmd.Dir = ts.Getenv("WORK")
	out, err := cmd.CombinedOutput()
	ts.Check(err)
	for _, want := range args[2:] {
		if !strings.Contains(" "+strings.TrimSpace(string(out))+" ", " "+want+" ") {
			ts.Fatalf("%q: %s is not among: %s", args[1], want, out)
		}
	}
}
