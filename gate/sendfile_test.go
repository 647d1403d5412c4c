package gate_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/gate"
	"github.com/rootbound/rootbound/internal/attack"
)

// naming is an application that names whatever the request says, in the header that it says. It sets what a framework
// would, and a body that nobody must see.
func naming(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for _, v := range q["value"] {
		w.Header().Add(q.Get("header"), v)
	}
	h := w.Header()
	h.Set("X-App", "yes")
	h.Set("Set-Cookie", "app=1")
	h.Set("Etag", `"app"`)
	h.Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
	h.Set("Content-Disposition", `attachment; filename="app.bin"`)
	if status, err := strconv.Atoi(q.Get("status")); err == nil {
		w.WriteHeader(status)
	}
	fmt.Fprint(w, "the application's body")
}

// asking makes the target for naming.
func asking(header string, values ...string) string {
	target := "/x?header=" + header
	for _, v := range values {
		target += "&value=" + escape(v)
	}
	return target
}

func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

// trusting is what several such gates do: open the path as the application named it.
func trusting(upstream string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		res, err := http.Get(upstream + r.URL.RequestURI())
		if err != nil {
			panic(err)
		}
		defer res.Body.Close()
		if body, err := os.ReadFile(res.Header.Get("X-Sendfile")); err == nil {
			_, _ = w.Write(body)
		}
	}
}

func TestNamedFiles(t *testing.T) {
	url := app(t, naming)
	var l attack.Layout
	g := start(t, url, func(u *setup) {
		l = u.layout
		u.up.Roots[0].Paths = append(u.up.Roots[0].Paths, "/app/files")
		u.up.Accel = []gate.Accel{{Prefix: "/protected/", Dir: u.dir}}
	})
	g.file(t, "a b+c%41.txt", "odd\n")
	g.file(t, "sub/é.txt", "accent\n")
	for _, tt := range []struct{ header, value, body string }{
		{"X-Sendfile", l.Base + "/a b+c%41.txt", "odd\n"},
		{"x-sendfile", l.Base + "/sub/é.txt", "accent\n"},
		{"X-Sendfile", l.Base + "/sub/\xe9.txt", "accent\n"},
		{"X-Sendfile", "=?utf-8?q?" + strings.ReplaceAll(l.Base, "_", "=5F") + "/sub/=C3=A9.txt?=", "accent\n"},
		{"X-LIGHTTPD-send-file", "/app/files/sub/é.txt", "accent\n"},
		{"X-Accel-Redirect", "/protected/a%20b%2bc%2541.txt", "odd\n"},
		{"X-Accel-Redirect", "/protected/sub/%C3%A9.txt?x=y", "accent\n"},
		{"X-Sendfile", filepath.Join(l.Base, l.File), l.Body},
	} {
		a := g.get(t, asking(tt.header, tt.value))
		if a.Status != 200 || string(a.Body) != tt.body {
			t.Errorf("%s: %s = %d %q", tt.header, tt.value, a.Status, a.Body)
		}
		for key := range a.Header {
			if k := strings.ToLower(key); strings.HasPrefix(k, "x-sendfile") || strings.HasPrefix(k, "x-accel") || strings.HasPrefix(k, "x-lighttpd") {
				t.Errorf("%s reached the client", key)
			}
		}
	}
}

