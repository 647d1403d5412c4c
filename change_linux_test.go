package rootbound

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// bodies are what is asked of a file: all of it, and parts that together are less than it.
var bodies = []struct {
	name, ranges string
	status       int
}{
	{"whole", "", 200},
	{"range", "bytes=1000-3999999", 206},
	{"multipart", "bytes=0-1499999,2000000-3999999", 206},
}

// changes are what may happen to a file in place.
var changes = []struct {
	name   string
	change func(path string) error
}{
	{"truncated to nothing", func(p string) error { return os.Truncate(p, 0) }},
	{"truncated in the middle", func(p string) error { return os.Truncate(p, bodySize/2) }},
	{"overwritten", overwrite},
	{"copied over", func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("B"), bodySize), 0o644) }},
	{"appended to", func(p string) error { return patch(p, bodySize, []byte("B")) }},
	{"one byte changed", func(p string) error { return patch(p, bodySize-1, []byte("B")) }},
}

func overwrite(path string) error { return patch(path, 0, bytes.Repeat([]byte("B"), bodySize)) }

// TestChangeWhileSending: a file that is changed in place while a slow client takes it ends the answer before its last
// bytes, whatever was asked and whatever it travels by. The client reads the beginning, then the file is changed, then
// it reads on: nobody waits for a clock.
func TestChangeWhileSending(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t)
		path := filepath.Join(base, "f")
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		told := make(chan Reason, 1)
		h := d.Handler(HandlerConfig{Refused: func(_ *http.Request, err error) { told <- ReasonOf(err) }})
		for _, protocol := range protocols {
			client, url := startServer(t, protocol, h)
			for _, b := range bodies {
				for _, c := range changes {
					writeOld(t, path, 'A')
					res, _ := begin(t, client, url+"/f", "Range", b.ranges)
					if res.StatusCode != b.status {
						t.Fatalf("%s, %s: status %d", protocol, b.name, res.StatusCode)
					}
					if err := c.change(path); err != nil {
						t.Fatal(err)
					}
					rest, err := io.ReadAll(res.Body)
					if err == nil {
						t.Fatalf("%s, %s, %s: the client takes it for complete: %d bytes", protocol, b.name, c.name, bodyStart+len(rest))
					}
					if why := <-told; why != reason.ChangedWhileSent {
						t.Errorf("%s, %s, %s: reason %q", protocol, b.name, c.name, why)
					}
				}
			}
		}
		if held := heldBeneath(t, base); len(held) != 0 {
			t.Errorf("left open: %v", held)
		}
	})
	controlChange(t)
}

// controlChange: net/http's own file server, asked and changed in the same way, calls a mixture of both a complete answer.
func controlChange(t *testing.T) {
	t.Helper()
	base := world(t)
	path := filepath.Join(base, "f")
	for _, protocol := range protocols {
		client, url := startServer(t, protocol, http.FileServer(http.Dir(base)))
		for _, b := range bodies {
			writeOld(t, path, 'A')
			res, first := begin(t, client, url+"/f", "Range", b.ranges)
			if err := overwrite(path); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(res.Body)
			if err != nil || int64(len(first)+len(rest)) != res.ContentLength || bytes.Count(first, []byte("A")) < bodyStart/2 || bytes.Count(rest, []byte("B")) < bodyStart {
				t.Errorf("control: %s, %s: %d bytes, %v: no mixture, so the test proves nothing", protocol, b.name, len(first)+len(rest), err)
			}
		}
	}
}

// TestChangedBeforeSending: until the headers are on their way there is a better answer than to hang up.
func TestChangedBeforeSending(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t, "f="+inside)
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		told := make(chan Reason, 1)
		var f *File
		client, url := startServer(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun, err := send(w, r, f, &SendOptions{})
			told <- ReasonOf(err)
			if !begun {
				Refuse(w, r, err)
			}
		}))
		for _, change := range []func(path string) error{
			func(p string) error { return os.Truncate(p, 3) },
			func(p string) error { return patch(p, int64(len(inside)), []byte("more")) },
		} {
			write(t, filepath.Join(base, "f"), inside)
			var err error
			if f, err = d.Open("f"); err != nil {
				t.Fatal(err)
			}
			if err := change(filepath.Join(base, "f")); err != nil {
				t.Fatal(err)
			}
			res := ask(t, client, url)
			_ = res.Body.Close()
			if why := <-told; why != reason.ChangedWhileSent || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || res.Header.Get("ETag") != "" {
				t.Errorf("reason %q, status %d, %v", why, res.StatusCode, res.Header)
			}
			_ = f.Close()
		}
	})
}

// TestChangedAfterSending: an answer that was handed over whole may still lie in the connection's buffers. By TLS that is
// a copy, and nothing changes it. On a plain connection it is the file's own pages (sendfile(2)), all but the held-back
// tail, and what a late writer does to them may be seen: THREATMODEL.md says so, and this says how much of it there was.
func TestChangedAfterSending(t *testing.T) {
	const size = tailSize + 32<<10
	base := world(t)
	path := filepath.Join(base, "f")
	d := openBaseDir(t, base, Config{})
	for _, protocol := range []string{"http", "https"} {
		writeOld(t, path, 'A')
		h, running := counted(d.Handler(HandlerConfig{}))
		client, url := startServer(t, protocol, h, 1<<20) // all of it fits
		res := ask(t, client, url+"/f", "Range", "bytes=0-"+itoa(size-1))
		running.Wait()
		if err := overwrite(path); err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || len(body) != size || bytes.Count(body[size-tailSize:], []byte("A")) != tailSize {
			t.Errorf("%s: %d bytes, %v; the held-back tail must be as it was", protocol, len(body), err)
		}
		late := bytes.Count(body, []byte("B"))
		t.Logf("%s: %d of %d bytes are of the later writer", protocol, late, size)
		if protocol == "https" && late != 0 {
			t.Errorf("a copy changed: %d bytes", late)
		}
	}
}

// TestListClosed: a directory that was closed says so.
func TestListClosed(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		d := openBaseDir(t, world(t, "dir/f="+inside), Config{noOpenat2: noOpenat2})
		n, err := d.DirName("dir")
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.OpenName(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for _, read := range []int{0, 1, -1} { // nothing, a part, all
			dir, err := d.FS().Open("dir")
			if err != nil {
				t.Fatal(err)
			}
			if read != 0 {
				if _, err := dir.(fs.ReadDirFile).ReadDir(read); err != nil {
					t.Fatal(err)
				}
			}
			if err := dir.Close(); err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{1, -1} {
				if got, err := dir.(fs.ReadDirFile).ReadDir(n); len(got) != 0 || ReasonOf(err) != reason.Closed || !errors.Is(err, fs.ErrClosed) {
					t.Errorf("closed after ReadDir(%d): ReadDir(%d) = %v, %v", read, n, got, err)
				}
			}
		}
		listed := 0
		for _, err := range f.Entries() {
			listed++
			if ReasonOf(err) != reason.Closed {
				t.Errorf("reason %q: %v", ReasonOf(err), err)
			}
		}
		if listed != 1 {
			t.Errorf("%d yields, want the one error", listed)
		}
	})
}
