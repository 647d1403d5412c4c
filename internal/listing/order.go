package listing

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/name"
)

// item is what the page shows of one entry.
type item struct {
	name string // the last element
	dir  bool
	size int64 // bytes; 0 for a directory, whose size means nothing to a reader
	mod  time.Time
}

// order is how entries are sorted: directories first, then by key, then by name.
type order struct {
	by   string // "name", "size" or "time"
	desc bool
}

// naturally is the direction a column starts with: the largest and the newest are what one looks for.
func naturally(by string) order { return order{by: by, desc: by != "name"} }

// compare is a strict total order: no two entries of one directory share a name.
func (o order) compare(a, b *item) int {
	if a.dir != b.dir {
		if a.dir {
			return -1
		}
		return 1
	}
	c := 0
	switch o.by {
	case "size":
		c = cmp.Compare(a.size, b.size)
	case "time":
		c = a.mod.Compare(b.mod)
	default:
		c = compareNames(a.name, b.name)
	}
	if o.desc {
		c = -c
	}
	if c == 0 {
		c = compareNames(a.name, b.name)
	}
	return c
}

// compareNames orders names as people do: without regard to case, and numbers by value, so that "b9" < "B10".
// Only where that finds no difference do the bytes decide.
func compareNames(a, b string) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		if isDigit(a[i]) && isDigit(b[j]) {
			m, n := digits(a[i:]), digits(b[j:])
			if c := compareNumbers(a[i:i+m], b[j:j+n]); c != 0 {
				return c
			}
			i, j = i+m, j+n
			continue
		}
		r, m := utf8.DecodeRuneInString(a[i:])
		s, n := utf8.DecodeRuneInString(b[j:])
		if c := cmp.Compare(unicode.ToLower(r), unicode.ToLower(s)); c != 0 {
			return c
		}
		i, j = i+m, j+n
	}
	switch {
	case i < len(a):
		return 1
	case j < len(b):
		return -1
	}
	return strings.Compare(a, b)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digits is how many digits s starts with.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// query is what was asked of the listing.
type query struct {
	order
	cursor *item // the page starts after it, or ends before it; nil is the first page
	before bool
}

// maxQuery bounds, in bytes, what is looked at: a cursor holds one element, each byte of it three characters.
const maxQuery = 2048

// parseQuery never fails: what it does not understand is the first page by name.
func parseQuery(raw string) query {
	q := query{order: naturally("name")}
	if len(raw) > maxQuery {
		return q
	}
	fields := map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		k, v, _ := strings.Cut(pair, "=")
		v, err := url.QueryUnescape(v)
		if _, again := fields[k]; err == nil && !again {
			fields[k] = v
		}
	}
	switch by := fields["sort"]; by {
	case "size", "time":
		q.order = naturally(by)
	}
	switch fields["order"] {
	case "asc":
		q.desc = false
	case "desc":
		q.desc = true
	}
	if q.cursor = parseCursor(fields["after"]); q.cursor == nil {
		q.cursor = parseCursor(fields["before"])
		q.before = q.cursor != nil
	}
	return q
}

// cursor writes down where an entry stands in any order. It is only ever compared with, never opened, so that it
// matters neither who made it nor whether the entry is still there.
func (it *item) cursor() string {
	kind := "f"
	if it.dir {
		kind = "d"
	}
	return kind + "." + strconv.FormatInt(it.size, 10) + "." + strconv.FormatInt(it.mod.Unix(), 10) + "." +
		strconv.Itoa(it.mod.Nanosecond()) + "." + it.name
}

func parseCursor(s string) *item {
	f := strings.SplitN(s, ".", 5)
	if len(f) != 5 || f[0] != "f" && f[0] != "d" || len(f[4]) > name.MaxElement || !utf8.ValidString(f[4]) {
		return nil
	}
	size, err1 := strconv.ParseInt(f[1], 10, 64)
	sec, err2 := strconv.ParseInt(f[2], 10, 64)
	nsec, err3 := strconv.ParseUint(f[3], 10, 30)
	if err1 != nil || err2 != nil || err3 != nil {
		return nil
	}
	return &item{name: f[4], dir: f[0] == "d", size: size, mod: time.Unix(sec, int64(nsec))}
}

// String is the query of the first page in this order, with its "?"; "" for the usual one.
func (o order) String() string {
	if o == naturally("name") {
		return ""
	}
	direction := "asc"
	if o.desc {
		direction = "desc"
	}
	return "?sort=" + o.by + "&order=" + direction
}

// link is a reference to a page in this order; field is "after" or "before".
func (o order) link(field string, it *item) string {
	s := o.String()
	if s == "" {
		s = "?"
	} else {
		s += "&"
	}
	return "./" + s + field + "=" + name.Escape(it.cursor())
}
