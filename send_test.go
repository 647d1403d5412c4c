package rootbound

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

// TestSendBesideHandlers: what handlers around have set stays, but for what would be wrong on a refusal.
func TestSendBesideHandlers(t *testing.T) {
	d := openBaseDir(t, world(t, "a.txt="+inside), Config{})
	for name, tt := range map[string]struct {
		before http.Header
		file   string
		option SendOptions
		want   http.Header
	}{
		"Vary of CORS": {
			http.Header{"Vary": {"Origin"}},
			"a.txt",
			SendOptions{Precompressed: true},
			http.Header{"Vary": {"Origin", "Accept-Encoding"}},
		},
		"Vary said twice": {
			http.Header{"Vary": {"Accept-Encoding"}},
			"a.txt",
			SendOptions{Precompressed: true},
			http.Header{"Vary": {"Accept-Encoding"}},
		},
		"other fields": {
			http.Header{"Set-Cookie": {"a=b", "c=d"}, "Content-Language": {"de"}},
			"a.txt",
			SendOptions{},
			http.Header{"Set-Cookie": {"a=b", "c=d"}, "Content-Language": {"de"}},
		},
		"a refusal": {
			http.Header{"Vary": {"Origin"}, "Etag": {`"x"`}, "Content-Disposition": {"attachment"}, "Last-Modified": {"x"}, "Expires": {"x"}, "Cache-Control": {"public"}, "Set-Cookie": {"a=b"}},
			"missing",
			SendOptions{},
			http.Header{"Vary": {"Origin", "Accept"}, "Etag": nil, "Content-Disposition": nil, "Last-Modified": nil, "Expires": nil, "Cache-Control": {"no-store"}, "Set-Cookie": {"a=b"}},
		},
		"a refusal's options": {
			http.Header{},
			"missing",
			SendOptions{CrossOrigin: true, Private: true},
			http.Header{"Cross-Origin-Resource-Policy": nil, "Vary": {"Accept, Authorization, Cookie"}},
		},
	} {
		w := httptest.NewRecorder()
		for key, values := range tt.before {
			w.Header()[key] = values
		}
		err := d.Send(w, httptest.NewRequest(http.MethodGet, "/", nil), tt.file, tt.option)
		if (err != nil) != (tt.file == "missing") {
			t.Errorf("%s: %v", name, err)
		}
		for key, want := range tt.want {
			if got := w.Header()[key]; !slices.Equal(got, want) {
				t.Errorf("%s: %s %q, want %q", name, key, got, want)
			}
		}
	}
}

// TestSendETagWithoutQuotes: Flask adds the quotes, SendOptions wants them.
func TestSendETagWithoutQuotes(t *testing.T) {
	d := openBaseDir(t, world(t, "a.txt="+inside), Config{})
	for tag, status := range map[string]int{`"v1"`: 200, `W/"v1"`: 200, `""`: 200, `v1`: 404, `"v1`: 404, `"v1" `: 404, `"a", "b"`: 404, "\"v\n1\"": 404, `w/"v1"`: 404} {
		w := httptest.NewRecorder()
		err := d.Send(w, httptest.NewRequest(http.MethodGet, "/", nil), "a.txt", SendOptions{ETag: tag})
		if w.Code != status || (err == nil) != (status == 200) {
			t.Errorf("ETag %q: %d, %v; want %d", tag, w.Code, err, status)
		}
		if err != nil && !errors.Is(err, errNoEntityTag) {
			t.Errorf("ETag %q: %v", tag, err)
		}
		if got := w.Header().Get("ETag"); err == nil && got != tag {
			t.Errorf("ETag %q is sent as %q", tag, got)
		}
	}
}

