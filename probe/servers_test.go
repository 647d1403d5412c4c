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

// subject is one server that is probed: what it is, where names go, and exactly which rules it breaks.
type subject struct {
	server, form string
	mode         probe.Mode
	start        func(t testing.TB, base string) (url string) // with the place
	change       func(base string, c *probe.Config)
	want         []string
}

const byName = "name-absolute name-traversal sibling-prefix link-escape"

// vulnerable are servers in which faults were planted.
func vulnerable() []subject {
	flask := func(path string) func(testing.TB, string) string {
		return func(t testing.TB, base string) string {
			return testenv.Gunicorn(t, example(t, "flask"), "app:app", "FILES="+base) + path
		}
	}
	places := func(path string) func(testing.TB, string) string {
		return func(t testing.TB, base string) string {
			return testenv.Gunicorn(t, example(t, "vulnerable"), "places:app", "FILES="+base) + path
		}
	}
	express := func(path string) func(testing.TB, string) string {
		return func(t testing.TB, base string) string {
			testenv.Need(t, "express")
			return program(t, base, []string{"NODE_PATH=/usr/share/nodejs"}, "node", func(string) []string { return []string{example(t, "vulnerable", "express.js")} }) + path
		}
	}
	plain := func(path string) func(testing.TB, string) string {
		return func(t testing.TB, base string) string {
			return program(t, base, nil, "python3", func(string) []string { return []string{example(t, "vulnerable", "plain.py")} }) + path
		}
	}
	on := func(f func(c *probe.Config)) func(string, *probe.Config) {
		return func(_ string, c *probe.Config) { f(c) }
	}
	return []subject{
		{"Flask", "`send_file` with the name", probe.Query, flask("/raw?file=FUZZ"), nil, words(byName)},
		{"Flask", "`replace('../', '')`", probe.Query, flask("/replace?file=FUZZ"), nil, words("link-escape name-absolute name-traversal")},
		{"Flask", "`secure_filename`, `abspath`, `startswith`", probe.Query, flask("/secure?file=FUZZ"), nil, words("link-escape")},
		{"Flask", "an allowlist that ends in `$`", probe.Query, flask("/allowlist?file=FUZZ"), nil, words("allowlist-newline link-escape")},
		{"Flask", "a URL path", probe.Path, places("/path/FUZZ"), nil, words("link-escape name-traversal sibling-prefix")},
		{"Flask", "a form", probe.Form, places("/form"), nil, words(byName)},
		{"Flask", "JSON, answered in base64", probe.JSON, places("/json"), nil, words(byName)},
		{"Flask", "a header", probe.Header, places("/header"), on(func(c *probe.Config) { c.Headers = []string{"X-File: FUZZ"} }), words(byName)},
		{"Flask", "a cookie, answered in gzip", probe.Cookie, places("/cookie"), nil, words(byName)},
		{"Flask", "an upload's file name", probe.Upload, places("/upload"), nil, words("upload-escape")},
		{"Express", "`path.join`, errors with stacks", probe.Query, express("/join?file=FUZZ"), nil, words("link-escape name-traversal path-disclosed sibling-prefix stack-trace")},
		{"Express", "`path.resolve`", probe.Query, express("/resolve?file=FUZZ"), nil, words("link-escape name-absolute")},
		{"Express", "`realpath`, 403 or 404", probe.Query, express("/oracle?file=FUZZ"), nil, words("existence-oracle")},
		{"Express", "JSON", probe.JSON, express("/json"), nil, words("link-escape name-traversal path-disclosed sibling-prefix stack-trace")},
		{"PHP", "`readfile` with the name", probe.Query, func(t testing.TB, base string) string {
			return program(t, base, nil, "php", func(port string) []string {
				return []string{"-d", "display_errors=1", "-S", "127.0.0.1:" + port, example(t, "php", "index.php")}
			}) + "/?file=FUZZ"
		}, nil, words("link-escape name-traversal path-disclosed sibling-prefix stack-trace")},
		{"Ruby", "Sinatra's `send_file`", probe.Query, func(t testing.TB, base string) string {
			testenv.Need(t, "sinatra")
			testenv.Need(t, "webrick")
			return program(t, base, nil, "rackup", func(port string) []string {
				return []string{"-s", "webrick", "-o", "127.0.0.1", "-p", port, "-E", "production", example(t, "rack", "config.ru")}
			}) + "/download?file=FUZZ"
		}, nil, words("link-escape name-traversal sibling-prefix")},
		{"Python", "headers put together from the name", probe.Query, plain("/headers?file=FUZZ"), nil, words("header-injection")},
		{"Python", "ranges without bounds", probe.Query, plain("/ranges?file=FUZZ"), nil, words("range-amplification")},
		{"Python", "read before it is judged", probe.Query, plain("/slow?file=FUZZ"), nil, words("existence-timing")},
		{"nginx", "`alias` behind a location without its slash", probe.Path, func(t testing.TB, base string) string {
			return testenv.Nginx(t, testenv.NginxConfig{Server: "location /static { alias " + base + "/; }"}) + "/static/"
		}, nil, words("alias-slash")},
		{"nginx", "links are followed", probe.Path, func(t testing.TB, base string) string {
			return testenv.Nginx(t, testenv.NginxConfig{Root: base, FollowLinks: true}) + "/FUZZ"
		}, nil, words("link-escape")},
		{"Go", "check, then open", probe.Path, raced, func(base string, c *probe.Config) { c.Race = base }, words("check-then-open existence-oracle path-disclosed")},
		{"Go", "what is outside is told in the text of errors", probe.Path, telling, nil, words("existence-oracle path-disclosed")},
	}
}

