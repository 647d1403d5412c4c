package rootbound

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
)

// replacements is how often the file is replaced at least, for each containment.
const replacements = 1000

// version is one content of the file: its number over and over, a size of its own more often than not, and a time of
// its own, which makes its validators.
type version uint64

func (v version) size() int64     { return 128<<10 + 8*int64(v%7) }
func (v version) time() time.Time { return time.Unix(1_500_000_000+int64(v), 0) }
func (v version) etag() string    { return plan.ETag(v.size(), v.time(), false) }

// put replaces the file by this version as editors and deployments do: written beside it, then renamed over it.
func (v version) put(path string) error {
	next := path + ".next"
	b := bytes.Repeat(binary.BigEndian.AppendUint64(nil, uint64(v)), int(v.size()/8))
	if err := os.WriteFile(next, b, 0o644); err != nil {
		return err
	}
	if err := os.Chtimes(next, v.time(), v.time()); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// versionOf tells which version the bytes are of; an error says that they are of more than one.
func versionOf(b []byte) (version, error) {
	if len(b) < 16 || len(b)%8 != 0 {
		return 0, fmt.Errorf("%d bytes", len(b))
	}
	v := version(binary.BigEndian.Uint64(b))
	if !bytes.Equal(b[8:], b[:len(b)-8]) {
		return v, fmt.Errorf("version %d mixed with another", v)
	}
	return v, nil
}

// checkAnswer says of an answer which version it is; its body, validators and length must all be that version's.
func checkAnswer(res *http.Response) (version, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	parts := [][]byte{body}
	if kind, params, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind == "multipart/byteranges" {
		if parts, err = split(body, params["boundary"]); err != nil {
			return 0, err
		}
	}
	v, err := versionOf(parts[0])
	for _, p := range parts {
		if w, err := versionOf(p); err != nil || w != v {
			return v, fmt.Errorf("a part of version %d beside version %d: %w", w, v, err)
		}
	}
	switch {
	case err != nil:
		return v, err
	case res.Header.Get("ETag") != v.etag() || res.Header.Get("Last-Modified") != v.time().UTC().Format(http.TimeFormat):
		return v, fmt.Errorf("version %d as %s of %s", v, res.Header.Get("ETag"), res.Header.Get("Last-Modified"))
	case res.StatusCode == 200 && int64(len(body)) != v.size():
		return v, fmt.Errorf("version %d: %d bytes, want %d", v, len(body), v.size())
	case res.StatusCode != 200 && res.StatusCode != 206:
		return v, fmt.Errorf("status %d", res.StatusCode)
	}
	return v, nil
}

func split(body []byte, boundary string) (parts [][]byte, err error) {
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		p, err := r.NextPart()
		if err == io.EOF && len(parts) > 1 {
			return parts, nil
		}
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, b)
	}
}

// reader asks for the whole file, and then for parts of the version it got.
type reader struct {
	client                   *http.Client
	url                      string
	whole, partial, restarts *atomic.Int64 // restarts: a range was asked of a version that is gone
}

func (r *reader) round(i int) error {
	res, err := r.get()
	if err != nil {
		return err
	}
	v, err := checkAnswer(res)
	if err != nil {
		return err
	}
	r.whole.Add(1)
	validator := []string{v.etag(), v.time().UTC().Format(http.TimeFormat)}[i%2]
	ranges := []string{"bytes=65536-131071", "bytes=8-1007", "bytes=0-79999,100000-131071", "bytes=-8000"}[i%4]
	if res, err = r.get("Range", ranges, "If-Range", validator); err != nil {
		return err
	}
	got, err := checkAnswer(res)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", ranges, err)
	case res.StatusCode == 200:
		r.restarts.Add(1)
	case got != v:
		return fmt.Errorf("a part of version %d for one who has version %d", got, v)
	default:
		r.partial.Add(1)
	}
	return nil
}

func (r *reader) get(fields ...string) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	return r.client.Do(req)
}

