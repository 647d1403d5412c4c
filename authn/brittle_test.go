package authn

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
)

// brittle is a state that can be put out of reach.
type brittle struct {
	*store.Store
	broken atomic.Bool
	asked  atomic.Int64 // while it was
}

var errAway = errors.New("connection refused")

func (b *brittle) away() error {
	if !b.broken.Load() {
		return nil
	}
	b.asked.Add(1)
	return errAway
}

func (b *brittle) Session(ctx context.Context, d state.Digest) (state.Session, error) {
	if err := b.away(); err != nil {
		return state.Session{}, err
	}
	return b.Store.Session(ctx, d)
}

func (b *brittle) AddSession(ctx context.Context, s state.Session) error {
	if err := b.away(); err != nil {
		return err
	}
	return b.Store.AddSession(ctx, s)
}

func (b *brittle) EndSession(ctx context.Context, d state.Digest) error {
	if err := b.away(); err != nil {
		return err
	}
	return b.Store.EndSession(ctx, d)
}

func (b *brittle) Token(ctx context.Context, id string) (state.Token, error) {
	if err := b.away(); err != nil {
		return state.Token{}, err
	}
	return b.Store.Token(ctx, id)
}

func (b *brittle) TouchToken(ctx context.Context, id string, used time.Time) error {
	if err := b.away(); err != nil {
		return err
	}
	return b.Store.TouchToken(ctx, id, used)
}
