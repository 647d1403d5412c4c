package plan

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"time"
)

// A failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// The file of most tests.
var (
	written = time.Date(2024, 2, 29, 12, 0, 0, 500_000_000, time.UTC)
	content = pattern(1000)
)

const writtenDate = "Thu, 29 Feb 2024 12:00:00 GMT"

// pattern gives n bytes of which no two neighbourhoods are alike, so that a wrong offset shows.
func pattern(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = append(b, strconv.Itoa(i)...)
		b = append(b, ' ')
	}
	return b[:n]
}

func testFile() *File {
	return &File{Size: int64(len(content)), ModTime: written, ETag: `"v1"`, ContentType: "text/plain"}
}

// get gives a field's value, "" for none; the test fails where there are two.
func get(t failer, p Plan, name string) string {
	t.Helper()
	var values []string
	for _, f := range p.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	if len(values) > 1 {
		t.Errorf("%d fields named %s: %q", len(values), name, values)
	}
	return strings.Join(values, ", ")
}

// render carries the segments out on a file in memory.
func render(t failer, p Plan, file []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, s := range p.Segments {
		if s.Text != "" {
			b.WriteString(s.Text)
			continue
		}
		if s.Off < 0 || s.Len <= 0 || s.Off > int64(len(file)) || s.Len > int64(len(file))-s.Off {
			t.Fatalf("segment %+v is not within a file of %d bytes", s, len(file))
		}
		b.Write(file[s.Off : s.Off+s.Len])
	}
	return b.Bytes()
}

// part is one range as a client finds it in a 206.
type part struct {
	Range, Type string
	Body        string
}

// partsOf reads a 206 as a client does: one part, or those of a multipart body by the standard library's reader.
func partsOf(t failer, contentType, contentRange string, body []byte) []part {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/byteranges" {
		return []part{{contentRange, contentType, string(body)}}
	}
	if contentRange != "" {
		t.Errorf("a multipart answer has Content-Range: %s in its head (15.3.7.2)", contentRange)
	}
	var parts []part
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatalf("multipart body: %v", err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatalf("multipart body: %v", err)
		}
		parts = append(parts, part{p.Header.Get("Content-Range"), p.Header.Get("Content-Type"), string(b)})
	}
}

// spanOf reads "bytes 0-9/100" for a file of that size.
func spanOf(t failer, contentRange string, size int64) span {
	t.Helper()
	first, rest, _ := strings.Cut(strings.TrimPrefix(contentRange, "bytes "), "-")
	last, total, _ := strings.Cut(rest, "/")
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	n, err3 := strconv.ParseInt(total, 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || from > to || to >= size || n != size {
		t.Fatalf("Content-Range %q does not fit a file of %d bytes", contentRange, size)
	}
	return span{from, to - from + 1}
}

// checkPlan checks what holds for every plan.
func checkPlan(t failer, r *Request, f *File, p Plan) {
	t.Helper()
	var total, fileBytes int64
	for _, s := range p.Segments {
		if s.Text != "" {
			if s.Off != 0 || s.Len != 0 {
				t.Errorf("segment %+v is text and file at once", s)
			}
			total += int64(len(s.Text))
			continue
		}
		if s.Off < 0 || s.Len <= 0 || s.Off > f.Size || s.Len > f.Size-s.Off {
			t.Fatalf("segment %+v is not within a file of %d bytes", s, f.Size)
		}
		total += s.Len
		fileBytes += s.Len
	}
	if fileBytes > f.Size || fileBytes < 0 {
		t.Errorf("%d bytes of a file of %d", fileBytes, f.Size)
	}
	if r.Method != "HEAD" && total != p.Length {
		t.Errorf("segments of %d bytes, Length %d", total, p.Length)
	}
	if r.Method == "HEAD" && p.Segments != nil {
		t.Errorf("segments %v for HEAD", p.Segments)
	}
	if get(t, p, "X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d without nosniff", p.Status)
	}
	checkStatus(t, f, p)
}

func checkStatus(t failer, f *File, p Plan) {
	t.Helper()
	contentRange, length := get(t, p, "Content-Range"), get(t, p, "Content-Length")
	if (p.Reason != "") != (p.Status >= 400) {
		t.Errorf("%d with reason %q", p.Status, p.Reason)
	}
	switch p.Status {
	case 200:
		if contentRange != "" || length != strconv.FormatInt(f.Size, 10) || p.Length != f.Size {
			t.Errorf("200 with Content-Range %q, Content-Length %q, Length %d of %d", contentRange, length, p.Length, f.Size)
		}
	case 206:
		if length != strconv.FormatInt(p.Length, 10) {
			t.Errorf("206 with Content-Length %q, Length %d", length, p.Length)
		}
		if len(p.Segments) == 1 {
			s := spanOf(t, contentRange, f.Size)
			if got := p.Segments[0]; got.Off != s.off || got.Len != s.n {
				t.Errorf("segment %+v, Content-Range %q", got, contentRange)
			}
		} else if contentRange != "" || len(p.Segments) < 5 || len(p.Segments) > 2*maxRanges+1 {
			t.Errorf("206 with %d segments, Content-Range %q", len(p.Segments), contentRange)
		}
	case 416:
		if contentRange != "bytes */"+strconv.FormatInt(f.Size, 10) {
			t.Errorf("416 with Content-Range %q", contentRange)
		}
		fallthrough
	case 204, 304, 405, 412, 501:
		if length != "" || get(t, p, "Content-Type") != "" || p.Length != 0 || p.Segments != nil {
			t.Errorf("%d with content: %+v", p.Status, p)
		}
	default:
		t.Errorf("status %d", p.Status)
	}
}
