//go:build linux

package plan

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// nginxDifferences is where nginx answers otherwise, and why ours stands.
var nginxDifferences = []difference{
	{
		"fields of a refusal",
		"15.5.13 asks for none, 15.5.17 for Content-Range; a refusal of ours withholds the rest and is no-store",
		func(d *disagreement) bool {
			return d.ours.status >= 400 && d.theirs.status == d.ours.status && d.aspect != "Content-Range"
		},
	},
	{
		"Last-Modified beside ETag in a 304",
		"15.4.5: SHOULD NOT generate representation metadata other than the listed; useful without an ETag",
		func(d *disagreement) bool {
			return d.aspect == "Last-Modified" && d.ours.status == 304 && d.file.ETag != ""
		},
	},
	{
		"no Accept-Ranges in a 206",
		"14.3: the field tells of the target resource, and 15.3.7 wants in a 206 what a 200 has",
		func(d *disagreement) bool { return d.aspect == "Accept-Ranges" && d.ours.status == 206 },
	},
	{
		"Range on HEAD",
		"14.2: GET is the only method for which range handling is defined",
		func(d *disagreement) bool { return d.method == "HEAD" && d.statuses(200, 206, 416) },
	},
	{
		"If-Unmodified-Since beside If-Match",
		`13.1.4: "MUST ignore If-Unmodified-Since if the request contains an If-Match header field"`,
		func(d *disagreement) bool {
			return d.ifMatch.text != "" && d.ifUnmodified.text != "" &&
				(d.statuses(200, 412) || d.statuses(206, 412) || d.statuses(304, 412))
		},
	},
	{
		"If-Unmodified-Since without a valid date",
		`13.1.4: "MUST ignore the If-Unmodified-Since header field if the received field value is not a valid HTTP-date"`,
		func(d *disagreement) bool {
			return d.ifUnmodified.odd == "no date" &&
				(d.statuses(200, 412) || d.statuses(206, 412) || d.statuses(304, 412))
		},
	},
	{
		"leap second in If-Unmodified-Since",
		"5.6.7 with RFC 5322, 3.3: second may be 60",
		func(d *disagreement) bool {
			return d.ifUnmodified.odd == "leap later" &&
				(d.statuses(200, 412) || d.statuses(206, 412) || d.statuses(304, 412))
		},
	},
	{
		"malformed If-Match",
		`13.1.1: what is neither "*" nor a list of entity tags: "Otherwise, the condition is false"`,
		func(d *disagreement) bool { return d.ifMatch.odd != "" && d.statuses(412, 200, 206, 304) },
	},
	{
		"malformed If-None-Match",
		`13.1.2: what is neither "*" nor a list of entity tags: "Otherwise, the condition is true"`,
		func(d *disagreement) bool {
			return d.ifNoneMatch.odd != "" && (d.statuses(200, 304) || d.statuses(206, 304))
		},
	},
	{
		"If-Modified-Since beside If-None-Match",
		`13.1.3: "MUST ignore If-Modified-Since if the request contains an If-None-Match header field"`,
		func(d *disagreement) bool {
			return d.ifNoneMatch.text != "" && d.ifModified.text != "" && d.statuses(304, 200)
		},
	},
	{
		"If-Modified-Since later than the file",
		`13.1.3: "earlier or equal to the date provided in the field value, the condition is false"`,
		func(d *disagreement) bool {
			return (d.ifModified.odd == "later" || d.ifModified.odd == "leap later") && d.statuses(304, 200)
		},
	},
	{
		"If-Modified-Since with more than a date",
		`13.1.3: ignored where "not a valid HTTP-date, the field value has more than one member"`,
		func(d *disagreement) bool { return d.ifModified.odd == "no date" && d.statuses(200, 304) },
	},
	{
		"invalid ranges",
		`14.2: "MAY ignore or reject a Range header field that contains an invalid ranges-specifier"; ours ignores`,
		func(d *disagreement) bool {
			return d.oddRange("invalid", "invalid huge", "plus", "no range") && d.statuses(200, 416) ||
				d.rng.text == "bytes=0-9,9-0" && d.statuses(200, 206)
		},
	},
	{
		"empty elements of the list",
		`5.6.1.2: "MUST parse and ignore a reasonable number of empty list elements"`,
		func(d *disagreement) bool { return d.oddRange("empty element") && d.statuses(206, 416) },
	},
	{
		"tabs in the list",
		"5.6.3: OWS = *( SP / HTAB )",
		func(d *disagreement) bool { return d.oddRange("tab") && d.statuses(206, 416) },
	},
	{
		"no satisfiable range in an empty file",
		`14.2: "ranges-specifier is unsatisfiable ..., the server SHOULD send a 416"`,
		func(d *disagreement) bool { return d.file.Size == 0 && d.statuses(416, 200) },
	},
	{
		"spaces among the digits",
		"14.1.1: int-range = first-pos \"-\" [ last-pos ]",
		func(d *disagreement) bool { return d.oddRange("inner space") && d.statuses(200, 206) },
	},
	{
		"numbers of any size",
		`14.1.2: "recipients MUST anticipate potentially large decimal numerals"`,
		func(d *disagreement) bool {
			return d.oddRange("huge last", "huge suffix") && (d.statuses(206, 416) || d.file.Size == 0 && d.statuses(200, 416))
		},
	},
	{
		"coalesced ranges",
		`15.3.7.2: "MAY coalesce any of the ranges that overlap"`,
		func(d *disagreement) bool { return d.oddRange("coalesced") && d.aspect == "parts" },
	},
	{
		"more than sixteen ranges",
		`14.2: "A server MAY ignore the Range header field"; 17.15: servers "ought to ignore, coalesce, or reject"`,
		func(d *disagreement) bool { return d.oddRange("many") && d.statuses(200, 206, 416) },
	},
}

