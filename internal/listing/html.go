package listing

import (
	"bufio"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/name"
)

// top is what the directory at the top is called.
const top = "Files"

// htmlWriter writes the page in pieces. Text goes through text or shownName, references through name.Escape; what
// is written by raw is constant. Errors stay in the bufio.Writer.
type htmlWriter struct {
	*bufio.Writer
	order order
	carry string
}

// carried goes on with the field of the query that every reference has.
func (w *htmlWriter) carried(ref string) string {
	switch {
	case w.carry == "":
		return ref
	case strings.Contains(ref, "?"):
		return ref + "&" + w.carry
	}
	return ref + "?" + w.carry
}

func (w *htmlWriter) raw(pieces ...string) {
	for _, p := range pieces {
		_, _ = w.WriteString(p)
	}
}

func (w *htmlWriter) text(s string) { w.raw(html.EscapeString(s)) }

// href writes the attribute. Every reference starts with "./", so that no name is read as a scheme, a host or a
// query; what comes after it is escaped already.
func (w *htmlWriter) href(escaped string) {
	w.raw(` href="./`, html.EscapeString(w.carried(escaped)), `"`)
}

// shownName writes a name as eachVisible has it, isolated from the direction of the text around it.
func (w *htmlWriter) shownName(s string) {
	w.raw("<bdi>")
	eachVisible(s, w.text, func(code string) { w.raw("<i>", code, "</i>") })
	w.raw("</bdi>")
}

func writeHTML(b *bufio.Writer, r *Request, q query, p *page) {
	w := &htmlWriter{b, q.order, r.Carry}
	w.raw(`<!doctype html>`, "\n", `<html lang="en"><head><meta charset="utf-8">`,
		`<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">`, "\n<title>")
	w.text(title(r.Path))
	w.raw("</title>\n<style>", style, "</style></head>\n<body>\n")
	w.header(r, p)
	w.raw("<main>\n")
	extra := r.Extra
	if p.first > 0 {
		extra = nil
	}
	if len(r.Path) > 0 {
		w.raw(`<a class="up"`)
		w.href("../" + w.order.String())
		w.raw(">Parent folder</a>\n")
	}
	if len(extra) == 0 && len(p.items) == 0 {
		w.empty(p)
	} else {
		w.table(extra, p)
	}
	w.pager(p)
	w.raw("</main>\n</body></html>\n")
}

func title(path []string) string {
	if len(path) == 0 {
		return top
	}
	s := ""
	for _, elem := range path {
		s += visible(elem) + "/"
	}
	return s
}

// header has the way up, the name of the directory, and what it holds.
func (w *htmlWriter) header(r *Request, p *page) {
	w.raw("<header>\n")
	w.account(r)
	last := len(r.Path) - 1
	if last >= 0 {
		w.raw(`<nav aria-label="Breadcrumbs"><ol>`)
		for i := -1; i < last; i++ {
			w.raw("<li><a")
			w.href(strings.Repeat("../", last-i) + w.order.String())
			w.raw(">")
			if i < 0 {
				w.raw(top)
			} else {
				w.shownName(r.Path[i])
			}
			w.raw("</a></li>")
		}
		w.raw("</ol></nav>\n<h1>")
		w.shownName(r.Path[last])
	} else {
		w.raw("<h1>", top)
	}
	w.raw("</h1>\n")
	if p.total+len(r.Extra) > 0 {
		w.raw("<p>", summary(p, len(r.Extra)), "</p>\n")
	}
	if p.total > len(p.items) && len(p.items) > 0 {
		w.raw(`<p class="part"><strong>`, position(p), "</strong></p>\n")
	}
	w.raw("</header>\n")
}

// account has who is signed in and the way out, or the way in.
func (w *htmlWriter) account(r *Request) {
	if r.SignInAt == "" {
		return
	}
	way := "Sign in"
	w.raw(`<p class="who">`)
	if r.Account != "" {
		way = "Sign out"
		w.shownName(r.Account)
		w.raw(" ")
	}
	w.raw(`<a href="`, html.EscapeString(r.SignInAt), `">`, way, "</a></p>\n")
}

// summary is HTML; it holds no names.
func summary(p *page, extra int) string {
	var parts []string
	if n := p.dirs + extra; n > 0 {
		parts = append(parts, plural(int64(n), "folder"))
	}
	if n := p.files(); n > 0 {
		parts = append(parts, plural(int64(n), "file"), `<span title="`+plural(p.bytes, "byte")+`">`+humanSize(p.bytes)+"</span>")
	}
	return strings.Join(parts, ", ")
}

