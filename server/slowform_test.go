package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/link"
)

// Whoever sends a form, or a request for a link, and stops on the way is answered within the time for that, whatever the
// protocol, and holds nothing. Control: another of the same connection's, meanwhile.
func TestSlowForms(t *testing.T) {
	t.Parallel() // it mostly waits
	certs := newCertificate(t, t.TempDir(), "first")
	st, r := withRegister(t)
	_, login := withLogin(t, false, false, nil)
	s := serve(t, smallTree, func(u *setup) {
		login(u)
		u.cfg.Certificates, u.cfg.Links, u.cfg.LinkRegister = certs.open(t), testKeys(t), r
	})
	hash, err := authn.NewHash("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	l := link.Link{ID: "asks", Key: "k1", Path: "a.txt", Password: true, Expires: time.Now().Add(time.Hour)}
	if _, err := st.SawLink(t.Context(), l.Record(hash.String(), time.Now())); err != nil {
		t.Fatal(err)
	}
	asks := named(t, "asks", link.Link{Path: "a.txt", Password: true, Expires: l.Expires})
	var all sync.WaitGroup
	for _, h2 := range []bool{false, true} {
		transport := certs.transport(h2)
		t.Cleanup(transport.CloseIdleConnections)
		client := &http.Client{Transport: transport, Timeout: 2 * patience}
		for target, kind := range map[string]string{"/-/login": formType, "/-/logout": formType, "/-/links": "application/json", asks: formType, "/a.txt": formType} {
			all.Go(func() {
				body, end := io.Pipe()
				defer func() { _ = end.Close() }()
				go func() { _, _ = io.WriteString(end, "a=b&") }()
				ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "POST", "https://"+s.addr+target, body)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", kind)
				req.SetBasicAuth("alice", "ecila")
				a, err := client.Do(req)
				if err != nil {
					t.Errorf("%s, HTTP/2 %v: %v", target, h2, err)
					return
				}
				_ = a.Body.Close()
				want := http.StatusRequestTimeout
				if target == "/a.txt" { // nobody reads it
					want = http.StatusMethodNotAllowed
				}
				if a.StatusCode != want {
					t.Errorf("%s, HTTP/2 %v: %d, want %d", strings.SplitN(target, "?", 2)[0], h2, a.StatusCode, want)
				}
			})
		}
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.addr+"/a.txt", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("alice", "ecila")
		a, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != 200 {
			t.Errorf("meanwhile: %d", a.StatusCode)
		}
	}
	all.Wait()
	s.stop() // which waits for whoever is still answered
}

const formType = "application/x-www-form-urlencoded"
