package gate_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rootbound/rootbound/gate"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
	"github.com/rootbound/rootbound/internal/testenv"
)

// The real applications, bare and behind the gate.

func example(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(testenv.Repo(t), "examples", name)
}

// trap is what lies in a directory for an application to fall into, beside the corpus.
type trap struct {
	query string // of ?file=
	token string // what must not be sent
}

// traps plants a link, a sibling directory and a name that an allowlist with '$' lets by.
func traps(t *testing.T, l attack.Layout) []trap {
	t.Helper()
	outside := l.Outside()[0]
	if err := os.Symlink(filepath.Join(l.Base, outside.Name), filepath.Join(l.Base, "link.txt")); err != nil {
		t.Fatal(err)
	}
	evil := filepath.Base(l.Base) + "_evil"
	writeFile(t, filepath.Join(filepath.Dir(l.Base), evil, "x.txt"), outside.Token)
	writeFile(t, filepath.Join(l.Base, "kept.txt\n"), outside.Token)
	return []trap{{"link.txt", outside.Token}, {"../" + evil + "/x.txt", outside.Token}, {"kept.txt%0a", outside.Token}}
}

// flask starts the four routes.
func flask(t *testing.T, l attack.Layout, sendfile bool) (url string) {
	t.Helper()
	env := "USE_X_SENDFILE=0"
	if sendfile {
		env = "USE_X_SENDFILE=1"
	}
	return testenv.Gunicorn(t, example(t, "flask"), "app:app", "FILES="+l.Base, env)
}

var flaskForms = []string{"/raw", "/replace", "/secure", "/allowlist"}

// Each of the four leaks by itself. Behind the gate, by X-Sendfile and by take-over, nothing does.
func TestFlaskForms(t *testing.T) {
	t.Parallel()
	l := plant.New(t)
	falls := traps(t, l)
	sent, bare := flask(t, l, true), flask(t, l, false)
	rules := make([]string, len(flaskForms))
	for i, form := range flaskForms {
		rules[i] = "GET " + form + "?file={name}"
	}
	on := func(u *setup) {
		u.layout = l
		u.dir = openDir(t, l.Base, noRules)
		u.up.Roots[0] = gate.Root{Paths: []string{l.Base}, Dir: u.dir}
	}
	named := start(t, sent, func(u *setup) { on(u); u.up.UniformErrors = flaskForms })
	taken := start(t, bare, func(u *setup) { on(u); u.up.Take = rules })

	var queries, decoded []string // decoded has one spelling of each name: Flask decodes before a route sees it
	seen := map[string]bool{}
	for _, f := range falls {
		queries, decoded = append(queries, f.query), append(decoded, f.query)
	}
	every := 1
	if os.Getenv("ROOTBOUND_EXPECT_CONTAINMENT") != "" { // the applications were asked every name in the first run
		every = 8
	}
	for i, c := range attack.Corpus(l) {
		if i%every != 0 {
			continue
		}
		queries = append(queries, c.Query)
		if name, err := url.QueryUnescape(c.Query); err != nil || !seen[name] {
			seen[name] = true
			decoded = append(decoded, c.Query)
		}
	}
	for i, form := range flaskForms {
		var each sync.WaitGroup
		leaked := map[string]*int{"bare": new(int), "named": new(int), "taken": new(int)}
		for how, addr := range map[string]string{"bare": strings.TrimPrefix(bare, "http://"), "named": named.addr, "taken": taken.addr} {
			each.Go(func() {
				names := decoded
				switch {
				case how == "bare" && i > 0: // that each leaks is enough; how much is told for the first
					names = slices.Concat(decoded[:len(falls)], sampled(decoded[len(falls):], 4))
				case how == "taken" && i == 0: // there the gate decodes
					names = queries
				case how == "taken": // what the gate answers itself is the same for all forms
					names = slices.Concat(queries[:len(falls)], sampled(queries[len(falls):], 8))
				}
				for _, what := range askAll(t, named, addr, form, names, how == "bare") {
					*leaked[how]++
					if how != "bare" {
						t.Errorf("%s %s", how, what)
					}
				}
			})
		}
		each.Wait()
		bareLeaks := *leaked["bare"]
		t.Logf("note: Flask %s: %d names, %d leak bare, none behind the gate", form, len(queries), bareLeaks)
		if bareLeaks == 0 {
			t.Errorf("%s leaks nothing by itself: this shows nothing", form)
		}
		for how, g := range map[string]*gated{"named": named, "taken": taken} {
			a := g.get(t, form+"?file="+l.File)
			if form == "/secure" || form == "/allowlist" {
				a = g.get(t, form+"?file="+filepath.Base(g.file(t, "plain.txt", "plain\n")))
			}
			if a.Status != 200 || a.Header.Get("Etag") == "" || a.Header.Get("X-Sendfile") != "" {
				t.Errorf("%s %s of a good name = %d %v", how, form, a.Status, a.Header)
			}
		}
	}
}

