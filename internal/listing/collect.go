package listing

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

const (
	// checkEvery is how many entries are read before the context is asked and the processor offered to others.
	checkEvery = 256
	// cheapScan is how many entries are read whatever the context says. A client that has closed its sending side
	// alone looks to net/http like one that has gone, and may still want what it asked for.
	cheapScan = 2048
	// longScan is how many entries a listing may read before it must take one of the places in scans.
	longScan = 20_000
	// maxWait bounds the wait for such a place.
	maxWait = 20 * time.Second
)

// scans bounds how many large directories are read at the same time: each page of one costs a system call for every
// entry, and anybody who may list can ask for it. Half of the processors stay with everybody else.
var scans = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// page is one page of a directory, and what the whole of it comes to.
type page struct {
	items []item
	first int // entries that stand before the page
	total int
	dirs  int
	bytes int64 // of all files
}

func (p *page) files() int { return p.total - p.dirs }

// last is how many entries stand before the next page.
func (p *page) last() int { return p.first + len(p.items) }

// readable says whether the directory can be read at all.
func (r *Request) readable() error {
	if r.Dir == nil {
		return nil
	}
	for _, err := range r.Dir.Entries() {
		return err
	}
	return nil
}

// collect reads the directory once and keeps the page that was asked for.
func (r *Request) collect(q query) (*page, error) {
	s := selection{query: q, limit: pageSize}
	if r.Dir == nil {
		return s.page(), nil
	}
	read := 0
	for e, err := range r.Dir.Entries() {
		if err != nil {
			return nil, err
		}
		if read++; read == longScan {
			done, err := r.place(maxWait)
			if err != nil {
				return nil, err
			}
			defer done()
		}
		if read%checkEvery == 0 {
			if err := r.Ctx.Err(); err != nil && read > cheapScan {
				return nil, fmt.Errorf("listing: %w", err)
			}
			runtime.Gosched()
		}
		if r.shows(e.Name) && (r.Shows == nil || r.Shows(e.Name, e.IsDir()) && (e.Own == e.Name || r.Shows(e.Own, e.IsDir()))) {
			s.add(newItem(e))
		}
	}
	return s.page(), nil
}

// place waits for one of the places in scans.
func (r *Request) place(wait time.Duration) (done func(), err error) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case scans <- struct{}{}:
		return func() { <-scans }, nil
	case <-r.Ctx.Done():
		return nil, fmt.Errorf("listing: %w", r.Ctx.Err())
	case <-t.C:
		return nil, reason.New(reason.ShortOpens, errors.New("too many large directories are listed at once"))
	}
}

// shows leaves out what the operator hides, what a link above the entries stands for, and what would be taken for
// the server's own pages.
func (r *Request) shows(n rootbound.Name) bool {
	last := n.Last()
	if len(r.Path) == 0 && last == name.ReservedFirst {
		return false
	}
	if slices.Contains(r.Extra, Link{last}) {
		return false
	}
	return !slices.ContainsFunc(r.Hide, func(g name.Glob) bool { return g.MatchTree(r.Beneath + n.String()) })
}

func newItem(e rootbound.Entry) item {
	it := item{name: e.Name.Last(), dir: e.IsDir(), size: e.Size, mod: e.ModTime}
	if it.dir {
		it.size = 0
	}
	return it
}

// selection keeps the limit best entries of a sequence and counts the rest. It holds at most twice as many: when
// it is full, it sorts and drops the worse half.
type selection struct {
	query
	limit int

	kept     []item
	bounded  bool // kept was cut: what is worse than bound need not be looked at
	bound    item
	skipped  int // entries up to the cursor
	eligible int // entries beyond it
	sum      page
}

// better compares in the direction the page grows from the cursor.
func (s *selection) better(a, b item) int {
	if s.before {
		return s.compare(&b, &a)
	}
	return s.compare(&a, &b)
}

func (s *selection) add(it item) {
	s.sum.total++
	if it.dir {
		s.sum.dirs++
	}
	s.sum.bytes += min(it.size, math.MaxInt64-s.sum.bytes) // sparse files may add up to more than there is
	if s.cursor != nil && s.better(it, *s.cursor) <= 0 {
		s.skipped++
		return
	}
	s.eligible++
	if s.bounded && s.better(it, s.bound) >= 0 {
		return
	}
	it.name = strings.Clone(it.name) // else it keeps the whole name beneath the base
	if s.kept = append(s.kept, it); len(s.kept) == 2*s.limit {
		s.cut()
	}
}

func (s *selection) cut() {
	slices.SortFunc(s.kept, s.better)
	if len(s.kept) > s.limit {
		clear(s.kept[s.limit:])
		s.kept = s.kept[:s.limit]
		s.bounded, s.bound = true, s.kept[s.limit-1]
	}
}

func (s *selection) page() *page {
	s.cut()
	p := s.sum
	p.items, p.first = s.kept, s.skipped
	if s.before {
		slices.Reverse(p.items)
		p.first = s.eligible - len(p.items)
	}
	return &p
}
