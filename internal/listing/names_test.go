package listing

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/rootbound/rootbound/internal/name"
)

// hostile are names that a careless page turns into something else.
var hostile = []string{
	`javascript:alert(1)`, `data:text,x`, `http:`, `"><script>alert(1)<`, `'onmouseover='alert(1)`, `<img src=x onerror=alert(1)>`,
	`?x#y`, `#top`, `%2e%2e`, `%2E%2E%2Fpasswd`, `%`, `%zz`, `&amp;`, `&lt;b&gt;`, `a&copy=1`, `a b`, ` lead`, `trail `, `a+b`, `a;b`, `@host`,
	`:80`, `..a`, `a..`, `a.`, `</title>`, `-->`, "]]>", "`x`", `{{.}}`, `$(id)`, `=cmd`, `~`, `*`, `|`, `^`, `[x]`,
	"invoice_\u202efdp.exe", "\u2066a\u2069", "zero\u200bwidth", "soft\u00adhyphen", "\ufeffbom", "a\u2028b", "nbsp\u00a0", "\u3164", "\u0301mark",
	"tag\U000e0041", "ünïcödé", "日本語", "👩\u200d💻", "❤\ufe0f", "می\u200cخواهم",
}

// page elements and attributes that a listing has.
var allowed = map[string][]string{
	"html": {"lang"}, "head": nil, "meta": {"charset", "name", "content"}, "title": nil, "style": nil, "body": nil,
	"header": nil, "nav": {"aria-label", "class"}, "ol": nil, "li": nil, "h1": nil, "p": {"class"}, "strong": nil, "main": nil,
	"table": {"role", "aria-label"}, "thead": {"role"}, "tbody": {"role"}, "tr": {"role"},
	"th": {"role", "scope", "class", "aria-sort"}, "td": {"role", "class"},
	"a": {"class", "href", "data-e", "rel"}, "bdi": nil, "i": nil, "span": {"title"}, "time": {"datetime"},
}

// strange describes the first node of a page that a listing never has.
func strange(doc *html.Node) string {
	for n := range doc.Descendants() {
		switch n.Type {
		case html.CommentNode:
			return "a comment: " + n.Data
		case html.ElementNode:
			attrs, ok := allowed[n.Data]
			if !ok {
				return "<" + n.Data + ">"
			}
			for _, a := range n.Attr {
				if !slices.Contains(attrs, a.Key) {
					return fmt.Sprintf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
				if a.Key == "href" && !strings.HasPrefix(a.Val, "./") {
					return fmt.Sprintf("href=%q", a.Val)
				}
			}
		}
	}
	return ""
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	s := ""
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			s += c.Data
		}
	}
	return s
}

// rows maps each link of the table to its text.
func rows(doc *html.Node) map[string]string {
	out := map[string]string{}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && n.Parent.Data == "th" && attr(n.Parent, "scope") == "row" {
			out[attr(n, "href")] = text(n)
		}
	}
	return out
}

// resolve says which name a reference of the page at /up/dir/ asks this server for.
func resolve(href string) (string, error) {
	ref, err := url.Parse(href)
	if err != nil {
		return "", err
	}
	page, err := url.Parse("http://files.example/up/dir/")
	if err != nil {
		return "", err
	}
	u := page.ResolveReference(ref)
	if u.Scheme != "http" || u.Host != "files.example" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("leads to %s", u)
	}
	rules := name.Rules{AllowHidden: true}
	n, err := rules.FromPath(u.EscapedPath())
	if err != nil {
		return "", err
	}
	below, ok := strings.CutPrefix(n.String(), "up/dir/")
	if !ok {
		return "", fmt.Errorf("leads to %s", n)
	}
	return below, nil
}

// undefended is the control: the row of a page that trusts names.
func undefended(n string) string {
	return `<!doctype html><table><tr role="row"><th scope="row"><a href="` + n + `">` + n + `</a></th></tr></table>`
}

// safe says whether a page has one row, with a link that leads to exactly this entry and shows its name.
func safe(doc *html.Node, n string) error {
	if s := strange(doc); s != "" {
		return fmt.Errorf("the page holds %s", s)
	}
	r := rows(doc)
	if len(r) != 1 {
		return fmt.Errorf("the page has %d rows", len(r))
	}
	for href, shown := range r {
		got, err := resolve(href)
		if err != nil || got != n {
			return fmt.Errorf("href %q names %q, %v", href, got, err)
		}
		if shown != visible(n) {
			return fmt.Errorf("the page shows %q, not %q", shown, visible(n))
		}
	}
	return nil
}

