package main_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

var listening = regexp.MustCompile(`(?m)^listening on https?://(\S+)$`)

// oddField is one that the fast lane does not understand, so that net/http answers.
const oddField = "Odd:value\r\n"

// signal sends one to the server.
func (a *alone) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(a.pid, sig); err != nil {
		t.Fatal(err)
	}
}

// says waits for a text in the log.
func (a *alone) says(t *testing.T, text string) {
	t.Helper()
	until(t, "the log to say "+text, func() bool { return strings.Contains(a.p.Log(), text) })
}

// gone waits for the process's end.
func (a *alone) gone(t *testing.T) {
	t.Helper()
	until(t, "the process to end", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// TestStopWithDownloads: SIGTERM lets every running download end whole, on either lane, and waits for nobody who is idle,
// in the middle of a header or turned away. Nobody new comes in meanwhile.
func TestStopWithDownloads(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		dir := t.TempDir()
		want := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
		plantHot(t, dir)
		if err := os.WriteFile(filepath.Join(dir, "large"), want, 0o644); err != nil {
			t.Fatal(err)
		}
		s := startAlone(t, 0, "--fast-lane", lane, "--grace", "10m", dir)
		var downloads []*http.Response
		for i := range 12 {
			resp, _ := s.stalledClient(t, "/large", []string{"", oddField, "Range: bytes=0-\r\n", "Connection: close\r\n"}[i%4])
			downloads = append(downloads, resp)
		}
		var idle []*client
		for i := range 20 {
			c := s.dial(t)
			if i%2 == 0 {
				c.wants(t, "/hot.txt", 200)
			}
			idle = append(idle, c)
		}
		s.signal(t, syscall.SIGTERM)
		s.says(t, `stopping`)
		for i, c := range idle {
			if n, err := io.Copy(io.Discard, c); n > 0 || isTimeout(err) {
				t.Errorf("idle connection %d: %d bytes, %v; want it closed", i, n, err)
			}
		}
		until(t, "the port to close", func() bool {
			c, err := net.Dial("tcp", s.addr)
			if err == nil {
				_ = c.Close()
			}
			return err != nil
		})
		for i, resp := range downloads {
			if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, want) {
				t.Errorf("download %d: %d of %d bytes, %v", i, len(got), len(want), err)
			}
		}
		s.gone(t)
		s.says(t, `stopped`)
		if strings.Contains(s.p.Log(), "downloads were cut") {
			t.Error("it says that downloads were cut")
		}
	})
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

// TestStopTwice: a second SIGTERM ends the process at once, whatever still runs.
func TestStopTwice(t *testing.T) {
	eachLane(t, func(t *testing.T, lane string) {
		dir := t.TempDir()
		plantHot(t, dir)
		plantLarge(t, dir, 1)
		s := startAlone(t, 0, "--fast-lane", lane, "--grace", "10m", dir)
		resp, _ := s.stalledClient(t, "/large0", "")
		s.signal(t, syscall.SIGTERM)
		s.says(t, `stopping`)
		s.signal(t, syscall.SIGTERM)
		s.gone(t)
		if n, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Errorf("the download ended well after %d bytes", n)
		}
		if strings.Contains(s.p.Log(), `"stopped"`) {
			t.Error("it waited")
		}
	})
}

// TestHangups: a hundred SIGHUPs while clients ask, with a certificate that is replaced all the time: not one request
// fails, and the last certificate is the one that is shown.
func TestHangups(t *testing.T) {
	for _, overTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", overTLS), func(t *testing.T) {
			t.Parallel()
			dir, keys := t.TempDir(), t.TempDir()
			plantHot(t, dir)
			args, scheme := []string{dir}, "http://"
			cert, key := filepath.Join(keys, "cert.pem"), filepath.Join(keys, "key.pem")
			if overTLS {
				writeCertificate(t, cert, key, "first")
				args, scheme = append(args, "--tls-cert", cert, "--tls-key", key), "https://"
			}
			s := startAlone(t, 0, args...)
			var asked atomic.Int64
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
					for {
						select {
						case <-stop:
							return
						default:
						}
						resp, err := client.Get(scheme + s.addr + "/large")
						if err != nil {
							t.Errorf("while it reads again: %v", err)
							return
						}
						if n, err := io.Copy(io.Discard, resp.Body); n != 16<<17 || err != nil {
							t.Errorf("while it reads again: %d bytes, %v", n, err)
						}
						_ = resp.Body.Close()
						asked.Add(1)
					}
				})
			}
			for i := range 100 {
				if overTLS {
					writeCertificate(t, cert, key, strconv.Itoa(i))
				}
				s.signal(t, syscall.SIGHUP)
				at := asked.Load()
				until(t, "requests between two signals", func() bool { return asked.Load() > at || t.Failed() })
			}
			close(stop)
			wg.Wait()
			s.says(t, map[bool]string{true: "the certificate was read again", false: "nothing to read again"}[overTLS])
			if overTLS {
				until(t, "the last certificate", func() bool { return shownName(t, s.addr) == "99" })
			}
			s.signal(t, syscall.SIGTERM)
			s.gone(t)
		})
	}
}

// writeCertificate puts a pair in place of the one before: first the key, so that for a moment the two do not match.
func writeCertificate(t *testing.T, cert, key, name string) {
	t.Helper()
	if err := testenv.WriteCertificate(cert+".new", key+".new", name); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{key, cert} {
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
}

// shownName is that of the certificate that a handshake shows.
func shownName(t *testing.T, addr string) string {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}
