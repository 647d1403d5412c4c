package rootbound

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/tree"
)

// ignoredSiblings are siblings that must not be sent. In the entry, NAME is the sibling's own name.
var ignoredSiblings = []struct {
	name, entry string
	cfg         Config
	control     func(t *testing.T, path string) string
}{
	{"link-out", "NAME => OUT/canary.txt", Config{}, readSibling},
	{"link-out-within", "NAME => OUT/canary.txt", Config{Symlinks: SymlinksWithin}, readSibling},
	{"relative-link-out", "NAME => ../outside/canary.txt", Config{Symlinks: SymlinksWithin}, readSibling},
	{"link-in", "NAME => other.txt", Config{}, readSibling},
	{"link-to-hidden", "NAME => .env", Config{Symlinks: SymlinksWithin}, readSibling},
	{"link-to-denied", "NAME => the.key", Config{Symlinks: SymlinksWithin, Deny: []string{"*.key"}}, readSibling},
	{"denied", "NAME=" + canary, Config{Deny: []string{"*.gz", "*.br", "*.zst"}}, readSibling},
	{"hard-link", "NAME == other.txt", Config{Hardlinks: HardlinksRefuse}, readSibling},
	{"FIFO", "NAME |", Config{}, readFIFO},
	{"directory", "NAME/canary.txt=" + canary, Config{}, func(t *testing.T, path string) string {
		return readSibling(t, filepath.Join(path, "canary.txt"))
	}},
	{"older", "NAME=" + canary, Config{}, func(t *testing.T, path string) string {
		old := time.Now().Add(-48 * time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		return readSibling(t, path)
	}},
}

// readSibling is the control: join, and open by path.
func readSibling(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// readFIFO is the control for what blocks: it waits in open(2) until somebody writes, which the test does.
func readFIFO(t *testing.T, path string) string {
	t.Helper()
	got := make(chan string)
	go func() {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		got <- string(b)
	}()
	w, err := os.OpenFile(path, os.O_WRONLY, 0) // returns once the control has opened the other end
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(canary); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	return <-got
}

func TestPrecompressedIgnored(t *testing.T) {
	for _, tt := range ignoredSiblings {
		t.Run(tt.name, func(t *testing.T) {
			for _, s := range siblings {
				base := world(t, "page.html="+inside, "other.txt="+canary, ".env="+canary, "the.key="+canary)
				yesterday := time.Now().Add(-24 * time.Hour)
				if err := os.Chtimes(filepath.Join(base, "page.html"), yesterday, yesterday); err != nil {
					t.Fatal(err)
				}
				tree.Make(t, base, expand(strings.ReplaceAll(tt.entry, "NAME", "page.html"+s.suffix), base))
				if got := tt.control(t, filepath.Join(base, "page.html"+s.suffix)); !strings.Contains(got, canary) {
					t.Errorf("control: %s = %q, want the canary, or this proves nothing", s.suffix, got)
				}
				both(t, func(t *testing.T, noOpenat2 bool) {
					cfg := tt.cfg
					cfg.noOpenat2 = noOpenat2
					h := openBaseDir(t, base, cfg).Handler(HandlerConfig{Send: SendOptions{Precompressed: true}})
					for _, accept := range []string{s.coding, "*", s.coding + ", identity;q=0"} {
						for _, method := range []string{http.MethodGet, http.MethodHead} {
							checkIgnored(t, h, method, accept)
						}
					}
				})
			}
		})
	}
}

// checkIgnored asks for a page and wants the plain one.
func checkIgnored(t *testing.T, h http.Handler, method, accept string) {
	t.Helper()
	r := httptest.NewRequest(method, "/page.html", nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body := inside
	if method == http.MethodHead {
		body = ""
	}
	if w.Code != 200 || w.Body.String() != body || w.Header().Get("Content-Encoding") != "" || w.Header().Get("Vary") != "Accept-Encoding" || w.Header().Get("Content-Length") != "6" {
		t.Errorf("%s with %q: %d %q %v", method, accept, w.Code, w.Body, w.Header())
	}
}

// TestPrecompressedSent: what the table above ignores for a reason is sent without it.
func TestPrecompressedSent(t *testing.T) {
	yesterday := time.Now().Add(-24 * time.Hour)
	for name, tt := range map[string]struct {
		cfg   Config
		entry string
	}{
		"plain":               {Config{}, "page.html.gz=encoded"},
		"same time":           {Config{}, "page.html.gz=encoded"},
		"link inside":         {Config{Symlinks: SymlinksWithin}, "page.html.gz => the.gz"},
		"absolute link":       {Config{Symlinks: SymlinksWithin}, "page.html.gz => BASE/the.gz"},
		"hard link":           {Config{}, "page.html.gz == the.gz"},
		"not allowed by name": {Config{Allow: []string{"*.html"}}, "page.html.gz=encoded"},
	} {
		t.Run(name, func(t *testing.T) {
			base := world(t, "page.html="+inside, "the.gz=encoded")
			tree.Make(t, base, expand(tt.entry, base))
			when := yesterday
			if name == "same time" {
				when = time.Now()
				if err := os.Chtimes(filepath.Join(base, "page.html.gz"), when, when); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chtimes(filepath.Join(base, "page.html"), when, when); err != nil {
				t.Fatal(err)
			}
			both(t, func(t *testing.T, noOpenat2 bool) {
				tt.cfg.noOpenat2 = noOpenat2
				d := openBaseDir(t, base, tt.cfg)
				r := httptest.NewRequest(http.MethodGet, "/page.html", nil)
				r.Header.Set("Accept-Encoding", "gzip")
				w := httptest.NewRecorder()
				if err := d.Send(w, r, "page.html", SendOptions{Precompressed: true}); err != nil {
					t.Fatal(err)
				}
				if w.Body.String() != "encoded" || w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
					t.Errorf("%q %v", w.Body, w.Header())
				}
			})
		})
	}
}