// raced checks a path and opens it again, and takes its time between the two as a busy machine does.
func raced(t testing.TB, base string) string {
	twin := undefended.CheckThenOpen{Pause: func() { time.Sleep(time.Millisecond) }}.Twin()
	return "http://" + serveTwin(t, twin, base) + "/"
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
	})) + "/"
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
func safe() []subject {
	race := func(base string, c *probe.Config) { c.Race = base }
	served := func(path string, flags ...string) func(testing.TB, string) string {
		return func(t testing.TB, base string) string { return rootbound(t, base, flags...) + path }
	}
	return []subject{
		{"rootbound", "the fast lane", probe.Path, served("/"), race, nil},
		{"rootbound", "the general server", probe.Path, served("/", "--fast-lane", "off"), race, nil},
		{"rootbound", "HTTP/2 over TLS", probe.Path, overTLS, func(_ string, c *probe.Config) { c.Insecure, c.HTTP = true, "auto" }, nil},
		{"rootbound", "`--download-route`", probe.Query, served("/download?file=FUZZ", "--download-route", "/download"), race, nil},
		{"rootbound", "`--symlinks within`, `--hidden`", probe.Path, served("/", "--symlinks", "within", "--hidden"), race, nil},
		{"rootbound", "`--names strict`", probe.Path, served("/", "--names", "strict"), nil, nil},
		{"nginx", "`disable_symlinks on`", probe.Path, func(t testing.TB, base string) string {
			return testenv.Nginx(t, testenv.NginxConfig{Root: base}) + "/"
		}, race, nil},
		{"Go", "`os.Root`, one 404 for all", probe.Path, confined, race, nil},
	}
}

func overTLS(t testing.TB, base string) string {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := testenv.WriteCertificate(cert, key, "probe"); err != nil {
		t.Fatal(err)
	}
	return rootbound(t, base, "--tls-cert", cert, "--tls-key", key) + "/"
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
	})) + "/"
}

// TestServers: every planted fault is found, and nothing else, and nothing on the safe servers. The table of docs/probe.md is
// written from what is found.
func TestServers(t *testing.T) {
	all := append(vulnerable(), safe()...)
	found := make([][]string, len(all))
	var ran atomic.Int64
	t.Run("each", func(t *testing.T) {
		for i, s := range all {
			t.Run(fmt.Sprintf("%s %d %s", s.server, i, plainText(s.form)), func(t *testing.T) {
				t.Parallel()
				ran.Add(1)
				base := plot(t)
				url := s.start(t, base)
				r := attackOn(t, url, base, s.configure(base))
				for range s.tries() {
					if slices.Equal(rules(r), s.want) {
						break
					}
					r = attackOn(t, url, base, s.configure(base))
				}
				found[i] = rules(r)
				if !slices.Equal(found[i], s.want) {
					t.Errorf("found %v, want %v", found[i], s.want)
					for _, f := range r.Findings {
						t.Logf("%s: %.300s\n%.600s", f.Rule, f.Reason, f.Evidence)
					}
				}
				for _, n := range r.Notes {
					t.Logf("note: %s", n.Text)
				}
			})
		}
	})
	if !t.Failed() && int(ran.Load()) == len(all) { // not where -run chose some
		checkTable(t, tableOf(all, found))
	}
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

func tableOf(all []subject, found [][]string) string {
	var b strings.Builder
	b.WriteString("| server | form | names in | found |\n|---|---|---|---|\n")
	for i, s := range all {
		what := "nothing"
		if len(found[i]) > 0 {
			what = ""
			for j, id := range found[i] {
				if j > 0 {
					what += ", "
				}
				what += fmt.Sprintf("[%s](rules/%s.md)", id, id)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.server, s.form, s.mode, what)
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