// TestSendChangedBefore: a file that changed before the answer began is refused, and the connection goes on.
func TestSendChangedBefore(t *testing.T) {
	base := world(t, "a.txt="+inside, "big.txt="+strings.Repeat("x", 3*tailSize))
	d := openBaseDir(t, base, Config{})
	f, err := d.Open("a.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.WriteFile(filepath.Join(base, "a.txt"), []byte("shorter?"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	started, err := send(w, httptest.NewRequest(http.MethodGet, "/", nil), f, &SendOptions{})
	if started || ReasonOf(err) != reason.ChangedWhileSent || w.Body.Len() > 0 {
		t.Errorf("a small file: started %v, %v, %q", started, err, w.Body)
	}
	big, err := d.Open("big.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	if err := os.Truncate(filepath.Join(base, "big.txt"), 2*tailSize); err != nil {
		t.Fatal(err)
	}
	w = httptest.NewRecorder()
	started, err = send(w, httptest.NewRequest(http.MethodGet, "/", nil), big, &SendOptions{})
	if !started || ReasonOf(err) != reason.ChangedWhileSent || w.Body.Len() >= 3*tailSize {
		t.Errorf("a big file: started %v, %v, %d bytes", started, err, w.Body.Len())
	}
}

// TestSendDirectory: a directory is no file to send, whoever opened it.
func TestSendDirectory(t *testing.T) {
	d := openBaseDir(t, world(t, "sub/a.txt="+inside), Config{})
	w := httptest.NewRecorder()
	if err := d.Send(w, httptest.NewRequest(http.MethodGet, "/", nil), "sub", SendOptions{}); ReasonOf(err) != reason.Directory || w.Code != 404 {
		t.Errorf("Dir.Send: %d, %v", w.Code, err)
	}
	n, err := d.DirName("sub")
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.OpenName(n)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w = httptest.NewRecorder()
	if err := Send(w, httptest.NewRequest(http.MethodGet, "/", nil), f, SendOptions{}); ReasonOf(err) != reason.Directory || w.Body.Len() > 0 {
		t.Errorf("Send: %q, %v", w.Body, err)
	}
}

// TestHandlerFieldHasNoIndex: a redirect from /download?file=sub would lead to /sub/.
func TestHandlerFieldHasNoIndex(t *testing.T) {
	h := openBaseDir(t, world(t, "sub/index.html="+inside), Config{}).Handler(HandlerConfig{Field: "file", Index: true})
	for target, status := range map[string]int{"/download?file=sub": 404, "/download?file=sub/index.html": 200} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != status || w.Header().Get("Location") != "" {
			t.Errorf("GET %s: %d %v, want %d", target, w.Code, w.Header(), status)
		}
	}
}

// TestSendYoung: while a file may still change within a tick of its clock, no validator of it is strong, be it the
// file's own or that of its sibling.
func TestSendYoung(t *testing.T) {
	base := world(t, "old.txt="+inside, "old.txt.gz=encoded", "new.txt="+inside)
	for _, name := range []string{"old.txt"} {
		if err := os.Chtimes(filepath.Join(base, name), handlerTime, handlerTime); err != nil {
			t.Fatal(err)
		}
	}
	soon := time.Now().Add(time.Hour) // so that both stay young for as long as the test may take
	for _, name := range []string{"old.txt.gz", "new.txt"} {
		if err := os.Chtimes(filepath.Join(base, name), soon, soon); err != nil {
			t.Fatal(err)
		}
	}
	d := openBaseDir(t, base, Config{})
	for _, tt := range []struct {
		name, accept string
		weak         bool
	}{{"old.txt", "", false}, {"old.txt", "gzip", true}, {"new.txt", "", true}} {
		f, err := d.Open(tt.name)
		if err != nil {
			t.Fatal(err)
		}
		get := &plan.Request{Method: http.MethodGet, AcceptEncoding: tt.accept, HasAcceptEncoding: true}
		first := planOf(t, f, get)
		if got := strings.HasPrefix(first.Get("Etag"), `W/"`); got != tt.weak {
			t.Errorf("%s, coding %q: ETag %s", tt.name, tt.accept, first.Get("Etag"))
		}
		get.Range, get.IfRange = "bytes=0-1", first.Get("Etag")
		if ranged := planOf(t, f, get).Get("Content-Range") != ""; ranged == tt.weak {
			t.Errorf("%s, coding %q: If-Range with %s gives a range: %v", tt.name, tt.accept, get.IfRange, ranged)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// planOf returns the header that the file is answered with.
func planOf(t *testing.T, f *File, req *plan.Request) http.Header {
	t.Helper()
	a, err := f.Answer(req, &SendOptions{Precompressed: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	h := http.Header{}
	for _, field := range a.Plan.Fields {
		h.Set(field.Name, field.Value)
	}
	return h
}

// TestSendLargeRanges: ranges on both sides of what is held back, byte for byte.
func TestSendLargeRanges(t *testing.T) {
	content := make([]byte, 5*tailSize+123)
	for i := range content {
		content[i] = byte(i>>8) ^ byte(i)
	}
	base := world(t, "big.bin="+string(content))
	d := openBaseDir(t, base, Config{})
	for _, r := range []struct{ from, to int }{
		{0, 0}, {0, tailSize - 1}, {0, tailSize}, {1, tailSize}, {1, tailSize + 1}, {tailSize, 3*tailSize - 1}, {tailSize - 1, 3 * tailSize}, {7, len(content) - 1}, {len(content) - 1, len(content) - 1},
	} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set("Range", "bytes="+itoa(int64(r.from))+"-"+itoa(int64(r.to)))
		w := httptest.NewRecorder()
		if err := d.Send(w, req, "big.bin", SendOptions{}); err != nil {
			t.Fatal(err)
		}
		if w.Code != 206 || !bytes.Equal(w.Body.Bytes(), content[r.from:r.to+1]) {
			t.Errorf("bytes %d-%d: %d, %d bytes, or not those", r.from, r.to, w.Code, w.Body.Len())
		}
	}
}