// TestNginx compares the plan with a real nginx that serves the same files.
func TestNginx(t *testing.T) {
	url := startNginx(t, map[string][]byte{"file": content, "empty": nil})
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	file, empty := nginxFile(t, client, url+"/file"), nginxFile(t, client, url+"/empty")
	untagged := *file
	untagged.ETag = ""
	paths := map[*File]string{file: "/file", &untagged: "/untagged/file", empty: "/empty"}
	all := exchanges(1, file, &untagged, empty)
	var found []disagreement
	for i := range all {
		x := &all[i]
		ours := ourReply(t, x, &Options{}, content[:x.file.Size])
		theirs := ask(t, client, httpRequest(t, x, url+paths[x.file]))
		found = append(found, compareReplies(t, x, ours, theirs)...)
	}
	judge(t, nginxDifferences, len(all), found)
}

// nginxFile describes a file with the validators that nginx gives it.
func nginxFile(t *testing.T, client *http.Client, url string) *File {
	t.Helper()
	x := exchange{method: "GET", file: &File{}}
	got := ask(t, client, httpRequest(t, &x, url))
	if got.status != 200 || got.header.Get("ETag") == "" || got.header.Get("Last-Modified") != writtenDate {
		t.Fatalf("nginx answers %s with %d %v", url, got.status, got.header)
	}
	return &File{
		Size: int64(len(got.body)), ModTime: written, ETag: got.header.Get("ETag"),
		ContentType: got.header.Get("Content-Type"),
	}
}

func ask(t *testing.T, client *http.Client, req *http.Request) reply {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, body}
}

// startNginx serves the files by nginx until the test ends, and gives its URL.
func startNginx(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		writeFile(t, filepath.Join(dir, name), b)
	}
	return testenv.Nginx(t, testenv.NginxConfig{
		Root:   dir,
		HTTP:   "keepalive_requests 1000000;",
		Server: "types { } default_type text/plain; location /untagged/ { alias " + dir + "/; etag off; }",
	})
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, b, 0o644)
	}
	if err == nil {
		err = os.Chtimes(path, written, written)
	}
	if err != nil {
		t.Fatal(err)
	}
}
