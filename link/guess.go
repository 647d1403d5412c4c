package link

import (
	"context"
	"net/netip"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
)

// How guessing at the password of a link is slowed: for each link from each network, and more gently from all of them, so
// that nobody can shut another out.
const (
	freeGuesses = 5
	allGuesses  = 50
	longestSlow = 2 * time.Second
	firstWait   = time.Second // doubled with each further one
	longestWait = 15 * time.Minute
)

// GuessStore counts guesses, for all replicas.
type GuessStore interface {
	CountFailure(ctx context.Context, key string, at time.Time) (state.Tally, error)
	Failures(ctx context.Context, key string) (state.Tally, error)
	TakeBackFailure(ctx context.Context, key string) error
	ForgetFailures(ctx context.Context, key string) error
}

// Guess is an attempt at a link's password that was let through. It counts as wrong until it Succeeded.
type Guess struct {
	store     GuessStore
	all, from string
	// Slow is how long to wait before the password is looked at.
	Slow time.Duration
}

// Guess lets an attempt through, or says how long to wait. The error is that of a state out of reach.
func (r *Register) Guess(ctx context.Context, l *Link, client netip.Addr, at time.Time) (g *Guess, wait time.Duration, err error) {
	all := "link " + l.Key + "/" + l.ID
	g = &Guess{store: r.cfg.Store, all: all, from: all + " " + request.NetworkOf(client).String()}
	before, err := g.store.Failures(ctx, g.from)
	if err != nil {
		return nil, 0, reason.New(reason.StateUnavailable, err)
	}
	if wait = waitAfter(before.Count) - at.Sub(before.Last); wait > 0 {
		return nil, wait, nil
	}
	now, err := g.store.CountFailure(ctx, g.from, at)
	if err != nil {
		return nil, 0, reason.New(reason.StateUnavailable, err)
	}
	// Of many at once each is told how many there were before it.
	if n := now.Count - 1; n != before.Count && waitAfter(n) > 0 {
		return nil, waitAfter(n), nil
	}
	total, err := g.store.CountFailure(ctx, g.all, at)
	if err != nil {
		return nil, 0, reason.New(reason.StateUnavailable, err)
	}
	if more := total.Count - allGuesses; more > 0 {
		g.Slow = min(longestSlow, time.Duration(more)*50*time.Millisecond)
	}
	return g, 0, nil
}

// Succeeded takes an attempt back.
func (g *Guess) Succeeded(ctx context.Context) error {
	if err := g.store.ForgetFailures(ctx, g.from); err != nil {
		return err
	}
	return g.store.TakeBackFailure(ctx, g.all)
}

// waitAfter is how long to wait after so many wrong ones.
func waitAfter(wrong int) time.Duration {
	more := wrong - freeGuesses
	switch {
	case more < 0:
		return 0
	case more >= 10:
		return longestWait
	}
	return min(longestWait, firstWait<<more)
}
