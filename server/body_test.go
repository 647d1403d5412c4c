package server

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// TestBodyReadAfterAnswer: an http.Transport may read a body when its request was answered. That must not move the
// deadline by which the connection's next request has to be there; control: without endBody it does.
func TestBodyReadAfterAnswer(t *testing.T) {
	t.Parallel()
	s := &Server{cfg: Config{MinRate: 1, MinRateWindow: time.Hour}}
	for _, ended := range []bool{true, false} {
		stop, reading := make(chan struct{}), make(chan struct{})
		at := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = s.pacedBody(w, r)
			w.WriteHeader(http.StatusNoContent)
			if ended {
				endBody(w, r, &request.Outcome{Status: http.StatusNoContent})
			}
			go func() {
				defer close(reading)
				for {
					select {
					case <-stop:
						return
					case <-time.After(10 * time.Millisecond):
						_, _ = r.Body.Read(make([]byte, 1))
					}
				}
			}()
		}))
		at.Config.IdleTimeout = 500 * time.Millisecond
		at.Start()
		c, err := net.Dial("tcp", at.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(c)
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("ended %v: %v %v", ended, res, err)
		}
		wait := patience
		if !ended {
			wait = 4 * at.Config.IdleTimeout
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		switch _, err := in.ReadByte(); {
		case ended && !errors.Is(err, io.EOF):
			t.Errorf("a connection that is idle for too long is not closed: %v", err)
		case !ended && !errors.Is(err, os.ErrDeadlineExceeded):
			t.Errorf("control: %v; want the connection left open for good", err)
		}
		close(stop)
		<-reading
		_ = c.Close()
		at.Close()
	}
}
