package rootbound

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sibling is one precompressed representation, as a test plants it. The best stands first.
type sibling struct{ coding, suffix string }

var siblings = []sibling{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

// siblingText is what the file holds, or its sibling: no two lengths agree, so that no two entity tags do by chance.
func siblingText(set int, coding string) string {
	return fmt.Sprintf("representation %q of set %d", coding, set) + strings.Repeat(".", 10+len(coding)*set)
}

// siblingSets plants a file for every combination of siblings, in directories "0" to "7", all of one time.
func siblingSets(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	for set := range 8 {
		dir := filepath.Join(base, strconv.Itoa(set))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		plantSibling(t, filepath.Join(dir, "page.html"), siblingText(set, ""), handlerTime)
		for _, s := range present(set) {
			plantSibling(t, filepath.Join(dir, "page.html"+s.suffix), siblingText(set, s.coding), handlerTime)
		}
	}
	return base
}

func plantSibling(t *testing.T, path, text string, modified time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modified, modified); err != nil {
		t.Fatal(err)
	}
}

// present are the siblings of a set, one bit each.
func present(set int) []sibling {
	var out []sibling
	for i, s := range siblings {
		if set>>i&1 == 1 {
			out = append(out, s)
		}
	}
	return out
}

// codingMember is one member of Accept-Encoding (RFC 9110, 12.5.3 with 12.4.2).
var codingMember = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\\.[0-9]{0,3})?|1(?:\\.0{0,3})?))?$")

// negotiated is the oracle: what 12.5.3 has a server choose for these lines of Accept-Encoding, "" for the file itself.
// What the section leaves open is decided so: a member that the grammar does not have is skipped, of two with the same
// name the first counts, a coding wins over identity of the same weight, and where nothing is acceptable the field is
// disregarded (15.5.7 has 406 as a choice).
func negotiated(t *testing.T, lines []string, available []sibling) string {
	t.Helper()
	if lines == nil {
		return ""
	}
	weights := map[string]float64{}
	for member := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		m := codingMember.FindStringSubmatch(strings.Trim(member, " \t"))
		if m == nil {
			continue
		}
		coding, weight := strings.ToLower(m[1]), 1.0
		if coding == "x-gzip" { // 8.4.1.3
			coding = "gzip"
		}
		if m[2] != "" {
			w, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			weight = w
		}
		if _, twice := weights[coding]; !twice {
			weights[coding] = weight
		}
	}
	weigh := func(coding string, unlisted float64) float64 {
		if w, ok := weights[coding]; ok {
			return w
		}
		if w, ok := weights["*"]; ok {
			return w
		}
		return unlisted
	}
	best, weight := "", 0.0
	for _, s := range available {
		if w := weigh(s.coding, 0); w > weight {
			best, weight = s.coding, w
		}
	}
	if weigh("identity", 0) > weight {
		return ""
	}
	return best
}

