package server

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// A client may renew its keys at any time, and ask the server to renew its own (RFC 8446 4.6.3); Go's client never does.
func TestKeyUpdates(t *testing.T) {
	certs := newCertificate(t, t.TempDir(), "first")
	s := serve(t, smallTree, func(u *setup) { u.cfg.Certificates = certs.open(t) })
	cmd := exec.Command(testenv.Need(t, "openssl"), "s_client", "-connect", s.addr, "-tls1_3") // a line of K or k renews keys
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = in.Close(), cmd.Process.Kill(); _ = cmd.Wait() }()
	r := bufio.NewReader(out)
	say := func(what, want string) {
		t.Helper()
		if _, err := io.WriteString(in, what); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("openssl ended before it said %q: %v", want, err)
			}
			if strings.TrimSpace(line) == want {
				return
			}
		}
	}
	body := strings.TrimSpace(smallTree["a.txt"])
	say(getA, body)
	for _, update := range []string{"K\n", "k\n", "K\n"} {
		say(update, "KEYUPDATE") // what is sent along with it is not sent on
		say(getA, body)
	}
	if n := answeredFast(t, s); n != 4 {
		t.Errorf("the fast lane answered %d, want 4", n)
	}
}