// sampled is every nth.
func sampled(all []string, n int) (out []string) {
	for i := 0; i < len(all); i += n {
		out = append(out, all[i])
	}
	return out
}

// askAll asks for every name and returns what leaked, or failed in another way than by a refusal. An undefended server
// may end the connection.
func askAll(t *testing.T, g *gated, addr, form string, queries []string, undefended bool) (bad []string) {
	c := &attack.Client{Addr: addr}
	defer func() { _ = c.Close() }()
	for _, q := range queries {
		target := form + "?file=" + q
		if !attack.OnLine(target) {
			continue
		}
		a, err := c.Do("GET", target)
		switch {
		case err != nil && !undefended:
			t.Errorf("%.100q: %v", target, err)
		case err != nil:
		case a.Status == 502 && len(q) > 4000: // gunicorn ends the connection of a line over 4,094 bytes, at times unread
		case leaks(g, a) != "", a.Status >= 500 && !undefended:
			bad = append(bad, fmt.Sprintf("%.100q = %d %s", target, a.Status, leaks(g, a)))
		}
	}
	return bad
}

// With uniform errors nothing tells an outside file that exists from one that does not; without, the application does.
func TestFlaskOracle(t *testing.T) {
	l := plant.New(t)
	sent := flask(t, l, true)
	there := "../" + strings.TrimPrefix(l.Outside()[0].Name, "../")
	for _, uniform := range []bool{true, false} {
		g := start(t, sent, func(u *setup) {
			u.layout = l
			if uniform {
				u.up.UniformErrors = []string{"/raw"}
			}
		})
		yes, no := g.get(t, "/raw?file="+there), g.get(t, "/raw?file=../no-such-file")
		told := yes.Status != no.Status || len(yes.Body) != len(no.Body)
		if told == uniform {
			t.Errorf("uniform %v: %d and %d bytes, %d and %d bytes", uniform, yes.Status, len(yes.Body), no.Status, len(no.Body))
		}
	}
}

// Flask judges ranges and preconditions itself, and wrongly for several ranges: the client gets the gate's answer.
func TestFlaskConditions(t *testing.T) {
	l := plant.New(t)
	g := start(t, flask(t, l, true), func(u *setup) {
		u.layout = l
		u.dir = openDir(t, l.Base, noRules)
		u.up.Roots[0] = gate.Root{Paths: []string{l.Base}, Dir: u.dir}
	})
	g.file(t, "ten.txt", "0123456789")
	etag := g.get(t, "/raw?file=ten.txt").Header.Get("Etag")
	for _, tt := range []struct {
		header string
		status int
		body   string
	}{
		{"Range: bytes=2-4", 206, "234"},
		{"Range: bytes=0-1,5-6", 206, ""},
		{"Range: bytes=20-", 416, ""},
		{"If-None-Match: " + etag, 304, ""},
		{"If-Match: " + etag, 200, "0123456789"},
	} {
		a := g.get(t, "/raw?file=ten.txt", tt.header)
		if a.Status != tt.status || tt.body != "" && string(a.Body) != tt.body {
			t.Errorf("%s = %d %q, want %d %q", tt.header, a.Status, a.Body, tt.status, tt.body)
		}
	}
}

// freeAddr is one that nobody listens on, for programs that take no socket.
func freeAddr(t *testing.T) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// django, rack and php start their examples; each returns the targets that ask for a name.
func django(t *testing.T, l attack.Layout) (url string) {
	t.Helper()
	testenv.Need(t, "django")
	return testenv.Gunicorn(t, example(t, "django"), "app:app", "FILES="+l.Base)
}

func rack(t *testing.T, l attack.Layout, kind string) (url string) {
	t.Helper()
	testenv.Need(t, "sinatra")
	testenv.Need(t, "webrick")
	host, port := freeAddr(t)
	cmd := exec.Command(testenv.Need(t, "rackup"), "-s", "webrick", "-o", host, "-p", port, "-E", "production", filepath.Join(example(t, "rack"), "config.ru"))
	cmd.Env = append(os.Environ(), "FILES="+l.Base, "SENDFILE="+kind)
	cmd.Dir = t.TempDir()
	testenv.Start(t, cmd, testenv.Answers("http://"+host+":"+port+"/"))
	return "http://" + host + ":" + port
}

