package rootbound

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkSend is one client on one loopback connection, asking a Handler and the two file servers of the standard
// library for the same. It counts the client's work too, which is the same for all.
func BenchmarkSend(b *testing.B) {
	base := world(b)
	for name, size := range map[string]int{"1KiB": 1 << 10, "100KiB": 100 << 10, "10MiB": 10 << 20} {
		plantOld(b, filepath.Join(base, name), size)
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	peers := []struct {
		name string
		h    http.Handler
	}{
		{"rootbound", openBaseDir(b, base, Config{}).Handler(HandlerConfig{})},
		{"FileServerFS(os.Root)", http.FileServerFS(root.FS())},
		{"FileServer(http.Dir)", http.FileServer(http.Dir(base))},
	}
	for _, tt := range []struct {
		name, file, field, value string
		status                   int
	}{
		{"1KiB", "1KiB", "", "", 200},
		{"100KiB", "100KiB", "", "", 200},
		{"10MiB", "10MiB", "", "", 200},
		{"range", "10MiB", "Range", "bytes=1000000-1099999", 206},
		{"ranges", "10MiB", "Range", "bytes=0-49999,1000000-1049999", 206},
		{"304", "1KiB", "If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", 304},
		{"missing", "absent", "", "", 404},
	} {
		for _, peer := range peers {
			b.Run(tt.name+"/"+peer.name, func(b *testing.B) {
				client, url := startFast(b, peer.h)
				b.ReportAllocs()
				for b.Loop() {
					b.SetBytes(fetch(b, client, url+"/"+tt.file, tt.field, tt.value, tt.status))
				}
			})
		}
	}
}

// plantOld writes a file that was last changed an hour ago.
func plantOld(b *testing.B, path string, size int) {
	b.Helper()
	if err := os.WriteFile(path, bytes.Repeat([]byte("A"), size), 0o644); err != nil {
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		b.Fatal(err)
	}
}

// startFast serves h on plain HTTP, with the buffers that the system gives.
func startFast(b *testing.B, h http.Handler) (*http.Client, string) {
	b.Helper()
	s := httptest.NewServer(h)
	tr := &http.Transport{DisableCompression: true}
	b.Cleanup(func() {
		tr.CloseIdleConnections()
		s.Close()
	})
	return &http.Client{Transport: tr}, s.URL
}

func fetch(b *testing.B, c *http.Client, url, field, value string, status int) int64 {
	res := ask(b, c, url, field, value)
	n, err := io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != status {
		b.Fatalf("status %d, want %d; %v", res.StatusCode, status, err)
	}
	return n
}

// BenchmarkOpenLinks shows what an absolute link costs that has to be read and rewritten, by how deep it lies and by how
// many of them follow each other, beside a relative one, which the kernel follows by itself.
func BenchmarkOpenLinks(b *testing.B) {
	for _, depth := range []int{1, 8, 64} {
		base := world(b, linksAt(depth)...)
		for _, noOpenat2 := range []bool{false, true} {
			d := openBaseDir(b, base, Config{Symlinks: SymlinksWithin, noOpenat2: noOpenat2})
			for _, link := range []string{"plain", "rel", "abs", "abs8"} {
				b.Run(fmt.Sprintf("%s/depth=%d/%s", mechanism(useOpenat2(noOpenat2)), depth, link), func(b *testing.B) {
					name := deepDir(depth) + link
					for b.Loop() {
						f, err := d.Open(name)
						if err != nil {
							b.Fatal(err)
						}
						_ = f.Close()
					}
				})
			}
		}
	}
}

// deepDir is a directory at a depth, with a final slash.
func deepDir(depth int) string { return strings.Repeat("deep/", depth) }

// linksAt are a file and links to it in a directory at a depth; abs8 leads to it by 8 absolute links.
func linksAt(depth int) []string {
	dir := deepDir(depth)
	entries := []string{dir + "plain=" + inside, dir + "rel => plain", dir + "abs => BASE/" + dir + "plain"}
	next := "plain"
	for i := 1; i <= maxRewrites; i++ {
		name := fmt.Sprintf("abs%d", i)
		entries = append(entries, dir+name+" => BASE/"+dir+next)
		next = name
	}
	return entries
}
