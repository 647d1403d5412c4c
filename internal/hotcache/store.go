package hotcache

import (
	"hash/maphash"
	"io/fs"
	"maps"
	"unsafe"

	"github.com/rootbound/rootbound/internal/reason"
)

// The store is S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), by bytes. A new
// file enters the small queue, a tenth of the room. Pushed out of it without having been asked for again it leaves a
// trace, a hash, behind; one that was asked for, or that comes back while its trace is there, enters the main queue,
// where being asked for buys another round. So a scan passes through the small queue, and the main queue does not
// notice. A file that replaces one that is kept takes its place. What is missing has a queue of its own, so that no number of made-up names costs a file its place.
type store struct {
	entries  map[key]*entry
	peak     int // entries that the map has room for, at least
	small    queue
	main     queue
	missing  queue
	traces   traces
	seed     maphash.Seed
	table    int64 // bytes set aside for the traces
	room     int64 // bytes for files, with what is reserved
	roomMiss int64 // bytes for what is missing
	reserved int64 // bytes being loaded
	evicted  uint64
}

const (
	maxHits  = 3 // that count
	wantHits = 2 // in the small queue, to enter the main one
	// maxTurns bounds how many entries one eviction looks at, and so how long the lock is held.
	maxTurns = 1024

	// minMap is the least number of entries that a map is made anew for.
	minMap = 1024

	// mapCell is what a map takes for an entry, when it has just doubled: key, pointer, control byte, half empty.
	mapCell = int64(unsafe.Sizeof(key{})+unsafe.Sizeof((*entry)(nil))+1) * 5 / 2
	// traceSize is the same for a trace, with its place in the ring.
	traceSize = int64(8+(8+4+1)*5/2) + 8
	// errorSize is what a remembered refusal takes; the system's errors are not allocated.
	errorSize = int64(unsafe.Sizeof(fs.PathError{}) + unsafe.Sizeof(reason.Error{}))
)

// overhead is what an entry takes beside its Loaded: itself, its place in the map, its name.
func overhead(name int) int64 {
	return int64(unsafe.Sizeof(entry{})) + 8 + mapCell + int64(name+name/8) + 16 // allocations are rounded up
}

func (s *store) init(limit int64) {
	s.entries = map[key]*entry{}
	s.seed = maphash.MakeSeed()
	s.traces.limit = int(max(16, limit/4096))
	s.table = int64(s.traces.limit) * traceSize
	s.roomMiss = limit / 16
	s.room = max(0, limit-s.table-s.roomMiss)
}

// used is what files take of the room: themselves, what is being read, and the empty cells of a map, which does not
// shrink by itself.
func (s *store) used() int64 {
	return s.small.bytes + s.main.bytes + s.reserved + int64(s.peak-len(s.entries))*mapCell
}

// reserve makes room for a file that is about to be read. It is false where so much is being read that there is none.
func (s *store) reserve(need int64) bool {
	if s.reserved+need > s.room {
		return false
	}
	s.reserved += need
	s.makeRoom()
	return true
}

func (s *store) makeRoom() {
	for s.used() > s.room && s.small.n+s.main.n > 0 {
		if s.main.n == 0 || s.small.n > 0 && s.small.bytes > s.room/10 {
			s.evictSmall()
		} else {
			s.evictMain()
		}
	}
}

func (s *store) evictSmall() {
	e := s.small.oldest()
	if e.hits.Load() >= wantHits {
		s.small.remove(e)
		e.hits.Store(0)
		s.main.push(e)
		return
	}
	s.traces.add(e.hash)
	s.evict(e)
}

func (s *store) evictMain() {
	for turn := 0; ; turn++ {
		e := s.main.oldest()
		h := e.hits.Load()
		if h == 0 || turn == maxTurns {
			s.evict(e)
			return
		}
		e.hits.Store(h - 1)
		s.main.remove(e)
		s.main.push(e)
	}
}

func (s *store) evict(e *entry) {
	s.remove(e)
	s.evicted++
}

// put adds an entry, in place of the one with its key.
func (s *store) put(e *entry) {
	if l := e.loaded; l != nil && l.Name().String() == e.key.text {
		e.key.text = l.Name().String() // one text for both: whoever compares one and then the other waits for memory once
	}
	e.hash = maphash.Comparable(s.seed, e.key)
	q := s.queueFor(e)
	if old := s.entries[e.key]; old != nil {
		e.hits.Store(old.hits.Load())
		s.remove(old)
	}
	s.entries[e.key] = e
	s.peak = max(s.peak, len(s.entries))
	q.push(e)
	for s.missing.bytes > s.roomMiss {
		s.remove(s.missing.oldest())
	}
	s.makeRoom() // last: each entry that goes leaves an empty cell in the map
}

func (s *store) queueFor(e *entry) *queue {
	if e.loaded == nil {
		return &s.missing
	}
	if old := s.entries[e.key]; old != nil && old.loaded != nil {
		return old.queue
	}
	if s.traces.take(e.hash) {
		return &s.main
	}
	return &s.small
}

// drop takes an entry out; nil is none. The empty cell of the map that it leaves may be one too many.
func (s *store) drop(e *entry) {
	s.remove(e)
	s.makeRoom()
}

// remove is drop for those who make room themselves.
func (s *store) remove(e *entry) {
	if e == nil {
		return
	}
	delete(s.entries, e.key)
	e.queue.remove(e)
	if s.peak > minMap && len(s.entries) < s.peak/2 {
		s.shrink()
	}
}

// shrink gives the empty cells of the map back.
func (s *store) shrink() {
	fewer := make(map[key]*entry, len(s.entries))
	maps.Copy(fewer, s.entries)
	s.entries, s.peak = fewer, len(fewer)
}

func (s *store) clear() {
	s.entries, s.peak = map[key]*entry{}, 0
	s.small, s.main, s.missing = queue{}, queue{}, queue{}
	s.traces = traces{limit: s.traces.limit}
}

func (s *store) stats() Stats {
	return Stats{
		Files:   s.small.n + s.main.n,
		Missing: s.missing.n,
		Bytes:   s.used() + s.missing.bytes + s.table,
		Evicted: s.evicted,
	}
}

// queue is a list of entries, the newest first.
type queue struct {
	newest, last *entry
	n            int
	bytes        int64
}

func (q *queue) oldest() *entry { return q.last }

func (q *queue) push(e *entry) {
	e.queue, e.prev, e.next = q, nil, q.newest
	if q.newest != nil {
		q.newest.prev = e
	} else {
		q.last = e
	}
	q.newest = e
	q.n++
	q.bytes += e.cost
}

func (q *queue) remove(e *entry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		q.newest = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		q.last = e.prev
	}
	e.queue, e.prev, e.next = nil, nil, nil
	q.n--
	q.bytes -= e.cost
}

// traces are hashes of what left the small queue, the last limit of them.
type traces struct {
	limit int
	at    map[uint64]uint32 // to its place in ring
	ring  []uint64
	next  int
}

func (t *traces) add(hash uint64) {
	if t.at == nil {
		t.at = map[uint64]uint32{}
	}
	if len(t.ring) < t.limit {
		t.ring = append(t.ring, 0)
	} else if old := t.ring[t.next]; t.at[old] == uint32(t.next) {
		delete(t.at, old)
	}
	t.ring[t.next] = hash
	t.at[hash] = uint32(t.next)
	t.next = (t.next + 1) % t.limit
}

// take says whether the hash has left a trace, and takes that away.
func (t *traces) take(hash uint64) bool {
	_, ok := t.at[hash]
	delete(t.at, hash)
	return ok
}
