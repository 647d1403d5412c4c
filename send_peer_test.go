package rootbound

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sendChoice are the keywords of Flask's send_file that SendOptions has too. It travels in the query, so that both
// peers get the same.
type sendChoice struct {
	Attachment    bool   `json:"attachment,omitempty"`
	Name          string `json:"name,omitempty"`
	Type          string `json:"type,omitempty"`
	Unconditional bool   `json:"unconditional,omitempty"`
	ETag          string `json:"etag,omitempty"` // "" is the default one, "-" none, else without its quotes
	Modified      int64  `json:"modified,omitempty"`
	MaxAge        *int   `json:"age,omitempty"` // seconds
}

func (c *sendChoice) options() SendOptions {
	o := SendOptions{
		AsAttachment: c.Attachment, DownloadName: c.Name, ContentType: c.Type, NoConditional: c.Unconditional,
		NoETag: c.ETag == "-",
	}
	if c.ETag != "" && c.ETag != "-" {
		o.ETag = `"` + c.ETag + `"`
	}
	if c.Modified != 0 {
		o.LastModified = time.Unix(c.Modified, 0)
	}
	if c.MaxAge != nil {
		o.MaxAge = time.Duration(*c.MaxAge) * time.Second
	}
	return o
}

// sendField is one request header. In value, {tag} stands for the entity tag that the peer itself gives the file,
// {date} for its Last-Modified, {older} and {newer} for one an hour off.
type sendField struct{ name, kind, value string }

// sendCase is one request to two peers.
type sendCase struct {
	file   string
	size   int
	method string
	choice sendChoice
	fields []sendField
	// bare requests come without the query, and with these lines of Accept-Encoding instead of identity.
	bare    bool
	codings []string
}

func (c *sendCase) kind(name string) string {
	for _, f := range c.fields {
		if f.name == name {
			return f.kind
		}
	}
	return ""
}

func (c *sendCase) has(name string, kinds ...string) bool {
	return slices.Contains(kinds, c.kind(name))
}

func (c *sendCase) String() string {
	choice, _ := json.Marshal(c.choice) // strings and numbers
	return fmt.Sprintf("%s %s (%d bytes) %s %v", c.method, c.file, c.size, choice, c.fields)
}

// sendReply is an answer as a client sees it.
type sendReply struct {
	status int
	header http.Header
	body   []byte
}

func (r *sendReply) weak() bool { return strings.HasPrefix(r.header.Get("ETag"), "W/") }

// sendPeer is one of the two servers that are compared. tags holds the entity tags it gave.
type sendPeer struct {
	url    string
	client *http.Client
	proto  string
	tags   map[string]string
}

func newSendPeer(url, proto string, client *http.Client) *sendPeer {
	return &sendPeer{url: url, client: client, proto: proto, tags: map[string]string{}}
}