// acceptEncodings are lines of Accept-Encoding; nil is none at all. Some hundred made at random follow the chosen ones.
func acceptEncodings() [][]string {
	out := [][]string{
		nil,
		{""},
		{","},
		{"gzip"},
		{"br"},
		{"zstd"},
		{"gzip, br"},
		{"gzip, deflate, br, zstd"},
		{"*"},
		{"identity"},
		{"gzip;q=0"},
		{"gzip;q=0.0"},
		{"gzip;q=0.000"},
		{"gzip;q=0.001"},
		{"gzip;q=1"},
		{"gzip;q=1.000"},
		{"gzip ; q=0.5"},
		{"gzip;Q=0"},
		{"*;q=0"},
		{"*;q=0.001"},
		{"*;q=0, gzip"},
		{"gzip;q=0, *"},
		{"br;q=0, *;q=0.5, gzip;q=0.6"},
		{"*;q=0, identity"},
		{"identity;q=0"},
		{"identity;q=0, gzip"},
		{"identity;q=0, *;q=0"},
		{"identity;q=0, deflate"},
		{"identity, *;q=0"},
		{"identity;q=0.5, gzip;q=0.4"},
		{"identity;q=0.5, gzip;q=0.5"},
		{"identity, gzip"},
		{"identity, br;q=0.999"},
		{"*;q=0.5, gzip;q=0.1"},
		{"*;q=0.1, identity;q=0.2"},
		{"br;q=0.1, zstd;q=0.2, gzip;q=0.3"},
		{"br;q=0.3, zstd;q=0.2, gzip;q=0.1"},
		{"br;q=0.2, zstd;q=0.2, gzip;q=0.2"},
		{"deflate"},
		{"compress, exi"},
		{"x-gzip"},
		{"X-GZIP;q=0.2"},
		{"GZip"},
		{"BR"},
		{"brotli"},
		{"gz"},
		{"gzip2"},
		{"x-br"},
		{"gzip;q=2"},
		{"gzip;q=-1"},
		{"gzip;q=0.0001"},
		{"gzip;q=1.001"},
		{"gzip;q="},
		{"gzip;q"},
		{"gzip;"},
		{"gzip;level=9"},
		{"gzip;q=0.5;x=y"},
		{"gzip q=0"},
		{"gzip=1"},
		{"gz ip"},
		{`"gzip"`},
		{";q=1, gzip;q=0"},
		{"br;q=oops, gzip"},
		{"gzip;q=.5, br"},
		{"gzip;q=1., br;q=0."},
		{"gzip", "br;q=0"},
		{"gzip;q=0", "br"},
		{"", "gzip"},
		{"gzip;q=0", "gzip"},
		{"gzip", "gzip;q=0"},
		{"x-gzip;q=0, gzip"},
		{"*;q=0", "*"},
		{" ,, gzip ,\t, "},
		{"gzip,br;q=0.9,\tzstd;q=0.8"},
	}
	r := rand.New(rand.NewPCG(12, 53))
	names := []string{"br", "zstd", "gzip", "x-gzip", "identity", "*", "deflate", "GZIP", "b r", ""}
	weights := []string{"", ";q=0", ";q=0.001", ";q=0.5", ";q=0.50", "; q=0.9", ";q=1", ";q=1.0", ";q=1.5", ";q=x", ";v=1"}
	for range 300 {
		var lines []string
		for range 1 + r.IntN(2) {
			var members []string
			for range r.IntN(5) {
				members = append(members, oneOf(r, names)+oneOf(r, weights))
			}
			lines = append(lines, strings.Join(members, ", "))
		}
		out = append(out, lines)
	}
	return out
}

// askSibling sends one request with these lines of Accept-Encoding and these further fields.
func askSibling(t *testing.T, p *sendPeer, method, file string, lines []string, fields ...sendField) sendReply {
	t.Helper()
	c := sendCase{file: file, method: method, fields: fields, codings: lines, bare: true}
	return p.ask(t, &c, handlerTime)
}

func TestPrecompressedNegotiation(t *testing.T) {
	t.Parallel()
	base := siblingSets(t)
	sendServers(t, func(t *testing.T, start func(http.Handler) *sendPeer) {
		p := start(openBaseDir(t, base, Config{}).Handler(HandlerConfig{Send: SendOptions{Precompressed: true}}))
		chosen := map[string]int{}
		for set := range 8 {
			file := strconv.Itoa(set) + "/page.html"
			for _, lines := range acceptEncodings() {
				want := negotiated(t, lines, present(set))
				chosen[want]++
				got := askSibling(t, p, http.MethodGet, file, lines)
				checkSibling(t, fmt.Sprintf("GET %s with %q", file, lines), &got, set, want)
				head := askSibling(t, p, http.MethodHead, file, lines)
				got.header.Del("Date")
				head.header.Del("Date")
				if len(head.body) != 0 || head.status != got.status || !maps.EqualFunc(head.header, got.header, slices.Equal) {
					t.Errorf("HEAD %s with %q: %d %v, GET %d %v", file, lines, head.status, head.header, got.status, got.header)
				}
			}
		}
		for _, coding := range []string{"", "br", "zstd", "gzip"} {
			if chosen[coding] < 100 {
				t.Errorf("coding %q is right for %d requests only", coding, chosen[coding])
			}
		}
	})
}

// checkSibling looks at a 200 that must be this representation.
func checkSibling(t *testing.T, what string, r *sendReply, set int, coding string) {
	t.Helper()
	text := siblingText(set, coding)
	want := map[string]string{
		"Content-Encoding": coding, "Vary": "Accept-Encoding", "Content-Length": strconv.Itoa(len(text)),
		"Content-Type": "text/html; charset=utf-8", "Content-Disposition": "inline; filename=page.html", "Accept-Ranges": "bytes",
	}
	if r.status != 200 || string(r.body) != text {
		t.Errorf("%s: %d %q, want %q", what, r.status, r.body, text)
	}
	for field, value := range want {
		if got := r.header.Get(field); got != value {
			t.Errorf("%s: %s %q, want %q", what, field, got, value)
		}
	}
	if tag := r.header.Get("ETag"); coding != "" && !strings.HasSuffix(tag, "-"+coding+`"`) || coding == "" && strings.Count(tag, "-") != 1 {
		t.Errorf("%s: ETag %s of coding %q", what, tag, coding)
	}
}

