package gate_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rootbound/rootbound/gate"
	"github.com/rootbound/rootbound/internal/attack"
)

// reached counts what comes to an application.
type reached struct {
	mu      sync.Mutex
	targets []string
}

func (r *reached) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = append(r.targets, req.Method+" "+req.RequestURI)
	fmt.Fprint(w, "the application")
}

func (r *reached) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.targets
	r.targets = nil
	return out
}

// spellings are targets that something behind a gate could read as /download or /files/x: each with the reading that
// does it. The control proves it of each: a lenient application that reads so answers them.
var spellings = []string{
	"/%64ownload?file=x", "/%2564ownload?file=x", "/%25252564ownload?file=x", "//download?file=x", "/./download?file=x", "/x/../download?file=x",
	"/download/?file=x", "/download/.?file=x", "/download/x/..?file=x", "/DOWNLOAD?file=x", "/Download?file=x", "/download;a=b?file=x", "/;a/download?file=x",
	"/x/..;/download?file=x", "/download%3bx?file=x", `/\download?file=x`, "/%5cdownload?file=x", "/download.?file=x", "/download%2e?file=x", "/download%20?file=x", "/%20download?file=x",
	"/download%00?file=x", "/download%00.png?file=x", "/%c0%afdownload?file=x", "/%25u0064ownload?file=x", "/%ef%bd%84ownload?file=x", "/%2fdownload?file=x", "/download%2f?file=x",
	"/download%3ffile=x", "/down%09load?file=x", "/download%0a?file=x", "/%2e/download?file=x", "/x/%2e%2e/download?file=x", "/x%2f..%2fdownload?file=x", "/download%23?file=x",
	"//files/x", "/Files/x", "/%66iles/x", "/./files/x", "/a/../files/x", "/files;a/x", "/files./x", `/files\x`, "/files%2fx", "/%2ffiles/x", "/files%5cx", "/FILES%2Fx", "/files",
	// What a reader with other habits makes of dots, empty elements and marks: WHATWG URL, RFC 3986, and those that merge slashes alone.
	"/x%3f/../download?file=x", "/x%23/../download?file=x", "/x%00/../download?file=x", "/download//..?file=x", "/x/..//download//..?file=x", "/x%253f/../files/x",
	"//files/../../x", "//files/x//..//..", "//files/a/%252e%252e/%252e%252e/x", "//files/..;/..;/x", "/%2ffiles/%2e%2e/x",
}

