package corpustest

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// sent is a request as it goes out. The target is never cleaned.
type sent struct {
	Method, Target string
	Header         [][2]string
	Body           []byte
}

// encode makes the request's bytes for a case whose directories are beneath root.
func (r *Request) encode(t *testing.T, root string) sent {
	t.Helper()
	fill := func(s string) string { return strings.ReplaceAll(s, "{ROOT}", root) }
	out := sent{Method: r.Method, Target: fill(r.Target), Header: [][2]string{{"Host", "localhost"}}}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		out.Header = append(out.Header, [2]string{name, fill(r.Headers[name])})
	}
	contentType := ""
	switch {
	case r.Upload != nil:
		contentType, out.Body = r.multipart(t, fill)
	case r.Form != nil:
		values := url.Values{}
		for name, value := range r.Form {
			values.Set(name, fill(value))
		}
		contentType, out.Body = "application/x-www-form-urlencoded", []byte(values.Encode())
	case r.JSON != nil:
		contentType, out.Body = "application/json", []byte(fill(string(r.JSON)))
	default:
		return out
	}
	out.Header = append(out.Header, [2]string{"Content-Type", contentType}, [2]string{"Content-Length", fmt.Sprint(len(out.Body))})
	return out
}

func (r *Request) multipart(t *testing.T, fill func(string) string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range r.Form {
		must(t, w.WriteField(name, fill(value)))
	}
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, r.Upload.Field, r.Upload.Filename)},
		"Content-Type":        {"application/octet-stream"},
	})
	must(t, err)
	_, err = part.Write(r.Upload.bytes(t))
	must(t, err)
	must(t, w.Close())
	return w.FormDataContentType(), b.Bytes()
}

func (u *Upload) bytes(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	switch u.Archive {
	case "":
		return []byte(u.Content)
	case "zip":
		w := zip.NewWriter(&b)
		for name, text := range u.Entries {
			f, err := w.Create(name)
			must(t, err)
			_, err = io.WriteString(f, text)
			must(t, err)
		}
		must(t, w.Close())
	case "tar":
		w := tar.NewWriter(&b)
		for name, text := range u.Entries {
			must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
			_, err := io.WriteString(w, text)
			must(t, err)
		}
		must(t, w.Close())
	default:
		t.Fatalf("archive %q", u.Archive)
	}
	return b.Bytes()
}

// raw is the request as HTTP/1.1 writes it.
func (s sent) raw() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", s.Method, s.Target)
	for _, h := range s.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("Connection: close\r\n\r\n")
	b.Write(s.Body)
	return b.Bytes()
}

// ask sends the request to a server that runs and returns its answer.
func (s sent) ask(t *testing.T, network, addr string) answer {
	t.Helper()
	conn, err := net.Dial(network, addr)
	must(t, err)
	defer conn.Close()
	_, err = conn.Write(s.raw())
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	a := answer{Status: resp.StatusCode, Body: body}
	for name, values := range resp.Header {
		a.Header = append(a.Header, [2]string{name, values[0]})
	}
	return a
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