func TestNames(t *testing.T) {
	all := slices.Clone(hostile)
	for c := rune(' '); c < 0x7f; c++ {
		all = append(all, "a"+string(c)+"b", string(c)+"b", "a"+string(c))
	}
	files := map[string]int{}
	rules := name.Rules{}
	for _, n := range all {
		if _, err := rules.FromText(n); err == nil && !strings.Contains(n, "/") {
			files[n] = 1
		}
	}
	if len(files) < 300 {
		t.Fatalf("only %d names pass the rules", len(files))
	}
	doc := parse(t, serve(t, Request{Dir: open(t, tree(t, files), "."), Path: []string{"up", "dir"}}).Body.String())
	if s := strange(doc); s != "" {
		t.Errorf("the page holds %s", s)
	}
	left := maps.Clone(files)
	for href, shown := range rows(doc) {
		n, err := resolve(href)
		if _, ok := left[n]; err != nil || !ok {
			t.Errorf("href %q names %q, %v", href, n, err)
			continue
		}
		delete(left, n)
		if shown != visible(n) {
			t.Errorf("%q is shown as %q, want %q", n, shown, visible(n))
		}
	}
	if len(left) > 0 {
		t.Errorf("not linked: %q", slices.Sorted(maps.Keys(left)))
	}
	leaks := 0
	for n := range files {
		if safe(parse(t, undefended(n)), n) != nil {
			leaks++
		}
	}
	if leaks < len(hostile)/2 {
		t.Errorf("control: only %d names break a page that trusts them", leaks)
	}
}

// Rack::Directory linked to entries by their bare names, so that a file named "javascript:..." was a link that ran
// as script in the listing's origin.
func TestAdvisory_CVE_2026_25500(t *testing.T) {
	const n = "javascript:alert(1)"
	control := parse(t, undefended(n))
	for href := range rows(control) {
		if u, err := url.Parse(href); err != nil || u.Scheme != "javascript" {
			t.Errorf("control: %q does not run as script", href)
		}
	}
	base := tree(t, map[string]int{n: 1})
	doc := parse(t, serve(t, Request{Dir: open(t, base, "."), Path: []string{"up", "dir"}}).Body.String())
	if err := safe(doc, n); err != nil {
		t.Error(err)
	}
}

// Breadcrumbs and the heading hold the names of directories, which may be as hostile.
func TestPathNames(t *testing.T) {
	path := []string{`"><script>`, "\u202eevil", "here"}
	doc := parse(t, serve(t, Request{Path: path, Query: "sort=time"}).Body.String())
	if s := strange(doc); s != "" {
		t.Errorf("the page holds %s", s)
	}
	var got []string
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && (n.Data == "a" && n.Parent.Data == "li" || n.Data == "h1" || n.Data == "title") {
			got = append(got, text(n)+" "+attr(n, "href"))
		}
	}
	want := []string{
		`"><script>/U+202Eevil/here/ `, "Files ./../../../?sort=time&order=desc", `"><script> ./../../?sort=time&order=desc`,
		"U+202Eevil ./../?sort=time&order=desc", "here ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain name.txt":         "plain name.txt",
		"a\u202eb":               "aU+202Eb",
		"a\u200bb\u2060c\u00add": "aU+200BbU+2060cU+00ADd",
		"\u2066x\u2069":          "U+2066xU+2069",
		" a b ":                  "U+0020a bU+0020",
		"a    b":                 "a  U+0020U+0020b",
		"a\u00a0b\u3000c\u202f":  "a\u00a0b\u3000cU+202F",
		"\ufeffx":                "U+FEFFx",
		"\u3164\u2800\uffa0":     "U+3164U+2800U+FFA0",
		"\u0301e\u0301":          "U+0301e\u0301",
		"e\ufe0f":                "eU+FE0F",
		"❤\ufe0f 👩\u200d💻":       "❤\ufe0f 👩\u200d💻",
		"a\u200db":               "aU+200Db",
		"می\u200cخواهم\u200c":    "می\u200cخواهمU+200C",
		"\ue000\U000e0041":       "U+E000U+E0041",
		"日本語 ünïcödé":            "日本語 ünïcödé",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%+q) = %+q, want %+q", in, got, want)
		}
	}
}

func FuzzListing(f *testing.F) {
	for _, n := range hostile {
		f.Add(n, true)
		f.Add(n, false)
	}
	f.Fuzz(func(t *testing.T, n string, dir bool) {
		if name.Local(n) != nil || strings.Contains(n, "/") {
			return
		}
		var out bytes.Buffer
		b := bufio.NewWriter(&out)
		p := &page{items: []item{{name: n, dir: dir, size: 1, mod: testTime}}, total: 1}
		writeHTML(b, &Request{Path: []string{"up", n}}, query{order: naturally("name")}, p)
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		doc := parse(t, out.String())
		if dir {
			for a := range doc.Descendants() { // the slash after a directory's name is not part of it
				if a.Type == html.ElementNode && a.Data == "a" && attr(a, "class") == "d" {
					a.RemoveChild(a.LastChild)
				}
			}
		}
		if err := safe(doc, n); err != nil {
			t.Errorf("%q: %v", n, err)
		}
		if got := parseCursor(p.items[0].cursor()); got == nil || naturally("time").compare(got, &p.items[0]) != 0 {
			t.Errorf("%q: the cursor does not come back: %v", n, got)
		}
	})
}
