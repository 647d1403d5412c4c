package rootbound

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
)

// handlerStatuses are all that a Handler may answer: those of the plan, the redirect to a directory, and those of the
// table of refusals that a request can bring about.
var handlerStatuses = []int{200, 204, 206, 304, 308, 400, 403, 404, 405, 412, 416, 501}

// FuzzHandler sends bytes as a request, as far as net/http takes them for one, to handlers of every kind.
func FuzzHandler(f *testing.F) {
	l := plant.New(f)
	handlers := fuzzHandlers(f, l)
	seen := map[string]int{}
	for i, c := range attack.Corpus(l) {
		if seen[c.Class]++; seen[c.Class] > 2 && i%20 != 0 {
			continue
		}
		f.Add([]byte("GET"), []byte(c.Target), []byte(""))
		f.Add([]byte("GET"), []byte("/download?file="+c.Query), []byte(""))
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get", "X-Y", "\x00", "GET /" + l.File + " HTTP/1.1\r\nA: b\r\n\r\n"} {
		f.Add([]byte(method), []byte("/"+l.File), []byte(""))
		f.Add([]byte(method), []byte("/download?file="+l.File), []byte("Range: bytes=0-0"))
		f.Add([]byte(method), []byte("/"+l.Dir), []byte(""))
		f.Add([]byte(method), []byte("*"), []byte(""))
	}
	for _, fields := range sendSingles() {
		var head []string
		for _, field := range fields {
			value := strings.NewReplacer("{tag}", `"17970a2b-5"`, "{date}", handlerTime.Format(http.TimeFormat), "{older}", "Sunday, 06-Nov-94 08:49:37 GMT", "{newer}", "Sun Nov  6 08:49:37 2094").Replace(field.value)
			head = append(head, field.name+": "+value)
		}
		f.Add([]byte("GET"), []byte("/"+l.File), []byte(strings.Join(head, "\r\n")))
	}
	for _, lines := range acceptEncodings()[:80] {
		f.Add([]byte("GET"), []byte("/"+l.File), []byte("Accept-Encoding: "+strings.Join(lines, "\r\nAccept-Encoding: ")))
	}
	f.Add([]byte("GET"), []byte("/"+l.File), []byte("Accept: text/html;q=0.1, application/json, */*;q=x\r\nWant-Repr-Digest: sha-256=10"))
	f.Fuzz(func(t *testing.T, method, target, head []byte) {
		raw := slices.Concat(method, []byte(" "), target, []byte(" HTTP/1.1\r\nHost: files.example\r\n"), bytes.TrimRight(head, "\r\n"), []byte("\r\n\r\n"))
		for name, h := range handlers {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			if err != nil {
				return // net/http answers that
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r) // a panic fails the test, also that of http.ErrAbortHandler
			checkFuzzed(t, name, raw, r, w, l)
		}
	})
}

// fuzzHandlers mount the planted base in every way, with siblings beside its file.
func fuzzHandlers(f *testing.F, l attack.Layout) map[string]http.Handler {
	old := time.Now().Add(-time.Hour)
	path := filepath.Join(l.Base, filepath.FromSlash(l.File))
	if err := os.Chtimes(path, old, old); err != nil {
		f.Fatal(err)
	}
	for _, s := range siblings {
		if err := os.WriteFile(path+s.suffix, []byte("encoded as "+s.coding), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(l.Base, filepath.FromSlash(l.Dir), "index.html"), []byte("<p>index"), 0o644); err != nil {
		f.Fatal(err)
	}
	return map[string]http.Handler{
		"plain":  openBaseDir(f, l.Base, Config{}).Handler(HandlerConfig{}),
		"query":  openBaseDir(f, l.Base, Config{noOpenat2: true}).Handler(HandlerConfig{Field: "file", Send: SendOptions{AsAttachment: true, NoConditional: true}}),
		"prefix": openBaseDir(f, l.Base, Config{Names: Strict}).Handler(HandlerConfig{Prefix: "/" + l.Dir}),
		"site": openBaseDir(f, l.Base, Config{Symlinks: SymlinksWithin, Names: Portable}).Handler(HandlerConfig{
			Index: true, Send: SendOptions{Precompressed: true, Site: true, MaxAge: time.Hour, Private: true, SHA256: make([]byte, 32)},
		}),
	}
}

func checkFuzzed(t *testing.T, name string, raw []byte, r *http.Request, w *httptest.ResponseRecorder, l attack.Layout) {
	t.Helper()
	answer := attack.Answer{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
	all := append(answer.Head(), answer.Body...)
	if which, leaked := l.Leaks(all); leaked {
		t.Errorf("%s: %q leaks %s", name, raw, which)
	}
	if l.Discloses(all) {
		t.Errorf("%s: %q is told a path of the system: %q", name, raw, all)
	}
	if !slices.Contains(handlerStatuses, w.Code) {
		t.Errorf("%s: %q is answered %d", name, raw, w.Code)
	}
	h := w.Header()
	for key, values := range h {
		for _, v := range values {
			if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Errorf("%s: %q is answered with %s %q", name, raw, key, v)
			}
		}
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || w.Code >= 400 && h.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %q: %d has %v", name, raw, w.Code, h)
	}
	checkFuzzedLength(t, name, raw, r, w)
}

// checkFuzzedLength compares Content-Length and Content-Range with the body.
func checkFuzzedLength(t *testing.T, name string, raw []byte, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	h, n := w.Header(), w.Body.Len()
	_, has := h["Content-Length"]
	length, err := strconv.Atoi(h.Get("Content-Length"))
	switch none := w.Code == 204 || w.Code == 304; {
	case none && (has || n > 0):
		t.Errorf("%s: %q: %d with Content-Length %q and %d bytes", name, raw, w.Code, h.Get("Content-Length"), n)
	case !none && err != nil, r.Method == http.MethodHead && n > 0, !none && r.Method != http.MethodHead && length != n:
		t.Errorf("%s: %q: %d with Content-Length %q and %d bytes", name, raw, w.Code, h.Get("Content-Length"), n)
	}
	multi := strings.HasPrefix(h.Get("Content-Type"), "multipart/byteranges; boundary=")
	if ranged := h.Get("Content-Range") != ""; ranged == multi && w.Code == 206 || ranged && w.Code != 206 && w.Code != 416 || !ranged && w.Code == 416 {
		t.Errorf("%s: %q: %d with Content-Range %q, %s", name, raw, w.Code, h.Get("Content-Range"), h.Get("Content-Type"))
	}
}

// TestFuzzHandlerSees: the checks of FuzzHandler find what they look for.
func TestFuzzHandlerSees(t *testing.T) {
	l := plant.New(t)
	control := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile(l.Base + r.URL.Path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(b) // a recorder takes everything
	})
	leaks, discloses := 0, 0
	for _, c := range attack.Corpus(l) {
		if !strings.HasPrefix(c.Target, "/") {
			continue
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + c.Target + " HTTP/1.1\r\nHost: x\r\n\r\n")))
		if err != nil {
			continue
		}
		w := httptest.NewRecorder()
		control.ServeHTTP(w, r)
		if _, leaked := l.Leaks(w.Body.Bytes()); leaked {
			leaks++
		}
		if l.Discloses(w.Body.Bytes()) {
			discloses++
		}
	}
	if leaks == 0 || discloses == 0 {
		t.Errorf("the control leaks %d times and discloses %d times", leaks, discloses)
	}
	t.Logf("the control leaks %d times and discloses %d times", leaks, discloses)
}
