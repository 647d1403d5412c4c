package confine_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
	"github.com/rootbound/rootbound/internal/testenv"
)

// startFlask runs examples/flask under gunicorn, confined where there are flags, and returns its address.
func startFlask(t *testing.T, l attack.Layout, flags []string) (addr string) {
	t.Helper()
	testenv.Need(t, "gunicorn")
	testenv.Need(t, "flask")
	app := filepath.Join(testenv.Repo(t), "examples", "flask")
	temporary, port := t.TempDir(), freePort(t)
	if flags != nil {
		flags = append(flags, "--read", app, "--write", temporary, "--bind", port)
	}
	cmd := build(t, app, flags, testenv.Need(t, "python3"), "-m", "gunicorn", "--bind", "127.0.0.1:"+port, "--worker-tmp-dir", temporary, "--workers", "2", "app:app")
	cmd.Env = append(os.Environ(), "FILES="+l.Base, "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8:surrogateescape")
	testenv.Start(t, cmd, testenv.Answers("http://127.0.0.1:"+port+"/"))
	return "127.0.0.1:" + port
}

// The worst of the four forms hands any name to send_file. Bare it leaks; confined it serves its files, and no name of
// the corpus, no link and no sibling directory brings out what lies beside them.
func TestFlaskConfined(t *testing.T) {
	l := plant.New(t)
	outside := l.Outside()[0]
	if err := os.Symlink(filepath.Join(l.Base, outside.Name), filepath.Join(l.Base, "link.txt")); err != nil {
		t.Fatal(err)
	}
	evil := l.Base + "_evil"
	if err := os.Mkdir(evil, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(evil, "x.txt"), outside.Token)
	names := flaskNames(l)
	names = append(names, "link.txt", "../"+filepath.Base(evil)+"/x.txt", "/etc/passwd", "/proc/self/environ", "/proc/self/root"+l.Abs(outside), "/proc/self/cwd/app.py")

	rules := []string{"--preset", "python", "--read", l.Base}
	addrs := map[string]string{"bare": startFlask(t, l, nil), "confined": startFlask(t, l, rules), "hidden": startFlask(t, l, append(rules[:4:4], "--hide", "--net", "tcp"))}
	leaks := map[string]int{}
	var all sync.WaitGroup
	var mutex sync.Mutex
	for how, addr := range addrs {
		all.Go(func() {
			found := askForAll(l, addr, names)
			mutex.Lock()
			defer mutex.Unlock()
			leaks[how] = len(found)
			if how != "bare" && len(found) > 0 {
				t.Errorf("%s leaks %d of %d: %.100q", how, len(found), len(names), found[0])
			}
		})
	}
	all.Wait()
	t.Logf("note: Flask /raw: %d names, %d leak bare, %d confined, %d hidden", len(names), leaks["bare"], leaks["confined"], leaks["hidden"])
	if leaks["bare"] == 0 {
		t.Error("it leaks nothing by itself: this shows nothing")
	}
	want, err := os.ReadFile(filepath.Join(l.Base, filepath.FromSlash(l.File)))
	if err != nil {
		t.Fatal(err)
	}
	for how, addr := range addrs {
		a, err := attack.Raw(addr, "/raw?file="+url.QueryEscape(l.File))
		if err != nil || a.Status != 200 || !bytes.Equal(a.Body, want) {
			t.Errorf("%s: its own file = %+v, %v", how, a, err)
		}
	}
}

// flaskNames has one spelling of each name of the corpus: Flask decodes before a route sees it.
func flaskNames(l attack.Layout) (out []string) {
	seen := map[string]bool{}
	every := 1
	if os.Getenv("ROOTBOUND_EXPECT_CONTAINMENT") != "" { // the application was asked every name in the first run
		every = 8
	}
	for i, c := range attack.Corpus(l) {
		if i%every != 0 {
			continue
		}
		if name, err := url.QueryUnescape(c.Query); err != nil || !seen[name] {
			seen[name] = true
			out = append(out, c.Query)
		}
	}
	return out
}

// askForAll returns the names that bring out a canary from outside of the base directory, or the user table.
func askForAll(l attack.Layout, addr string, names []string) (leaked []string) {
	c := &attack.Client{Addr: addr}
	defer func() { _ = c.Close() }()
	for _, name := range names {
		target := "/raw?file=" + name
		if !attack.OnLine(target) {
			continue
		}
		a, err := c.Do("GET", target)
		if err != nil { // gunicorn ends the connection of a line that it does not like
			continue
		}
		text := append(a.Head(), a.Body...)
		bad := bytes.Contains(text, []byte("root:x:0:0")) || bytes.Contains(text, []byte("PYTHONDONTWRITEBYTECODE=1"))
		for _, canary := range l.Outside() {
			bad = bad || bytes.Contains(text, []byte(canary.Token))
		}
		if bad {
			leaked = append(leaked, strings.ToValidUTF8(name, "?"))
		}
	}
	return leaked
}
