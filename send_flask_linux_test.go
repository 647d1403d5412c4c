package rootbound

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/testenv"
)

// flaskSend is the same application as sendServer, in Flask.
const flaskSend = `
import json, mimetypes, os
import flask, werkzeug
mimetypes.knownfiles = []  # the same types on every machine
mimetypes.init()
assert werkzeug.__version__ == "2.2.2", werkzeug.__version__
app = flask.Flask("peer")
base = os.environ["BASE"]

@app.route("/")
def ready():
    return "ready"

@app.route("/<path:name>", methods=["GET", "HEAD", "POST"])
def send(name):
    o = json.loads(flask.request.args["o"])
    kw = {"as_attachment": o.get("attachment", False), "conditional": not o.get("unconditional", False)}
    if "name" in o: kw["download_name"] = o["name"]
    if "type" in o: kw["mimetype"] = o["type"]
    if "etag" in o: kw["etag"] = False if o["etag"] == "-" else o["etag"]
    if "modified" in o: kw["last_modified"] = o["modified"]
    if "age" in o: kw["max_age"] = o["age"]
    if "attachment" in o:
        return flask.send_from_directory(base, name, **kw)
    return flask.send_file(os.path.join(base, name), **kw)
`

// sendServer sends as the choice in the query says: attachments through Dir.Send, the rest through Send.
func sendServer(t *testing.T, d *Dir) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c sendChoice
		if err := json.Unmarshal([]byte(r.URL.Query().Get("o")), &c); err != nil {
			t.Errorf("%s: %v", r.URL, err)
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		if c.Attachment {
			if err := d.Send(w, r, name, c.options()); err != nil {
				t.Errorf("Dir.Send(%q): %v", name, err)
			}
			return
		}
		f, err := d.Open(name)
		if err != nil {
			t.Errorf("Open(%q): %v", name, err)
			return
		}
		defer f.Close()
		if err := Send(w, r, f, c.options()); err != nil {
			t.Errorf("Send(%q): %v", name, err)
		}
	})
}

// flaskFiles are what both send. The first five are asked everything, the others about their types.
var flaskFiles = []struct{ name, content string }{
	{"text.txt", "All that is gold does not glitter, äöü.\n"},
	{"page.html", "<!doctype html><title>x</title><p>Not all those who wander are lost.\n"},
	{"empty.txt", ""},
	{"data.unknownext", "The old that is strong does not wither.\n"},
	{"README", "Deep roots are not reached by the frost.\n"},
	{"latin1.txt", "caf\xe9 au lait\n"},
	{"feed.xml", "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a/>\n"},
	{"all.tar.gz", "\x1f\x8b\x08\x00 not really\n"},
	{"blob.bin", "\x00\x01\x02\x03\xff\xfe"},
}

const flaskAsked = 5

// flaskTime is when the files were last modified, with a fraction that HTTP cannot tell.
var flaskTime = time.Date(2024, 5, 6, 7, 8, 9, 500_000_000, time.UTC)