// A route that was taken over never reaches the application, with any method and in any spelling.
func TestTakenOver(t *testing.T) {
	seen := &reached{}
	url := app(t, seen.ServeHTTP)
	rules := []string{"GET /download?file={name}", "GET /files/{name}"}
	g := start(t, url, func(u *setup) { u.up.Take = rules })
	g.file(t, "a.txt", "hello\n")
	g.file(t, "sub/b c.txt", "bee\n")
	for _, tt := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/download?file=a.txt", 200, "hello\n"},
		{"GET", "/download?x=y&file=sub/b+c.txt", 200, "bee\n"},
		{"GET", "/download?fil%65=sub%2Fb%20c.txt", 200, "bee\n"},
		{"GET", "http://other/download?file=a.txt", 200, "hello\n"},
		{"HEAD", "/download?file=a.txt", 200, ""},
		{"OPTIONS", "/download?file=a.txt", 204, ""},
		{"POST", "/download?file=a.txt", 405, "-"},
		{"DELETE", "/download?file=a.txt", 405, "-"},
		{"BREW", "/download?file=a.txt", 501, "-"},
		{"GET", "/download", 400, "-"},
		{"GET", "/download?", 400, "-"},
		{"GET", "/download?file=", 400, "-"},
		{"GET", "/download?file=a.txt&file=a.txt", 400, "-"},
		{"GET", "/download?file=a.txt&fil%65=a.txt", 400, "-"},
		{"GET", "/download?file=%zz", 400, "-"},
		{"GET", "/%u0064ownload?file=a.txt", 400, "-"}, // no encoding at all (RFC 3986 2.1)
		{"GET", "/download?file=../a.txt", 403, "-"},
		{"GET", "/download?file=/etc/passwd", 403, "-"},
		{"GET", "/download?file=sub", 404, "-"},
		{"GET", "/download?file=none", 404, "-"},
		{"GET", "/files/a.txt", 200, "hello\n"},
		{"GET", "/files/sub/b%20c.txt?file=none", 200, "bee\n"},
		{"GET", "/files/sub/", 404, "-"},
		{"GET", "/files/", 404, "-"},
		{"GET", "/files/sub%2fb%20c.txt", 403, "-"},
		{"GET", "/files/../a.txt", 403, "-"},
		{"GET", "/files//a.txt", 403, "-"},
	} {
		a := g.request(t, tt.method, tt.target)
		if a.Status != tt.status || tt.body != "-" && string(a.Body) != tt.body {
			t.Errorf("%s %s = %d %q, want %d %q", tt.method, tt.target, a.Status, a.Body, tt.status, tt.body)
		}
	}
	if a := g.get(t, "/download?file=a.txt"); !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("a download is shown: %q", a.Header.Get("Content-Disposition"))
	}
	for _, target := range spellings {
		for _, method := range []string{"GET", "POST", "PUT"} {
			if !attack.OnLine(target) {
				t.Fatalf("%q cannot be sent", target)
			}
			if wrong := isUniform(g, g.request(t, method, target)); wrong != "" {
				t.Errorf("%s %s: %s", method, target, wrong)
			}
		}
	}
	if got := seen.take(); len(got) > 0 {
		t.Errorf("the application was reached by %q", got)
	}
	for _, target := range []string{"/", "/downloads?file=x", "/x/download?file=x", "/download/list", "/filesx/a", "/x?file=/download"} {
		if a := g.get(t, target); string(a.Body) != "the application" {
			t.Errorf("%s = %d %q: it is no rule's", target, a.Status, a.Body)
		}
	}
	if got := seen.take(); len(got) != 6 {
		t.Errorf("of what is no rule's the application saw %q", got)
	}
	script := start(t, url, func(u *setup) { u.up.Take = []string{"GET /get.php?file={name}"} })
	for _, target := range []string{"/get.php/x?file=a.txt", "/get.php/?file=a.txt", "/GET.PHP/a/b"} { // PATH_INFO
		if wrong := isUniform(script, script.get(t, target)); wrong != "" {
			t.Errorf("%s: %s", target, wrong)
		}
	}
	if got := seen.take(); len(got) > 0 {
		t.Errorf("the script was reached by %q", got)
	}
}

// Without the gate's comparison of spellings each of them reaches the application: the control is a front that compares
// the path as it was sent, as configurations of proxies often do.
func TestSpellingsReachWithoutGate(t *testing.T) {
	seen := &reached{}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, _, _ := strings.Cut(r.RequestURI, "?"); path == "/download" || strings.HasPrefix(path, "/files/") {
			http.NotFound(w, r)
			return
		}
		seen.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	n := 0
	for _, target := range spellings {
		if _, err := attack.Raw(front.Listener.Addr().String(), target); err == nil {
			n += len(seen.take())
		}
	}
	if n < len(spellings)*9/10 {
		t.Errorf("only %d of %d reach", n, len(spellings))
	}
}

