package link

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/state"
)

// How current a Register is.
const (
	refreshEvery   = time.Second      // so that what is taken back elsewhere is refused here within two
	refreshTimeout = 5 * time.Second  // for one question to the store
	staleAfter     = 10 * time.Second // without an answer, links are refused
	maxSeen        = 64 << 10         // links in memory that need not be recorded again
	maxSights      = 1 << 10          // that wait to be recorded
)

// Store is where a Register keeps links. Its errors are those of package state; any other means that it is out of reach.
type Store interface {
	GuessStore
	SawLink(ctx context.Context, l state.Link) (state.Link, error)
	CountLinks(ctx context.Context, issuer string) (int, error)
	Links(ctx context.Context, issuer string) ([]state.Link, error)
	RevokeLink(ctx context.Context, key, id string) error
	Link(ctx context.Context, key, id string) (state.Link, error)
	UseLink(ctx context.Context, key, id, user string, at time.Time) (first bool, used int, err error)
	RevokedLinks(ctx context.Context) ([]state.Link, error)
	Generation(ctx context.Context, topics ...state.Topic) (uint64, error)
}

// DefaultMaxLinks is how many links one issuer may have at a time, those that were taken back and are not over among them.
const DefaultMaxLinks = 10_000

// ErrTooMany says that an issuer has as many links as may be.
var ErrTooMany = errors.New("link: there are as many as one may have")

// RegisterConfig says how links are looked after.
type RegisterConfig struct {
	Store Store
	// AllowStale has links hold that may have been taken back, where the state has been out of reach for over ten seconds.
	// Those whose uses are counted, or that have a password, are refused all the same.
	AllowStale bool
	// MaxLinks is how many links of one issuer Keep takes; default DefaultMaxLinks.
	MaxLinks int
	// Failed and Back, where set, are told when the state goes out of reach, and when it is back.
	Failed func(error)
	Back   func()

	now func() time.Time
}

// Register knows what does not stand in links: which were taken back, how often they were used, and their passwords. What
// was taken back is held in memory, so that a link is checked without waiting for anything. It is safe for concurrent use.
type Register struct {
	cfg     RegisterConfig
	began   time.Time
	current atomic.Int64 // when the store answered last, since began; 0 is never
	revoked atomic.Pointer[map[linkID]struct{}]

	refreshing sync.Mutex // one at a time
	generation uint64
	known      bool // generation is one
	out        bool // of reach, as Failed was told

	mu     sync.RWMutex
	seen   map[linkID]struct{}
	sights chan state.Link
}

// linkID tells links apart.
type linkID struct{ key, id string }

// NewRegister makes a Register, and asks the store once. Where that fails the links are refused until it does not: Run
// goes on asking.
func NewRegister(ctx context.Context, cfg RegisterConfig) *Register {
	if cfg.now == nil {
		cfg.now = time.Now
	}
	if cfg.MaxLinks <= 0 {
		cfg.MaxLinks = DefaultMaxLinks
	}
	r := &Register{cfg: cfg, began: cfg.now().Add(-1), seen: map[linkID]struct{}{}, sights: make(chan state.Link, maxSights)}
	r.Refresh(ctx)
	return r
}

// Run keeps the Register current, and records links that are seen, until ctx is done.
func (r *Register) Run(ctx context.Context) {
	var recording sync.WaitGroup
	recording.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case l := <-r.sights:
				r.record(ctx, l)
			}
		}
	})
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			r.Refresh(ctx)
		}
	}
	recording.Wait()
}

// record keeps a link that was seen. What cannot be kept now is when it is seen again.
func (r *Register) record(ctx context.Context, l state.Link) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	if _, err := r.cfg.Store.SawLink(ctx, l); err != nil && !errors.Is(err, state.ErrInvalid) {
		r.mu.Lock()
		delete(r.seen, linkID{l.Key, l.ID})
		r.mu.Unlock()
	}
}

// Refresh asks the store now. Whoever took a link back calls it, so that it is refused here at once.
func (r *Register) Refresh(ctx context.Context) {
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	asked := r.cfg.now()
	err := r.refresh(ctx)
	switch {
	case err == nil:
		r.current.Store(int64(asked.Sub(r.began)))
		if r.out && r.cfg.Back != nil {
			r.cfg.Back()
		}
		r.out = false
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled): // we are stopping
	case !r.out:
		r.out = true
		if r.cfg.Failed != nil {
			r.cfg.Failed(err)
		}
	}
}

func (r *Register) refresh(ctx context.Context) error {
	g, err := r.cfg.Store.Generation(ctx, state.Links)
	if err != nil || r.known && g == r.generation {
		return err
	}
	gone, err := r.cfg.Store.RevokedLinks(ctx)
	if err != nil {
		return err
	}
	revoked := make(map[linkID]struct{}, len(gone))
	for _, l := range gone {
		revoked[linkID{l.Key, l.ID}] = struct{}{}
	}
	r.revoked.Store(&revoked)
	r.generation, r.known = g, true // of before the links were read: what changed meanwhile is read once more
	return nil
}

// Check says whether a link that was verified is still good, as far as what is in memory tells, and has it recorded where it
// was not seen before. It does not wait. The errors are reasons: link-revoked, state-unavailable.
func (r *Register) Check(l *Link) error {
	id := linkID{l.Key, l.ID}
	if revoked := r.revoked.Load(); revoked != nil {
		if _, gone := (*revoked)[id]; gone {
			return refused(reason.LinkRevoked)
		}
	}
	if !r.fresh() && (!r.cfg.AllowStale || l.Uses > 0 || l.Password) {
		return reason.New(reason.StateUnavailable, errStale)
	}
	r.saw(id, l)
	return nil
}

