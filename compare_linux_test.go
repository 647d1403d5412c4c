package rootbound_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/testenv"
)

// TestComparison takes the README's comparison from the real servers: each row below is measured for every column,
// and the cell must begin with what was measured.
func TestComparison(t *testing.T) {
	if !testenv.AsNobody(t) { // root may read what is unreadable
		return
	}
	base := comparedTree(t)
	peers := comparedPeers(t, base)
	table := readmeTable(t, "| | rootbound |")
	for row, measure := range map[string]func(*testing.T, string) string{
		"a link inside the base that leads out": func(t *testing.T, url string) string {
			if a := fetch(t, url+"/out.txt", ""); strings.Contains(a.body, "SECRET") {
				return "**followed**"
			}
			return "refused"
		},
		"a FIFO in the directory": func(t *testing.T, url string) string {
			switch a := fetchOrHang(t, url+"/fifo", url+"/file.txt"); a.status {
			case 0:
				return "hangs"
			case 404:
				return "404"
			}
			return "refused"
		},
		"hidden files": func(t *testing.T, url string) string {
			if a := fetch(t, url+"/.env", ""); a.status == 200 {
				return "served"
			}
			return "refused"
		},
		"missing and forbidden look alike": func(t *testing.T, url string) string {
			missing, forbidden := fetch(t, url+"/missing.txt", ""), fetch(t, url+"/unreadable.txt", "")
			if missing == forbidden {
				return "yes"
			}
			return "no"
		},
		"several ranges": func(t *testing.T, url string) string {
			switch a := fetch(t, url+"/file.txt", "bytes=0-1,3-4"); a.status {
			case 206:
				return "yes"
			case 416:
				return "416"
			default:
				return http.StatusText(a.status)
			}
		},
		"entity tag": func(t *testing.T, url string) string {
			if a := fetch(t, url+"/file.txt", ""); a.tagged {
				return "yes"
			}
			return "no"
		},
	} {
		cells, ok := table[row]
		if !ok || len(cells) != len(peers) {
			t.Errorf("README.md has no row %q with a cell for each of %d servers", row, len(peers))
			continue
		}
		for i, p := range peers {
			if got := measure(t, p.url); !strings.HasPrefix(cells[i], got) {
				t.Errorf("%s, %s: measured %q, README.md says %q", row, p.name, got, cells[i])
			}
		}
	}
}

// comparedTree has one of each thing that the rows are about.
func comparedTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	err := errors.Join(
		os.Mkdir(base, 0o755),
		os.WriteFile(filepath.Join(dir, "secret.txt"), []byte("SECRET"), 0o644),
		os.Symlink("../secret.txt", filepath.Join(base, "out.txt")),
		syscall.Mkfifo(filepath.Join(base, "fifo"), 0o644),
		os.WriteFile(filepath.Join(base, ".env"), []byte("KEY=1"), 0o644),
		os.WriteFile(filepath.Join(base, "unreadable.txt"), []byte("x"), 0),
		os.WriteFile(filepath.Join(base, "file.txt"), []byte("0123456789"), 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

type comparedPeer struct{ name, url string }

// comparedPeers starts the servers of the README's columns, in their order, on the same directory.
func comparedPeers(t *testing.T, base string) []comparedPeer {
	t.Helper()
	d, err := rootbound.Open(base, rootbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	root, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	app := t.TempDir()
	err = os.WriteFile(filepath.Join(app, "app.py"), []byte(`
import flask, os
app = flask.Flask(__name__)
@app.route("/<path:name>")
def download(name):
    return flask.send_from_directory(os.environ["BASE"], name)
`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	local := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.CloseClientConnections) // Close would wait for the handler that hangs
		return s.URL
	}
	// One that hangs keeps its worker: it has several.
	flask := testenv.Gunicorn(t, app, "app:app", "BASE="+base, "GUNICORN_CMD_ARGS=--threads 8")
	return []comparedPeer{
		{"rootbound", local(d.Handler(rootbound.HandlerConfig{}))},
		{"Flask", flask},
		{"os.Root", local(http.FileServerFS(root.FS()))},
		{"nginx", testenv.Nginx(t, testenv.NginxConfig{Root: base, FollowLinks: true})},
	}
}

// fetched is what a client can tell two answers apart by.
type fetched struct {
	status int // 0: none
	body   string
	fields string
	tagged bool
}

// fetch waits for a minute: how quick a machine is says nothing of a server.
func fetch(t *testing.T, url, ranges string) fetched {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f, err := fetchWithin(ctx, url, ranges)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fetchOrHang returns the zero value where there is no answer some seconds after one to what was asked later, other.
func fetchOrHang(t *testing.T, url, other string) fetched {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type result struct {
		f   fetched
		err error
	}
	answered := make(chan result, 1)
	go func() {
		f, err := fetchWithin(ctx, url, "")
		answered <- result{f, err}
	}()
	fetch(t, other, "")
	select {
	case <-time.After(5 * time.Second):
		return fetched{}
	case r := <-answered:
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.f
	}
}

func fetchWithin(ctx context.Context, url, ranges string) (fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fetched{}, err
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fetched{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fetched{}, err
	}
	tagged := resp.Header.Get("ETag") != ""
	resp.Header.Del("Date")
	var fields strings.Builder
	err = resp.Header.Write(&fields) // sorted
	return fetched{resp.StatusCode, string(body), fields.String(), tagged}, err
}

// readmeTable returns the cells of the README's table that begins with this line, by their rows' names.
func readmeTable(t *testing.T, begin string) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(b), begin)
	if !ok {
		t.Fatalf("README.md has no table that begins with %q", begin)
	}
	rows := map[string][]string{}
	for i, line := range strings.Split(table, "\n") {
		if i > 0 && !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[cells[0]] = cells[1:]
	}
	return rows
}