// The whole corpus in both kinds of route.
func TestTakenOverCorpus(t *testing.T) {
	seen := &reached{}
	g := start(t, app(t, seen.ServeHTTP), func(u *setup) { u.up.Take = []string{"GET /download?file={name}", "GET /files/{name}"} })
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := os.ReadFile(g.layout.Base + "/" + r.URL.Query().Get("file")); err == nil {
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(control.Close)
	c := &attack.Client{Addr: g.addr}
	defer c.Close()
	n, leaked := 0, 0
	for _, cs := range attack.Corpus(g.layout) {
		for _, target := range []string{"/download?file=" + cs.Query, "/files" + cs.Target} {
			if !strings.HasPrefix(cs.Target, "/") || !attack.OnLine(target) {
				continue
			}
			n++
			a, err := c.Do("GET", target)
			if err != nil {
				t.Fatalf("GET %.100q: %v", target, err)
			}
			if what := leaks(g, a); what != "" || a.Status >= 500 || a.Status == 200 && string(a.Body) != g.layout.Body {
				t.Errorf("%s %.100q = %d %s", cs.Name, target, a.Status, what)
			}
		}
		if a, err := attack.Raw(control.Listener.Addr().String(), "/download?file="+cs.Query); err == nil && leaks(g, a) != "" {
			leaked++
		}
	}
	t.Logf("note: take-over: %d requests, %d leaked from the control", n, leaked)
	if leaked == 0 || n < 2000 {
		t.Errorf("%d requests, %d leaks from the control", n, leaked)
	}
	for _, target := range seen.take() {
		if strings.Contains(target, "ownload") || strings.HasPrefix(target, "GET /files") {
			t.Errorf("the application was reached by %q", target)
		}
	}
}

// What --ask says decides; a client cannot say it instead of the application, nor to it.
func TestAsk(t *testing.T) {
	var asked http.Header
	status := 200
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/check" {
			t.Errorf("%s reached the application", r.RequestURI)
		}
		if r.Method != http.MethodGet || r.ContentLength != 0 {
			t.Errorf("asked by %s with %d bytes", r.Method, r.ContentLength)
		}
		asked = r.Header.Clone()
		w.Header().Set("Set-Cookie", "session=2")
		w.Header().Set("X-Sendfile", "/etc/passwd")
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(status)
		fmt.Fprint(w, "its own words")
	})
	g := start(t, url, func(u *setup) { u.up.Take, u.up.Ask = []string{"GET /files/{name}"}, "/check" })
	g.file(t, "a.txt", "hello\n")
	a := g.get(t, "/files/a.txt", "Cookie: session=1", "X-Original-URI: /public", "X-Original-Method: HEAD", "Range: bytes=0-0", "If-Match: x", "X-Sendfile-Type: X-Sendfile")
	if a.Status != 412 {
		t.Errorf("If-Match is the file's: %d", a.Status)
	}
	a = g.get(t, "/files/a.txt", "Cookie: session=1", "X-Original-URI: /public", "X_Original_URI: /public", "X-Original-Method: HEAD", "Range: bytes=0-0")
	if a.Status != 206 || string(a.Body) != "h" || a.Header.Get("Set-Cookie") != "session=2" || !strings.HasPrefix(a.Header.Get("Cache-Control"), "private") {
		t.Errorf("%d %q %v", a.Status, a.Body, a.Header)
	}
	for key, want := range map[string]string{"X-Original-Uri": "/files/a.txt", "X-Original-Method": "GET", "Cookie": "session=1", "Range": "", "X-Sendfile-Type": "", "X_original_uri": ""} {
		if got := strings.Join(asked[key], "|"); got != want {
			t.Errorf("it was asked with %s %q, want %q", key, got, want)
		}
	}
	if a := g.request(t, "POST", "/files/a.txt", "Content-Length: 0"); a.Status != 405 {
		t.Errorf("POST = %d", a.Status)
	}
	for _, status = range []int{401, 403} {
		a := g.get(t, "/files/a.txt")
		if a.Status != status || string(a.Body) != "its own words" || a.Header.Get("WWW-Authenticate") != "Basic" || a.Header.Get("X-Sendfile") != "" {
			t.Errorf("%d: %d %q %v", status, a.Status, a.Body, a.Header)
		}
		for _, target := range []string{"/files/none", "/files/../x"} { // who may not learns nothing of names
			if b := g.get(t, target); b.Status != status || string(b.Body) != "its own words" {
				t.Errorf("%s = %d %q", target, b.Status, b.Body)
			}
		}
	}
	for _, status = range []int{302, 404, 500, 304} {
		if a := g.get(t, "/files/a.txt"); a.Status != 502 || strings.Contains(string(a.Body), "hello") {
			t.Errorf("%d: %d %q", status, a.Status, a.Body)
		}
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	down := start(t, closed.URL, func(u *setup) { u.up.Take, u.up.Ask = []string{"GET /files/{name}"}, "/check" })
	down.file(t, "a.txt", "hello\n")
	if a := down.get(t, "/files/a.txt"); a.Status != 502 || strings.Contains(string(a.Body), "hello") {
		t.Errorf("down: %d %q", a.Status, a.Body)
	}
}

