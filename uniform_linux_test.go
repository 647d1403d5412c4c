package rootbound

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/tree"
)

// accepts are the forms a refusal has.
var accepts = map[string]string{
	"html": "text/html,application/xhtml+xml,*/*;q=0.8",
	"json": "application/json",
	"text": "text/plain",
	"none": "",
}

// refusedFiles is a base and what in it may not be told apart: names of things that are there, and of things that are not.
func refusedFiles(t *testing.T) (base string, names []string) {
	t.Helper()
	base = world(t, "plain.txt="+inside, "dir/x="+inside, "other="+inside, "hard == other",
		"out => ../outside/canary.txt", "outdir => ../outside", "absout => OUT/canary.txt", "dangling => nowhere", "danglingout => ../outside/nowhere",
		"loop => loop", "pipe |", "sock @", "topipe => pipe", "todir => dir")
	names = []string{
		"absent", "absent/x", "plain.txt/x", "dir", "hard", "out", "outdir", "outdir/canary.txt", "outdir/absent", "absout", "dangling", "danglingout",
		"loop", "loop/x", "pipe", "sock", "topipe", "todir", strings.Repeat("a/", 2047) + "b",
	}
	if tree.Devices() {
		tree.Make(t, base, "dev !")
		names = append(names, "dev")
	}
	return base, names
}

// TestUniformRefusals: whatever the file system holds instead of a file to serve, the answer is the same to the byte,
// by each way the library has of giving it.
func TestUniformRefusals(t *testing.T) {
	base, names := refusedFiles(t)
	checkUniform(t, base, names)
	controlUniform(t, base, names)
}

// TestUniformUnreadable: and so it is for what the process may not read or enter.
func TestUniformUnreadable(t *testing.T) {
	if !testenv.AsNobody(t) {
		return
	}
	base, names := refusedFiles(t)
	tree.Make(t, base, "secret="+canary, "locked/x="+canary, "tosecret => secret")
	for _, name := range []string{"secret", "locked"} {
		path := filepath.Join(base, name)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) })
		if _, err := os.ReadDir(path); err == nil {
			t.Fatal("the test may read everything")
		}
	}
	names = append(names, "secret", "locked", "locked/x", "locked/absent", "tosecret", "secret/x")
	checkUniform(t, base, names)
	controlUniform(t, base, names)
}

func checkUniform(t *testing.T, base string, names []string) {
	t.Helper()
	answers := map[string]string{} // by method and form: the one answer there is
	asked := 0
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, Hardlinks: HardlinksRefuse, noOpenat2: noOpenat2})
			for way, h := range waysToRefuse(d) {
				s := httptest.NewServer(h)
				t.Cleanup(s.Close)
				for form, accept := range accepts {
					for _, name := range names {
						get := rawRequest(t, s, "GET", "/"+name, accept)
						asked++
						switch want, ok := answers[form]; {
						case !ok && strings.HasPrefix(get, "HTTP/1.1 404 Not Found\r\n"):
							answers[form] = get
						case get != want:
							t.Fatalf("%s, %s, %s: GET %s differs:\n%s\nwant\n%s", way, links, form, name, get, want)
						}
						head, _, _ := strings.Cut(get, "\r\n\r\n")
						if got := rawRequest(t, s, "HEAD", "/"+name, accept); got != head+"\r\n\r\n" {
							t.Fatalf("%s, %s, %s: HEAD %s differs from GET:\n%s\nwant\n%s", way, links, form, name, got, head)
						}
					}
				}
				if got := rawRequest(t, s, "GET", "/plain.txt", ""); !strings.HasSuffix(got, "\r\n\r\n"+inside) {
					t.Errorf("%s: GET plain.txt = %q", way, got)
				}
				s.Close()
			}
		}
	})
	fmt.Printf("note: uniform refusals: %d names, %d GETs and as many HEADs, %d forms\n", len(names), asked, len(answers))
	if len(answers) != len(accepts) || answers["html"] == answers["json"] || answers["html"] == answers["text"] || answers["text"] != answers["none"] {
		t.Errorf("forms: %v", answers)
	}
}

// waysToRefuse are the ways an application may answer by.
func waysToRefuse(d *Dir) map[string]http.Handler {
	return map[string]http.Handler{
		"Handler":       d.Handler(HandlerConfig{}),
		"Handler+Index": strictOnSlash(d.Handler(HandlerConfig{Index: true})),
		"Dir.Send": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = d.Send(w, r, strings.TrimPrefix(r.URL.Path, "/"), SendOptions{}) // the answer is what is looked at
		}),
		"Refuse": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f, err := d.Open(strings.TrimPrefix(r.URL.Path, "/"))
			if err != nil {
				Refuse(w, r, err)
				return
			}
			defer f.Close()
			_ = Send(w, r, f, SendOptions{})
		}),
	}
}

// strictOnSlash is for the handler that has indexes: it is asked for each name as that of a directory too, and the two
// answers must not differ.
func strictOnSlash(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/plain.txt" {
			plain, slashed := httptest.NewRecorder(), httptest.NewRecorder()
			h.ServeHTTP(plain, r)
			s := r.Clone(r.Context())
			s.RequestURI, s.URL = r.RequestURI+"/", &url.URL{Path: r.URL.Path + "/"}
			h.ServeHTTP(slashed, s)
			if plain.Code != slashed.Code || plain.Body.String() != slashed.Body.String() {
				panic(fmt.Sprintf("%s: %d without a slash, %d with one", r.URL.Path, plain.Code, slashed.Code))
			}
		}
		h.ServeHTTP(w, r)
	})
}

var dateField = regexp.MustCompile(`\r\nDate: [^\r]+`)

// rawRequest returns the answer as it came, without its Date.
func rawRequest(t *testing.T, s *httptest.Server, method, target, accept string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if accept != "" {
		accept = "Accept: " + accept + "\r\n"
	}
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s\r\n", method, target, accept); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return dateField.ReplaceAllString(string(b), "")
}

// controlUniform: a handler that joins, opens and says what the system said tells an onlooker what there is, and sends
// what lies outside. Its own name for the file is not counted as a difference. It is not asked for the FIFO, for which
// it would wait forever.
func controlUniform(t *testing.T, base string, names []string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(filepath.Join(base, r.URL.Path))
		if err != nil {
			http.Error(w, strings.ReplaceAll(err.Error(), filepath.Join(base, r.URL.Path), "NAME"), http.StatusNotFound)
			return
		}
		defer f.Close()
		_, _ = io.Copy(w, f)
	}))
	t.Cleanup(s.Close)
	kinds, leaked := map[string]string{}, false
	for _, name := range names {
		if strings.HasSuffix(name, "pipe") || name == "dev" {
			continue
		}
		got := rawRequest(t, s, "GET", "/"+name, "")
		kinds[got] = name
		leaked = leaked || strings.Contains(got, canary)
	}
	if len(kinds) < 4 || !leaked {
		t.Errorf("control: %d kinds of answers %v, leaked: %v; too few to prove anything", len(kinds), kinds, leaked)
	}
}
