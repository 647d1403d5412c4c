package hotcache

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// sound checks all that must hold when nothing is under way.
func (b *bench) sound() {
	b.Helper()
	c := b.Cache
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.store
	entries := 0
	for _, q := range []*queue{&s.small, &s.main, &s.missing} {
		n, bytes := 0, int64(0)
		var prev *entry
		for e := q.newest; e != nil; prev, e = e, e.next {
			n++
			bytes += e.cost
			if e.queue != q || e.prev != prev || s.entries[e.key] != e || (e.loaded == nil) != (q == &s.missing) {
				b.Errorf("entry %v is not where it should be", e.key.text)
			}
		}
		if q.last != prev || q.n != n || q.bytes != bytes {
			b.Errorf("a queue says %d entries, %d bytes, and has %d, %d", q.n, q.bytes, n, bytes)
		}
		entries += n
	}
	if len(s.entries) != entries || s.peak < entries || s.reserved != 0 || len(c.flights) != 0 {
		b.Errorf("%d entries in queues, %d in the map (peak %d), %d bytes reserved, %d flights", entries, len(s.entries), s.peak, s.reserved, len(c.flights))
	}
	if got, want := s.used(), s.small.bytes+s.main.bytes+int64(s.peak-entries)*mapCell; got != want {
		b.Errorf("%d bytes, want %d: entries and the empty cells of the map", got, want)
	}
	if s.used() > s.room || s.missing.bytes > s.roomMiss || len(s.traces.at) > s.traces.limit || len(s.traces.ring) > s.traces.limit {
		b.Errorf("%d of %d bytes, missing %d of %d, %d traces of %d", s.used(), s.room, s.missing.bytes, s.roomMiss, len(s.traces.at), s.traces.limit)
	}
}

