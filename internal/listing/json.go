package listing

import (
	"bufio"
	"encoding/json"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/name"
)

// jsonEntry is one entry; a directory has no size, and a mount no time.
type jsonEntry struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Size     *int64  `json:"size"`
	Modified *string `json:"modified"`
	Href     string  `json:"href"`
}

// writeJSON writes {"path", "total", "entries": [...], "next"}: next is a reference to the next page, or null.
func writeJSON(b *bufio.Writer, r *Request, q query, p *page) {
	path := "/"
	if len(r.Path) > 0 {
		path += strings.Join(r.Path, "/") + "/"
	}
	extra := r.Extra
	if p.first > 0 {
		extra = nil
	}
	_, _ = b.WriteString(`{"path":`)
	value(b, path)
	_, _ = b.WriteString(`,"total":`)
	value(b, p.total+len(r.Extra))
	_, _ = b.WriteString(`,"entries":[`)
	sep := "\n"
	entry := func(it *item) {
		_, _ = b.WriteString(sep)
		value(b, newJSONEntry(it))
		sep = ",\n"
	}
	for _, l := range extra {
		entry(&item{name: l.Name, dir: true})
	}
	for i := range p.items {
		entry(&p.items[i])
	}
	_, _ = b.WriteString(`],"next":`)
	if n := len(p.items); n > 0 && p.last() < p.total {
		value(b, q.link("after", &p.items[n-1]))
	} else {
		value(b, nil)
	}
	_, _ = b.WriteString("}\n")
}

// value writes one value. Strings, numbers and jsonEntry cannot fail to marshal.
func value(b *bufio.Writer, v any) {
	text, _ := json.Marshal(v)
	_, _ = b.Write(text)
}

func newJSONEntry(it *item) jsonEntry {
	e := jsonEntry{Name: it.name, Type: "dir", Href: "./" + name.Escape(it.name) + "/"}
	if !it.dir {
		e.Type, e.Size, e.Href = "file", &it.size, "./"+name.Escape(it.name)
	}
	if datable(it.mod) {
		s := it.mod.UTC().Format(time.RFC3339Nano)
		e.Modified = &s
	}
	return e
}
