package rootbound

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// slowClients is how many ask at once, and do not take what they asked for.
const slowClients = 20

// sparse makes a file of many zeros that takes no room on the disk.
func sparse(t *testing.T, path string, size int64) {
	t.Helper()
	write(t, path, "")
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// heap is what is alive on the heap, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool held goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// counted tells when all handlers have returned, also by a panic.
func counted(h http.Handler) (http.Handler, *sync.WaitGroup) {
	var running sync.WaitGroup
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		h.ServeHTTP(w, r)
	}), &running
}

// stall has many clients ask for the file and take only its beginning, and runs during while they sit there.
func stall(t *testing.T, c *http.Client, url string, n int, ranges string, during func()) {
	t.Helper()
	var answers []*http.Response
	for range n {
		res, _ := begin(t, c, url, "Range", ranges)
		answers = append(answers, res)
	}
	during()
	for _, res := range answers {
		_ = res.Body.Close() // in the middle: the connection or stream ends
	}
	c.CloseIdleConnections()
}

// TestStalledClients: what a client that does not read costs in memory does not depend on the size of what it asked for,
// and when it goes away nothing of it stays: no goroutine, no open file.
func TestStalledClients(t *testing.T) {
	const size, bound = 256 << 20, 32 << 20
	base := world(t)
	sparse(t, filepath.Join(base, "f"), size)
	for _, protocol := range protocols {
		for _, ranges := range []string{"", "bytes=1000-200000000", "bytes=0-99999999,150000000-200000000"} {
			t.Run(protocol+"/"+ranges, func(t *testing.T) {
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				d, err := Open(base, Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				h, running := counted(d.Handler(HandlerConfig{}))
				before := heap()
				t.Run("clients", func(t *testing.T) { // the server ends with it
					client, url := startServer(t, protocol, h)
					stall(t, client, url+"/f", slowClients, ranges, func() {
						if held := heldBeneath(t, base); len(held) != slowClients {
							t.Errorf("%d files open for %d clients: what looks for leaks does not see them", len(held), slowClients)
						}
						grown := heap() - before
						t.Logf("%d clients, %d MiB each: the heap has grown by %d KiB", slowClients, size>>20, grown>>10)
						if grown > bound {
							t.Errorf("the heap has grown by %d MiB, want less than %d", grown>>20, bound>>20)
						}
					})
					running.Wait()
					if held := heldBeneath(t, base); len(held) != 0 {
						t.Errorf("left open when the clients were gone: %v", held)
					}
				})
			})
		}
	}
	controlStalledClient(t, filepath.Join(base, "f"), bound)
}

// controlStalledClient: one slow client of a handler that reads the file before it sends it costs more than the bound.
func controlStalledClient(t *testing.T, path string, bound int64) {
	t.Helper()
	h, running := counted(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(b)
	}))
	before := heap()
	client, url := startServer(t, "http", h)
	stall(t, client, url, 1, "", func() {
		if grown := heap() - before; grown < bound {
			t.Errorf("control: the heap has grown by %d bytes: the test sees nothing", grown)
		}
	})
	running.Wait()
}

// TestGoneBeforeTheBody: clients that hang up at every early moment leave nothing behind either.
func TestGoneBeforeTheBody(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	base := world(t)
	sparse(t, filepath.Join(base, "f"), 64<<20)
	d, err := Open(base, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	h, running := counted(d.Handler(HandlerConfig{}))
	t.Run("clients", func(t *testing.T) {
		for _, protocol := range protocols {
			client, url := startServer(t, protocol, h)
			for i := range 50 {
				res := ask(t, client, url+"/f")
				_, _ = io.CopyN(io.Discard, res.Body, int64(i)*1000)
				_ = res.Body.Close()
			}
			client.CloseIdleConnections()
		}
		running.Wait()
	})
	if held := heldBeneath(t, base); len(held) != 0 {
		t.Errorf("left open: %v", held)
	}
}