func TestSendIsFlasks(t *testing.T) {
	t.Parallel()
	base, app := t.TempDir(), t.TempDir()
	for _, f := range flaskFiles {
		path := filepath.Join(base, f.name)
		if err := os.WriteFile(path, []byte(f.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, flaskTime, flaskTime); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(app, "app.py"), []byte(flaskSend), 0o644); err != nil {
		t.Fatal(err)
	}
	flask := testenv.Gunicorn(t, app, "app:app", "BASE="+base, "GUNICORN_CMD_ARGS=--worker-class gthread --threads 2 --keep-alive 60 --no-sendfile")
	s := httptest.NewServer(sendServer(t, openBaseDir(t, base, Config{})))
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	sendJudge(t, flaskSendDifferences, flaskCases(), newSendPeer(s.URL, "HTTP/1.1", client), newSendPeer(flask, "HTTP/1.1", client), flaskTime)
}

// flaskCases is the product of what decides about the status, the product of what decides about the other fields, and
// a sample of everything with everything.
func flaskCases() []sendCase {
	out := flaskConditionalCases()
	out = append(out, flaskPresentationCases()...)
	return append(out, flaskSampledCases(rand.New(rand.NewPCG(26, 53)), 6000)...)
}

func number(n int) *int { return &n }

var (
	flaskETags    = []string{"", "-", "v1"}
	flaskModified = []int64{0, flaskTime.Unix() + 86400}
	flaskAges     = []*int{nil, number(0), number(3600)}
	flaskTypes    = []string{"", "text/plain", "application/x-own", "image/svg+xml"}
	flaskNames    = []string{
		"", "report.pdf", "my report.txt", `say "hi" 100%.txt`, "Übersicht – größer.txt", "日本語.html", "na;me,(1)'s.txt",
		"../../etc/passwd", ".htaccess", "photo\u202egpj.exe",
	}
)

// flaskConditionalCases: GET with everything, HEAD with everything on one file, POST with a little.
func flaskConditionalCases() []sendCase {
	var out []sendCase
	for i, f := range flaskFiles[:flaskAsked] {
		for _, etag := range flaskETags {
			for _, modified := range flaskModified {
				for _, off := range []bool{false, true} {
					choice := sendChoice{ETag: etag, Modified: modified, Unconditional: off}
					for j, fields := range sendSingles() {
						c := sendCase{file: f.name, size: len(f.content), method: http.MethodGet, choice: choice, fields: fields}
						out = append(out, c)
						if i == 0 {
							c.method = http.MethodHead
							out = append(out, c)
						}
						if i == 0 && j%4 == 0 {
							c.method = http.MethodPost
							out = append(out, c)
						}
					}
				}
			}
		}
	}
	return out
}

func flaskPresentationCases() []sendCase {
	some := [][]sendField{nil, {sendRanges[0]}, {sendValidators[0]}}
	n := 0
	var out []sendCase
	for _, f := range flaskFiles {
		for _, name := range flaskNames {
			for _, ctype := range flaskTypes {
				for _, age := range flaskAges {
					for _, attachment := range []bool{false, true} {
						choice := sendChoice{Attachment: attachment, Name: name, Type: ctype, MaxAge: age}
						method := []string{http.MethodGet, http.MethodGet, http.MethodHead, http.MethodPost}[n%4]
						out = append(out, sendCase{file: f.name, size: len(f.content), method: method, choice: choice, fields: some[n%len(some)]})
						n++
					}
				}
			}
		}
	}
	return out
}

// flaskSampledCases combine up to four fields with any choice.
func flaskSampledCases(r *rand.Rand, n int) []sendCase {
	byName := map[string][]sendField{"Range": sendRanges, "If-Range": sendIfRanges}
	for _, f := range sendValidators {
		byName[f.name] = append(byName[f.name], f)
	}
	names := []string{"If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since", "Range", "If-Range"}
	future := time.Now().Add(24 * time.Hour).Unix()
	var out []sendCase
	for range n {
		f := flaskFiles[r.IntN(flaskAsked)]
		c := sendCase{file: f.name, size: len(f.content), method: oneOf(r, []string{http.MethodGet, http.MethodGet, http.MethodGet, http.MethodHead, http.MethodPost})}
		c.choice = sendChoice{
			Attachment: r.IntN(2) == 0, Name: oneOf(r, flaskNames), Type: oneOf(r, flaskTypes), Unconditional: r.IntN(8) == 0,
			ETag: oneOf(r, flaskETags), Modified: oneOf(r, append(flaskModified, 0, future)), MaxAge: oneOf(r, flaskAges),
		}
		if c.choice.Modified != future {
			for _, i := range r.Perm(len(names))[:1+r.IntN(4)] {
				c.fields = append(c.fields, oneOf(r, byName[names[i]]))
			}
		}
		out = append(out, c)
	}
	return out
}
