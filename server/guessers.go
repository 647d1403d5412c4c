package server

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// How guessing of names is slowed and refused.
const (
	guessesWait   = 60               // seconds that a refused client is told to wait, always the same ones
	slowestGuess  = time.Second      // that an answer is held back
	maxSlowed     = 256              // answers held back at once; who would be one more is refused
	maxGuessers   = 16 << 10         // networks in memory
	recentMisses  = 64               // names of each that are counted once
	guessersSweep = 10 * time.Second // between two looks for networks that may be forgotten
	longestDebt   = time.Hour        // of what was guessed in one burst
)

// guessers counts the names that clients asked for in vain. Whatever a client learns of names that way, it learns no more than
// the limit of them in a minute on the average: what it guessed at once it waits for afterwards.
type guessers struct {
	rate  float64 // names a second
	limit float64
	slow  float64 // the level from which answers are held back
	local bool    // clients on loopback count too
	seed  maphash.Seed
	now   func() time.Time // tests set it

	// busy is until when anybody is slowed, in Unix nanoseconds: before that nobody need be looked up.
	busy   atomic.Int64
	slowed atomic.Int32

	mu    sync.Mutex
	of    map[netip.Prefix]*guesser
	swept time.Time
}

// guesser is what one network asked for in vain.
type guesser struct {
	level  float64 // names, less what time has forgiven
	at     time.Time
	recent [recentMisses]uint64 // hashes of the last ones
	next   int
}

// newGuessers makes a counter for Config.GuessLimit; nil where there is no limit.
func newGuessers(limit int) *guessers {
	if limit < 0 {
		return nil
	}
	g := &guessers{limit: float64(limit), local: limit > 0, seed: maphash.MakeSeed(), now: time.Now, of: map[netip.Prefix]*guesser{}}
	if limit == 0 {
		g.limit = DefaultGuessLimit
	}
	g.rate, g.slow = g.limit/60, max(0, g.limit/2-1)
	return g
}

// exempt says whether a client is on this machine, and is not asked about. Whom a proxy brings is not.
func (g *guessers) exempt(f *request.Facts) bool {
	if g.local {
		return false
	}
	if !f.Client.IsValid() {
		return !f.ByProxy // the peer of a Unix socket
	}
	return f.Client.IsLoopback()
}

// judge says how long to hold an answer back, or refuses it. Where it holds one back, sleep must follow.
func (g *guessers) judge(f *request.Facts) (time.Duration, error) {
	if g == nil || f.Received.UnixNano() >= g.busy.Load() || g.exempt(f) {
		return 0, nil
	}
	level := g.level(request.NetworkOf(f.Client))
	switch {
	case level > g.limit-1, level > g.slow && g.slowed.Load() >= maxSlowed:
		return 0, reason.New(reason.RateLimited, nil)
	case level > g.slow:
		return time.Duration((level - g.slow) / (g.limit - g.slow) * float64(slowestGuess)), nil
	}
	return 0, nil
}

// sleep holds an answer back.
func (g *guessers) sleep(d time.Duration) {
	if d == 0 {
		return
	}
	g.slowed.Add(1)
	defer g.slowed.Add(-1)
	time.Sleep(d)
}

func (g *guessers) level(network netip.Prefix) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.of[network]
	if o == nil {
		return 0
	}
	g.forgive(o, g.now())
	return o.level
}

// forgive takes off what time has.
func (g *guessers) forgive(o *guesser, now time.Time) {
	if passed := now.Sub(o.at).Seconds(); passed > 0 {
		o.level = max(0, o.level-passed*g.rate)
		o.at = now
	}
}

// missed counts a name that was asked for in vain, unless it was among the last ones.
func (g *guessers) missed(f *request.Facts) {
	if g == nil || g.exempt(f) {
		return
	}
	what := g.hash(f)
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	network := request.NetworkOf(f.Client)
	o := g.of[network]
	if o == nil {
		if len(g.of) >= maxGuessers {
			g.drop(now)
		}
		o = &guesser{at: now}
		g.of[network] = o
	}
	g.forgive(o, now)
	for _, h := range o.recent {
		if h == what {
			return
		}
	}
	o.recent[o.next%recentMisses] = what
	o.next++
	o.level = min(o.level+1, g.limit+g.rate*longestDebt.Seconds())
	if o.level > g.slow {
		g.busy.Store(max(g.busy.Load(), now.Add(time.Duration((o.level-g.slow)/g.rate*float64(time.Second))).UnixNano()))
	}
}

// hash stands for a name; a target that is none stands for itself. It is never 0, which stands for no name.
func (g *guessers) hash(f *request.Facts) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	if f.NameErr == nil && f.Shown == "" { // no link among it
		_, _ = h.WriteString(f.Mount) // never fails, see maphash.Hash
		_ = h.WriteByte(0)
		_, _ = h.WriteString(f.Name.String())
	} else {
		_, _ = h.WriteString(f.Target)
	}
	return h.Sum64() | 1
}

// drop makes room: who is forgiven goes, and where that is nobody, the least of some, so that who fills the table with
// others does not get out of it.
func (g *guessers) drop(now time.Time) {
	if now.Sub(g.swept) > guessersSweep {
		g.swept = now
		for k, o := range g.of {
			if g.forgive(o, now); o.level == 0 {
				delete(g.of, k)
			}
		}
	}
	if len(g.of) < maxGuessers {
		return
	}
	var least netip.Prefix
	level, seen := 0.0, 0
	for k, o := range g.of { // in no order
		if g.forgive(o, now); seen == 0 || o.level < level {
			least, level = k, o.level
		}
		if seen++; seen == 16 {
			break
		}
	}
	delete(g.of, least)
}
