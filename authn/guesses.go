package authn

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// How guessing is slowed.
const (
	freeGuesses    = 5                // wrong passwords for an account from a network before it must wait
	networkGuesses = 50               // for any accounts from one network
	accountGuesses = 50               // for an account from all networks, before each answer is slowed
	firstWait      = time.Second      // doubled with each further one
	longestWait    = 15 * time.Minute // and never more
	slowest        = 2 * time.Second  // what an account that many guess at adds to an answer
	forgotten      = time.Hour        // without a further attempt
	maxGuessers    = 64 << 10         // of each kind in memory
)

// guesses counts wrong passwords. Who is refused is always an account from a network, or a network: an account alone is
// only slowed, so that nobody can lock its owner out from elsewhere.
type guesses struct {
	now    func() time.Time
	shared *sharedGuesses // nil: nobody else counts

	mu       sync.Mutex
	pairs    *table[pair]
	networks *table[netip.Prefix]
	accounts *table[string]
}

type pair struct {
	account string
	network netip.Prefix
}

// attempt is one that was let through. It counts as wrong until it has succeeded, so that many at once are not more than
// as many after each other.
type attempt struct {
	pair pair
	slow time.Duration
}

func newGuesses(now func() time.Time, tallies Tallies) *guesses {
	g := &guesses{now: now, pairs: newTable[pair](), networks: newTable[netip.Prefix](), accounts: newTable[string]()}
	if tallies != nil {
		g.shared = &sharedGuesses{tallies: tallies}
	}
	return g
}

// begin lets an attempt through, or says how long to wait.
func (g *guesses) begin(name string, client netip.Addr) (attempt, error) {
	a := attempt{pair: pair{folded(name), request.NetworkOf(client)}}
	now := g.now()
	n, wait := g.count(a.pair, now)
	if wait == 0 && g.shared != nil { // what is refused here is no news to others
		elsewhere, longer := g.shared.count(a.pair, now)
		if longer > 0 {
			g.takeBack(a.pair)
		}
		n, wait = max(n, elsewhere), longer
	}
	if wait > 0 {
		return attempt{}, reason.New(reason.LockedOut, &LockedError{RetryAfter: wait})
	}
	if n > accountGuesses {
		a.slow = min(slowest, time.Duration(n-accountGuesses)*50*time.Millisecond)
	}
	return a, nil
}

// count counts an attempt and says how many there were at the account, or how long to wait.
func (g *guesses) count(p pair, now time.Time) (n int, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait = max(g.pairs.wait(p, freeGuesses, now), g.networks.wait(p.network, networkGuesses, now))
	if wait > 0 {
		return 0, wait
	}
	g.pairs.count(p, now)
	g.networks.count(p.network, now)
	return g.accounts.count(p.account, now), 0
}

// succeeded takes an attempt back, and all others at that account from that network.
func (g *guesses) succeeded(a attempt) {
	g.mu.Lock()
	delete(g.pairs.tallies, a.pair)
	g.networks.takeBack(a.pair.network)
	g.accounts.takeBack(a.pair.account)
	g.mu.Unlock()
	if g.shared != nil {
		g.shared.succeeded(a.pair)
	}
}

// undecided takes an attempt back that nobody could judge.
func (g *guesses) undecided(a attempt) {
	g.takeBack(a.pair)
	if g.shared != nil {
		g.shared.takeBack(a.pair)
	}
}

func (g *guesses) takeBack(p pair) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pairs.takeBack(p)
	g.networks.takeBack(p.network)
	g.accounts.takeBack(p.account)
}

// folded is one name for all spellings that somebody could take for the same: case, width, composition.
func folded(name string) string {
	return norm.NFKC.String(strings.ToLower(norm.NFKC.String(name)))
}

// table counts by a key, for as long as somebody goes on.
type table[K comparable] struct {
	tallies map[K]*tally
	swept   time.Time // when what is old was last looked for
}

type tally struct {
	wrong int
	last  time.Time
}

func newTable[K comparable]() *table[K] { return &table[K]{tallies: map[K]*tally{}} }

// wait is how long to wait before the next attempt is looked at.
func (t *table[K]) wait(k K, free int, now time.Time) time.Duration {
	if c := t.tallies[k]; c != nil {
		return waitAfter(c.wrong, c.last, free, now)
	}
	return 0
}

// waitAfter is how long to wait after so many wrong attempts, of which so many are free. It is never more than they cost, though
// the last be of a replica whose clock is ahead.
func waitAfter(wrong int, last time.Time, free int, now time.Time) time.Duration {
	if wrong < free {
		return 0
	}
	wait := longestWait
	if doublings := wrong - free; doublings < 10 {
		wait = min(wait, firstWait<<doublings)
	}
	return min(wait, max(0, last.Add(wait).Sub(now)))
}

func (t *table[K]) count(k K, now time.Time) int {
	c := t.tallies[k]
	if c == nil || now.Sub(c.last) > forgotten {
		if c == nil && len(t.tallies) >= maxGuessers {
			t.drop(now)
		}
		c = &tally{}
		t.tallies[k] = c
	}
	c.wrong++
	c.last = now
	return c.wrong
}

func (t *table[K]) takeBack(k K) {
	if c := t.tallies[k]; c != nil {
		if c.wrong--; c.wrong <= 0 {
			delete(t.tallies, k)
		}
	}
}

// drop makes room: what is old goes, which is looked for once a minute, and where that is nothing, the least of some, so
// that who fills the table with others does not get out of it.
func (t *table[K]) drop(now time.Time) {
	if now.Sub(t.swept) > time.Minute {
		t.swept = now
		for k, c := range t.tallies {
			if now.Sub(c.last) > forgotten {
				delete(t.tallies, k)
			}
		}
	}
	if len(t.tallies) < maxGuessers {
		return
	}
	var least K
	n, seen := 0, 0
	for k, c := range t.tallies { // in no order
		if seen == 0 || c.wrong < n {
			least, n = k, c.wrong
		}
		if seen++; seen == 16 {
			break
		}
	}
	delete(t.tallies, least)
}
