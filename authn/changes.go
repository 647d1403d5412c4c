package authn

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

// changesEvery is how often a store is asked for changes, askTime how long it may take to answer anything.
const (
	changesEvery = time.Second
	askTime      = 5 * time.Second
)

// generations is what a store says about changes.
type generations interface {
	Generation(ctx context.Context, topics ...state.Topic) (uint64, error)
}

// changes knows when what was read from a store before may be out of date.
type changes struct {
	store generations
	topic state.Topic
	last  atomic.Uint64 // what the store said
	epoch atomic.Uint64 // grows with each change, here or elsewhere
}

// ask asks the store. Where it is out of reach nothing is known to have changed.
func (c *changes) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	g, err := c.store.Generation(ctx, c.topic)
	if err == nil && c.last.Swap(g) != g {
		c.epoch.Add(1)
	}
}

// watch asks again and again, until ctx ends.
func (c *changes) watch(ctx context.Context) {
	tick := time.NewTicker(changesEvery)
	defer tick.Stop()
	for {
		c.ask(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// here says that this process changed something.
func (c *changes) here() { c.epoch.Add(1) }

// with is one generation of both the store and some accounts.
func (c *changes) with(users Source) uint64 {
	g := c.epoch.Load() << 32
	if users != nil {
		g ^= users.Generation()
	}
	return g
}

// outage remembers when the state was out of reach: not everybody need wait to find that out.
type outage struct{ at atomic.Int64 } // Unix nanoseconds

func (o *outage) found() { o.at.Store(time.Now().UnixNano()) }

// lately says whether it was a moment ago.
func (o *outage) lately() bool { return time.Now().UnixNano()-o.at.Load() < int64(time.Second) }
