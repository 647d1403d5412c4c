package rootbound

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
)

// optionsTree has a page with a sibling that is an hour newer, and pages that a browser would act on.
func optionsTree(t *testing.T) *Dir {
	t.Helper()
	base := t.TempDir()
	plantSibling(t, filepath.Join(base, "a.txt"), "plain", handlerTime)
	plantSibling(t, filepath.Join(base, "a.txt.gz"), "packed!", handlerTime.Add(time.Hour))
	plantSibling(t, filepath.Join(base, "b.txt"), "plain", handlerTime)
	plantSibling(t, filepath.Join(base, "page.html"), "<p>", handlerTime)
	return openBaseDir(t, base, Config{})
}

func sendWith(t *testing.T, d *Dir, method, file string, o SendOptions, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		r.Header.Add(key, value)
	}
	w := httptest.NewRecorder()
	if err := d.Send(w, r, file, o); err != nil && w.Code < 400 {
		t.Fatalf("%s %s: %v", method, file, err)
	}
	return w
}

// Each option shows in the answer, and only where it was asked for.
func TestSendOptions(t *testing.T) {
	d := optionsTree(t)
	for name, tt := range map[string]struct {
		file    string
		o       SendOptions
		headers []string
		want    http.Header
	}{
		"the zero value": {"b.txt", SendOptions{}, nil, http.Header{
			"Cache-Control": {"no-cache"}, "Vary": nil, "Referrer-Policy": nil, "Request-Id": nil, "Content-Encoding": nil,
			"Cross-Origin-Resource-Policy": {"same-origin"}, "Content-Disposition": {"inline; filename=b.txt"},
			"Last-Modified": {handlerTime.Format(http.TimeFormat)},
		}},
		"private": {"b.txt", SendOptions{Private: true}, nil, http.Header{
			"Cache-Control": {"private, no-cache"}, "Vary": {"Authorization, Cookie"}, "Referrer-Policy": {"no-referrer"},
		}},
		"private for a while": {"b.txt", SendOptions{Private: true, MaxAge: 90 * time.Second}, nil, http.Header{"Cache-Control": {"private, max-age=90"}}},
		"public for a while":  {"b.txt", SendOptions{MaxAge: time.Hour}, nil, http.Header{"Cache-Control": {"public, max-age=3600"}}},
		"cross origin":        {"b.txt", SendOptions{CrossOrigin: true}, nil, http.Header{"Cross-Origin-Resource-Policy": nil}},
		"request id":          {"b.txt", SendOptions{RequestID: "id-1"}, nil, http.Header{"Request-Id": {"id-1"}}},
		"no entity tag":       {"b.txt", SendOptions{NoETag: true}, nil, http.Header{"Etag": nil}},
		"no time":             {"b.txt", SendOptions{NoLastModified: true}, nil, http.Header{"Last-Modified": nil}},
		"a time of its own":   {"b.txt", SendOptions{LastModified: handlerTime.Add(-time.Hour)}, nil, http.Header{"Last-Modified": {handlerTime.Add(-time.Hour).Format(http.TimeFormat)}}},
		"a newer sibling": {"a.txt", SendOptions{Precompressed: true}, []string{"Accept-Encoding: gzip"}, http.Header{
			"Content-Encoding": {"gzip"}, "Last-Modified": {handlerTime.Add(time.Hour).Format(http.TimeFormat)}, "Content-Length": {"7"},
			"Vary": {"Accept-Encoding"}, "Content-Type": {"text/plain; charset=utf-8"}, "Content-Disposition": {"inline; filename=a.txt"},
		}},
		"a sibling and a tag of the caller's": {"a.txt", SendOptions{Precompressed: true, ETag: `"v1"`}, []string{"Accept-Encoding: gzip"}, http.Header{"Etag": {`"v1-gzip"`}}},
		"no sibling and a tag of the caller's": {"a.txt", SendOptions{Precompressed: true, ETag: `"v1"`}, nil, http.Header{
			"Etag": {`"v1"`}, "Content-Encoding": nil, "Vary": {"Accept-Encoding"},
		}},
		"type by the file's name, not the one offered": {"b.txt", SendOptions{DownloadName: "x.html"}, nil, http.Header{
			"Content-Type": {"text/plain; charset=utf-8"}, "Content-Security-Policy": nil, "Content-Disposition": {"inline; filename=x.html"},
		}},
		"an active type of the caller's":       {"b.txt", SendOptions{ContentType: "image/svg+xml"}, nil, http.Header{"Content-Security-Policy": {"sandbox"}, "Content-Type": {"image/svg+xml"}}},
		"an active type on a site":             {"b.txt", SendOptions{ContentType: "image/svg+xml", Site: true}, nil, http.Header{"Content-Security-Policy": nil}},
		"a page":                               {"page.html", SendOptions{}, nil, http.Header{"Content-Security-Policy": {"sandbox"}}},
		"a page that the caller calls a text":  {"page.html", SendOptions{ContentType: "text/plain"}, nil, http.Header{"Content-Security-Policy": nil}},
		"a page offered under a harmless name": {"page.html", SendOptions{DownloadName: "x.txt"}, nil, http.Header{"Content-Security-Policy": {"sandbox"}}},
	} {
		w := sendWith(t, d, http.MethodGet, tt.file, tt.o, tt.headers...)
		if w.Code != 200 {
			t.Errorf("%s: %d", name, w.Code)
		}
		for key, want := range tt.want {
			if got := w.Header()[key]; !slices.Equal(got, want) {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
	}
}

// The digest that the caller has is the file's: an encoded sibling is another representation (RFC 9530 2).
func TestSendDigest(t *testing.T) {
	d := optionsTree(t)
	sum := sha256.Sum256([]byte("plain"))
	o := SendOptions{SHA256: sum[:], Precompressed: true}
	want := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	if got := sendWith(t, d, http.MethodGet, "a.txt", o, "Want-Repr-Digest: sha-256=1").Header().Get("Repr-Digest"); got != want {
		t.Errorf("of the file: %q, want %q", got, want)
	}
	if got := sendWith(t, d, http.MethodGet, "a.txt", o, "Want-Repr-Digest: sha-256=1", "Accept-Encoding: gzip").Header().Get("Repr-Digest"); got != "" {
		t.Errorf("of the sibling: %q", got)
	}
}

// Where siblings share a date it is weak, and no range may hang on it (RFC 9110 13.1.5); the caller's tags of two
// representations never meet.
func TestSendSiblingValidators(t *testing.T) {
	d := optionsTree(t)
	date := "If-Range: " + handlerTime.Format(http.TimeFormat)
	if w := sendWith(t, d, http.MethodGet, "b.txt", SendOptions{}, "Range: bytes=0-0", date); w.Code != 206 {
		t.Errorf("a strong date: %d", w.Code)
	}
	if w := sendWith(t, d, http.MethodGet, "b.txt", SendOptions{Precompressed: true}, "Range: bytes=0-0", date); w.Code != 200 {
		t.Errorf("a weak date: %d", w.Code)
	}
	o := SendOptions{Precompressed: true, ETag: `"v1"`}
	if w := sendWith(t, d, http.MethodGet, "a.txt", o, "Accept-Encoding: gzip", `If-None-Match: "v1"`); w.Code != 200 {
		t.Errorf("the plain tag for the sibling: %d", w.Code)
	}
	if w := sendWith(t, d, http.MethodGet, "a.txt", o, "Accept-Encoding: gzip", `If-None-Match: "v1-gzip"`); w.Code != 304 {
		t.Errorf("the sibling's own tag: %d", w.Code)
	}
}

// A refusal by the plan has its page for GET, and for HEAD the fields of that page alone.
func TestSendRefusedByPlan(t *testing.T) {
	d := optionsTree(t)
	for _, tt := range []struct {
		header string
		status int
	}{{`If-Match: "x"`, 412}, {"Range: bytes=9-", 416}} {
		o := SendOptions{RequestID: "id-1", Private: true, Precompressed: true}
		get := sendWith(t, d, http.MethodGet, "a.txt", o, tt.header, "Accept: application/json")
		if get.Code != tt.status || !strings.Contains(get.Body.String(), `"request_id":"id-1"`) || !strings.HasPrefix(get.Header().Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %q", tt.header, get.Code, get.Body)
		}
		if v := get.Header().Get("Vary"); !strings.Contains(v, "Accept-Encoding") || !strings.Contains(v, "Cookie") {
			t.Errorf("%s: Vary %q", tt.header, v)
		}
		if tt.status == 416 {
			continue // a range is GET's alone (RFC 9110 14.2)
		}
		head := sendWith(t, d, http.MethodHead, "a.txt", o, tt.header, "Accept: application/json")
		if head.Code != tt.status || head.Body.Len() > 0 || head.Header().Get("Content-Length") != get.Header().Get("Content-Length") {
			t.Errorf("HEAD %s: %d, %d bytes, Content-Length %q", tt.header, head.Code, head.Body.Len(), head.Header().Get("Content-Length"))
		}
	}
	f, err := d.Open("a.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := f.Answer(&plan.Request{Method: http.MethodHead, IfMatch: `"x"`}, &SendOptions{})
	if err != nil || a.Plan.Status != 412 || len(a.Plan.Segments) > 0 {
		t.Errorf("the plan of a HEAD: %d with %d segments, %v", a.Plan.Status, len(a.Plan.Segments), err)
	}
}
