package rootbound

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

// loadedWorld has files of each kind that an answer tells apart, the first of them long unchanged.
func loadedWorld(t testing.TB) (string, *Dir) {
	t.Helper()
	base := world(t, "old.txt="+strings.Repeat("0123456789", 100), "young.html=<p>hello", "empty.bin=", "noext="+inside,
		"tree/", "zipped.js=plain", "zipped.js.gz=packed", "späte Grüße.pdf=%PDF-1.4")
	long := time.Now().Add(-time.Hour)
	for _, n := range []string{"old.txt", "zipped.js", "zipped.js.gz"} {
		if err := os.Chtimes(filepath.Join(base, n), long, long); err != nil {
			t.Fatal(err)
		}
	}
	return base, openBaseDir(t, base, Config{})
}

func mustOpen(t testing.TB, d *Dir, name string) *File {
	t.Helper()
	f, err := d.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func mustLoad(t testing.TB, f *File) *Loaded {
	t.Helper()
	l, err := f.Load(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLoadedAnswers: a Loaded answers every request as its File does, fields, bytes and all.
func TestLoadedAnswers(t *testing.T) {
	_, d := loadedWorld(t)
	statuses := map[int]int{}
	for _, name := range []string{"old.txt", "young.html", "empty.bin", "noext", "zipped.js", "späte Grüße.pdf"} {
		f := mustOpen(t, d, name)
		l := mustLoad(t, f)
		if l.Size() != f.Size() || l.ETag() != f.ETag() || l.Name() != f.Name() {
			t.Errorf("%s: loaded as %v %d %s, want %v %d %s", name, l.Name(), l.Size(), l.ETag(), f.Name(), f.Size(), f.ETag())
		}
		for _, req := range loadedRequests(f) {
			for _, o := range loadedOptions {
				statuses[sameAnswer(t, f, l, &req, &o)]++
			}
		}
	}
	for _, s := range []int{200, 206, 304, 405, 412, 416, 501} {
		if statuses[s] == 0 {
			t.Errorf("no request was answered %d: %v", s, statuses)
		}
	}
}

func loadedRequests(f *File) []plan.Request {
	date := f.ModTime().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	var out []plan.Request
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "BREW"} {
		for _, r := range []plan.Request{
			{},
			{Range: "bytes=0-0"},
			{Range: "bytes=2-3,6-"},
			{Range: "bytes=-2"},
			{Range: "bytes=100000-"},
			{IfNoneMatch: f.ETag()},
			{IfNoneMatch: "*"},
			{IfMatch: f.ETag()},
			{IfMatch: `"other"`},
			{IfModifiedSince: date},
			{IfUnmodifiedSince: "Thu, 01 Jan 1970 00:00:00 GMT"},
			{Range: "bytes=1-2", IfRange: f.ETag()},
			{Range: "bytes=1-2", IfRange: date},
			{Range: "bytes=1-2", IfRange: `"x"`},
			{AcceptEncoding: "gzip", HasAcceptEncoding: true},
			{AcceptEncoding: "gzip", HasAcceptEncoding: true, Range: "bytes=1-2"},
			{WantReprDigest: "sha-256=9"},
		} {
			r.Method = method
			out = append(out, r)
		}
	}
	return out
}

var loadedOptions = []SendOptions{
	{},
	{AsAttachment: true, Private: true, RequestID: "abcdefgh"},
	{AsAttachment: true, DownloadName: "name of mine", MaxAge: time.Minute},
	{DownloadName: "shown.txt", ContentType: "text/html", CrossOrigin: true},
	{ContentType: "image/svg+xml", Site: true},
	{NoConditional: true, NoETag: true, NoLastModified: true},
	{ETag: `"mine"`, LastModified: time.Unix(1e9, 0), SHA256: bytes.Repeat([]byte{7}, 32)},
	{Precompressed: true, Accept: "text/html"},
}

var anyBoundary = regexp.MustCompile(`boundary=[^"\s]+|--[0-9A-Za-z'()+_,./:=?-]{16,}`)

// sameAnswer compares the two answers as a client sees them, and returns their status.
func sameAnswer(t *testing.T, f *File, l *Loaded, req *plan.Request, o *SendOptions) int {
	t.Helper()
	fa, err := f.Answer(req, o)
	if err != nil {
		t.Fatal(err)
	}
	defer fa.Close()
	la, err := l.Answer(req, o)
	if err != nil {
		t.Fatal(err)
	}
	defer la.Close()
	want, got := sent(t, fa), sent(t, la)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s %+v %+v (-File +Loaded):\n%s", f.Name(), *req, *o, diff)
	}
	pieces, all := la.Buffers(nil)
	_, body, _ := strings.Cut(got, "\n\n")
	if joined := anyBoundary.ReplaceAllString(string(bytes.Join(pieces, nil)), "BOUNDARY"); all && joined != body {
		t.Errorf("%s %+v: Buffers gave %q, want %q", f.Name(), *req, joined, body)
	}
	if fromFile := la.sibling != nil && firstFile(la) >= 0; all == fromFile {
		t.Errorf("%s %+v %+v: Buffers said %v, want %v", f.Name(), *req, *o, all, !fromFile)
	}
	if _, all := fa.Buffers(nil); all != (firstFile(fa) < 0) {
		t.Errorf("%s %+v: a File's Buffers said %v", f.Name(), *req, all)
	}
	return la.Plan.Status
}

func sent(t *testing.T, a *Answer) string {
	t.Helper()
	w := httptest.NewRecorder()
	if _, err := a.Send(w); err != nil {
		t.Fatal(err)
	}
	var head bytes.Buffer
	_ = w.Result().Header.Write(&head) // to memory
	all := strings.ReplaceAll(head.String(), "\r\n", "\n") + "\n" + w.Body.String()
	return anyBoundary.ReplaceAllString(all, "BOUNDARY")
}

// TestLoadSeesChanges: what changed between open and the last byte is no content. The control reads without asking
// again, and gets what the headers do not say.
func TestLoadSeesChanges(t *testing.T) {
	tests := []struct {
		name   string
		change func(path string) error
	}{
		{"truncated", func(p string) error { return os.Truncate(p, 10) }},
		{"emptied", func(p string) error { return os.Truncate(p, 0) }},
		{"grown", func(p string) error { return appendTo(p, "more") }},
		{"rewritten", func(p string) error { return patch(p, 0, []byte("XXXXX")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { seesChange(t, tt.change) })
	}
}

func seesChange(t *testing.T, change func(path string) error) {
	t.Helper()
	base, d := loadedWorld(t)
	path := filepath.Join(base, "old.txt")
	f := mustOpen(t, d, "old.txt")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := change(path); err != nil {
		t.Fatal(err)
	}
	if l, err := f.Load(1 << 20); !errors.Is(err, ErrUnavailable) || ReasonOf(err) != reason.Busy {
		t.Errorf("Load = %v, %v, want reason %s", l, err, reason.Busy)
	}
	control, _ := io.ReadAll(f) // what it got is what counts
	if bytes.Equal(control, before) {
		t.Error("the control read what there was before: nothing was changed")
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func patch(path string, off int64, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(b, off)
	return err
}

func TestLoadBounds(t *testing.T) {
	_, d := loadedWorld(t)
	f := mustOpen(t, d, "old.txt")
	if l, err := f.Load(f.Size() - 1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Load of more than the limit = %v, %v", l, err)
	}
	l, err := f.Load(f.Size())
	if err != nil {
		t.Fatal(err)
	}
	if m := l.Memory(); m < f.Size()+int64(len("old.txt")) || m > f.Size()+2048 {
		t.Errorf("Memory() = %d for a file of %d bytes", m, f.Size())
	}
	n, err := d.DirName("tree")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := d.OpenName(n)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if l, err := tree.Load(1 << 20); ReasonOf(err) != reason.Directory {
		t.Errorf("Load of a directory = %v, %v", l, err)
	}
}
