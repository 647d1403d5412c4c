package gate_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Server-sent events reach the client one by one: the application makes each only after the client has seen the last.
func TestServerSentEvents(t *testing.T) {
	seen := make(chan struct{})
	url := app(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			<-seen
		}
	})
	for _, h2 := range []bool{false, true} {
		g, client := startTLS(t, url, h2)
		res, err := client.Get("https://" + g.addr + "/events")
		if err != nil {
			t.Fatal(err)
		}
		if res.Header.Get("Content-Type") != "text/event-stream" || h2 != (res.ProtoMajor == 2) {
			t.Errorf("%s %v", res.Proto, res.Header)
		}
		events := bufio.NewReader(res.Body)
		for i := range 3 {
			line, err := events.ReadString('\n')
			if want := fmt.Sprintf("data: %d\n", i); line != want {
				t.Errorf("event %q, %v, want %q", line, err, want)
			}
			if _, err := events.Discard(1); err != nil {
				t.Error(err)
			}
			seen <- struct{}{}
		}
		if rest, err := io.ReadAll(events); len(rest) > 0 || err != nil {
			t.Errorf("after the last event %q, %v", rest, err)
		}
		_ = res.Body.Close()
		client.CloseIdleConnections()
	}
}

// Clients come and go, each by a connection of its own; the one to the application is kept, also where the gate answered in
// its place.
func TestConnectionsToTheApplicationAreKept(t *testing.T) {
	var path string
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-From", r.RemoteAddr)
		if r.URL.Path == "/file" {
			w.Header().Set("X-Sendfile", path)
		}
	})
	g := start(t, url, nil)
	path = g.file(t, "a.txt", "hello\n")
	from := map[string]int{}
	for _, target := range []string{"/", "/", "/file", "/", "/file", "/"} {
		a := g.get(t, target)
		if a.Status != 200 || strings.HasPrefix(target, "/file") != (string(a.Body) == "hello\n") {
			t.Errorf("%s = %d %q", target, a.Status, a.Body)
		}
		from[a.Header.Get("X-From")]++
	}
	if len(from) != 1 || from[""] > 0 {
		t.Errorf("the application was asked by %v", from)
	}
}

// A file is for the client who asked, unless the application says that others may have it too.
func TestCaching(t *testing.T) {
	var path string
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		if said := r.URL.Query().Get("said"); said != "" {
			w.Header().Set("Cache-Control", said)
		}
		w.Header().Set("X-Sendfile", path)
	})
	g := start(t, url, nil)
	path = g.file(t, "a.txt", "hello\n")
	a := g.get(t, "/")
	if got := a.Header.Get("Cache-Control"); got != "private, no-cache" || !strings.Contains(a.Header.Get("Vary"), "Cookie") || !strings.Contains(a.Header.Get("Vary"), "Authorization") {
		t.Errorf("nothing was said: %q, Vary %q", got, a.Header.Get("Vary"))
	}
	for _, status := range []string{"If-None-Match: " + a.Header.Get("Etag"), "Range: bytes=0-1"} {
		if b := g.get(t, "/", status); b.Header.Get("Cache-Control") != "private, no-cache" || b.Status == 200 {
			t.Errorf("%s = %d %q", status, b.Status, b.Header.Get("Cache-Control"))
		}
	}
	if got := g.get(t, "/?said=public,max-age=7").Header.Get("Cache-Control"); got != "public,max-age=7" {
		t.Errorf("the application's own words became %q", got)
	}
	path += ".none"
	if a := g.get(t, "/?said=public,max-age=7"); a.Status != 404 || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a refusal = %d %q", a.Status, a.Header.Get("Cache-Control"))
	}
}
