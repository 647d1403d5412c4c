package rootbound

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/testenv"
)

// traceLine is what strace prints of a system call that did something, also where another thread came in between.
var traceLine = regexp.MustCompile(`(?m)\b(?:sendfile|splice)(?:64)?(?:\(| resumed>).*\) += (\d+)$`)

// copied is what of a body does go through this process: the held-back tail, and the beginning, which net/http writes
// together with the headers.
const copied = tailSize + 512

// TestSendfile: on a plain connection the kernel carries the body from the file to the socket. The control travels by
// TLS, where that cannot be.
func TestSendfile(t *testing.T) {
	for _, tt := range []struct {
		part, protocol, ranges string
		atLeast                int64
	}{
		{"whole", "http", "", bodySize - copied},
		{"range", "http", "bytes=1000-3999999", 3999000 - copied},
		{"multipart", "http", "bytes=0-1499999,2000000-3999999", 3500000 - copied},
		{"control-https", "https", "", 0},
		{"control-h2", "h2", "", 0},
	} {
		trace := filepath.Join(t.TempDir(), "trace")
		if inOwnProcess(t, tt.part, testenv.Need(t, "strace"), "-f", "-qq", "-e", "trace=sendfile,splice", "-o", trace) {
			sendOnce(t, tt.protocol, tt.ranges)
			return
		}
		if os.Getenv(childVariable) != "" {
			continue // this child plays another part
		}
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		var calls, sent int64
		for _, m := range traceLine.FindAllSubmatch(text, -1) {
			n, err := strconv.ParseInt(string(m[1]), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			calls, sent = calls+1, sent+n
		}
		t.Logf("%s: %d bytes by %d calls of sendfile(2)", tt.part, sent, calls)
		if sent < tt.atLeast || tt.atLeast == 0 && calls != 0 {
			t.Errorf("%s: %d bytes by %d calls of sendfile(2), want %d:\n%s", tt.part, sent, calls, tt.atLeast, text)
		}
	}
}

func sendOnce(t *testing.T, protocol, ranges string) {
	t.Helper()
	base := world(t)
	writeOld(t, filepath.Join(base, "f"), 'A')
	d := openBaseDir(t, base, Config{})
	client, url := startServer(t, protocol, d.Handler(HandlerConfig{}))
	res := ask(t, client, url+"/f", "Range", ranges)
	defer res.Body.Close()
	n, err := io.Copy(struct{ io.Writer }{io.Discard}, res.Body)
	if err != nil || n != res.ContentLength {
		t.Errorf("%d bytes of %d, %v", n, res.ContentLength, err)
	}
}

// TestReadFails: a device that fails (EIO, injected by strace) is a 503 while that can be said, and ends the answer
// once it was begun; the reason says that it was the file and not the client.
func TestReadFails(t *testing.T) {
	const where = "ROOTBOUND_TEST_BASE"
	base := os.Getenv(where)
	if base == "" { // the parent: only what is asked of this one file is made to fail
		base = world(t, "f=")
		writeOld(t, filepath.Join(base, "f"), 'A')
		t.Setenv(where, base)
	}
	prefix := []string{testenv.Need(t, "strace"), "-f", "-qq", "-o", filepath.Join(t.TempDir(), "trace"), "-P", filepath.Join(base, "f"), "-e"}
	if inOwnProcess(t, "before", append(prefix, "inject=pread64:error=EIO")...) {
		readFailsBefore(t, base)
		return
	}
	if inOwnProcess(t, "midway", append(prefix, "inject=sendfile:error=EIO:when=2+")...) {
		readFailsMidway(t, base)
	}
}

func readFailsBefore(t *testing.T, base string) {
	d := openBaseDir(t, base, Config{})
	ways := waysToRefuse(d)
	for _, way := range []string{"Handler", "Dir.Send"} {
		w := httptest.NewRecorder()
		ways[way].ServeHTTP(w, httptest.NewRequest("GET", "/f", nil))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("ETag") != "" {
			t.Errorf("%s: status %d, %v", way, w.Code, w.Header())
		}
	}
}

func readFailsMidway(t *testing.T, base string) {
	d := openBaseDir(t, base, Config{})
	told := make(chan Reason, 1)
	client, url := startServer(t, "http", d.Handler(HandlerConfig{Refused: func(_ *http.Request, err error) { told <- ReasonOf(err) }}))
	res := ask(t, client, url+"/f")
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("%d bytes, and the client takes it for complete", n)
		return
	}
	if why := <-told; why != reason.InputOutput {
		t.Errorf("reason %q", why)
	}
}