// Whatever is not one regular file beneath the root is the uniform 404, and the log says which request of the
// application it was. The control opens the path as it is named, and leaks.
func TestNamedOutside(t *testing.T) {
	url := app(t, naming)
	g := start(t, url, func(u *setup) {
		u.up.Accel = []gate.Accel{{Prefix: "/protected/", Dir: u.dir}}
	})
	l := g.layout
	outside, outsidePath := l.Outside()[0], filepath.Join(l.Base, l.Outside()[0].Name)
	evil := l.Base + "_evil"
	writeFile(t, filepath.Join(evil, "x.txt"), outside.Token)
	if err := os.Symlink(outsidePath, filepath.Join(l.Base, "out.txt")); err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(l.Base, outsidePath)
	if err != nil {
		t.Fatal(err)
	}
	control := httptest.NewServer(trusting(url))
	t.Cleanup(control.Close)
	leaked := 0
	for _, tt := range []struct{ header, value string }{
		{"X-Sendfile", outsidePath},
		{"X-Sendfile", evil + "/x.txt"},
		{"X-Sendfile", l.Base + "/" + rel},
		{"X-Sendfile", l.Base + "/./" + l.File},
		{"X-Sendfile", l.Base + "//" + l.File},
		{"X-Sendfile", "/" + l.Base + "/" + l.File},
		{"X-Sendfile", l.Base + "/out.txt"},
		{"X-Sendfile", l.Base + "/" + l.Dir},
		{"X-Sendfile", l.Base + "/" + l.File + "/"},
		{"X-Sendfile", l.Base},
		{"X-Sendfile", l.File},
		{"X-Sendfile", ""},
		{"X-Sendfile", "file://" + outsidePath},
		{"X-Sendfile", "/protected/" + l.File},
		{"X-Sendfile", l.Base + "/none.txt"},
		{"X-Sendfile", l.Base + "/" + escape(rel)},
		{"X-Sendfile-Temporary", l.Base + "/" + l.File},
		{"X-Accel-Redirect", l.Base + "/" + l.File},
		{"X-Accel-Redirect", "/protected/../" + l.File},
		{"X-Accel-Redirect", "/protected/%2e%2e/%2e%2e/etc/passwd"},
		{"X-Accel-Redirect", "/protectedx/" + l.File},
		{"X-Accel-Redirect", "/protected/%zz"},
		{"X-Accel-Redirect", "@named"},
	} {
		target := asking(tt.header, tt.value)
		if wrong := isUniform(g, g.get(t, target)); wrong != "" {
			t.Errorf("%s: %s: %s", tt.header, tt.value, wrong)
		}
		g.logs(t, `target="`+strings.ReplaceAll(target, `"`, `\"`))
		a, err := attack.Raw(control.Listener.Addr().String(), target)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(a.Body), outside.Token) {
			leaked++
		}
	}
	if leaked < 4 {
		t.Errorf("the control leaked %d times: these attacks show nothing", leaked)
	}
	if wrong := isUniform(g, g.get(t, asking("X-Sendfile", l.Base+"/"+l.File, l.Base+"/"+l.File))); wrong != "" {
		t.Errorf("the header twice: %s", wrong)
	}
}

// Two headers that name a file, or one in two spellings, name none.
func TestNamedTwice(t *testing.T) {
	var path string
	for _, second := range []string{"X-Accel-Redirect: /protected/x", "X_Sendfile: /x", "X-LIGHTTPD-send-file: /x"} {
		url := listenRaw(t, func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Sendfile: %s\r\n%s\r\n\r\n", path, second)
		})
		g := start(t, url, nil)
		path = g.layout.Base + "/" + g.layout.File
		if wrong := isUniform(g, g.get(t, "/")); wrong != "" {
			t.Errorf("%s: %s", second, wrong)
		}
		g.logs(t, "reason=file-malformed")
	}
}

// The whole corpus as names that an application joins to its directory.
func TestNamedCorpus(t *testing.T) {
	var base string
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get("X-Name")
		w.Header()["X-Sendfile"] = []string{base + "/" + name}
	})
	g := start(t, url, func(u *setup) { base = u.layout.Base })
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := os.ReadFile(base + "/" + r.Header.Get("X-Name")); err == nil {
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(control.Close)
	n, leaked := 0, 0
	for _, c := range attack.Corpus(g.layout) {
		if strings.ContainsAny(c.Text, "\r\n\x00") || strings.TrimSpace(c.Text) != c.Text || hasControl(c.Text) {
			continue // no header can have it
		}
		n++
		a := g.get(t, "/x", "X-Name: "+c.Text)
		if what := leaks(g, a); what != "" || a.Status >= 500 {
			t.Errorf("%s %q = %d: %s", c.Name, c.Text, a.Status, what)
		}
		b, err := attack.Raw(control.Listener.Addr().String(), "/x", "X-Name: "+c.Text)
		if err != nil {
			t.Fatal(err)
		}
		if leaks(g, b) != "" {
			leaked++
		}
	}
	t.Logf("note: named files: %d names, %d leaked from the control", n, leaked)
	if leaked == 0 {
		t.Error("the control leaked nothing: the corpus shows nothing")
	}
}

