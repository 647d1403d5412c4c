package probe_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/undefended"
	"github.com/rootbound/rootbound/probe"
)

// host is one server that runs. What is probed on it is probed in turn.
type host func(t testing.TB, base string) (origin string)

// subject is one thing that is probed: what it is, where names go, and exactly which rules it breaks.
type subject struct {
	server, form string
	mode         probe.Mode
	path         string // behind the server's origin, with the place
	change       func(base string, c *probe.Config)
	want         []string
}

// probed are the subjects of one host.
type probed struct {
	start    host
	subjects []subject
}

const byName = "name-absolute name-traversal sibling-prefix link-escape"

func on(f func(c *probe.Config)) func(string, *probe.Config) {
	return func(_ string, c *probe.Config) { f(c) }
}

// gunicorn runs a Flask application of the examples.
func gunicorn(dir, module string) host {
	return func(t testing.TB, base string) string {
		return testenv.Gunicorn(t, example(t, dir), module, "FILES="+base)
	}
}

func express(t testing.TB, base string) string {
	testenv.Need(t, "express")
	return program(t, base, []string{"NODE_PATH=/usr/share/nodejs"}, "node", func(string) []string { return []string{example(t, "vulnerable", "express.js")} })
}

func plain(t testing.TB, base string) string {
	return program(t, base, nil, "python3", func(string) []string { return []string{example(t, "vulnerable", "plain.py")} })
}

func php(t testing.TB, base string) string {
	return program(t, base, nil, "php", func(port string) []string {
		return []string{"-d", "display_errors=1", "-S", "127.0.0.1:" + port, example(t, "php", "index.php")}
	})
}

func rack(t testing.TB, base string) string {
	testenv.Need(t, "sinatra")
	testenv.Need(t, "webrick")
	return program(t, base, nil, "rackup", func(port string) []string {
		return []string{"-s", "webrick", "-o", "127.0.0.1", "-p", port, "-E", "production", example(t, "rack", "config.ru")}
	})
}

// vulnerable are servers in which faults were planted.
func vulnerable() []probed {
	plainest := on(func(c *probe.Config) { c.Sample = 2 }) // what they get wrong is not about names
	return []probed{
		{gunicorn("flask", "app:app"), []subject{
			{"Flask", "`send_file` with the name", probe.Query, "/raw?file=FUZZ", nil, words(byName)},
			{"Flask", "`replace('../', '')`", probe.Query, "/replace?file=FUZZ", nil, words("link-escape name-absolute name-traversal")},
			{"Flask", "`secure_filename`, `abspath`, `startswith`", probe.Query, "/secure?file=FUZZ", nil, words("link-escape")},
			{"Flask", "an allowlist that ends in `$`", probe.Query, "/allowlist?file=FUZZ", nil, words("allowlist-newline link-escape")},
		}},
		{gunicorn("vulnerable", "places:app"), []subject{
			{"Flask", "a URL path", probe.Path, "/path/FUZZ", nil, words("link-escape name-traversal sibling-prefix")},
			{"Flask", "a form", probe.Form, "/form", nil, words(byName)},
			{"Flask", "JSON, answered in base64", probe.JSON, "/json", nil, words(byName)},
			{"Flask", "a header", probe.Header, "/header", on(func(c *probe.Config) { c.Headers = []string{"X-File: FUZZ"} }), words(byName)},
			{"Flask", "a cookie, answered in gzip", probe.Cookie, "/cookie", nil, words(byName)},
			{"Flask", "an upload's file name", probe.Upload, "/upload", nil, words("upload-escape")},
		}},
		{express, []subject{
			{"Express", "`path.join`, errors with stacks", probe.Query, "/join?file=FUZZ", nil, words("link-escape name-traversal path-disclosed sibling-prefix stack-trace")},
			{"Express", "`path.resolve`", probe.Query, "/resolve?file=FUZZ", nil, words("link-escape name-absolute")},
			{"Express", "`realpath`, 403 or 404", probe.Query, "/oracle?file=FUZZ", nil, words("existence-oracle")},
			{"Express", "JSON", probe.JSON, "/json", nil, words("link-escape name-traversal path-disclosed sibling-prefix stack-trace")},
		}},
		{php, []subject{{"PHP", "`readfile` with the name", probe.Query, "/?file=FUZZ", nil, words("link-escape name-traversal path-disclosed sibling-prefix stack-trace")}}},
		{rack, []subject{{"Ruby", "Sinatra's `send_file`", probe.Query, "/download?file=FUZZ", nil, words("link-escape name-traversal sibling-prefix")}}},
		{plain, []subject{
			{"Python", "headers put together from the name", probe.Query, "/headers?file=FUZZ", plainest, words("header-injection")},
			{"Python", "ranges without bounds", probe.Query, "/ranges?file=FUZZ", plainest, words("range-amplification")},
			{"Python", "read before it is judged", probe.Query, "/slow?file=FUZZ", on(func(c *probe.Config) { c.Only = []string{"traversal-plain"} }), words("existence-timing")},
		}},
		{func(t testing.TB, base string) string {
			return testenv.Nginx(t, testenv.NginxConfig{Server: "location /static { alias " + base + "/; }"})
		}, []subject{{"nginx", "`alias` behind a location without its slash", probe.Path, "/static/", nil, words("alias-slash")}}},
		{func(t testing.TB, base string) string {
			return testenv.Nginx(t, testenv.NginxConfig{Root: base, FollowLinks: true})
		}, []subject{{"nginx", "links are followed", probe.Path, "/FUZZ", nil, words("link-escape")}}},
		{raced, []subject{{"Go", "check, then open", probe.Path, "/", func(base string, c *probe.Config) { c.Race = base }, words("check-then-open existence-oracle path-disclosed")}}},
		{telling, []subject{{"Go", "what is outside is told in the text of errors", probe.Path, "/", nil, words("existence-oracle path-disclosed")}}},
	}
}

