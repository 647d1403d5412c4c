package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootbound/rootbound/audit"
)

// What a loop has gathered comes before what others tell of the same request: of answers that went out at once, of those
// that a slow client took the rest of later, and of those that were pipelined behind others.
func TestGatheredInOrder(t *testing.T) {
	r := record(t, audit.Config{}, nil)
	const size = 200 << 10
	plantFiles(t, r.base, map[string]string{"large": strings.Repeat("x", size)})
	r.get(t, "/large")
	r.get(t, "/a.txt") // both hot from now on
	if !r.quick() {
		t.Fatal("there is no fast lane")
	}
	ids := make(chan string, 1000)
	ask := func(slow bool, targets ...string) {
		c := dialSmall(t, r.addr)
		defer c.Close()
		for _, target := range targets {
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
		}
		if slow {
			time.Sleep(300 * time.Millisecond)
		}
		readAnswers(t, c, len(targets), ids)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { ask(i%2 == 0, "/large") })
		wg.Go(func() { ask(i%2 == 0, "/a.txt", "/large", "/missing", "/a.txt") })
	}
	wg.Wait()
	close(ids)
	all := r.end(t)
	n := 0
	for id := range ids {
		n++
		recs := all[id]
		if len(recs) != 2 || recs[0].Kind != audit.Decided || recs[1].Kind != audit.Done || recs[0].Seq >= recs[1].Seq {
			t.Errorf("%s: %+v", id, recs)
			continue
		}
		if want := map[string]int64{"large": size, "a.txt": int64(len(smallTree["a.txt"]))}[recs[0].Name]; recs[0].Allowed && recs[1].Bytes != want {
			t.Errorf("%s: %d bytes of %s recorded, want %d", id, recs[1].Bytes, recs[0].Name, want)
		}
	}
	if n != 20*5 {
		t.Errorf("%d answers", n)
	}
}

// readAnswers reads answers to the end, and gives their ids.
func readAnswers(t *testing.T, c net.Conn, n int, ids chan<- string) {
	_ = c.SetDeadline(time.Now().Add(patience))
	b := bufio.NewReader(c)
	for range n {
		resp, err := http.ReadResponse(b, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
			return
		}
		_ = resp.Body.Close()
		ids <- resp.Header.Get("Request-Id")
	}
}
