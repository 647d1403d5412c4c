// Package hotcache keeps small files that are asked for often in memory, after they were opened and checked like any
// other, and remembers for a moment what is missing. Nothing in it decides what may be served: an entry is what
// Dir.OpenName gave, under the name it was asked by, and its user asks MAY for every request.
//
// An entry is believed for Config.Check. After that it is opened again, confined as ever, and kept only where fstat(2)
// says that it is the same file, untouched; no path is ever looked at without an open.
package hotcache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound"
)

// What a zero Config means.
const (
	DefaultMax     = 64 << 20  // bytes
	DefaultMaxFile = 256 << 10 // bytes
	DefaultCheck   = time.Second
)

// missTime is the longest that something is remembered to be missing.
const missTime = time.Second

// Config says how much is kept, and for how long it is believed.
type Config struct {
	// Max bounds all memory of the cache, in bytes: contents, names, tables and what is being loaded. Default DefaultMax.
	// It does not count what was evicted while an answer still holds it.
	Max int64
	// MaxFile is the size of the largest file that is kept, in bytes; at most an eighth of Max, whatever it says.
	// Default DefaultMaxFile.
	MaxFile int64
	// Check is how long an entry is believed before it is looked at again. Default DefaultCheck. What is missing is
	// believed for a second at most.
	Check time.Duration
	// Now is the clock, time.Now unless set. It must not go backwards, as time.Now's monotonic reading does not.
	Now func() time.Time
}

// State is what the cache knows of a name.
type State uint8

// The states.
const (
	// None: nothing is known. Open it.
	None State = iota
	// Hit: the content is at hand.
	Hit
	// Missing: there was nothing to be had a moment ago, and the error says why.
	Missing
	// Stale: something is known that must be looked at again. Open it, which costs no reading where nothing changed.
	Stale
	// Due: as Hit, and the entry will be stale before long. It is said once, to one caller, who should see to a
	// Refresh; if he does not, the entry goes stale.
	Due
)

// Cache is a bounded memory of files. Its methods are safe for concurrent use; a nil *Cache remembers nothing, and
// opens. It has no goroutine of its own.
type Cache struct {
	now       func() time.Time
	epoch     time.Time
	check     time.Duration
	checkMiss time.Duration
	maxFile   int64

	// writes counts Forget: what was found missing before the last one may be there now, under whatever name.
	writes atomic.Uint64

	// mu is held for work in memory only, never over a system call.
	mu      sync.RWMutex
	store   store
	flights map[key]*flight
	closed  bool
}

// key is what was asked for. Two Dirs have different rules, and a name with a final slash opens no file.
type key struct {
	dir  *rootbound.Dir
	text string
	want bool // a directory
}

func keyOf(dir *rootbound.Dir, n rootbound.Name) key { return key{dir, n.String(), n.WantsDir()} }

// entry is a file or, where loaded is nil, a refusal. All but checked and hits are set once.
type entry struct {
	key    key
	loaded *rootbound.Loaded
	err    error
	writes uint64 // of the cache when a missing name was asked for
	cost   int64  // bytes
	hash   uint64

	checked atomic.Int64 // when the open began that last confirmed it, since the cache's epoch
	hits    atomic.Uint32
	due     atomic.Bool // was said

	queue      *queue // guarded by mu, as are
	prev, next *entry
}

// New makes an empty cache.
func New(cfg Config) *Cache {
	if cfg.Max <= 0 {
		cfg.Max = DefaultMax
	}
	if cfg.MaxFile <= 0 {
		cfg.MaxFile = DefaultMaxFile
	}
	if cfg.Check <= 0 {
		cfg.Check = DefaultCheck
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Cache{
		now:       cfg.Now,
		epoch:     cfg.Now(),
		check:     cfg.Check,
		checkMiss: min(cfg.Check, missTime),
		maxFile:   min(cfg.MaxFile, cfg.Max/8),
		flights:   map[key]*flight{},
	}
	c.store.init(cfg.Max)
	return c
}

// Get says what is known of a name at this moment, without blocking, opening or allocating: for an event loop. now is
// of the cache's clock; the answer is as old as Config.Check beyond it at most, so it must not itself be old.
//
// The Loaded comes with Hit and Due, and the error, which is as Dir.OpenName's, with Missing. Where the Loaded's
// Name is not n, MAY must be asked about that name too.
func (c *Cache) Get(dir *rootbound.Dir, n rootbound.Name, now time.Time) (*rootbound.Loaded, State, error) {
	if c == nil || !n.Valid() {
		return nil, None, nil
	}
	return c.get(keyOf(dir, n), now, true)
}

// get is Get; tell lets it say Due.
func (c *Cache) get(k key, now time.Time, tell bool) (*rootbound.Loaded, State, error) {
	c.mu.RLock()
	e := c.store.entries[k]
	c.mu.RUnlock()
	if e == nil {
		return nil, None, nil
	}
	age := now.Sub(c.epoch) - time.Duration(e.checked.Load())
	switch {
	case e.loaded == nil && e.writes != c.writes.Load():
		return nil, None, nil
	case e.loaded == nil && age >= c.checkMiss, age >= c.check:
		return nil, Stale, nil
	}
	if h := e.hits.Load(); h < maxHits { // a lost count does no harm
		e.hits.Store(h + 1)
	}
	switch {
	case e.loaded == nil:
		return nil, Missing, e.err
	case tell && age >= c.check*3/4 && !e.due.Load() && e.due.CompareAndSwap(false, true):
		return e.loaded, Due, nil
	}
	return e.loaded, Hit, nil
}

// Forget drops what is known of a name, and all that is known to be missing, whatever it was called: a link may give
// what was written another name. Call it after each write of our own (Pending.Commit) and before the writer is told.
// What is being opened at the moment is not remembered.
func (c *Cache) Forget(dir *rootbound.Dir, n rootbound.Name) {
	if c == nil {
		return
	}
	c.writes.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, want := range []bool{false, true} {
		k := keyOf(dir, n)
		k.want = want
		delete(c.flights, k)
		c.store.drop(c.store.entries[k])
	}
}

// Close drops everything. After it the cache remembers nothing, and opens.
func (c *Cache) Close() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	clear(c.flights)
	c.store.clear()
}

// Stats are figures of one moment.
type Stats struct {
	Files, Missing int    // entries
	Bytes          int64  // of Config.Max: entries, tables, and what is being loaded
	Evicted        uint64 // files dropped to make room, since New
}

// Stats returns the figures of this moment.
func (c *Cache) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.store.stats()
}
