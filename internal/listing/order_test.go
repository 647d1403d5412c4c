package listing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/rootbound/rootbound"
)

func TestOrder(t *testing.T) {
	base := tree(t, map[string]int{"b9": 10, "B10": 30, "a": 20, "z": 20, "Dir/": 0, "dir2/": 0})
	for n, age := range map[string]time.Duration{"b9": 3, "B10": 1, "a": 2, "z": 4, "Dir": 6, "dir2": 5} {
		at := testTime.Add(-age * time.Second)
		if err := os.Chtimes(filepath.Join(base, n), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for q, want := range map[string]string{
		"":                            "Dir dir2 a b9 B10 z",
		"sort=name&order=desc":        "dir2 Dir z B10 b9 a",
		"sort=size":                   "Dir dir2 B10 a z b9",
		"sort=size&order=asc":         "Dir dir2 b9 a z B10",
		"sort=time":                   "dir2 Dir B10 a b9 z",
		"order=asc&sort=time":         "Dir dir2 z b9 a B10",
		"sort=owner&order=up":         "Dir dir2 a b9 B10 z",
		"after=f.10.0.0.b9":           "B10 z",
		"before=f.10.0.0.b9":          "Dir dir2 a",
		"after=d.0.0.0.~":             "a b9 B10 z",
		"sort=size&after=f.20.0.0.":   "a z b9",
		"after=b9":                    "Dir dir2 a b9 B10 z",
		"after=f.10.0.0.%ff":          "Dir dir2 a b9 B10 z",
		"after=x.1.2.3.4":             "Dir dir2 a b9 B10 z",
		"%zz&;=&&sort=size&sort=time": "Dir dir2 B10 a z b9",
		"sort=size&x=" + strings.Repeat("x", maxQuery): "Dir dir2 a b9 B10 z",
	} {
		got, _ := list(t, base, ".", Request{Query: q})
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: %s, want %s", q, s, want)
		}
	}
}

// many makes n entries, every tenth a directory, with sizes and times that repeat.
func many(t testing.TB, base string, n int) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for i := range n {
		e := fmt.Sprintf("Entry %d %s", (i*7919)%n, strings.Repeat("x", 150)) // the order of the file system is not ours
		path := filepath.Join(base, e)
		var err error
		if i%10 == 0 {
			err = os.Mkdir(path, 0o755)
		} else {
			err = os.WriteFile(path, make([]byte, i%13), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		all[e] = true
	}
	return all
}

func TestPaging(t *testing.T) {
	base := t.TempDir()
	all := many(t, base, 2500)
	for _, by := range []string{"name", "size", "time"} {
		for _, direction := range []string{"asc", "desc"} {
			t.Run(by+" "+direction, func(t *testing.T) {
				q := "sort=" + by + "&order=" + direction
				names, pages := walk(t, base, q)
				if pages != 3 {
					t.Errorf("%d pages, want 3", pages)
				}
				seen := map[string]bool{}
				for _, n := range names {
					if seen[n] {
						t.Errorf("%q stands twice", n)
					}
					seen[n] = true
				}
				if diff := cmp.Diff(all, seen); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(sorted(t, base, q), names); diff != "" {
					t.Errorf("order (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// walk follows next to the end.
func walk(t testing.TB, base, q string) (names []string, pages int) {
	t.Helper()
	for {
		part, next := list(t, base, ".", Request{Query: q})
		names = append(names, part...)
		pages++
		if next == "" || pages > 100 {
			return names, pages
		}
		var ok bool
		if q, ok = strings.CutPrefix(next, "./?"); !ok {
			t.Fatalf("next is %q", next)
		}
	}
}

// sorted is the plain way: everything in memory, sorted at once.
func sorted(t testing.TB, base, q string) (names []string) {
	t.Helper()
	var all []item
	for e, err := range open(t, base, ".").Entries() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, newItem(e))
	}
	o := parseQuery(q).order
	slices.SortFunc(all, func(a, b item) int { return o.compare(&a, &b) })
	for _, it := range all {
		names = append(names, it.name)
	}
	return names
}

// A page in the middle says where it is and leads both ways.
func TestPager(t *testing.T) {
	base := t.TempDir()
	many(t, base, 2500)
	links := func(q string) (rel map[string]string, shown []string, part string) {
		doc := parse(t, serve(t, Request{Dir: open(t, base, "."), Query: q}).Body.String())
		rel = map[string]string{}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch {
			case n.Data == "a" && n.Parent.Data == "nav":
				rel[text(n)] = strings.TrimPrefix(strings.TrimPrefix(attr(n, "href"), "./"), "?")
			case n.Data == "strong":
				part = text(n)
			case n.Data == "th" && attr(n, "scope") == "row":
				shown = append(shown, text(n))
			}
		}
		return rel, shown, part
	}
	rel1, page1, part1 := links("sort=size")
	rel2, page2, part2 := links(rel1["Next"])
	rel3, page3, part3 := links(rel2["Next"])
	for _, p := range [][2]string{
		{part1, "The first 1,000 of 2,500 entries"}, {part2, "Entries 1,001 to 2,000 of 2,500"}, {part3, "Entries 2,001 to 2,500 of 2,500"},
	} {
		if p[0] != p[1] {
			t.Errorf("the page says %q, want %q", p[0], p[1])
		}
	}
	if len(rel1) != 1 || len(rel2) != 2 || len(rel3) != 2 || rel3["Next"] != "" || len(page3) != 500 {
		t.Errorf("links: %v, %v, %v; %d on the last page", rel1, rel2, rel3, len(page3))
	}
	_, back, part := links(rel3["Previous"])
	if diff := cmp.Diff(page2, back); diff != "" || part != part2 {
		t.Errorf("back on %q; page (-want +got):\n%s", part, diff)
	}
	_, first, _ := links(rel2["First page"])
	if diff := cmp.Diff(page1, first); diff != "" {
		t.Errorf("first page (-want +got):\n%s", diff)
	}
	if rel, _, _ := links("after=f.0.0.0.zzz"); len(rel) != 1 || rel["First page"] != "" {
		t.Errorf("beyond the end: %v, want the way back", rel)
	}
}

// heapAtFirstWrite discards the answer and looks at what is alive when the first of it is written: all that the
// listing holds of the directory.
type heapAtFirstWrite struct {
	header http.Header
	live   uint64
}

func (h *heapAtFirstWrite) Header() http.Header { return h.header }
func (h *heapAtFirstWrite) WriteHeader(int)     {}
func (h *heapAtFirstWrite) Write(p []byte) (int, error) {
	if h.live == 0 {
		h.live = live()
	}
	return io.Discard.Write(p)
}

func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestLargeDirectory lists 20,000 entries; with ROOTBOUND_SOAK=1 it is a million.
func TestLargeDirectory(t *testing.T) {
	n := 20_000
	if os.Getenv("ROOTBOUND_SOAK") == "1" {
		n = 1_000_000
	}
	base := t.TempDir()
	for i := range n {
		path := filepath.Join(base, fmt.Sprintf("%d %s", (i*7919)%n, strings.Repeat("x", 200)))
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	const bound = 2 << 20
	for _, q := range []string{"", "sort=time", "after=f.0.0.0." + fmt.Sprint(n/2)} {
		f := open(t, base, ".")
		w := &heapAtFirstWrite{header: http.Header{}}
		before := live()
		begin := time.Now()
		if _, _, err := Serve(w, Request{Dir: f, Query: q}); err != nil {
			t.Fatal(err)
		}
		grown := int64(w.live) - int64(before)
		t.Logf("%d entries, %q: %d KiB, %v", n, q, grown>>10, time.Since(begin))
		if grown > bound {
			t.Errorf("%q: the listing holds %d KiB, want at most %d", q, grown>>10, bound>>10)
		}
	}
	before := live()
	names := sorted(t, base, "")
	if grown := int64(live()) - int64(before); grown < bound {
		t.Errorf("control: all %d names take %d KiB, which the bound would not notice", len(names), grown>>10)
	}
	runtime.KeepAlive(names)
}

func TestPlaces(t *testing.T) {
	for range cap(scans) {
		done, err := (&Request{Ctx: context.Background()}).place(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer done()
	}
	if _, err := (&Request{Ctx: context.Background()}).place(time.Millisecond); !errors.Is(err, rootbound.ErrUnavailable) {
		t.Errorf("place = %v when all are taken, want %v", err, rootbound.ErrUnavailable)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&Request{Ctx: gone}).place(time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("place = %v when the client went away, want %v", err, context.Canceled)
	}
}

// The selection agrees with a full sort whatever the sequence, the cursor and the size of a page.
func TestSelection(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		o := order{[]string{"name", "size", "time"}[rng.IntN(3)], rng.IntN(2) == 0}
		var all []item
		for _, i := range rng.Perm(rng.IntN(40)) {
			all = append(all, item{fmt.Sprint("n", i), i%3 == 0, int64(i % 4), testTime.Add(time.Duration(i % 5))})
		}
		s := selection{query: query{order: o}, limit: 1 + rng.IntN(8)}
		want := slices.SortedFunc(slices.Values(all), func(a, b item) int { return o.compare(&a, &b) })
		first := 0
		if len(all) > 0 && rng.IntN(4) > 0 {
			at := rng.IntN(len(want))
			c := want[at]
			s.cursor, s.before = &c, rng.IntN(2) == 0
			if first = at + 1; s.before {
				first = max(0, at-s.limit)
				want = want[:at]
			}
		}
		for _, it := range all {
			s.add(it)
		}
		p := s.page()
		want = want[first:min(len(want), first+s.limit)]
		if p.first != first || p.total != len(all) || !slices.Equal(p.items, want) {
			t.Fatalf("%v limit %d before %v: first %d, want %d; got %v, want %v", o, s.limit, s.before, p.first, first, p.items, want)
		}
	}
}

func FuzzCompareNames(f *testing.F) {
	f.Add("b9", "B10", "b09")
	f.Add("1", "01", "001")
	f.Add("a-1", "a1", "a:1")
	f.Add("é", "É", "e")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if (compareNames(a, b) == 0) != (a == b) || compareNames(a, b) != -compareNames(b, a) {
			t.Errorf("%q and %q: %d and %d", a, b, compareNames(a, b), compareNames(b, a))
		}
		if compareNames(a, b) < 0 && compareNames(b, c) < 0 && compareNames(a, c) >= 0 {
			t.Errorf("%q < %q < %q, but not the first before the last", a, b, c)
		}
	})
}

// Whatever the query says, the page is one of six: nothing of it is repeated.
func FuzzQuery(f *testing.F) {
	f.Add("sort=size&order=asc&after=f.1.2.3.x")
	f.Add("before=d.0.-1.0.%22%3E%3Cscript%3E&x=%zz&sort=<script>")
	body := func(t testing.TB, q string) string {
		return serve(t, Request{Path: []string{"d"}, Extra: []Link{{"m"}}, Query: q}).Body.String()
	}
	known := map[string]bool{}
	for _, by := range []string{"name", "size", "time"} {
		for _, direction := range []string{"asc", "desc"} {
			known[body(f, "sort="+by+"&order="+direction)] = true
		}
	}
	if len(known) != 6 {
		f.Fatalf("%d pages for six orders", len(known))
	}
	f.Fuzz(func(t *testing.T, q string) {
		if got := body(t, q); !known[got] {
			t.Errorf("%q changes the page:\n%s", q, got)
		}
	})
}