// ask sends one request. Expect a failing test, not an error: both peers are ours to run.
func (p *sendPeer) ask(t *testing.T, c *sendCase, modified time.Time) sendReply {
	t.Helper()
	choice, err := json.Marshal(c.choice)
	if err != nil {
		t.Fatal(err)
	}
	target := p.url + "/" + c.file
	if !c.bare {
		target += "?o=" + url.QueryEscape(string(choice))
	}
	req, err := http.NewRequestWithContext(t.Context(), c.method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Accept-Encoding"] = c.codings
	if !c.bare {
		req.Header["Accept-Encoding"] = []string{"identity"}
	}
	if c.choice.Modified != 0 {
		modified = time.Unix(c.choice.Modified, 0)
	}
	date := func(d time.Duration) string { return modified.Add(d).UTC().Format(http.TimeFormat) }
	for _, f := range c.fields {
		value := strings.NewReplacer("{date}", date(0), "{older}", date(-time.Hour), "{newer}", date(time.Hour)).Replace(f.value)
		if strings.Contains(value, "{tag}") {
			value = strings.ReplaceAll(value, "{tag}", p.tag(t, c, modified))
		}
		req.Header.Add(f.name, value)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if resp.Proto != p.proto {
		t.Fatalf("%s: answered in %s, want %s", c, resp.Proto, p.proto)
	}
	return sendReply{resp.StatusCode, resp.Header, body}
}

// tag is what the peer gives as the file's entity tag; where it gives none, one that is nobody's.
func (p *sendPeer) tag(t *testing.T, c *sendCase, modified time.Time) string {
	t.Helper()
	key := c.file + " " + c.choice.ETag
	if tag, ok := p.tags[key]; ok {
		return tag
	}
	plain := sendCase{file: c.file, method: http.MethodGet, choice: sendChoice{ETag: c.choice.ETag}}
	reply := p.ask(t, &plain, modified)
	tag := reply.header.Get("ETag")
	if tag == "" {
		tag = `"nobody"`
	}
	p.tags[key] = tag
	return tag
}

// A sendDisagreement is one aspect ("status", "body" or a field's name) in which two replies differ.
type sendDisagreement struct {
	*sendCase
	aspect       string
	ours, theirs *sendReply
}

// statuses says whether the disagreement is about these.
func (d *sendDisagreement) statuses(ours int, theirs ...int) bool {
	return d.aspect == "status" && d.ours.status == ours && slices.Contains(theirs, d.theirs.status)
}

// values says whether the disagreement is about the values of that field.
func (d *sendDisagreement) values(field, ours, theirs string) bool {
	return d.aspect == field && d.ours.header.Get(field) == ours && d.theirs.header.Get(field) == theirs
}

func (d *sendDisagreement) brief(r *sendReply) string {
	return fmt.Sprintf("%d %s: %q, Content-Range %q, %d bytes", r.status, d.aspect, r.header.Get(d.aspect), r.header.Get("Content-Range"), len(r.body))
}

// A sendDifference is one kind of disagreement that is meant, and the sentence or the reason that decides.
type sendDifference struct {
	name, rule string
	when       func(d *sendDisagreement) bool
}

// sendCompared are the fields on which both peers have a say.
var sendCompared = []string{
	"Content-Type", "Content-Length", "Content-Range", "Content-Encoding", "Content-Disposition", "ETag", "Last-Modified",
	"Accept-Ranges", "Cache-Control",
}

// sendCompare lists the aspects in which the replies differ. Where the statuses differ nothing else is looked at.
func sendCompare(c *sendCase, ours, theirs *sendReply) []sendDisagreement {
	if ours.status != theirs.status {
		return []sendDisagreement{{c, "status", ours, theirs}}
	}
	a, multi := ours.parts()
	b, theirMulti := theirs.parts()
	if multi && theirMulti {
		if a != b {
			return []sendDisagreement{{c, "parts", ours, theirs}}
		}
		ours, theirs = ours.withoutFraming(), theirs.withoutFraming()
	}
	var out []sendDisagreement
	for _, name := range sendCompared {
		a, b := ours.header.Get(name), theirs.header.Get(name)
		switch {
		case name == "ETag" && c.choice.ETag == "" && a != "" && b != "":
			a, b = fmt.Sprint(ours.weak()), fmt.Sprint(theirs.weak())
		case name == "Content-Disposition":
			a, b = readDisposition(a), readDisposition(b)
		}
		if a != b {
			out = append(out, sendDisagreement{c, name, ours, theirs})
		}
	}
	if !bytes.Equal(ours.body, theirs.body) {
		out = append(out, sendDisagreement{c, "body", ours, theirs})
	}
	return out
}

// parts are the ranges of a multipart answer with their bytes, as one text.
func (r *sendReply) parts() (text string, ok bool) {
	kind, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" || len(r.body) == 0 {
		return "", false
	}
	if n := r.header.Get("Content-Length"); n != strconv.Itoa(len(r.body)) {
		return "Content-Length " + n, true
	}
	for m := multipart.NewReader(bytes.NewReader(r.body), params["boundary"]); ; {
		p, err := m.NextRawPart()
		if err == io.EOF {
			return text, true
		}
		if err != nil {
			return err.Error(), true
		}
		body, err := io.ReadAll(p)
		if err != nil {
			return err.Error(), true
		}
		text += fmt.Sprintf("%s, %s: %q\n", p.Header.Get("Content-Range"), p.Header.Get("Content-Type"), body)
	}
}

// withoutFraming leaves out what two multipart answers with the same parts may differ in.
func (r *sendReply) withoutFraming() *sendReply {
	h := r.header.Clone()
	h.Set("Content-Type", "multipart/byteranges")
	h.Del("Content-Length")
	return &sendReply{r.status, h, nil}
}

// readDisposition is what a recipient reads in a Content-Disposition: the type, and the name, which filename* decides
// (RFC 6266, 4.3).
func readDisposition(header string) string {
	kind, params, err := mime.ParseMediaType(header)
	if err != nil {
		return header
	}
	return kind + " " + params["filename"]
}

// sendJudge asks both peers everything and looks every disagreement up in the list. One that is not listed fails the
// test, and so does, at the end, a difference that was never seen.
func sendJudge(t *testing.T, listed []sendDifference, cases []sendCase, ours, theirs *sendPeer, modified time.Time) {
	t.Helper()
	seen := make([]int, len(listed))
	unlisted := map[string][]sendDisagreement{}
	count := 0
	for i := range cases {
		c := &cases[i]
		a, b := ours.ask(t, c, modified), theirs.ask(t, c, modified)
		for _, d := range sendCompare(c, &a, &b) {
			count++
			at := slices.IndexFunc(listed, func(l sendDifference) bool { return l.when(&d) })
			if at >= 0 {
				seen[at]++
				continue
			}
			kind := fmt.Sprintf("%s %d/%d", d.aspect, a.status, b.status)
			for _, f := range c.fields {
				kind += ", " + f.name + " " + f.kind
			}
			unlisted[kind] = append(unlisted[kind], d)
		}
	}
	for kind, ds := range unlisted {
		d := &ds[0]
		t.Errorf("not listed, %d times %s: %s\n  ours %s\ntheirs %s", len(ds), kind, d.sendCase, d.brief(d.ours), d.brief(d.theirs))
	}
	for i, l := range listed {
		t.Logf("%6d %s: %s", seen[i], l.name, l.rule)
		if seen[i] == 0 {
			t.Errorf("difference %q is listed and was not seen", l.name)
		}
	}
	t.Logf("%d requests to each, %d disagreements", len(cases), count)
}

// sendValidators are the values of the conditional fields that both peers are asked with.
var sendValidators = []sendField{
	{"If-None-Match", "match", `{tag}`},
	{"If-None-Match", "mismatch", `"other"`},
	{"If-None-Match", "list", `"other", {tag}`},
	{"If-None-Match", "list of others", `"other", W/"another"`},
	{"If-None-Match", "weak", `W/{tag}`},
	{"If-None-Match", "star", `*`},
	{"If-Modified-Since", "equal", `{date}`},
	{"If-Modified-Since", "older", `{older}`},
	{"If-Modified-Since", "newer", `{newer}`},
	{"If-Modified-Since", "garbage", `the day before`},
	{"If-Match", "match", `{tag}`},
	{"If-Match", "mismatch", `"other"`},
	{"If-Match", "list", `"other", {tag}`},
	{"If-Match", "weak", `W/{tag}`},
	{"If-Match", "star", `*`},
	{"If-Unmodified-Since", "equal", `{date}`},
	{"If-Unmodified-Since", "older", `{older}`},
	{"If-Unmodified-Since", "newer", `{newer}`},
	{"If-Unmodified-Since", "garbage", `the day after`},
}

// sendRanges are the values of Range, sendIfRanges those of If-Range.
var (
	sendRanges = []sendField{
		{"Range", "single", "bytes=0-4"},
		{"Range", "middle", "bytes=7-11"},
		{"Range", "suffix", "bytes=-5"},
		{"Range", "open", "bytes=5-"},
		{"Range", "beyond", "bytes=3-999999"},
		{"Range", "long suffix", "bytes=-999999"},
		{"Range", "unsatisfiable", "bytes=999999-"},
		{"Range", "multiple", "bytes=0-1,8-9"},
		{"Range", "garbage", "bytes=x-y"},
		{"Range", "reversed", "bytes=4-2"},
		{"Range", "no unit", "0-4"},
		{"Range", "other unit", "items=0-4"},
		{"Range", "zero suffix", "bytes=-0"},
		{"Range", "signed", "bytes=+1-4"},
	}
	sendIfRanges = []sendField{
		{"If-Range", "match", `{tag}`},
		{"If-Range", "mismatch", `"other"`},
		{"If-Range", "weak", `W/{tag}`},
		{"If-Range", "equal", `{date}`},
		{"If-Range", "older", `{older}`},
		{"If-Range", "newer", `{newer}`},
		{"If-Range", "garbage", `perhaps`},
	}
)

// sendSingles are all requests with one conditional field or one Range, and each If-Range with some of the ranges.
func sendSingles() [][]sendField {
	out := [][]sendField{nil}
	for _, f := range slices.Concat(sendValidators, sendRanges, sendIfRanges) {
		out = append(out, []sendField{f})
	}
	for _, r := range sendRanges[:8] {
		for _, f := range sendIfRanges {
			out = append(out, []sendField{r, f})
		}
	}
	return out
}
