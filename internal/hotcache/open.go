package hotcache

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
)

// flight is one open under way. Its result is written before done is closed, and only read after.
type flight struct {
	text   string    // the name, in memory of its own
	began  time.Time // before the open
	writes uint64    // of the cache, before the open
	done   chan struct{}
	// shared says that the result is everybody's: a Loaded or an error. Otherwise there was a file or directory that
	// is not kept, and each opens its own.
	shared bool
	loaded *rootbound.Loaded
	err    error
}

// Open answers from memory where that is fresh, and otherwise opens the name by Dir.OpenName. It blocks as long as that
// does. Exactly one result is set: a Loaded; or a File, which is the caller's to close, for a directory and for a file
// that is not kept (too large, or changing while it was read); or the error of OpenName.
//
// Of several callers who want one name at once, one opens and loads it and the others wait for that; where the result
// is a File, each then opens its own. A caller that waits gives up when ctx ends: ErrUnavailable, reason "short-opens".
// The opening itself cannot be interrupted.
func (c *Cache) Open(ctx context.Context, dir *rootbound.Dir, n rootbound.Name) (*rootbound.Loaded, *rootbound.File, error) {
	if c == nil || !n.Valid() {
		f, err := dir.OpenName(n)
		return nil, f, err
	}
	k, arrived := keyOf(dir, n), c.now()
	if l, state, err := c.get(k, arrived, false); state == Hit || state == Missing {
		return l, nil, err
	}
	fl, leads := c.board(k, arrived)
	if leads {
		k.text = fl.text
		return c.lead(fl, k, n)
	}
	select {
	case <-fl.done:
	case <-ctx.Done():
		return nil, nil, &fs.PathError{Op: "open", Path: n.String(), Err: reason.New(reason.ShortOpens, ctx.Err())}
	}
	if fl.shared {
		return fl.loaded, nil, fl.err
	}
	f, err := dir.OpenName(n)
	return nil, f, err
}

// Refresh looks at a name again, though what is known of it may be fresh: for who was told that it is Due. It blocks as
// Dir.OpenName does, but not where somebody is already looking.
func (c *Cache) Refresh(dir *rootbound.Dir, n rootbound.Name) {
	if c == nil || !n.Valid() {
		return
	}
	k := keyOf(dir, n)
	fl, leads := c.board(k, c.now())
	if !leads {
		return
	}
	k.text = fl.text
	if _, f, _ := c.lead(fl, k, n); f != nil { // a refusal is remembered, or will be met by who asks next
		_ = f.Close()
	}
}

// board joins the flight for a name, or starts one. A flight that began so long before that its result could not be
// believed any more is left to those who are on it.
func (c *Cache) board(k key, arrived time.Time) (fl *flight, leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fl = c.flights[k]; fl != nil && arrived.Sub(fl.began) < c.checkMiss {
		return fl, false
	}
	k.text = strings.Clone(k.text) // the request's memory is the request's
	fl = &flight{text: k.text, began: c.now(), writes: c.writes.Load(), done: make(chan struct{})}
	delete(c.flights, k) // or the map would keep the key it has
	if !c.closed {
		c.flights[k] = fl
	}
	return fl, true
}

// lead opens for all that wait. They are released whatever happens, a panic of the caller's name policy included.
func (c *Cache) lead(fl *flight, k key, n rootbound.Name) (*rootbound.Loaded, *rootbound.File, error) {
	defer close(fl.done)
	defer c.land(fl, k)
	f, err := k.dir.OpenName(n)
	if err != nil {
		fl.shared, fl.err = true, cloneError(err, k)
		c.missed(fl, k)
		return nil, nil, err
	}
	if l := c.confirm(fl, k, f); l != nil {
		_ = f.Close() // only asked
		fl.shared, fl.loaded = true, l
		return l, nil, nil
	}
	l := c.load(fl, k, f)
	if l == nil {
		return nil, f, nil
	}
	_ = f.Close() // only read from
	fl.shared, fl.loaded = true, l
	return l, nil, nil
}

// land ends a flight: who comes later starts another.
func (c *Cache) land(fl *flight, k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[k] == fl {
		delete(c.flights, k)
	}
}

// confirm returns what is kept of a file that is still the same.
func (c *Cache) confirm(fl *flight, k key, f *rootbound.File) *rootbound.Loaded {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.store.entries[k]
	if e == nil || e.loaded == nil || !f.Same(e.loaded) {
		return nil
	}
	if c.flights[k] == fl {
		e.checked.Store(int64(fl.began.Sub(c.epoch)))
		e.due.Store(false)
	}
	return e.loaded
}

// load reads a file and keeps it. nil means that it is not one to keep.
func (c *Cache) load(fl *flight, k key, f *rootbound.File) *rootbound.Loaded {
	if f.IsDir() || f.Size() > c.maxFile {
		c.drop(fl, k)
		return nil
	}
	need := f.Size() + f.Size()/8 + overhead(len(k.text)) // what is being read counts; an allocation is rounded up
	if !c.reserve(need) {
		return nil
	}
	l, err := f.Load(c.maxFile)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store.reserved -= need
	switch {
	case c.flights[k] != fl: // forgotten meanwhile, or overtaken: right for those who wait, but not to be kept
	case err != nil:
		c.store.drop(c.store.entries[k])
	default:
		e := &entry{key: k, loaded: l, cost: l.Memory() + overhead(len(k.text))}
		e.checked.Store(int64(fl.began.Sub(c.epoch)))
		c.store.put(e)
	}
	return l // nil with an error
}

func (c *Cache) reserve(need int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	return c.store.reserve(need)
}

// drop forgets an entry that is not what there is now.
func (c *Cache) drop(fl *flight, k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[k] == fl {
		c.store.drop(c.store.entries[k])
	}
}

// missed remembers a refusal that is the file system's plain word. What nobody foresaw is to be logged each time, and a
// shortage says nothing about the name: what is known of it stays, and stays stale.
func (c *Cache) missed(fl *flight, k key) {
	code := reason.Of(fl.err)
	if code != reason.Unforeseen && reason.Lookup(code).Kind != reason.ErrNotFound {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[k] != fl {
		return
	}
	if code == reason.Unforeseen {
		c.store.drop(c.store.entries[k])
		return
	}
	e := &entry{key: k, err: fl.err, writes: fl.writes, cost: overhead(len(k.text)) + errorSize}
	e.checked.Store(int64(fl.began.Sub(c.epoch)))
	c.store.put(e)
}

// cloneError makes a refusal that keeps nothing of the request it was made for.
func cloneError(err error, k key) error {
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		return err
	}
	return &fs.PathError{Op: pe.Op, Path: k.text, Err: pe.Err}
}
