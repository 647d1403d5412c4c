package authn

import (
	"context"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

// Tallies count failed attempts for several replicas. They are safe for concurrent use; their error is that they are out
// of reach.
type Tallies interface {
	CountFailure(ctx context.Context, key string, at time.Time) (state.Tally, error)
	Failures(ctx context.Context, key string) (state.Tally, error)
	TakeBackFailure(ctx context.Context, key string) error
	ForgetFailures(ctx context.Context, key string) error
}

// tallyTime is how long an attempt waits for what others counted. What is counted here counts all the same.
const tallyTime = time.Second

// sharedGuesses are what replicas count together. While they are out of reach each counts alone.
type sharedGuesses struct {
	tallies Tallies
	outage  outage
}

// keys are what an attempt is counted by: the account from the network, the network, and the account.
func (p pair) keys() (both, network, account string) {
	net := "unix"
	if p.network.IsValid() {
		net = p.network.String()
	}
	return "guess\x00" + net + "\x00" + p.account, "network\x00" + net, "account\x00" + p.account
}

// count counts an attempt and says how many there were at the account, or how long to wait.
func (s *sharedGuesses) count(p pair, now time.Time) (n int, wait time.Duration) {
	both, network, account := p.keys()
	s.ask(func(ctx context.Context) error {
		for _, c := range []struct {
			key  string
			free int
		}{{both, freeGuesses}, {network, networkGuesses}} {
			t, err := s.tallies.Failures(ctx, c.key)
			if err != nil {
				return err
			}
			if now.Sub(t.Last) <= state.ForgetAfter {
				wait = max(wait, waitAfter(t.Count, t.Last, c.free, now))
			}
		}
		if wait > 0 {
			return nil
		}
		if _, err := s.tallies.CountFailure(ctx, both, now); err != nil {
			return err
		}
		if _, err := s.tallies.CountFailure(ctx, network, now); err != nil {
			return err
		}
		t, err := s.tallies.CountFailure(ctx, account, now)
		n = t.Count
		return err
	})
	return n, wait
}

// succeeded takes an attempt back, and all others at that account from that network.
func (s *sharedGuesses) succeeded(p pair) {
	both, network, account := p.keys()
	s.ask(func(ctx context.Context) error {
		if err := s.tallies.ForgetFailures(ctx, both); err != nil {
			return err
		}
		if err := s.tallies.TakeBackFailure(ctx, network); err != nil {
			return err
		}
		return s.tallies.TakeBackFailure(ctx, account)
	})
}

// takeBack takes an attempt back.
func (s *sharedGuesses) takeBack(p pair) {
	both, network, account := p.keys()
	s.ask(func(ctx context.Context) error {
		for _, key := range []string{both, network, account} {
			if err := s.tallies.TakeBackFailure(ctx, key); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *sharedGuesses) ask(do func(context.Context) error) {
	if s.outage.lately() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tallyTime)
	defer cancel()
	if do(ctx) != nil {
		s.outage.found()
	}
}