// position says that this is not all.
func position(p *page) string {
	total := grouped(int64(p.total))
	if p.first == 0 {
		return "The first " + grouped(int64(len(p.items))) + " of " + total + " entries"
	}
	return "Entries " + grouped(int64(p.first+1)) + " to " + grouped(int64(p.last())) + " of " + total
}

func (w *htmlWriter) empty(p *page) {
	if p.total > 0 {
		w.raw(`<p class="empty">No more entries here.</p>`, "\n")
		return
	}
	w.raw(`<p class="empty">This folder is empty.</p>`, "\n")
}

// table writes the entries. The roles say what the elements mean already: a narrow window lays them out as blocks,
// and some browsers then forget.
func (w *htmlWriter) table(extra []Link, p *page) {
	w.raw(`<table role="table" aria-label="Entries">`, "\n", `<thead role="rowgroup"><tr role="row">`)
	w.column("Name", "name", "")
	w.column("Size", "size", ` class="s"`)
	w.column("Modified", "time", ` class="t"`)
	w.raw("</tr></thead>\n", `<tbody role="rowgroup">`, "\n")
	for _, l := range extra {
		w.row(&item{name: l.Name, dir: true})
	}
	for i := range p.items {
		w.row(&p.items[i])
	}
	w.raw("</tbody></table>\n", `<p class="note">Times are UTC.</p>`, "\n")
}

func (w *htmlWriter) column(label, by, class string) {
	o := naturally(by)
	w.raw(`<th role="columnheader" scope="col"`, class)
	if w.order.by == by {
		o = order{by, !w.order.desc}
		if w.order.desc {
			w.raw(` aria-sort="descending"`)
		} else {
			w.raw(` aria-sort="ascending"`)
		}
	}
	w.raw("><a")
	w.href(o.String())
	w.raw(">", label, "</a></th>")
}

func (w *htmlWriter) row(it *item) {
	w.raw(`<tr role="row"><th role="rowheader" scope="row"><a`)
	if it.dir {
		w.raw(` class="d"`)
		w.href(name.Escape(it.name) + "/" + w.order.String())
	} else {
		ext := extension(it.name)
		w.raw(` class="f`, kinds[ext], `"`)
		if ext != "" {
			w.raw(` data-e="`, ext, `"`)
		}
		w.href(name.Escape(it.name))
	}
	w.raw(">")
	w.shownName(it.name)
	if it.dir {
		w.raw("/")
	}
	w.raw(`</a></th><td role="cell" class="s">`)
	if !it.dir {
		w.raw(`<span title="`, plural(it.size, "byte"), `">`, humanSize(it.size), "</span>")
	}
	w.raw(`</td><td role="cell" class="t">`)
	if datable(it.mod) {
		t := it.mod.UTC()
		w.raw(`<time datetime="`, t.Format("2006-01-02T15:04:05Z"), `">`, t.Format("2006-01-02 15:04"), "</time>")
	}
	w.raw("</td></tr>\n")
}

func (w *htmlWriter) pager(p *page) {
	if p.total <= len(p.items) {
		return
	}
	w.raw(`<nav class="pager" aria-label="Pages">`)
	if p.first > 0 || len(p.items) == 0 {
		w.raw("<a")
		w.href(w.order.String())
		w.raw(">First page</a>")
	}
	if p.first > pageSize && len(p.items) > 0 {
		w.raw(`<a rel="prev" href="`, html.EscapeString(w.carried(w.order.link("before", &p.items[0]))), `">Previous</a>`)
	}
	if len(p.items) > 0 && p.last() < p.total {
		w.raw(`<a rel="next" href="`, html.EscapeString(w.carried(w.order.link("after", &p.items[len(p.items)-1]))), `">Next</a>`)
	}
	w.raw("</nav>\n")
}

// datable says whether a time has the four-digit year that HTML and RFC 3339 can write; a mount has none.
func datable(t time.Time) bool {
	y := t.UTC().Year()
	return !t.IsZero() && y >= 0 && y <= 9999
}

func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped(n) + " " + what
}

// grouped writes a number of no less than zero with its thousands apart.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// humanSize rounds to what one reads at a glance, in powers of 1000 as phones and browsers have it.
func humanSize(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), 0
	for f >= 999.5 && unit < len(sizeUnits) {
		f /= 1000
		unit++
	}
	digits := 0
	if f < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + sizeUnits[unit-1]
}

var sizeUnits = []string{"kB", "MB", "GB", "TB", "PB", "EB"}
