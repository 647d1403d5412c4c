package plan

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reply is an answer as a client sees it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// compared are the fields in which two replies must agree.
var compared = []string{
	"Content-Type", "Content-Length", "Content-Range", "Content-Encoding", "ETag", "Last-Modified", "Accept-Ranges",
	"Cache-Control",
}

// A difference is one kind of disagreement with a peer that is meant, with the sentence that decides.
type difference struct {
	name string
	rule string
	when func(d *disagreement) bool
}

// A disagreement is one aspect ("status", "parts", "body" or a field's name) in which two replies differ.
type disagreement struct {
	exchange
	aspect       string
	ours, theirs reply
}

// statuses says whether the disagreement is about these.
func (d *disagreement) statuses(ours int, theirs ...int) bool {
	for _, s := range theirs {
		if d.aspect == "status" && d.ours.status == ours && d.theirs.status == s {
			return true
		}
	}
	return false
}

// oddRange says whether the Range field is odd in one of these ways.
func (d *disagreement) oddRange(ways ...string) bool {
	for _, w := range ways {
		if d.rng.odd == w {
			return true
		}
	}
	return false
}

// ourReply renders the plan.
func ourReply(t *testing.T, x *exchange, o *Options, file []byte) reply {
	t.Helper()
	r := x.request()
	p := Make(r, x.file, o)
	checkPlan(t, r, x.file, p)
	h := http.Header{}
	for _, f := range p.Fields {
		h.Add(f.Name, f.Value)
	}
	return reply{p.Status, h, render(t, p, file)}
}

// compareReplies lists the aspects in which replies differ. Where the statuses differ nothing else is looked at, and
// of refusals the text is not compared.
func compareReplies(t *testing.T, x *exchange, ours, theirs reply) []disagreement {
	t.Helper()
	var out []disagreement
	add := func(aspect string) { out = append(out, disagreement{*x, aspect, ours, theirs}) }
	if ours.status != theirs.status {
		add("status")
		return out
	}
	multi := strings.HasPrefix(ours.header.Get("Content-Type"), "multipart/") ||
		strings.HasPrefix(theirs.header.Get("Content-Type"), "multipart/")
	for _, name := range compared {
		content := name == "Content-Type" || name == "Content-Length"
		if content && (multi || ours.status >= 400) || multi && name == "Content-Range" {
			continue
		}
		if ours.header.Get(name) != theirs.header.Get(name) {
			add(name)
		}
	}
	switch {
	case ours.status >= 400:
	case multi && x.method == "GET":
		if cmp.Diff(replyParts(t, ours), replyParts(t, theirs)) != "" {
			add("parts")
		}
	case !bytes.Equal(ours.body, theirs.body):
		add("body")
	}
	return out
}

func replyParts(t *testing.T, r reply) []part {
	t.Helper()
	if n := r.header.Get("Content-Length"); n != strconv.Itoa(len(r.body)) {
		t.Errorf("Content-Length %s, body of %d bytes", n, len(r.body))
	}
	return partsOf(t, r.header.Get("Content-Type"), r.header.Get("Content-Range"), r.body)
}

// judge looks every disagreement up in the list. One that is not listed fails the test, and so does, at the end, a
// difference that was never seen.
func judge(t *testing.T, listed []difference, exchanges int, found []disagreement) {
	t.Helper()
	seen := make([]int, len(listed))
	unlisted := map[string][]*disagreement{}
	for i := range found {
		d := &found[i]
		at := slices.IndexFunc(listed, func(l difference) bool { return l.when(d) })
		if at >= 0 {
			seen[at]++
			continue
		}
		unlisted[d.kind()] = append(unlisted[d.kind()], d)
	}
	for kind, ds := range unlisted {
		d := ds[0]
		t.Errorf("not listed, %d times %s: %s\n  ours %s\ntheirs %s", len(ds), kind, d.describe(), d.ours.brief(d.aspect),
			d.theirs.brief(d.aspect))
	}
	for i, l := range listed {
		t.Logf("%6d %s: %s", seen[i], l.name, l.rule)
		if seen[i] == 0 {
			t.Errorf("difference %q is listed and was not seen", l.name)
		}
	}
	t.Logf("%d exchanges, %d disagreements", exchanges, len(found))
}

// kind names what unlisted disagreements have in common.
func (d *disagreement) kind() string {
	return fmt.Sprintf("%s %d/%d, range %q, If-Range %q, If-Match %q, If-None-Match %q, dates %q %q", d.aspect,
		d.ours.status, d.theirs.status, d.rng.odd, d.ifRange.odd, d.ifMatch.odd, d.ifNoneMatch.odd, d.ifModified.odd,
		d.ifUnmodified.odd)
}

func (d *disagreement) describe() string {
	r := d.request()
	return fmt.Sprintf("%s in %s of %d bytes, ETag %s: If-Match %q, If-None-Match %q, If-Modified-Since %q, "+
		"If-Unmodified-Since %q, Range %.60q (%s), If-Range %q", d.aspect, r.Method, d.file.Size, d.file.ETag, r.IfMatch,
		r.IfNoneMatch, r.IfModifiedSince, r.IfUnmodifiedSince, r.Range, d.rng.odd, r.IfRange)
}

func (r reply) brief(aspect string) string {
	return fmt.Sprintf("%d %s: %q, Content-Range %q, %d bytes", r.status, aspect, r.header.Get(aspect),
		r.header.Get("Content-Range"), len(r.body))
}