// TestScan: a working set keeps its place while files twenty times the size of the cache are each read once. The control
// is a plain LRU of the same size, which the same requests empty.
func TestScan(t *testing.T) {
	const limit, size, hot, perHot = 128 << 10, 2 << 10, 20, 4
	const cold = 20 * limit / size
	b := newBench(t, Config{Max: limit})
	lru := &plainLRU{limit: limit, at: map[string]*list.Element{}}
	file := strings.Repeat("x", size)
	for i := range hot {
		b.write(fmt.Sprint("hot", i), file)
	}
	for i := range cold {
		b.write(fmt.Sprint("cold", i), file)
	}
	asked, hits, lruHits := 0, 0, 0
	ask := func(name string, count bool) {
		_, state := b.get(name)
		if state != Hit {
			b.open(name)
		}
		old := lru.ask(name, size+overhead(len(name)))
		if count {
			asked++
			hits += btoi(state == Hit)
			lruHits += btoi(old)
		}
	}
	for range 3 {
		for i := range hot {
			ask(fmt.Sprint("hot", i), false)
		}
	}
	for i := range cold {
		ask(fmt.Sprint("cold", i), false)
		if i%perHot == 0 {
			ask(fmt.Sprint("hot", i/perHot%hot), true)
		}
	}
	if hits*10 < asked*9 {
		t.Errorf("%d of %d hits during the scan, want 90 %%", hits, asked)
	}
	if lruHits*10 >= asked*9 {
		t.Errorf("the control keeps %d of %d: this was no scan", lruHits, asked)
	}
	t.Logf("hits of the working set: %d of %d, plain LRU %d", hits, asked, lruHits)
	b.sound()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// plainLRU counts bytes as the cache does.
type plainLRU struct {
	limit, used int64
	order       list.List
	at          map[string]*list.Element
}

type lruEntry struct {
	name string
	cost int64
}

func (l *plainLRU) ask(name string, cost int64) bool {
	if e := l.at[name]; e != nil {
		l.order.MoveToFront(e)
		return true
	}
	l.at[name] = l.order.PushFront(lruEntry{name, cost})
	for l.used += cost; l.used > l.limit; {
		old := l.order.Remove(l.order.Back()).(lruEntry)
		delete(l.at, old.name)
		l.used -= old.cost
	}
	return false
}

// TestMissingNames: no number of made-up names costs a file its place, or grows the cache.
func TestMissingNames(t *testing.T) {
	const limit = 1 << 20
	b := newBench(t, Config{Max: limit})
	b.write("f", "file")
	b.open("f")
	for i := range 20000 {
		b.open(fmt.Sprint("made-up-", i))
	}
	if _, state := b.get("made-up-19999"); state != Missing {
		t.Errorf("the last one: %d", state)
	}
	if _, state := b.get("made-up-0"); state != None {
		t.Errorf("the first one: %d", state)
	}
	if _, state := b.get("f"); state != Hit {
		t.Errorf("the file: %d", state)
	}
	if s := b.Stats(); s.Bytes > limit || s.Missing == 0 || s.Evicted != 0 {
		t.Errorf("%+v", s)
	}
	b.sound()
}

// TestBoundWithMissing: what is missing leaves empty cells in the map when it goes, which count too.
func TestBoundWithMissing(t *testing.T) {
	b := newBench(t, Config{Max: 1 << 18})
	for i := range 300 { // what is left of the room is another each time
		b.write(fmt.Sprint("f", i), strings.Repeat("x", 7*i))
	}
	for i := range 2000 {
		name := fmt.Sprint("made-up-", i, strings.Repeat("x", i%7*30)) // a long one takes the place of several short ones
		b.open(name)
		b.sound()
		b.open(fmt.Sprint("f", i%300))
		b.sound()
		if i%3 == 0 {
			b.Forget(b.dir, b.name(name))
			b.sound()
		}
		if t.Failed() {
			t.Fatalf("after %d", i)
		}
	}
}

// TestMemory: what the cache says it takes is what the heap grows by, or more, for the smallest entries and for large.
func TestMemory(t *testing.T) {
	const limit = 2 << 20
	for _, tt := range []struct {
		name        string
		size, files int
	}{
		{"empty files", 0, 100},
		{"small files", 100, 100},
		{"odd sizes", 33 << 10, 2},
		{"large files", 1 << 18, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, Config{Max: limit, MaxFile: limit})
			fill := b.fill(tt.files, 50, strings.Repeat("x", tt.size))
			before := heap()
			fill()
			grown, s := heap()-before, b.Stats()
			if grown > s.Bytes || s.Evicted == 0 || s.Bytes < limit*3/4 || s.Bytes > limit {
				t.Errorf("the heap grew by %d bytes, %+v", grown, s)
			}
			b.sound()
			b.Close()
			if left := heap() - before; left > limit/20 {
				t.Errorf("%d bytes left after Close", left)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTableShrinks: the map of many small files does not stay when a few large ones take their place.
func TestTableShrinks(t *testing.T) {
	const limit = 4 << 20
	b := newBench(t, Config{Max: limit, MaxFile: limit})
	b.fill(160, 50, "")()
	many := b.store.peak
	large := strings.Repeat("x", limit/10)
	for i := range 40 {
		b.write(fmt.Sprint("large", i), large)
		b.open(fmt.Sprint("large", i))
	}
	if s := b.store; many < 2*minMap || s.peak > max(minMap, 2*len(s.entries)) {
		t.Errorf("room for %d entries, once %d, of %d", s.peak, many, len(s.entries))
	}
	b.sound()
}

// TestBoundUnderConcurrency: what is being read counts too, so that many reads at once do not pass Max.
func TestBoundUnderConcurrency(t *testing.T) {
	const limit = 1 << 20
	b := newBench(t, Config{Max: limit})
	for i := range 100 {
		b.write(fmt.Sprint("f", i), strings.Repeat("x", 1<<10*(i+1)))
	}
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for n := range 300 {
				name := fmt.Sprint("f", (n*7+i*13)%110) // some are missing
				_, f, _ := b.Open(context.Background(), b.dir, b.name(name))
				if f != nil {
					_ = f.Close()
				}
				if n%20 == 0 {
					b.Forget(b.dir, b.name(name))
				}
				if s := b.Stats(); s.Bytes > limit {
					t.Errorf("%d bytes", s.Bytes)
				}
			}
		})
	}
	wg.Wait()
	b.sound()
}

// TestNoRoomToRead: while all the room is taken by what is being read, a file is handed out and not kept.
func TestNoRoomToRead(t *testing.T) {
	b := newBench(t, Config{})
	b.write("f", "file")
	b.store.reserved = b.store.room
	if _, how := b.open("f"); how != "file" {
		t.Errorf("Open = %s", how)
	}
	b.store.reserved = 0
	if got, how := b.open("f"); how != "loaded" || got != "file" {
		t.Errorf("Open = %q %s", got, how)
	}
	b.sound()
}

// TestComesBack: a file that is asked for again soon after it was pushed out is no passer-by.
func TestComesBack(t *testing.T) {
	b := newBench(t, Config{Max: 64 << 10})
	b.write("f", "file")
	large := strings.Repeat("x", 6<<10)
	for i := range 12 {
		b.write(fmt.Sprint("cold", i), large)
	}
	b.open("f")
	for i := range 12 {
		b.open(fmt.Sprint("cold", i))
	}
	if _, state := b.get("f"); state != None {
		t.Fatalf("f was not pushed out: %d", state)
	}
	b.open("f")
	if e := b.store.entries[keyOf(b.dir, b.name("f"))]; e.queue != &b.store.main {
		t.Error("f passes through the small queue again")
	}
	if e := b.store.entries[keyOf(b.dir, b.name("cold11"))]; e.queue != &b.store.small {
		t.Error("a file that is seen for the first time is in the main queue")
	}
	b.sound()
}

// TestReplacedKeepsItsPlace: a new version of a hot file is hot.
func TestReplacedKeepsItsPlace(t *testing.T) {
	b := newBench(t, Config{Max: 64 << 10})
	b.write("hot", "first")
	large := strings.Repeat("x", 6<<10)
	for i := range 20 {
		b.write(fmt.Sprint("cold", i), large)
	}
	pass := func() {
		for i := range 20 {
			b.open(fmt.Sprint("cold", i))
		}
	}
	b.open("hot")
	for range maxHits {
		b.get("hot")
	}
	pass()
	b.replace("hot", "second")
	b.advance(DefaultCheck)
	if got, _ := b.open("hot"); got != "second" {
		t.Errorf("Open = %q", got)
	}
	e := b.store.entries[keyOf(b.dir, b.name("hot"))]
	if e == nil || e.queue != &b.store.main {
		t.Error("the new version is not in the main queue")
	}
	b.sound()
}