var errStale = errors.New("whether the link was taken back cannot be known: the state has been out of reach for over 10 seconds")

// fresh says whether the store answered a while ago.
func (r *Register) fresh() bool {
	last := r.current.Load()
	return last > 0 && r.cfg.now().Sub(r.began)-time.Duration(last) <= staleAfter
}

// saw has a link recorded, unless it was, or too many wait.
func (r *Register) saw(id linkID, l *Link) {
	r.mu.RLock()
	_, known := r.seen[id]
	r.mu.RUnlock()
	if known {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known = r.seen[id]; known {
		return
	}
	select {
	case r.sights <- l.Record("", r.cfg.now()):
	default: // another time
		return
	}
	if len(r.seen) >= maxSeen {
		clear(r.seen)
	}
	own := l.Clone()
	r.seen[linkID{own.Key, own.ID}] = struct{}{}
}

// Use counts one use of a link by somebody, before anything is sent. first is false where the same one used it within
// state.ResumeFor, which is not counted again. The errors are reasons: link-spent, link-revoked, link-invalid,
// state-unavailable.
func (r *Register) Use(ctx context.Context, l *Link, who string, at time.Time) (first bool, err error) {
	kept, err := r.kept(ctx, l)
	if err != nil {
		return false, err
	}
	if kept.Uses != l.Uses { // another link of the same id: nothing can be said about this one
		return false, reason.New(reason.LinkInvalid, errors.New("its id is another link's"))
	}
	first, _, err = r.cfg.Store.UseLink(ctx, l.Key, l.ID, who, at)
	switch {
	case errors.Is(err, state.ErrSpent):
		return false, refused(reason.LinkSpent)
	case err != nil:
		return false, reason.New(reason.StateUnavailable, err)
	}
	return first, nil
}

// Spent says whether all uses of a link were used. Nothing is counted.
func (r *Register) Spent(ctx context.Context, l *Link) (bool, error) {
	kept, err := r.kept(ctx, l)
	return err == nil && kept.Used >= kept.Uses, err
}

// PasswordHash is that of a link's password, as it was kept when the link was made: a link that asks for one and was not
// made with the state is invalid.
func (r *Register) PasswordHash(ctx context.Context, l *Link) (string, error) {
	kept, err := r.kept(ctx, l)
	if err == nil && kept.Hash == "" {
		err = reason.New(reason.LinkInvalid, errors.New("no password was kept for it"))
	}
	return kept.Hash, err
}

// kept asks for what is kept of a link, which is from now on where nothing was.
func (r *Register) kept(ctx context.Context, l *Link) (state.Link, error) {
	kept, err := r.cfg.Store.SawLink(ctx, l.Record("", r.cfg.now()))
	switch {
	case errors.Is(err, state.ErrInvalid): // it holds what no store keeps
		return state.Link{}, reason.New(reason.LinkInvalid, err)
	case err != nil:
		return state.Link{}, reason.New(reason.StateUnavailable, err)
	case kept.Revoked:
		return state.Link{}, refused(reason.LinkRevoked)
	}
	return kept, nil
}

// Record is what is kept of a link; hash is that of its password.
func (l *Link) Record(hash string, at time.Time) state.Link {
	own := l.Clone()
	out := state.Link{
		Key: own.Key, ID: own.ID, Issuer: own.Owner, Path: own.Path, Dir: l.Dir, To: own.To, Created: at.UTC().Truncate(time.Microsecond),
		Expires: l.Expires.UTC(), Uses: l.Uses, Hash: hash,
	}
	if out.Issuer == "" {
		out.Issuer = own.Issuer
	}
	return out
}

// Keep records a link that was made just now, with the hash of its password. Of one issuer who has as many as may be it is
// ErrTooMany; several at once may be some more.
func (r *Register) Keep(ctx context.Context, l *Link, hash string) error {
	n, err := r.cfg.Store.CountLinks(ctx, l.Owner)
	if err != nil {
		return reason.New(reason.StateUnavailable, err)
	}
	if n >= r.cfg.MaxLinks {
		return ErrTooMany
	}
	if _, err := r.cfg.Store.SawLink(ctx, l.Record(hash, r.cfg.now())); err != nil {
		return reason.New(reason.StateUnavailable, err)
	}
	return nil
}

// List returns what is kept of the links of whoever made them.
func (r *Register) List(ctx context.Context, issuer string) ([]state.Link, error) {
	all, err := r.cfg.Store.Links(ctx, issuer)
	if err != nil {
		return nil, reason.New(reason.StateUnavailable, err)
	}
	return all, nil
}

// Revoke takes back a link, here at once, if it is one that may be; any other is as one that is not there: link-invalid.
func (r *Register) Revoke(ctx context.Context, key, id string, may func(state.Link) bool) error {
	l, err := r.cfg.Store.Link(ctx, key, id)
	if err == nil && !may(l) {
		err = state.ErrNotFound
	}
	if err == nil {
		err = r.cfg.Store.RevokeLink(ctx, key, id)
	}
	switch {
	case errors.Is(err, state.ErrNotFound):
		return refused(reason.LinkInvalid)
	case err != nil:
		return reason.New(reason.StateUnavailable, err)
	}
	r.Refresh(ctx)
	return nil
}
