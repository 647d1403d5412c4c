package rootbound

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/plan"
)

// handlerTime is when the files of handlerTree were last modified.
var handlerTime = time.Date(2023, 11, 12, 13, 14, 15, 678_000_000, time.UTC)

// handlerTree plants files of sizes around every buffer there is, and of names that must be escaped, and returns
// their names with their sizes.
func handlerTree(t *testing.T) (base string, files map[string]int) {
	t.Helper()
	base = t.TempDir()
	files = map[string]int{
		"0.txt": 0, "1.txt": 1, "43.html": 43, "511.css": 511, "512.js": 512, "513": 513, "32768.json": 32768,
		"65535.bin": 65535, "65536.bin": 65536, "65537.bin": 65537, "131073.dat": 131073, "1048579.txt": 1<<20 + 3,
		"with space.txt": 60, "ü/日本.txt": 61, "100%.txt": 62, "a;b&c=d+e.txt": 63, "sub/deep/er/x.svg": 64, "q?.txt": 65,
		"sub/index.html": 66, "#.txt": 67, "feed.xml": 68,
	}
	r := rand.New(rand.NewPCG(9, 110))
	for n, size := range files {
		p := filepath.Join(base, filepath.FromSlash(n))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		content := make([]byte, size)
		for i := range content {
			content[i] = byte('a' + r.IntN(26))
			if strings.HasSuffix(n, ".bin") || strings.HasSuffix(n, ".dat") {
				content[i] = byte(r.IntN(32)) // no text
			}
		}
		if err := os.WriteFile(p, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, handlerTime, handlerTime); err != nil {
			t.Fatal(err)
		}
	}
	return base, files
}

// sendServers runs a test over HTTP/1.1 and over HTTP/2 with TLS, each on real sockets.
func sendServers(t *testing.T, run func(t *testing.T, start func(http.Handler) *sendPeer)) {
	t.Helper()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			run(t, func(h http.Handler) *sendPeer {
				s := httptest.NewUnstartedServer(h)
				if s.EnableHTTP2 = proto == "HTTP/2.0"; s.EnableHTTP2 {
					s.StartTLS()
				} else {
					s.Start()
				}
				t.Cleanup(s.Close)
				client := s.Client()
				client.Transport.(*http.Transport).DisableCompression = true
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				return newSendPeer(s.URL, proto, client)
			})
		})
	}
}

// serveContent is the usual handler: os.Root, and http.ServeContent with the fields that ours has.
func serveContent(t *testing.T, root *os.Root) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file := strings.TrimPrefix(r.URL.Path, "/")
		f, err := root.Open(filepath.FromSlash(file))
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Error(err)
			return
		}
		head := make([]byte, 512)
		n, err := f.ReadAt(head, 0)
		if err != nil && err != io.EOF {
			t.Error(err)
		}
		ctype, _ := plan.ContentType(file, head[:n])
		for field, value := range map[string]string{
			"Content-Type": ctype, "ETag": plan.ETag(info.Size(), info.ModTime(), false), "Cache-Control": "no-cache",
			"Content-Disposition": plan.Disposition(false, path.Base(file)),
		} {
			w.Header().Set(field, value)
		}
		http.ServeContent(w, r, file, info.ModTime(), f)
	})
}

// handlerCases are plain requests for every file, valid ranges at random, and on some files everything that
// sendSingles has, with pairs of it at random.
func handlerCases(files map[string]int) []sendCase {
	r := rand.New(rand.NewPCG(14, 2))
	var out []sendCase
	for _, n := range slices.Sorted(maps.Keys(files)) {
		c := sendCase{file: name.Escape(n), size: files[n]}
		for _, c.method = range []string{http.MethodGet, http.MethodHead} {
			c.fields = nil
			out = append(out, c)
			if slices.Contains([]string{"0.txt", "43.html", "65537.bin"}, n) {
				for _, c.fields = range sendSingles()[1:] {
					out = append(out, c)
				}
			}
		}
		c.method = http.MethodGet
		for range min(20, c.size) {
			c.fields = []sendField{{"Range", "valid", randomRange(r, c.size)}}
			out = append(out, c)
		}
	}
	singles := sendSingles()
	for range 600 {
		c := sendCase{file: "513", size: 513, method: http.MethodGet}
		for _, f := range append(oneOf(r, singles), oneOf(r, singles)...) {
			if c.kind(f.name) == "" {
				c.fields = append(c.fields[:len(c.fields):len(c.fields)], f)
			}
		}
		out = append(out, c)
	}
	return out
}