// raced checks a path and opens it again, and takes its time between the two as a busy machine does.
func raced(t testing.TB, base string) string {
	twin := undefended.CheckThenOpen{Pause: func() { time.Sleep(time.Millisecond) }}.Twin()
	return "http://" + serveTwin(t, twin, base)
}

func telling(t testing.TB, base string) string {
	return serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		real, err := filepath.EvalSymlinks(filepath.Join(base, filepath.FromSlash(strings.TrimPrefix(r.URL.EscapedPath(), "/"))))
		switch {
		case err != nil:
			http.Error(w, "not found", http.StatusNotFound)
		case !strings.HasPrefix(real, base+"/"):
			http.Error(w, "not found in "+base, http.StatusNotFound)
		default:
			serveRegular(w, r, real)
		}
	}))
}

func serveRegular(w http.ResponseWriter, r *http.Request, path string) {
	f, err := os.Open(path)
	if err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, f)
}

func serveTwin(t testing.TB, twin undefended.Twin, base string) string {
	t.Helper()
	s, err := undefended.Listen(twin, base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.Addr
}

func words(s string) []string {
	w := strings.Fields(s)
	slices.Sort(w)
	return w
}

// safe are servers that nothing may be reported on.
func safe() []probed {
	race := func(base string, c *probe.Config) { c.Race, c.RaceTime = base, time.Second }
	serve := func(flags ...string) host {
		return func(t testing.TB, base string) string { return rootbound(t, base, flags...) }
	}
	one := func(start host, s subject) probed { return probed{start, []subject{s}} }
	return []probed{
		one(serve(), subject{"rootbound", "the fast lane", probe.Path, "/", race, nil}),
		one(serve("--fast-lane", "off"), subject{"rootbound", "the general server", probe.Path, "/", race, nil}),
		one(overTLS, subject{"rootbound", "HTTP/2 over TLS", probe.Path, "/", on(func(c *probe.Config) { c.Insecure, c.HTTP = true, "auto" }), nil}),
		one(serve("--download-route", "/download"), subject{"rootbound", "`--download-route`", probe.Query, "/download?file=FUZZ", race, nil}),
		one(serve("--symlinks", "within", "--hidden"), subject{"rootbound", "`--symlinks within`, `--hidden`", probe.Path, "/", race, nil}),
		one(serve("--names", "strict"), subject{"rootbound", "`--names strict`", probe.Path, "/", nil, nil}),
		one(func(t testing.TB, base string) string {
			return testenv.Nginx(t, testenv.NginxConfig{Root: base})
		}, subject{"nginx", "`disable_symlinks on`", probe.Path, "/", race, nil}),
		one(confined, subject{"Go", "`os.Root`, one 404 for all", probe.Path, "/", race, nil}),
	}
}

func overTLS(t testing.TB, base string) string {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := testenv.WriteCertificate(cert, key, "probe"); err != nil {
		t.Fatal(err)
	}
	return rootbound(t, base, "--tls-cert", cert, "--tls-key", key)
}

// confined is a correct server: os.Root opens, and whatever it says is the same 404.
func confined(t testing.TB, base string) string {
	root, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := root.Open(filepath.FromSlash(strings.TrimPrefix(r.URL.Path, "/")))
		if err == nil {
			defer f.Close()
			if fi, statErr := f.Stat(); statErr == nil && fi.Mode().IsRegular() {
				http.ServeContent(w, r, "", time.Time{}, f)
				return
			}
		}
		http.Error(w, "not found", http.StatusNotFound)
	}))
}