// TestPrecompressedValidators: each representation has an entity tag of its own, and ranges are of the encoded bytes.
// The one date that they share decides nothing about ranges (8.8.1: a validator is weak that a representation with a
// coding has in common with one without).
func TestPrecompressedValidators(t *testing.T) {
	base := siblingSets(t)
	codings := []string{"", "br", "zstd", "gzip"}
	sendServers(t, func(t *testing.T, start func(http.Handler) *sendPeer) {
		p := start(openBaseDir(t, base, Config{}).Handler(HandlerConfig{Send: SendOptions{Precompressed: true}}))
		const file, set = "7/page.html", 7
		lines := func(coding string) []string { return []string{coding} }
		tags := map[string]string{}
		for _, coding := range codings {
			r := askSibling(t, p, http.MethodGet, file, lines(coding))
			tags[coding] = r.header.Get("ETag")
		}
		for _, asked := range codings {
			text := siblingText(set, asked)
			for _, held := range codings {
				same := asked == held
				for _, tt := range []struct {
					fields            []sendField
					matching, another int
				}{
					{[]sendField{{"If-None-Match", "", tags[held]}}, 304, 200},
					{[]sendField{{"If-None-Match", "", `"x", W/` + tags[held]}}, 304, 200},
					{[]sendField{{"If-Match", "", tags[held]}}, 200, 412},
					{[]sendField{{"If-Match", "", "W/" + tags[held]}}, 412, 412},
					{[]sendField{{"Range", "", "bytes=3-9"}}, 206, 206},
					{[]sendField{{"Range", "", "bytes=3-9"}, {"If-Range", "", tags[held]}}, 206, 200},
					{[]sendField{{"Range", "", "bytes=3-9"}, {"If-Range", "", "W/" + tags[held]}}, 200, 200},
					{[]sendField{{"Range", "", "bytes=3-9"}, {"If-Range", "", "{date}"}}, 200, 200},
					{[]sendField{{"Range", "", "bytes=99999-"}}, 416, 416},
					{[]sendField{{"Range", "", "bytes=99999-"}, {"If-Range", "", tags[held]}}, 416, 200},
				} {
					want := tt.another
					if same {
						want = tt.matching
					}
					r := askSibling(t, p, http.MethodGet, file, lines(asked), tt.fields...)
					what := fmt.Sprintf("coding %q, %v", asked, tt.fields)
					if r.status != want {
						t.Errorf("%s: %d, want %d", what, r.status, want)
						continue
					}
					checkSiblingAnswer(t, what, &r, tags[asked], text)
				}
			}
		}
		if len(slices.Compact(slices.Sorted(maps.Values(tags)))) != len(codings) {
			t.Errorf("representations share an entity tag: %v", tags)
		}
	})
}

// checkSiblingAnswer looks at an answer of any status for the representation that holds text.
func checkSiblingAnswer(t *testing.T, what string, r *sendReply, tag, text string) {
	t.Helper()
	if !strings.Contains(strings.Join(r.header.Values("Vary"), ", "), "Accept-Encoding") {
		t.Errorf("%s: %d with Vary %q", what, r.status, r.header.Values("Vary"))
	}
	body, contentRange := text, ""
	switch r.status {
	case 304:
		body = ""
	case 206:
		body, contentRange = text[3:10], fmt.Sprintf("bytes 3-9/%d", len(text))
	case 412:
		body, tag = string(r.body), ""
	case 416:
		body, tag, contentRange = string(r.body), "", fmt.Sprintf("bytes */%d", len(text))
	}
	if string(r.body) != body || r.header.Get("ETag") != tag || r.header.Get("Content-Range") != contentRange {
		t.Errorf("%s: %d %q, ETag %s, Content-Range %q; want %q, %s, %q", what, r.status, r.body, r.header.Get("ETag"), r.header.Get("Content-Range"), body, tag, contentRange)
	}
}
