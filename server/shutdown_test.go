package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// begun starts a big download and reads its first bytes, so that the rest is on its way.
func begun(t *testing.T, s *served, target string) (*http.Response, net.Conn) {
	t.Helper()
	c := s.dial(t)
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, s.addr)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, res.Body, 1000); err != nil {
		t.Fatal(err)
	}
	return res, c
}

func TestGracefulStop(t *testing.T) { eachWire(t, testGracefulStop) }

func testGracefulStop(t *testing.T, wire func(*setup)) {
	admin := listen(t)
	var outs chan request.Outcome
	s := serve(t, nil, func(u *setup) {
		wire(u)
		outs = outcomes(u)
		u.cfg.AdminListener = admin
		u.cfg.Grace = patience
	})
	adm := &served{Server: s.Server, addr: admin.Addr().String()}
	body := plantBig(t, filepath.Join(s.base, "big"), bigSize)
	if a := adm.get(t, "/-/readyz"); a.Status != 200 {
		t.Fatalf("/-/readyz = %d", a.Status)
	}
	res, _ := begun(t, s, "/big")
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	await(t, "the listener to close", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if a := adm.get(t, "/-/readyz"); a.Status != 503 {
		t.Errorf("/-/readyz while stopping = %d", a.Status)
	}
	rest, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(rest, body[1000:]) {
		t.Errorf("the running download: %d bytes, %v", len(rest), err)
	}
	<-stopped
	if out := <-outs; out.Result != request.Sent || out.Bytes != bigSize {
		t.Errorf("outcome: %+v", out)
	}
}

func TestGraceEnds(t *testing.T) { eachWire(t, testGraceEnds) }

func testGraceEnds(t *testing.T, wire func(*setup)) {
	var outs chan request.Outcome
	s := serve(t, nil, func(u *setup) {
		wire(u)
		outs = outcomes(u)
		u.cfg.Grace = 100 * time.Millisecond
	})
	plantBig(t, filepath.Join(s.base, "big"), bigSize)
	res, _ := begun(t, s, "/big")
	s.stop()
	out := <-outs // before Serve returned
	if out.Result != request.Aborted {
		t.Errorf("outcome: %+v", out)
	}
	if n, err := io.Copy(io.Discard, res.Body); err == nil || n >= bigSize-1000 {
		t.Errorf("the download ended well after %d bytes", n)
	}
	if !strings.Contains(s.log.String(), "downloads were cut") {
		t.Error("the operator is not told")
	}
}

func TestServeReportsAFailedListener(t *testing.T) {
	s := serve(t, smallTree, nil)
	s.stop()
	l := listen(t)
	bad, err := New(Config{Mounts: s.cfg.Mounts, Listeners: []net.Listener{l}, Log: s.cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := bad.Serve(context.Background()); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Serve on a closed listener: %v", err)
	}
	again, err := New(Config{Mounts: s.cfg.Mounts, Listeners: []net.Listener{listen(t)}, Log: s.cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := again.Serve(context.Background()); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

// A file that is changed in place while it is sent breaks the connection off before the last bytes; one that is
// replaced by rename arrives as it was.
func TestChangedWhileSent(t *testing.T) { eachWire(t, testChangedWhileSent) }

func testChangedWhileSent(t *testing.T, wire func(*setup)) {
	for _, tt := range []struct {
		name   string
		change func(path string) error
		whole  bool
		code   reason.Code
	}{
		{"written", func(p string) error {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte("changed"), bigSize-7)
			return errors.Join(err, f.Close())
		}, false, reason.ChangedWhileSent},
		{"truncated", func(p string) error { return os.Truncate(p, 1000) }, false, reason.ChangedWhileSent},
		{"replaced", func(p string) error {
			return errors.Join(os.WriteFile(p+".new", bytes.Repeat([]byte("new file\n"), bigSize/9), 0o644), os.Rename(p+".new", p))
		}, true, ""},
		{"removed", os.Remove, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var outs chan request.Outcome
			s := serve(t, nil, func(u *setup) { wire(u); outs = outcomes(u) })
			path := filepath.Join(s.base, "big")
			body := plantBig(t, path, bigSize)
			res, _ := begun(t, s, "/big")
			if err := tt.change(path); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(res.Body)
			if whole := err == nil; whole != tt.whole {
				t.Errorf("%d bytes, %v; whole should be %v", len(rest), err, tt.whole)
			}
			if tt.whole && !bytes.Equal(rest, body[1000:]) {
				t.Error("other bytes arrived")
			}
			if out := <-outs; out.Reason != tt.code || (out.Result == request.Sent) != tt.whole {
				t.Errorf("outcome: %+v", out)
			}
			if !tt.whole && s.metric(t, `rootbound_aborted_sends_total{cause="changed-while-sent"}`) != "1" {
				t.Error("not counted")
			}
			await(t, "the file to be closed", func() bool { return s.metric(t, "rootbound_open_files") == "0" })
		})
	}
}