// TestServers: every planted fault is found, and nothing else, and nothing on the safe servers; the command of each finding shows it
// again. The table of docs/probe.md is written from what is found.
func TestServers(t *testing.T) {
	all := append(vulnerable(), safe()...)
	found := make([][][]string, len(all))
	var ran, want atomic.Int64
	t.Run("each", func(t *testing.T) {
		for i, p := range all {
			want.Add(int64(len(p.subjects)))
			t.Run(fmt.Sprint(p.subjects[0].server, i), func(t *testing.T) {
				t.Parallel()
				base := plot(t)
				origin := p.start(t, base)
				for _, s := range p.subjects {
					t.Run(plainText(s.form), func(t *testing.T) {
						ran.Add(1)
						found[i] = append(found[i], s.probe(t, origin, base))
					})
				}
			})
		}
	})
	if !t.Failed() && ran.Load() == want.Load() { // not where -run chose some
		checkTable(t, tableOf(all, found))
	}
}

// probe attacks one subject and returns the rules that it breaks.
func (s *subject) probe(t *testing.T, origin, base string) []string {
	r := attackOn(t, origin+s.path, base, s.configure(base))
	for range s.tries() {
		if slices.Equal(rules(r), s.want) {
			break
		}
		r = attackOn(t, origin+s.path, base, s.configure(base))
	}
	if got := rules(r); !slices.Equal(got, s.want) {
		t.Errorf("found %v, want %v", got, s.want)
		for _, f := range r.Findings {
			t.Logf("%s: %.300s\n%.600s", f.Rule, f.Reason, f.Evidence)
		}
	}
	if n := repeated(t, r, base); n < len(s.want) {
		t.Errorf("%d commands were run for %v", n, s.want)
	}
	for _, n := range r.Notes {
		t.Logf("note: %s", n.Text)
	}
	return rules(r)
}

func (s *subject) configure(base string) func(*probe.Config) {
	return func(c *probe.Config) {
		c.Mode = s.mode
		if s.change != nil {
			s.change(base, c)
		}
	}
}

// tries is how often a server is attacked again: what is judged by times, or won by chance, probe rather misses than makes up, on a
// machine that is busy with other tests.
func (s *subject) tries() int {
	if slices.Contains(s.want, "existence-timing") || slices.Contains(s.want, "check-then-open") {
		return 3
	}
	return 0
}

// plainText is a name for a test, which becomes part of its temporary directory.
func plainText(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') }), " ")
}

func tableOf(all []probed, found [][][]string) string {
	var b strings.Builder
	b.WriteString("| server | form | names in | found |\n|---|---|---|---|\n")
	for i, p := range all {
		for k, s := range p.subjects {
			var links []string
			for _, id := range found[i][k] {
				links = append(links, fmt.Sprintf("[%s](rules/%s.md)", id, id))
			}
			what := strings.Join(links, ", ")
			if what == "" {
				what = "nothing"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.server, s.form, s.mode, what)
		}
	}
	return b.String()
}

// checkTable compares with the page, between its two marks.
func checkTable(t *testing.T, table string) {
	t.Helper()
	path := filepath.Join(testenv.Repo(t), "docs", "probe.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := []byte("<!-- table -->\n"), []byte("<!-- end of table -->\n")
	i, j := bytes.Index(text, begin), bytes.Index(text, end)
	if i < 0 || j < i {
		t.Fatalf("%s has no marks for the table", path)
	}
	if *update {
		text = slices.Concat(text[:i], begin, []byte(table), text[j:])
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := string(text[i+len(begin) : j]); got != table {
		t.Errorf("docs/probe.md has another table (go test ./probe -run TestServers -update writes it):\n%s\nwant:\n%s", got, table)
	}
}