func hasControl(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// An application without a root names nothing.
func TestHeaderWithoutRoot(t *testing.T) {
	url := app(t, naming)
	g := start(t, url, func(u *setup) {
		u.up.Accel = []gate.Accel{{Prefix: "/protected/", Dir: u.dir}}
		u.up.Roots = nil
	})
	if wrong := isUniform(g, g.get(t, asking("X-Sendfile", g.layout.Base+"/"+g.layout.File))); wrong != "" {
		t.Error(wrong)
	}
	g.logs(t, "reason=file-unexpected")
	if a := g.get(t, asking("X-Accel-Redirect", "/protected/"+g.layout.File)); a.Status != 200 {
		t.Errorf("its prefix: %d", a.Status)
	}
	watching := start(t, url, func(u *setup) { u.up.Roots, u.up.Accel, u.cfg.Watch = nil, nil, true })
	if wrong := isUniform(watching, watching.get(t, asking("X-Sendfile", "/etc/passwd"))); wrong != "" {
		t.Errorf("while watching: %s", wrong)
	}
}

// What the application says of the answer is kept; what describes bytes is the gate's.
func TestAnswerOfFile(t *testing.T) {
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/x-app")
		h.Set("Content-Encoding", "gzip")
		h.Set("Accept-Ranges", "none")
		h.Set("Cache-Control", "max-age=7")
		h.Set("Vary", "X-App")
		naming(w, r)
	})
	g := start(t, url, nil)
	g.file(t, "ten.txt", "0123456789")
	target := asking("X-Sendfile", g.layout.Base+"/ten.txt")
	a := g.get(t, target)
	want := map[string]string{
		"Content-Type": "application/x-app", "Content-Disposition": `attachment; filename="app.bin"`, "Set-Cookie": "app=1", "X-App": "yes",
		"Cache-Control": "max-age=7", "Content-Length": "10", "Content-Encoding": "", "Accept-Ranges": "bytes", "Vary": "X-App",
		"X-Content-Type-Options": "nosniff",
	}
	for key, v := range want {
		if a.Header.Get(key) != v {
			t.Errorf("%s: %q, want %q", key, a.Header.Get(key), v)
		}
	}
	etag := a.Header.Get("Etag")
	if etag == `"app"` || etag == "" || strings.HasPrefix(a.Header.Get("Last-Modified"), "Mon, 02 Jan 2006") {
		t.Errorf("validators %s, %s are not the file's", etag, a.Header.Get("Last-Modified"))
	}
	for _, tt := range []struct {
		method, target string
		headers        []string
		status         int
		body           string
	}{
		{"GET", target, []string{"Range: bytes=2-4"}, 206, "234"},
		{"GET", target, []string{"Range: bytes=2-4", "If-Range: " + etag}, 206, "234"},
		{"GET", target, []string{"Range: bytes=2-4", `If-Range: "app"`}, 200, "0123456789"},
		{"GET", target, []string{"If-None-Match: " + etag}, 304, ""},
		{"GET", target, []string{`If-None-Match: "app"`}, 200, "0123456789"},
		{"GET", target + "&status=206", nil, 200, "0123456789"},
		{"GET", target + "&status=412", []string{"If-Match: " + etag}, 200, "0123456789"},
		{"GET", target + "&status=416", []string{"Range: bytes=0-1,3-4,9-"}, 206, "-"},
		{"GET", target + "&status=206", []string{"Range: bytes=0-0"}, 206, "0"},
		{"GET", target + "&status=404", []string{"Range: bytes=0-0"}, 404, "0123456789"},
		{"POST", target, []string{"Range: bytes=2-4", "Content-Length: 0"}, 200, "0123456789"},
		{"PUT", target, []string{"If-None-Match: " + etag, "Content-Length: 0"}, 200, "0123456789"},
		{"HEAD", target, nil, 200, ""},
	} {
		a := g.request(t, tt.method, tt.target, tt.headers...)
		if a.Status != tt.status || tt.body != "-" && string(a.Body) != tt.body {
			t.Errorf("%s %s %v = %d %q, want %d %q", tt.method, tt.target, tt.headers, a.Status, a.Body, tt.status, tt.body)
		}
		if a.Status == 200 && tt.method == "HEAD" && a.Header.Get("Content-Length") != "10" {
			t.Errorf("HEAD has Content-Length %q", a.Header.Get("Content-Length"))
		}
	}
	a = g.get(t, target, "Range: bytes=20-")
	if a.Status != 416 || a.Header.Get("Content-Range") != "bytes */10" || a.Header.Get("Content-Disposition") != "" || a.Header.Get("Content-Type") == "application/x-app" {
		t.Errorf("416: %d %v", a.Status, a.Header)
	}
}

// A page that the application names is sandboxed unless it says for itself what a page may, or --site does for all.
func TestActiveContent(t *testing.T) {
	csp := ""
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if csp != "" {
			w.Header().Set("Content-Security-Policy", csp)
		}
		naming(w, r)
	})
	g := start(t, url, nil)
	target := asking("X-Sendfile", g.layout.Base+"/"+g.layout.File)
	if got := g.get(t, target).Header.Get("Content-Security-Policy"); got != "sandbox" {
		t.Errorf("policy %q", got)
	}
	csp = "default-src 'self'"
	if got := g.get(t, target).Header.Values("Content-Security-Policy"); len(got) != 1 || got[0] != csp {
		t.Errorf("policy %q", got)
	}
	csp = ""
	site := start(t, url, func(u *setup) { u.cfg.Site = true })
	if got := site.get(t, asking("X-Sendfile", site.layout.Base+"/"+site.layout.File)).Header.Get("Content-Security-Policy"); got != "" {
		t.Errorf("policy %q", got)
	}
}