func php(t *testing.T, l attack.Layout, sendfile bool) (url string) {
	t.Helper()
	host, port := freeAddr(t)
	cmd := exec.Command(testenv.Need(t, "php"), "-S", host+":"+port, filepath.Join(example(t, "php"), "index.php"))
	cmd.Env = append(os.Environ(), "FILES="+l.Base)
	if sendfile {
		cmd.Env = append(cmd.Env, "SENDFILE=1")
	}
	testenv.Start(t, cmd, testenv.Answers("http://"+host+":"+port+"/"))
	return "http://" + host + ":" + port
}

// Django, Sinatra and PHP: a file is sent by the gate whatever the framework makes of its name, and what lies outside is
// the 404. The controls are the same applications without the gate.
func TestFrameworks(t *testing.T) {
	l := plant.New(t)
	falls := traps(t, l)
	inDjango := django(t, l)
	names := []string{"plain.txt", "two words.txt", "é ü.txt", "日本.txt", "100%25.txt", "a+b&c.txt"}
	for _, tt := range []struct {
		name, url, bare string
		target          func(name string) string
		bareTarget      func(name string) string // where the bare application has another route for it
		change          func(*gate.Upstream)
		quiet           []string // names that the framework cannot put into a header
	}{
		{name: "flask", url: flask(t, l, true), bare: flask(t, l, false), target: field("/raw"), quiet: []string{"日本.txt"}},
		{name: "django accel", url: inDjango, bare: inDjango, target: element("/accel/"), bareTarget: element("/raw/")},
		{name: "django sendfile", url: inDjango, bare: inDjango, target: element("/sendfile/"), bareTarget: element("/raw/")},
		{name: "rack sendfile", url: rack(t, l, "X-Sendfile"), bare: rack(t, l, ""), target: field("/download")},
		{name: "rack accel", url: rack(t, l, "X-Accel-Redirect"), bare: rack(t, l, ""), target: field("/download"), change: func(u *gate.Upstream) { u.Announce = gate.AnnounceAccel }},
		{name: "php", url: php(t, l, true), bare: php(t, l, false), target: field("/")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, tt.url, func(u *setup) {
				u.layout = l
				u.dir = openDir(t, l.Base, noRules)
				u.up.Roots[0] = gate.Root{Paths: []string{l.Base}, Dir: u.dir}
				u.up.Accel = []gate.Accel{{Prefix: "/protected/", Paths: []string{l.Base}, Dir: u.dir}}
				if tt.change != nil {
					tt.change(&u.up)
				}
			})
			for _, n := range names {
				g.file(t, n, "content of "+n)
				a := g.get(t, tt.target(n))
				quiet := len(tt.quiet) > 0 && tt.quiet[0] == n
				if (a.Status == 200 && string(a.Body) == "content of "+n) == quiet {
					t.Errorf("%s = %d %.200q", n, a.Status, a.Body)
				}
				if a.Status == 200 && (a.Header.Get("Etag") == "" || a.Header.Get("Accept-Ranges") != "bytes") {
					t.Errorf("%s was not sent by the gate: %v", n, a.Header)
				}
			}
			leaked := 0
			for _, f := range append(falls[:2:2], trap{"../" + l.Outside()[0].Name[3:], l.Outside()[0].Token}) {
				target := tt.target(f.query)
				if a := g.get(t, target); leaks(g, a) != "" || a.Status == 200 {
					t.Errorf("%s = %d: %s", target, a.Status, leaks(g, a))
				}
				if tt.bareTarget != nil {
					target = tt.bareTarget(f.query)
				}
				a, err := attack.Raw(strings.TrimPrefix(tt.bare, "http://"), target)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(a.Body, []byte(f.token)) {
					leaked++
				}
			}
			if leaked == 0 {
				t.Error("the application leaks nothing by itself: this shows nothing")
			}
			res, err := http.Get("http://" + g.addr + "/")
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("its own page = %d", res.StatusCode)
			}
			http.DefaultClient.CloseIdleConnections()
		})
	}
}

func element(path string) func(string) string {
	return func(name string) string { return path + url.PathEscape(name) }
}

func field(path string) func(string) string {
	return func(name string) string { return path + "?file=" + url.QueryEscape(name) }
}
