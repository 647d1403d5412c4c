package server

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/testenv"
)

// plantRefused makes one name for each way in which the file system has nothing to give.
func plantRefused(t *testing.T, base string) []string {
	t.Helper()
	outside := filepath.Join(t.TempDir(), "outside")
	join := func(n string) string { return filepath.Join(base, n) }
	sock, err := net.Listen("unix", join("socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sock.Close() })
	err = errors.Join(
		os.WriteFile(outside, []byte("canary"), 0o644),
		os.Symlink(outside, join("escape")),
		os.Symlink("a.txt", join("inside")),
		os.Symlink("loop", join("loop")),
		os.Symlink(filepath.Dir(outside), join("dirlink")),
		os.Symlink("/dev/null", join("device")),
		os.Mkdir(join("dir"), 0o755),
		os.Mkdir(join("locked"), 0o755),
		os.WriteFile(join("locked/x"), []byte("x"), 0o644),
		os.Chmod(join("locked"), 0),
		os.WriteFile(join("unreadable"), []byte("x"), 0),
		mkfifo(join("fifo")),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(join("locked"), 0o755) })
	return []string{"/escape", "/inside", "/loop", "/dirlink/outside", "/dirlink", "/dirlink/", "/device", "/dir", "/dir/", "/locked/x", "/unreadable", "/socket", "/fifo", "/a.txt/", "/a.txt/x", "/missing/x"}
}

// The 404 is the same byte for byte and header for header, whatever the reason.
func TestUniform404(t *testing.T) {
	if !testenv.AsNobody(t) {
		return
	}
	for _, accept := range []string{"Accept: */*", "Accept: text/html", "Accept: application/json"} {
		for _, site := range []bool{false, true} {
			tree := map[string]string{"a.txt": "hello\n"}
			if site {
				tree["404.html"] = "<h1>not here"
			}
			s := serve(t, tree, func(u *setup) { u.cfg.Site = site })
			targets := plantRefused(t, s.base)
			for _, method := range []string{"GET", "HEAD"} {
				want := stripped(s.request(t, method, "/missing", accept))
				if want.Status != 404 {
					t.Fatalf("%s /missing = %d", method, want.Status)
				}
				for _, target := range targets {
					if got := stripped(s.request(t, method, target, accept)); !cmp.Equal(want, got) {
						t.Errorf("%s %s (site %v) differs from what is missing:\n%s", method, target, site, cmp.Diff(want, got))
					}
				}
			}
			for _, code := range []reason.Code{reason.Missing, reason.LinkRefused, reason.SpecialFile, reason.NotDirectory, reason.ListingOff, reason.Unreadable} {
				await(t, "the log to tell "+string(code), func() bool {
					return strings.Contains(s.log.String(), "reason="+string(code)+"\n") || strings.Contains(s.log.String(), "reason="+string(code)+" ")
				})
			}
			if strings.Contains(s.log.String(), "unforeseen") {
				t.Errorf("an error nobody foresaw:\n%s", s.log)
			}
		}
	}
}

type bare struct {
	Status int
	Header http.Header
	Body   string
}

// stripped takes out what may differ: the date and the request id, which has one length.
func stripped(a *attack.Answer) bare {
	h := maps.Clone(a.Header)
	id := h.Get("Request-Id")
	delete(h, "Date")
	delete(h, "Request-Id")
	return bare{a.Status, h, strings.ReplaceAll(string(a.Body), id, "ID")}
}
