package rootbound

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestActiveContent: what a browser may run script from is sent so that it cannot reach the site it came from, unless
// the operator says that the directory is a site. Content alone never makes a file active.
func TestActiveContent(t *testing.T) {
	script := []byte("<html><script>alert(1)</script></html>")
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	files := map[string][]byte{"page.html": script, "picture.svg": svg, "data.xml": svg, "noext": script, "plain.txt": script}
	base := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(base, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(base, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	get := func(name string, site bool) http.Header {
		w := httptest.NewRecorder()
		d.Handler(HandlerConfig{Send: SendOptions{Site: site}}).ServeHTTP(w, httptest.NewRequest("GET", "/"+name, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d", name, w.Code)
		}
		return w.Header()
	}
	for name := range files {
		active := name == "page.html" || name == "picture.svg" || name == "data.xml"
		for _, site := range []bool{false, true} {
			h := get(name, site)
			want := ""
			if active && !site {
				want = "sandbox"
			}
			if got := h.Get("Content-Security-Policy"); got != want {
				t.Errorf("%s (site %t): Content-Security-Policy %q, want %q", name, site, got, want)
			}
			if got := h.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("%s: X-Content-Type-Options %q", name, got)
			}
		}
		// The control: net/http's own server calls the same bytes a page.
		if name == "noext" && http.DetectContentType(script) != "text/html; charset=utf-8" {
			t.Error("the control does not take the content for a page")
		}
		if got := get("noext", false).Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("a page without an extension is sent as %q", got)
		}
	}
}
