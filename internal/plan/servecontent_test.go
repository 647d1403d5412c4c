package plan

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// serveContentDifferences is where http.ServeContent answers otherwise, and why ours stands. The first that fits
// explains a disagreement.
var serveContentDifferences = []difference{
	{
		"fields of a refusal",
		"15.5.13 asks for none, 15.5.17 for Content-Range; a refusal of ours withholds the rest and is no-store",
		func(d *disagreement) bool {
			return d.ours.status >= 400 && d.theirs.status == d.ours.status && d.aspect != "Content-Range"
		},
	},
	{
		"Range on HEAD",
		"14.2: GET is the only method for which range handling is defined",
		func(d *disagreement) bool { return d.method == "HEAD" && d.statuses(200, 206, 416) },
	},
	{
		"malformed If-Match",
		`13.1.1: what is neither "*" nor a list of entity tags: "Otherwise, the condition is false"`,
		func(d *disagreement) bool {
			return (d.ifMatch.odd == "malformed after" || d.ifMatch.odd == "star in list") && d.statuses(412, 200, 206, 304)
		},
	},
	{
		"malformed If-None-Match",
		`13.1.2: what is neither "*" nor a list of entity tags: "Otherwise, the condition is true"`,
		func(d *disagreement) bool {
			return (d.ifNoneMatch.odd == "malformed after" || d.ifNoneMatch.odd == "star in list") &&
				(d.statuses(200, 304) || d.statuses(206, 304))
		},
	},
	{
		"leap second in If-Unmodified-Since",
		"5.6.7 with RFC 5322, 3.3: second may be 60",
		func(d *disagreement) bool { return d.ifUnmodified.odd == "leap" && d.statuses(412, 200, 206, 304) },
	},
	{
		"leap second in If-Modified-Since",
		"5.6.7 with RFC 5322, 3.3: second may be 60",
		func(d *disagreement) bool { return d.ifModified.odd == "leap later" && d.statuses(304, 200) },
	},
	{
		"If-Range with a date that is not strong",
		`13.1.5: "If the HTTP-date validator provided is not a strong validator ..., the condition is false"`,
		func(d *disagreement) bool {
			return d.ifRange.odd == "date" && isWeak(d.file.ETag) && d.statuses(200, 206, 416)
		},
	},
	{
		"If-Range with more than an entity tag",
		"13.1.5: If-Range = entity-tag / HTTP-date, and the match is exact",
		func(d *disagreement) bool { return d.ifRange.odd == "junk after tag" && d.statuses(200, 206, 416) },
	},
	{
		"another unit",
		`14.2: "MUST ignore a Range header field that contains a range unit it does not understand"`,
		func(d *disagreement) bool { return d.oddRange("unit") && d.statuses(200, 416) },
	},
	{
		"invalid ranges",
		`14.2: "MAY ignore or reject a Range header field that contains an invalid ranges-specifier"; ours ignores`,
		func(d *disagreement) bool { return d.oddRange("invalid", "invalid huge") && d.statuses(200, 416) },
	},
	{
		"signs and spaces among the digits",
		"14.1.1: first-pos = 1*DIGIT, last-pos = 1*DIGIT",
		func(d *disagreement) bool { return d.oddRange("plus", "inner space") && d.statuses(200, 206) },
	},
	{
		"case of the unit",
		`14.1: "All range unit names are case-insensitive"`,
		func(d *disagreement) bool {
			return d.oddRange("case") && (d.statuses(206, 416) || d.file.Size == 0 && d.aspect == "Content-Range")
		},
	},
	{
		"numbers of any size",
		`14.1.2: "recipients MUST anticipate potentially large decimal numerals"`,
		func(d *disagreement) bool {
			return d.oddRange("huge last", "huge suffix", "huge past") &&
				(d.statuses(206, 416) || d.aspect == "Content-Range" || d.file.Size == 0 && d.statuses(200, 416))
		},
	},
	{
		"suffix of length zero alone",
		"14.1.2: satisfiable is a suffix-range with a non-zero suffix-length",
		func(d *disagreement) bool { return d.oddRange("zero suffix") && d.statuses(416, 206) },
	},
	{
		"suffix of length zero beside another range",
		"14.1.2: satisfiable is a suffix-range with a non-zero suffix-length",
		func(d *disagreement) bool {
			return d.oddRange("zero suffix beside") && (d.aspect == "parts" || d.statuses(416, 206))
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
		func(d *disagreement) bool { return d.oddRange("many") && d.statuses(200, 206) },
	},
	{
		"no satisfiable range in an empty file",
		`14.2: "ranges-specifier is unsatisfiable ..., the server SHOULD send a 416"`,
		func(d *disagreement) bool { return d.file.Size == 0 && d.statuses(416, 200) },
	},
	{
		"suffix of an empty file",
		"14.1.2 has it satisfiable and 14.4 no Content-Range for it; theirs is bytes 0--1/0",
		func(d *disagreement) bool {
			return d.file.Size == 0 && d.statuses(200, 206) && d.theirs.header.Get("Content-Range") == "bytes 0--1/0"
		},
	},
}

func TestServeContent(t *testing.T) {
	strong := *testFile()
	weak, untagged, undated, bare, empty := strong, strong, strong, strong, strong
	weak.ETag = `W/"v1"`
	untagged.ETag = ""
	undated.ModTime = time.Time{}
	bare.ETag, bare.ModTime = "", time.Time{}
	empty.Size = 0
	all := exchanges(2, &strong, &weak, &untagged, &undated, &bare, &empty)
	o := &Options{CacheControl: "no-cache"}
	var found []disagreement
	for i := range all {
		x := &all[i]
		file := content[:x.file.Size]
		found = append(found, compareReplies(t, x, ourReply(t, x, o, file), serveContent(t, x, o, file))...)
	}
	judge(t, serveContentDifferences, len(all), found)
}

func serveContent(t *testing.T, x *exchange, o *Options, file []byte) reply {
	t.Helper()
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", x.file.ContentType)
	w.Header().Set("Cache-Control", o.CacheControl)
	if x.file.ETag != "" {
		w.Header().Set("ETag", x.file.ETag)
	}
	http.ServeContent(w, httpRequest(t, x, "http://127.0.0.1/file"), "", x.file.ModTime, bytes.NewReader(file))
	resp := w.Result()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, body}
}

// httpRequest is the exchange's request, for a peer.
func httpRequest(t *testing.T, x *exchange, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), x.method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := x.request()
	for name, v := range map[string]string{
		"If-Match": r.IfMatch, "If-None-Match": r.IfNoneMatch, "If-Modified-Since": r.IfModifiedSince,
		"If-Unmodified-Since": r.IfUnmodifiedSince, "Range": r.Range, "If-Range": r.IfRange,
	} {
		if v != "" {
			req.Header.Set(name, v)
		}
	}
	return req
}