// TestReplacedByRename: a file that is replaced while many ask for it is answered whole, in one version, under that
// version's validators, and a part is never given to one who has another version.
func TestReplacedByRename(t *testing.T) {
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t)
		path := filepath.Join(base, "f")
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		if err := version(1).put(path); err != nil {
			t.Fatal(err)
		}
		var whole, partial, restarts atomic.Int64
		var stop atomic.Bool
		var readers sync.WaitGroup
		for _, protocol := range protocols {
			client, url := startServer(t, protocol, d.Handler(HandlerConfig{}))
			r := &reader{client, url + "/f", &whole, &partial, &restarts}
			for first := range 2 {
				readers.Go(func() {
					for i := first; !stop.Load(); i++ {
						if err := r.round(i); err != nil {
							t.Errorf("%s: %v", protocol, err)
							return
						}
					}
				})
			}
		}
		v := version(1)
		for ; v <= replacements || v < 1000*replacements && !t.Failed() && (partial.Load() == 0 || restarts.Load() == 0); v++ {
			if err := (v + 1).put(path); err != nil {
				t.Error(err)
				break
			}
		}
		stop.Store(true)
		readers.Wait()
		fmt.Printf("note: replaced by rename: %s: %d replacements, %d whole answers, %d partial ones, %d asked for a part too late; none mixed\n",
			mechanism(useOpenat2(noOpenat2)), v-1, whole.Load(), partial.Load(), restarts.Load())
		if v <= replacements || partial.Load() == 0 || restarts.Load() == 0 {
			t.Errorf("%d replacements, %d partial, %d restarts: too little was tried", v-1, partial.Load(), restarts.Load())
		}
	})
}

// TestReplacedMidway: one whose file is replaced while it is sent gets the old one to its end.
func TestReplacedMidway(t *testing.T) {
	replace := func(path string) error {
		return os.Rename(path+".new", path)
	}
	gone := func(path string) error { return os.Remove(path) }
	both(t, func(t *testing.T, noOpenat2 bool) {
		base := world(t)
		path := filepath.Join(base, "f")
		d := openBaseDir(t, base, Config{noOpenat2: noOpenat2})
		for _, protocol := range protocols {
			client, url := startServer(t, protocol, d.Handler(HandlerConfig{}))
			for _, b := range bodies {
				for _, do := range []func(string) error{replace, gone} {
					mixed, err := midway(t, client, url+"/f", path, b.ranges, do)
					if mixed || err != nil {
						t.Errorf("%s, %s: mixed: %v, %v", protocol, b.name, mixed, err)
					}
				}
			}
		}
	})
	base := world(t)
	for _, protocol := range protocols {
		client, url := startServer(t, protocol, byPathForEachChunk(filepath.Join(base, "f")))
		if mixed, err := midway(t, client, url, filepath.Join(base, "f"), "", replace); !mixed || err != nil {
			t.Errorf("control: %s: mixed: %v, %v", protocol, mixed, err)
		}
	}
}

// midway reads the beginning of a file of As, has it replaced by Bs, and says whether what came has both.
func midway(t *testing.T, c *http.Client, url, path, ranges string, do func(path string) error) (mixed bool, err error) {
	t.Helper()
	writeOld(t, path, 'A')
	writeOld(t, path+".new", 'B')
	res, first := begin(t, c, url, "Range", ranges)
	if err := do(path); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(res.Body)
	if err == nil && int64(len(first)+len(rest)) != res.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	return bytes.Count(first, []byte("A")) > bodyStart/2 && bytes.Count(rest, []byte("B")) > bodyStart/2, err
}

// byPathForEachChunk is the control: it asks for the size by path, and then opens the path for each chunk.
func byPathForEachChunk(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fi, err := os.Stat(path)
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Length", itoa(fi.Size()))
		buf := make([]byte, 32<<10)
		for off := int64(0); off < fi.Size(); off += int64(len(buf)) {
			f, err := os.Open(path)
			if err != nil {
				panic(err)
			}
			n, _ := f.ReadAt(buf, off)
			_ = f.Close()
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
		}
	})
}