// An application that fails differently for what exists tells so only to the log.
func TestUniformErrors(t *testing.T) {
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		switch name := r.URL.Query().Get("file"); name {
		case "a":
			fmt.Fprint(w, "a")
		case "redirect":
			http.Redirect(w, r, "/login", http.StatusFound)
		default:
			w.Header().Set("X-App", "yes")
			http.Error(w, "trace of "+name, 500)
		}
	})
	g := start(t, url, func(u *setup) { u.up.UniformErrors = []string{"/download"} })
	for _, target := range []string{"/download?file=x", "/download/x", "/%64ownload?file=x"} {
		if wrong := isUniform(g, g.get(t, target)); wrong != "" {
			t.Errorf("%s: %s", target, wrong)
		}
	}
	g.logs(t, "reason=upstream-error")
	for target, status := range map[string]int{"/download?file=a": 200, "/download?file=redirect": 302, "/other?file=x": 500} {
		if a := g.get(t, target); a.Status != status {
			t.Errorf("%s = %d, want %d", target, a.Status, status)
		}
	}
	watching := start(t, url, func(u *setup) { u.up.UniformErrors, u.cfg.Watch = []string{"/download"}, true })
	if a := watching.get(t, "/download?file=x"); a.Status != 500 {
		t.Errorf("while watching: %d", a.Status)
	}
	watching.logs(t, "would have become the uniform 404")
	watching.counts(t, `rootbound_watched_total{rule="uniform-errors"} 1`)
	watching.counts(t, `rootbound_watched_total{rule="take"} 0`)
	g.counts(t, `rootbound_watched_total{rule="uniform-errors"} 0`)
}

// While watching, routes are the application's still, and the log and the metrics say what would have been.
func TestWatch(t *testing.T) {
	seen := &reached{}
	g := start(t, app(t, seen.ServeHTTP), func(u *setup) { u.up.Take, u.cfg.Watch = []string{"GET /download?file={name}"}, true })
	for _, target := range []string{"/download?file=a.txt", "/%64ownload?file=a.txt", "/other"} {
		if a := g.get(t, target); string(a.Body) != "the application" {
			t.Errorf("%s = %q", target, a.Body)
		}
	}
	g.logs(t, "exact=true")
	g.logs(t, "exact=false")
	g.counts(t, `rootbound_watched_total{rule="take"} 2`)
}

// Everything that the control of spellings names is one to canonical too; this is about what must stay apart.
func TestRules(t *testing.T) {
	for _, text := range []string{"GET /download?file={name}", "GET /a/b.c/{name}", "GET /a-b_c?x={name}"} {
		r, err := gate.ParseRule(text)
		if err != nil || r.String() != text {
			t.Errorf("%q: %v %v", text, r, err)
		}
	}
	for _, text := range []string{
		"", "GET", "/download", "GET download?file={name}", "GET /download", "GET /download?file=x", "GET /download?{name}", "GET /{name}/x", "GET //x/{name}",
		"get /x/{name}", "GET /x/{name}?y", "GET /x/../y/{name}", "GET /x?a={name}&b=1", "GET /x/*/{name}", "GET /x/?file={name}",
	} {
		if r, err := gate.ParseRule(text); err == nil {
			t.Errorf("%q is taken for %v", text, r)
		}
	}
}

// A link, a sibling directory and a trailing newline are nothing to a route that was taken over.
func TestTakenOverLinks(t *testing.T) {
	g := start(t, app(t, (&reached{}).ServeHTTP), func(u *setup) { u.up.Take = []string{"GET /download?file={name}"} })
	outside := g.layout.Outside()[0]
	if err := os.Symlink(filepath.Join(g.layout.Base, outside.Name), filepath.Join(g.layout.Base, "out.txt")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, g.layout.Base+"_evil/x.txt", outside.Token)
	for target, status := range map[string]int{
		"/download?file=out.txt": 404, "/download?file=../" + filepath.Base(g.layout.Base) + "_evil/x.txt": 403, "/download?file=" + g.layout.File + "%0a": 400,
	} {
		if a := g.get(t, target); a.Status != status || leaks(g, a) != "" {
			t.Errorf("%s = %d %s, want %d", target, a.Status, leaks(g, a), status)
		}
	}
}
