package rootbound

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Siblings that were opened and not chosen are closed: a thousand answers leave as many descriptors as there were.
func TestSiblingsAreClosed(t *testing.T) {
	base := siblingSets(t)
	d := openBaseDir(t, base, Config{})
	before := openSiblings(t, base)
	for range 200 {
		for _, accept := range []string{"br, gzip, zstd", "br;q=0.1, gzip", "gzip;q=0, zstd;q=0, br", "identity"} {
			w := sendWith(t, d, http.MethodGet, "7/page.html", SendOptions{Precompressed: true}, "Accept-Encoding: "+accept)
			if w.Code != 200 || !bytes.Contains(w.Body.Bytes(), []byte("set 7")) {
				t.Fatalf("%s: %d %q", accept, w.Code, w.Body)
			}
		}
	}
	if after := openSiblings(t, base); after > before {
		t.Errorf("%d descriptors of files in the base before, %d after", before, after)
	}
}

// openSiblings counts this process's descriptors of files beneath a directory.
func openSiblings(t *testing.T, base string) (n int) {
	t.Helper()
	const dir = "/proc/self/fd/"
	fds, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, err := os.Readlink(dir + fd.Name()); err == nil && strings.HasPrefix(target, base+"/") {
			n++
		}
	}
	return n
}
