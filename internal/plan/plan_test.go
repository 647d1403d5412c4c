package plan

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/reason"
)

const (
	earlier = "Thu, 29 Feb 2024 11:59:59 GMT"
	later   = "Thu, 29 Feb 2024 12:00:01 GMT"
)

// with returns a GET with some fields.
func with(set func(*Request)) Request {
	r := Request{Method: "GET"}
	set(&r)
	return r
}

func file(set func(*File)) File {
	f := *testFile()
	set(&f)
	return f
}

func weakFile() File { return file(func(f *File) { f.ETag = `W/"v1"` }) }

func bareFile() File {
	return file(func(f *File) { f.ETag, f.ModTime = "", time.Time{} })
}

// TestConditions walks through 13.1 and 13.2.2. want is the status, or for a range 206.
func TestConditions(t *testing.T) {
	f := *testFile()
	tests := []struct {
		section, name string
		req           Request
		file          File
		want          int
	}{
		{"13.1.1", "star", with(func(r *Request) { r.IfMatch = "*" }), f, 200},
		{"13.1.1", "star, no tag", with(func(r *Request) { r.IfMatch = "*" }), bareFile(), 200},
		{"13.1.1", "star, weak tag", with(func(r *Request) { r.IfMatch = "*" }), weakFile(), 200},
		{"13.1.1", "match", with(func(r *Request) { r.IfMatch = `"v1"` }), f, 200},
		{"13.1.1", "backslash is no escape", with(func(r *Request) { r.IfMatch = `"a,\"b" , W/"c",, "v1"` }), f, 412},
		{"13.1.1", "match first in list", with(func(r *Request) { r.IfMatch = `"v1", "v2"` }), f, 200},
		{"13.1.1", "commas in quotes", with(func(r *Request) { r.IfMatch = `"a,b" , W/"c",, "v1"` }), f, 200},
		{"13.1.1", "tag inside a tag", with(func(r *Request) { r.IfMatch = `"x,"v1",y"` }), f, 412},
		{"13.1.1", "no match", with(func(r *Request) { r.IfMatch = `"v2"` }), f, 412},
		{"13.1.1", "no tag to match", with(func(r *Request) { r.IfMatch = `"v1"` }), bareFile(), 412},
		{"13.1.1", "empty list", with(func(r *Request) { r.IfMatch = ` , ` }), f, 412},
		{"13.1.1", "star twice", with(func(r *Request) { r.IfMatch = `*, *` }), f, 412},
		{"13.1.1", "fault after match", with(func(r *Request) { r.IfMatch = `"v1", v2` }), f, 412},
		{"8.8.3.2", "weak in request", with(func(r *Request) { r.IfMatch = `W/"v1"` }), f, 412},
		{"8.8.3.2", "weak in file", with(func(r *Request) { r.IfMatch = `"v1"` }), weakFile(), 412},
		{"8.8.3.2", "weak in both", with(func(r *Request) { r.IfMatch = `W/"v1"` }), weakFile(), 412},
		{"8.8.3", "control character", with(func(r *Request) { r.IfMatch = "\"v1\", \"a\x01\"" }), f, 412},
		{"8.8.3", "space", with(func(r *Request) { r.IfMatch = `"v1", "a b"` }), f, 412},
		{"8.8.3", "delete", with(func(r *Request) { r.IfMatch = "\"v1\", \"a\x7f\"" }), f, 412},
		{"8.8.3", "obs-text", with(func(r *Request) { r.IfMatch = "\"\xff\", \"v1\"" }), f, 200},

		{"13.1.2", "star", with(func(r *Request) { r.IfNoneMatch = "*" }), f, 304},
		{"13.1.2", "star, no tag", with(func(r *Request) { r.IfNoneMatch = "*" }), bareFile(), 304},
		{"13.1.2", "match", with(func(r *Request) { r.IfNoneMatch = `"v1"` }), f, 304},
		{"13.1.2", "match on HEAD", Request{Method: "HEAD", IfNoneMatch: `"v1"`}, f, 304},
		{"13.1.2", "weak match", with(func(r *Request) { r.IfNoneMatch = `W/"v1"` }), f, 304},
		{"13.1.2", "weak file", with(func(r *Request) { r.IfNoneMatch = `"x", "v1"` }), weakFile(), 304},
		{"13.1.2", "no match", with(func(r *Request) { r.IfNoneMatch = `"v2"` }), f, 200},
		{"13.1.2", "no tag", with(func(r *Request) { r.IfNoneMatch = `""` }), bareFile(), 200},
		{"13.1.2", "fault after match", with(func(r *Request) { r.IfNoneMatch = `"v1", "` }), f, 200},
		{"13.1.2", "star in list", with(func(r *Request) { r.IfNoneMatch = `"a", *` }), f, 200},

		{"13.1.3", "equal", with(func(r *Request) { r.IfModifiedSince = writtenDate }), f, 304},
		{"13.1.3", "later", with(func(r *Request) { r.IfModifiedSince = later }), f, 304},
		{"13.1.3", "earlier", with(func(r *Request) { r.IfModifiedSince = earlier }), f, 200},
		{"13.1.3", "no date", with(func(r *Request) { r.IfModifiedSince = "now" }), f, 200},
		{"13.1.3", "two dates", with(func(r *Request) { r.IfModifiedSince = later + ", " + later }), f, 200},
		{"13.1.3", "no modification date", with(func(r *Request) { r.IfModifiedSince = later }), bareFile(), 200},
		{"13.1.3", "If-None-Match beside", with(func(r *Request) { r.IfNoneMatch, r.IfModifiedSince = `"v2"`, later }), f, 200},

		{"13.1.4", "equal", with(func(r *Request) { r.IfUnmodifiedSince = writtenDate }), f, 200},
		{"13.1.4", "earlier", with(func(r *Request) { r.IfUnmodifiedSince = earlier }), f, 412},
		{"13.1.4", "earlier on HEAD", Request{Method: "HEAD", IfUnmodifiedSince: earlier}, f, 412},
		{"13.1.4", "no date", with(func(r *Request) { r.IfUnmodifiedSince = "now" }), f, 200},
		{"13.1.4", "no modification date", with(func(r *Request) { r.IfUnmodifiedSince = earlier }), bareFile(), 200},
		{"13.1.4", "If-Match beside", with(func(r *Request) { r.IfMatch, r.IfUnmodifiedSince = `"v1"`, earlier }), f, 200},

		{"13.2.2", "412 before 304", with(func(r *Request) { r.IfMatch, r.IfNoneMatch = `"v2"`, `"v1"` }), f, 412},
		{"13.2.2", "304 after a true If-Match", with(func(r *Request) { r.IfMatch, r.IfNoneMatch = `"v1"`, `"v1"` }), f, 304},
		{"13.2.2", "304 before 416", with(func(r *Request) { r.IfNoneMatch, r.Range = `"v1"`, "bytes=5000-" }), f, 304},
		{"13.2.2", "412 before 416", with(func(r *Request) { r.IfMatch, r.Range = `"v2"`, "bytes=5000-" }), f, 412},
		{"13.2.1", "OPTIONS has no preconditions", Request{Method: "OPTIONS", IfMatch: `"v2"`}, f, 204},

		{"13.1.5", "tag", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", `"v1"` }), f, 206},
		{"13.1.5", "other tag", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", `"v2"` }), f, 200},
		{"13.1.5", "weak tag", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", `W/"v1"` }), weakFile(), 200},
		{"13.1.5", "list of tags", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", `"v1", "v1"` }), f, 200},
		{"13.1.5", "no tag to match", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", `""` }), bareFile(), 200},
		{"13.1.5", "date", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", writtenDate }), f, 206},
		{"13.1.5", "later date", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", later }), f, 200},
		{"13.1.5", "weak date", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", writtenDate }), weakFile(), 200},
		{
			"13.1.5", "weak date, no tag", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", writtenDate }),
			file(func(f *File) { f.ETag, f.WeakDate = "", true }), 200,
		},
		{"13.1.5", "neither", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", "*" }), f, 200},
		{"13.1.5", "false before 416", with(func(r *Request) { r.Range, r.IfRange = "bytes=5000-", `"v2"` }), f, 200},
		{"14.2", "true and unsatisfiable", with(func(r *Request) { r.Range, r.IfRange = "bytes=5000-", `"v1"` }), f, 416},
		{"13.1.5", "without Range", with(func(r *Request) { r.IfRange = `"v2"` }), f, 200},
	}
	for _, tt := range tests {
		t.Run(tt.section+" "+tt.name, func(t *testing.T) {
			p := Make(&tt.req, &tt.file, &Options{})
			checkPlan(t, &tt.req, &tt.file, p)
			if p.Status != tt.want {
				t.Errorf("Make(%+v) = %d, want %d", tt.req, p.Status, tt.want)
			}
		})
	}
}

// TestRanges walks through 14.1 and 14.2: what the file of size bytes is asked for, and the spans that are sent.
func TestRanges(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("0-0,", maxRanges), ",")
	tests := []struct {
		section, field string
		size           int64
		want           []span
		found          outcome
	}{
		{"14.1.2", "bytes=0-499", 1000, []span{{0, 500}}, satisfiable},
		{"14.1.2", "bytes=500-999", 1000, []span{{500, 500}}, satisfiable},
		{"14.1.2", "bytes=500-", 1000, []span{{500, 500}}, satisfiable},
		{"14.1.2", "bytes=500-1000", 1000, []span{{500, 500}}, satisfiable},
		{"14.1.2", "bytes=-500", 1000, []span{{500, 500}}, satisfiable},
		{"14.1.2", "bytes=-5000", 1000, []span{{0, 1000}}, satisfiable},
		{"14.1.2", "bytes=0-0,-1", 1000, []span{{0, 1}, {999, 1}}, satisfiable},
		{"14.1.2", "bytes= 0-99, 450-549, -100", 1000, []span{{0, 100}, {450, 100}, {900, 100}}, satisfiable},
		{"14.1.2", "bytes=500-600,601-999", 1000, []span{{500, 500}}, satisfiable},
		{"14.1.2", "bytes=500-700,601-999", 1000, []span{{500, 500}}, satisfiable},
		{"14.1.2", "bytes=-0", 1000, nil, unsatisfiable},
		{"14.1.2", "bytes=-0,1000-", 1000, nil, unsatisfiable},
		{"14.1.2", "bytes=1000-", 1000, nil, unsatisfiable},
		{"14.1.2", "bytes=999-", 1000, []span{{999, 1}}, satisfiable},
		{"14.1.2", "bytes=5000-,0-0", 1000, []span{{0, 1}}, satisfiable},
		{"14.1.2", "bytes=0-", 0, nil, unsatisfiable},
		{"14.1.2", "bytes=-0", 0, nil, unsatisfiable},
		{"14.1.2", "bytes=-5", 0, nil, ignored},
		{"14.1.2", "bytes=0-0,-5", 0, nil, ignored},
		{"14.1.2", "bytes=000000000000000000000000000001-00000000000000000000000000000002", 10, []span{{1, 2}}, satisfiable},
		{"14.1.2", "bytes=0-9223372036854775807", 1 << 62, []span{{0, 1 << 62}}, satisfiable},
		{"14.1.2", "bytes=0-9223372036854775808", 1000, []span{{0, 1000}}, satisfiable},
		{"14.1.2", "bytes=-18446744073709551617", 1000, []span{{0, 1000}}, satisfiable},
		{"14.1.2", "bytes=18446744073709551616-", 1000, nil, unsatisfiable},
		{"14.1.2", "bytes=9223372036854775806-", 9223372036854775807, []span{{9223372036854775806, 1}}, satisfiable},
		{"14.1.1", "bytes=5-4", 1000, nil, ignored},
		{"14.1.1", "bytes=18446744073709551617-18446744073709551616", 1000, nil, ignored},
		{"14.1.1", "bytes=0-1,5-4", 1000, nil, ignored},
		{"14.1.1", "bytes=0-1,1", 1000, nil, ignored},
		{"14.1.1", "bytes=", 1000, nil, ignored},
		{"14.1.1", "bytes=-", 1000, nil, ignored},
		{"14.1.1", "bytes=--1", 1000, nil, ignored},
		{"14.1.1", "bytes=0-1-2", 1000, nil, ignored},
		{"14.1.1", "bytes=+0-1", 1000, nil, ignored},
		{"14.1.1", "bytes=0-\u0661", 1000, nil, ignored},
		{"14.1.1", "bytes=0 -1", 1000, nil, ignored},
		{"14.1.1", "bytes=0-1;2-3", 1000, nil, ignored},
		{"14.1", "BYTES=0-1", 1000, []span{{0, 2}}, satisfiable},
		{"14.1", "bytes =0-1", 1000, nil, ignored},
		{"14.1", "bytes:0-1", 1000, nil, ignored},
		{"14.2", "seconds=0-1", 1000, nil, ignored},
		{"5.6.1.2", "bytes=0-1,,3-4, ,", 1000, []span{{0, 2}, {3, 2}}, satisfiable},
		{"5.6.1.2", "bytes=,\t,0-1", 1000, []span{{0, 2}}, satisfiable},
		{"5.6.1.2", "bytes=,", 1000, nil, ignored},
		{"15.3.7.2", "bytes=20-29,0-9", 1000, []span{{20, 10}, {0, 10}}, satisfiable},
		{"15.3.7.2", "bytes=20-29,0-9,25-34", 1000, []span{{20, 15}, {0, 10}}, satisfiable},
		{"15.3.7.2", "bytes=50-59,0-9,20-29,8-22", 1000, []span{{50, 10}, {0, 30}}, satisfiable},
		{"15.3.7.2", "bytes=20-29,0-9,10-19", 1000, []span{{0, 30}}, satisfiable},
		{"15.3.7.2", "bytes=0-9,11-19", 1000, []span{{0, 10}, {11, 9}}, satisfiable},
		{"17.15", "bytes=" + many, 1000, []span{{0, 1}}, satisfiable},
		{"17.15", "bytes=" + many + ",0-0", 1000, nil, ignored},
		{"17.15", "bytes=" + many + ",5000-", 1000, nil, ignored},
		{"17.15", "bytes=0-,0-", 1000, nil, ignored},
		{"17.15", "bytes=0-499,500-999", 1000, []span{{0, 1000}}, satisfiable},
		{"17.15", "bytes=0-499,499-999", 1000, nil, ignored},
		{"17.15", "bytes=0-,0-,0-", 9223372036854775807, nil, ignored},
	}
	for _, tt := range tests {
		got, found := parseRange(tt.field, tt.size, nil)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(span{})); diff != "" || found != tt.found {
			t.Errorf("%s: parseRange(%q, %d) = %v, want %v\n%s", tt.section, tt.field, tt.size, found, tt.found, diff)
		}
	}
}

// TestFields holds every field of every kind of answer, in order.
func TestFields(t *testing.T) {
	f := testFile()
	f.ContentEncoding = "gzip"
	sum := sha256.Sum256(content)
	f.SHA256 = sum[:]
	o := &Options{
		Disposition: "inline", CacheControl: "max-age=60", ContentSecurityPolicy: "sandbox",
		Vary:     []string{"Accept-Encoding", "Cookie"},
		Extra:    []Field{{"Expires", later}, {"Cross-Origin-Resource-Policy", "same-origin"}},
		Boundary: func() string { return "BOUNDARY" },
	}
	common := func(ctype, length string, contentRange ...Field) []Field {
		fields := append([]Field{{"Content-Type", ctype}, {"Content-Length", length}}, contentRange...)
		return append(fields, []Field{
			{"Content-Encoding", "gzip"},
			{"Content-Disposition", "inline"},
			{"ETag", `"v1"`},
			{"Last-Modified", writtenDate},
			{"Accept-Ranges", "bytes"},
			{"Cache-Control", "max-age=60"},
			{"Vary", "Accept-Encoding, Cookie"},
			{"X-Content-Type-Options", "nosniff"},
			{"Content-Security-Policy", "sandbox"},
			{"Repr-Digest", "sha-256=:Ono3Bso4nmEf5++iLyoESapbHFk6QjYiWXi5AIBuIao=:"},
			{"Expires", later},
			{"Cross-Origin-Resource-Policy", "same-origin"},
		}...)
	}
	refused := []Field{{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}}
	allowed := Field{"Allow", "GET, HEAD, OPTIONS"}
	framing := "--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-9/1000\r\n\r\n"
	framing2 := "\r\n--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 20-29/1000\r\n\r\n"
	tests := []struct {
		name string
		req  Request
		want Plan
	}{
		{"200", with(func(*Request) {}), Plan{
			Status: 200, Fields: common("text/plain", "1000"), Segments: []Segment{{Len: 1000}}, Length: 1000,
		}},
		{"HEAD", Request{Method: "HEAD", Range: "bytes=0-9"}, Plan{
			Status: 200, Fields: common("text/plain", "1000"), Length: 1000,
		}},
		{"206", with(func(r *Request) { r.Range = "bytes=10-19" }), Plan{
			Status: 206, Fields: common("text/plain", "10", Field{"Content-Range", "bytes 10-19/1000"}),
			Segments: []Segment{{Off: 10, Len: 10}}, Length: 10,
		}},
		{"206 multipart", with(func(r *Request) { r.Range = "bytes=0-9,20-29" }), Plan{
			Status: 206, Fields: common("multipart/byteranges; boundary=BOUNDARY", "182"),
			Segments: []Segment{
				{Text: framing},
				{Off: 0, Len: 10},
				{Text: framing2},
				{Off: 20, Len: 10},
				{Text: "\r\n--BOUNDARY--\r\n"},
			},
			Length: 182,
		}},
		{"304", with(func(r *Request) { r.IfNoneMatch = `"v1"` }), Plan{Status: 304, Fields: []Field{
			{"ETag", `"v1"`},
			{"Cache-Control", "max-age=60"},
			{"Vary", "Accept-Encoding, Cookie"},
			{"X-Content-Type-Options", "nosniff"},
			{"Expires", later},
			{"Cross-Origin-Resource-Policy", "same-origin"},
		}}},
		{"412", with(func(r *Request) { r.IfMatch = `"v2"` }), Plan{
			Status: 412, Fields: refused, Reason: reason.PreconditionFailed,
		}},
		{"416", with(func(r *Request) { r.Range = "bytes=1000-" }), Plan{
			Status: 416, Reason: reason.RangeUnsatisfiable,
			Fields: append([]Field{{"Content-Range", "bytes */1000"}, {"Accept-Ranges", "bytes"}}, refused...),
		}},
		{"204", Request{Method: "OPTIONS"}, Plan{
			Status: 204, Fields: []Field{allowed, {"X-Content-Type-Options", "nosniff"}},
		}},
		{"405", Request{Method: "PUT"}, Plan{
			Status: 405, Fields: append([]Field{allowed}, refused...), Reason: reason.MethodNotAllowed,
		}},
		{"501", Request{Method: "get"}, Plan{Status: 501, Fields: refused, Reason: reason.MethodUnknown}},
	}
	for _, tt := range tests {
		tt.req.WantReprDigest = "sha-256=1"
		got := Make(&tt.req, f, o)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		checkPlan(t, &tt.req, f, got)
	}
}

func TestOptions(t *testing.T) {
	f := testFile()
	tests := []struct {
		name       string
		req        Request
		opts       Options
		status     int
		field, has string
	}{
		{"no range", with(func(r *Request) { r.Range = "bytes=0-9" }), Options{NoRange: true}, 200, "Accept-Ranges", ""},
		{"no conditional", with(func(r *Request) { r.IfNoneMatch = "*" }), Options{NoConditional: true}, 200, "ETag", `"v1"`},
		{
			"no conditional keeps If-Range", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", `"v2"` }),
			Options{NoConditional: true},
			200, "Accept-Ranges", "bytes",
		},
		{
			"no Last-Modified", with(func(r *Request) { r.IfModifiedSince = later }),
			Options{NoLastModified: true},
			200,
			"Last-Modified", "",
		},
		{
			"no Last-Modified, If-Range", with(func(r *Request) { r.Range, r.IfRange = "bytes=0-9", writtenDate }),
			Options{NoLastModified: true},
			200, "Last-Modified", "",
		},
		{"bare", with(func(*Request) {}), Options{}, 200, "Cache-Control", ""},
	}
	for _, tt := range tests {
		p := Make(&tt.req, f, &tt.opts)
		checkPlan(t, &tt.req, f, p)
		if got := get(t, p, tt.field); p.Status != tt.status || got != tt.has {
			t.Errorf("%s: %d with %s %q, want %d with %q", tt.name, p.Status, tt.field, got, tt.status, tt.has)
		}
	}
}

// TestLastModified: a 304 has it where there is no ETag (15.4.5), and no date that HTTP cannot write is sent.
func TestLastModified(t *testing.T) {
	f := file(func(f *File) { f.ETag = "" })
	r := with(func(r *Request) { r.IfModifiedSince = writtenDate })
	if p := Make(&r, &f, &Options{}); p.Status != 304 || get(t, p, "Last-Modified") != writtenDate {
		t.Errorf("without ETag: %+v", p)
	}
	tests := []struct {
		mtime time.Time
		want  string
	}{
		{time.Time{}, ""},
		{time.Unix(0, 0), "Thu, 01 Jan 1970 00:00:00 GMT"},
		{time.Unix(-1, 0), "Wed, 31 Dec 1969 23:59:59 GMT"},
		{time.Date(9999, 12, 31, 23, 59, 59, 999, time.UTC), "Fri, 31 Dec 9999 23:59:59 GMT"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{time.Unix(1<<55, 0), ""},
		{written.In(time.FixedZone("", 3600)), writtenDate},
	}
	for _, tt := range tests {
		f.ModTime = tt.mtime
		p := Make(&Request{Method: "GET"}, &f, &Options{})
		if got := get(t, p, "Last-Modified"); got != tt.want {
			t.Errorf("file of %v: Last-Modified %q, want %q", tt.mtime, got, tt.want)
		}
	}
}

// TestBoundary: without one given, boundaries are not foreseeable and not in the file.
func TestBoundary(t *testing.T) {
	r, f := with(func(r *Request) { r.Range = "bytes=0-9,20-29" }), testFile()
	seen := map[string]bool{}
	for range 100 {
		p := Make(&r, f, &Options{})
		_, boundary, ok := strings.Cut(get(t, p, "Content-Type"), "multipart/byteranges; boundary=")
		if !ok || len(boundary) < 22 || seen[boundary] || bytes.Contains(content, []byte(boundary)) {
			t.Fatalf("boundary %q, seen %v", boundary, seen[boundary])
		}
		seen[boundary] = true
	}
}
