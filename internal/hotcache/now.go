package hotcache

import (
	"strings"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
)

// maxNow is the size of the largest file that Now reads, in bytes: reading more would take its caller too long.
const maxNow = 64 << 10

// Now is Open for an event loop: it looks at a name anew where that needs no waiting (Dir.Glance), and keeps what it
// learns. sure is false where it would have to wait, and nothing is known then. With sure comes a Loaded, or the error
// of what does not exist.
func (c *Cache) Now(dir *rootbound.Dir, n rootbound.Name) (l *rootbound.Loaded, sure bool, err error) {
	if c == nil {
		return now(dir, n)
	}
	began, writes := c.now(), c.writes.Load() // before the open
	g, sure, err := dir.Glance(n)
	switch {
	case !sure:
		return nil, false, nil
	case err != nil:
		return nil, true, c.missedNow(keyOf(dir, n), began, writes, err)
	}
	defer g.Close()
	k := keyOf(dir, n)
	if l := c.confirmNow(&g, k, began, writes); l != nil {
		return l, true, nil
	}
	if l = c.loadNow(&g, k, began, writes); l == nil {
		return nil, false, nil
	}
	return l, true, nil
}

// now is Now where nothing is kept.
func now(dir *rootbound.Dir, n rootbound.Name) (*rootbound.Loaded, bool, error) {
	g, sure, err := dir.Glance(n)
	if !sure || err != nil {
		return nil, sure, err
	}
	defer g.Close()
	l := g.Load(maxNow)
	return l, l != nil, nil
}

// confirmNow returns what is kept of a file that is still the same.
func (c *Cache) confirmNow(g *rootbound.Glance, k key, began time.Time, writes uint64) *rootbound.Loaded {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.store.entries[k]
	if e == nil || e.loaded == nil || !g.Same(e.loaded) {
		return nil
	}
	c.checkedAt(e, began, writes)
	return e.loaded
}

// checkedAt notes that an entry still held at that moment, unless something was written since.
func (c *Cache) checkedAt(e *entry, began time.Time, writes uint64) {
	at := int64(began.Sub(c.epoch))
	if c.writes.Load() == writes && e.checked.Load() < at {
		e.checked.Store(at)
		e.due.Store(false)
	}
}

// loadNow reads a file and keeps it. nil means that it was not read.
func (c *Cache) loadNow(g *rootbound.Glance, k key, began time.Time, writes uint64) *rootbound.Loaded {
	limit := min(maxNow, c.maxFile)
	need := g.Size() + g.Size()/8 + overhead(len(k.text))
	if g.Size() > limit || !c.reserve(need) {
		return nil
	}
	l := g.Load(limit)
	k.text = strings.Clone(k.text) // the request's memory is the request's
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store.reserved -= need
	if l != nil {
		c.putNow(&entry{key: k, loaded: l, cost: l.Memory() + overhead(len(k.text))}, began, writes)
	}
	return l
}

// putNow keeps an entry, unless something was written since it was looked at, or a later look has left another.
func (c *Cache) putNow(e *entry, began time.Time, writes uint64) {
	at := int64(began.Sub(c.epoch))
	if old := c.store.entries[e.key]; c.closed || c.writes.Load() != writes || old != nil && old.checked.Load() > at {
		return
	}
	delete(c.flights, e.key) // overtaken
	e.checked.Store(at)
	c.store.put(e)
}

// missedNow remembers that nothing is there, and returns the error that says so.
func (c *Cache) missedNow(k key, began time.Time, writes uint64, err error) error {
	c.mu.RLock()
	e := c.store.entries[k]
	if e != nil && e.loaded == nil && e.writes == writes && reason.Of(e.err) == reason.Of(err) {
		c.checkedAt(e, began, writes)
		c.mu.RUnlock()
		return e.err
	}
	c.mu.RUnlock()
	k.text = strings.Clone(k.text)
	err = cloneError(err, k)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putNow(&entry{key: k, err: err, writes: writes, cost: overhead(len(k.text)) + errorSize}, began, writes)
	return err
}