// With USE_X_SENDFILE Flask announces the file's length and sends nothing. The gate must not wait for it, nor pass it on.
func TestNoBodyForLength(t *testing.T) {
	var path string
	release := make(chan struct{})
	url := listenRawString(t, func() string {
		return "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Sendfile: " + path + "\r\n\r\n"
	}, release)
	g := start(t, url, nil)
	defer close(release)
	path = g.layout.Base + "/" + g.layout.File
	if a := g.get(t, "/"); a.Status != 200 || string(a.Body) != g.layout.Body {
		t.Errorf("%d %q", a.Status, a.Body)
	}
}

// Where an application refuses a range or a precondition before it could name its file, it is asked once more.
func TestAskedAgain(t *testing.T) {
	var asked atomic.Int32
	var path string
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch {
		case r.URL.Path == "/own" && r.Header.Get("Range") != "":
			w.Header().Set("Content-Range", "bytes */3")
			http.Error(w, "its own 416", http.StatusRequestedRangeNotSatisfiable)
		case r.URL.Path == "/own":
			fmt.Fprint(w, "own")
		case r.Header.Get("Range") != "":
			http.Error(w, "no", http.StatusRequestedRangeNotSatisfiable)
		case r.Header.Get("If-Match") != "":
			http.Error(w, "no", http.StatusPreconditionFailed)
		default:
			w.Header().Set("X-Sendfile", path)
		}
	})
	g := start(t, url, nil)
	path = g.file(t, "ten.txt", "0123456789")
	etag := g.get(t, "/").Header.Get("Etag")
	for _, tt := range []struct {
		method, target, header string
		status                 int
		body                   string
		asked                  int32
	}{
		{"GET", "/", "Range: bytes=0-1", 206, "01", 2},
		{"GET", "/", "If-Match: " + etag, 200, "0123456789", 2},
		{"GET", "/", `If-Match: "x"`, 412, "", 2},
		{"HEAD", "/", "Range: bytes=0-1", 200, "", 2},
		{"GET", "/own", "Range: bytes=9-", 416, "its own 416\n", 2},
		{"GET", "/own", "X-Nothing: 1", 200, "own", 1},
		{"POST", "/", "Range: bytes=0-1", 416, "no\n", 1},
	} {
		asked.Store(0)
		headers := []string{tt.header}
		if tt.method == "POST" {
			headers = append(headers, "Content-Length: 0")
		}
		a := g.request(t, tt.method, tt.target, headers...)
		if a.Status != tt.status || tt.body != "" && string(a.Body) != tt.body || asked.Load() != tt.asked {
			t.Errorf("%s %s %s = %d %q after %d, want %d %q after %d", tt.method, tt.target, tt.header, a.Status, a.Body, asked.Load(), tt.status, tt.body, tt.asked)
		}
	}
}

func TestTemporary(t *testing.T) {
	url := app(t, naming)
	g := start(t, url, func(u *setup) {
		u.dir = openDir(t, u.layout.Base, rootbound.Config{Writable: true})
		u.up.Roots[0].Dir, u.up.Temporary = u.dir, true
	})
	path := g.file(t, "made.txt", "made\n")
	target := asking("X-Sendfile-Temporary", path)
	if a := g.request(t, "HEAD", target); a.Status != 200 {
		t.Errorf("HEAD = %d", a.Status)
	}
	if a := g.get(t, target, "Range: bytes=0-0"); a.Status != 200 || string(a.Body) != "made\n" {
		t.Errorf("GET = %d %q: the rest of a part would be gone", a.Status, a.Body)
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // it goes when the answer has gone
		if _, err := os.Lstat(path); os.IsNotExist(err) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the file is still there")
		}
	}
	if wrong := isUniform(g, g.get(t, target)); wrong != "" {
		t.Error(wrong)
	}
	outsidePath := filepath.Join(g.layout.Base, g.layout.Outside()[0].Name)
	if wrong := isUniform(g, g.get(t, asking("X-Sendfile-Temporary", outsidePath))); wrong != "" {
		t.Error(wrong)
	}
	if _, err := os.Lstat(outsidePath); err != nil {
		t.Errorf("a file outside was removed: %v", err)
	}
}