// randomRange is satisfiable in a file of that size.
func randomRange(r *rand.Rand, size int) string {
	from := r.IntN(size)
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("bytes=%d-", from)
	case 1:
		return fmt.Sprintf("bytes=-%d", size-from)
	}
	return fmt.Sprintf("bytes=%d-%d", from, from+r.IntN(2*size))
}

// oneOf returns one of the values.
func oneOf[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// handlerDifferences is where http.ServeContent answers otherwise.
var handlerDifferences = []sendDifference{
	{
		"fields of a refusal",
		"15.5.13 asks for none, 15.5.17 for Content-Range; a refusal of ours has a page of its own, says nothing of the file and is no-store",
		func(d *sendDisagreement) bool {
			return d.aspect != "status" && d.ours.status >= 400 && d.aspect != "Content-Range"
		},
	},
	{
		"Range on HEAD",
		"14.2: GET is the only method for which range handling is defined",
		func(d *sendDisagreement) bool { return d.method == "HEAD" && d.statuses(200, 206, 416) },
	},
	{
		"another unit",
		`14.2: "MUST ignore a Range header field that contains a range unit it does not understand"`,
		func(d *sendDisagreement) bool { return d.has("Range", "other unit") && d.statuses(200, 416) },
	},
	{
		"invalid ranges",
		`14.2: "MAY ignore or reject a Range header field that contains an invalid ranges-specifier"; ours ignores`,
		func(d *sendDisagreement) bool {
			return d.has("Range", "garbage", "reversed", "no unit") && d.statuses(200, 416)
		},
	},
	{
		"signs among the digits",
		"14.1.1: first-pos = 1*DIGIT",
		func(d *sendDisagreement) bool { return d.has("Range", "signed") && d.statuses(200, 206) },
	},
	{
		"suffix of length zero",
		"14.1.2: satisfiable is a suffix-range with a non-zero suffix-length",
		func(d *sendDisagreement) bool { return d.has("Range", "zero suffix") && d.statuses(416, 206) },
	},
	{
		"suffix of an empty file",
		"14.1.2 has it satisfiable and 14.4 no Content-Range for it; theirs is bytes 0--1/0",
		func(d *sendDisagreement) bool {
			return d.size == 0 && d.statuses(200, 206) && d.theirs.header.Get("Content-Range") == "bytes 0--1/0"
		},
	},
	{
		"no satisfiable range in an empty file",
		`14.2: "ranges-specifier is unsatisfiable ..., the server SHOULD send a 416"`,
		func(d *sendDisagreement) bool { return d.size == 0 && d.statuses(416, 200) },
	},
	{
		"Content-Disposition of a 304",
		"15.4.5 lists what a 304 has; the cache has this one",
		func(d *sendDisagreement) bool {
			return d.ours.status == 304 && d.aspect == "Content-Disposition" && d.ours.header.Get("Content-Disposition") == ""
		},
	},
}

func TestHandlerIsServeContents(t *testing.T) {
	t.Parallel()
	base, files := handlerTree(t)
	root, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	sendServers(t, func(t *testing.T, start func(http.Handler) *sendPeer) {
		ours := start(openBaseDir(t, base, Config{}).Handler(HandlerConfig{}))
		sendJudge(t, handlerDifferences, handlerCases(files), ours, start(serveContent(t, root)), handlerTime)
	})
}

// fileServerDifferences is where http.FileServerFS answers otherwise.
var fileServerDifferences = []sendDifference{
	{
		"an entity tag, and the default of asking each time",
		"8.8.3; 13.1.2",
		func(d *sendDisagreement) bool {
			return d.theirs.header.Get(d.aspect) == "" && (d.aspect == "ETag" || d.aspect == "Cache-Control")
		},
	},
	{
		"a download name",
		"RFC 6266",
		func(d *sendDisagreement) bool {
			return d.aspect == "Content-Disposition" && strings.HasPrefix(d.ours.header.Get(d.aspect), "inline; filename=") && d.theirs.header.Get(d.aspect) == ""
		},
	},
	{
		"Last-Modified of a 304 with an entity tag",
		"15.4.5: it guides a cache's update where there is no entity tag",
		func(d *sendDisagreement) bool {
			return d.ours.status == 304 && d.aspect == "Last-Modified" && d.ours.header.Get(d.aspect) == ""
		},
	},
	{
		"types by one table",
		"theirs asks the machine's own",
		func(d *sendDisagreement) bool {
			return d.aspect == "Content-Type" && d.ours.header.Get(d.aspect) != "" && d.theirs.header.Get(d.aspect) != ""
		},
	},
	{
		"index.html under its own name",
		"it is a file like any other; theirs redirects to the directory",
		func(d *sendDisagreement) bool {
			return d.file == "sub/index.html" && (d.statuses(200, 301) || d.statuses(206, 301))
		},
	},
	{
		"a directory without its slash",
		"15.4.9: a 308 keeps the method",
		func(d *sendDisagreement) bool { return d.file == "sub" && d.statuses(308, 301) },
	},
	{
		"a directory without index.html",
		"nothing is listed that was not asked to be",
		func(d *sendDisagreement) bool { return d.file == "sub/deep/" && d.statuses(404, 200) },
	},
	{
		"two slashes",
		"an empty element is no name; theirs cleans it away, also where a rule looks at the name",
		func(d *sendDisagreement) bool { return d.file == "sub//index.html" && d.statuses(403, 301) },
	},
}

func TestHandlerIsFileServers(t *testing.T) {
	base, files := handlerTree(t)
	root, err := os.OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var cases []sendCase
	for _, c := range handlerCases(files) { // without the entity tags that theirs does not have
		if c.kind("If-Match")+c.kind("If-None-Match")+c.kind("If-Range") == "" && (c.kind("Range") == "" || c.has("Range", "valid", "multiple", "suffix") && c.size > 0 && c.method == "GET") {
			cases = append(cases, c)
		}
	}
	for _, file := range []string{"sub", "sub/", "sub/deep/", "sub//index.html", "sub/absent"} {
		cases = append(cases, sendCase{file: file, method: http.MethodGet})
	}
	// What the machine says of a type, whichever machine it is.
	if err := mime.AddExtensionType(".machine", "application/x-machine"); err != nil {
		t.Fatal(err)
	}
	plantSibling(t, filepath.Join(base, "type.machine"), "text", handlerTime)
	cases = append(cases, sendCase{file: "type.machine", method: http.MethodGet, size: 4})
	sendServers(t, func(t *testing.T, start func(http.Handler) *sendPeer) {
		ours := start(openBaseDir(t, base, Config{}).Handler(HandlerConfig{Index: true}))
		listed := append([]sendDifference{handlerDifferences[0]}, fileServerDifferences...)
		sendJudge(t, listed, cases, ours, start(http.FileServerFS(root.FS())), handlerTime)
	})
}

// TestHandlerHead: HEAD has the fields of GET, whatever the answer, and nothing else (9.3.2).
func TestHandlerHead(t *testing.T) {
	base, files := handlerTree(t)
	sendServers(t, func(t *testing.T, start func(http.Handler) *sendPeer) {
		p := start(openBaseDir(t, base, Config{}).Handler(HandlerConfig{Index: true, Send: SendOptions{Precompressed: true}}))
		statuses := map[int]int{}
		cases := handlerCases(files)
		for _, file := range []string{"sub", "sub/", "absent", "%zz", "..%2fx", ".x"} {
			cases = append(cases, sendCase{file: file, method: http.MethodGet})
		}
		for i := range cases {
			c := cases[i]
			if c.method != http.MethodGet || c.kind("Range") != "" || strings.Contains(c.file, "%zz") {
				continue
			}
			get := p.ask(t, &c, handlerTime)
			c.method = http.MethodHead
			head := p.ask(t, &c, handlerTime)
			get.header.Del("Date")
			head.header.Del("Date")
			if diff := cmp.Diff(get.header, head.header); get.status != head.status || diff != "" {
				t.Errorf("%s: %d, GET %d\n%s", &c, head.status, get.status, diff)
			}
			if len(head.body) != 0 {
				t.Errorf("%s: a body of %d bytes", &c, len(head.body))
			}
			statuses[get.status]++
		}
		for _, status := range []int{200, 304, 308, 403, 404, 412} {
			if statuses[status] == 0 {
				t.Errorf("no answer was a %d: %v", status, statuses)
			}
		}
	})
}
