package link

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
)

func openStore(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), store.Config{DSN: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

var errGone = errors.New("the database is gone")

// fading is a store that goes out of reach.
type fading struct {
	*store.Store
	gone atomic.Bool
}

func (f *fading) Generation(ctx context.Context, topics ...state.Topic) (uint64, error) {
	if f.gone.Load() {
		return 0, errGone
	}
	return f.Store.Generation(ctx, topics...)
}

func (f *fading) SawLink(ctx context.Context, l state.Link) (state.Link, error) {
	if f.gone.Load() {
		return state.Link{}, errGone
	}
	return f.Store.SawLink(ctx, l)
}

// Where the state has been out of reach for over ten seconds links are refused, unless that was asked for; what was taken back stays so,
// and everything recovers by itself.
func TestStale(t *testing.T) {
	st := &fading{Store: openStore(t)}
	at := now
	var told []string
	cfg := RegisterConfig{Store: st, now: func() time.Time { return at }, Failed: func(err error) { told = append(told, err.Error()) }, Back: func() { told = append(told, "back") }}
	strict := NewRegister(t.Context(), cfg)
	cfg.AllowStale, cfg.Failed, cfg.Back = true, nil, nil
	loose := NewRegister(t.Context(), cfg)
	k := keysOf(t, key1)
	plain, once, secret, gone := signed(t, k, Link{Path: "a", ID: "plain"}), signed(t, k, Link{Path: "a", ID: "once", Uses: 1}), signed(t, k, Link{Path: "a", ID: "secret", Password: true}), signed(t, k, Link{Path: "a", ID: "gone"})
	for _, l := range []Link{gone, once} {
		if _, err := st.SawLink(t.Context(), l.Record("", now)); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.RevokeLink(t.Context(), gone.Key, gone.ID); err != nil {
		t.Fatal(err)
	}
	check := func(when string, r *Register, want ...reason.Code) {
		t.Helper()
		for i, l := range []Link{plain, once, secret, gone} {
			if err := r.Check(&l); reason.Of(err) != want[i] {
				t.Errorf("%s: %s: %v", when, l.ID, err)
			}
		}
	}
	for _, r := range []*Register{strict, loose} {
		r.Refresh(t.Context())
		check("in reach", r, "", "", "", reason.LinkRevoked)
	}
	st.gone.Store(true)
	at = at.Add(staleAfter)
	for _, r := range []*Register{strict, loose} {
		r.Refresh(t.Context())
		check("out of reach for ten seconds", r, "", "", "", reason.LinkRevoked)
	}
	at = at.Add(time.Second)
	strict.Refresh(t.Context())
	check("for longer", strict, reason.StateUnavailable, reason.StateUnavailable, reason.StateUnavailable, reason.LinkRevoked)
	check("for longer, and allowed", loose, "", reason.StateUnavailable, reason.StateUnavailable, reason.LinkRevoked)
	if _, err := strict.Use(t.Context(), &once, "x", at); reason.Of(err) != reason.StateUnavailable {
		t.Errorf("a use: %v", err)
	}
	st.gone.Store(false)
	strict.Refresh(t.Context())
	check("back", strict, "", "", "", reason.LinkRevoked)
	if got := strings.Join(told, ", "); got != errGone.Error()+", back" {
		t.Errorf("told: %s", got)
	}
	st.gone.Store(true)
	fresh := NewRegister(t.Context(), RegisterConfig{Store: st})
	if err := fresh.Check(&plain); reason.Of(err) != reason.StateUnavailable {
		t.Errorf("a state that was never in reach: %v", err)
	}
}

// Of many who use a link at once as many get it as it has uses; who resumes takes none.
func TestUse(t *testing.T) {
	r := NewRegister(t.Context(), RegisterConfig{Store: openStore(t)})
	k := keysOf(t, key1)
	l := signed(t, k, Link{Path: "a", Uses: 3})
	var got atomic.Int64
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if first, err := r.Use(t.Context(), &l, string(rune('a'+i)), now); err == nil && first {
				got.Add(1)
			} else if reason.Of(err) != reason.LinkSpent {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if got.Load() != 3 {
		t.Errorf("a link for three uses was used %d times", got.Load())
	}
	if spent, err := r.Spent(t.Context(), &l); err != nil || !spent {
		t.Errorf("spent: %v, %v", spent, err)
	}
	two := signed(t, k, Link{Path: "a", ID: "two", Uses: 2})
	for i, tt := range []struct {
		who   string
		at    time.Time
		first bool
		want  reason.Code
	}{
		{"x", now, true, ""},
		{"x", now.Add(state.ResumeFor - time.Second), false, ""},
		{"x", now.Add(state.ResumeFor + time.Second), true, ""},
		{"y", now, false, reason.LinkSpent},
	} {
		if first, err := r.Use(t.Context(), &two, tt.who, tt.at); first != tt.first || reason.Of(err) != tt.want {
			t.Errorf("%d: %v, %v", i, first, err)
		}
	}
	other := two
	other.Uses = 5
	if _, err := r.Use(t.Context(), &other, "z", now); reason.Of(err) != reason.LinkInvalid {
		t.Errorf("another link of that id: %v", err)
	}
}

// What a visit proves is proven for its link, its password and its time alone, and no bit of it may change.
func TestVisit(t *testing.T) {
	k := keysOf(t, key1, key2)
	l, other := signed(t, k, Link{Path: "a", ID: "one"}), signed(t, k, Link{Path: "a", ID: "two"})
	v, ok := k.Visit(&l, "hash", now.Add(time.Minute))
	who, ok2 := k.Visitor(&l, v, "hash", now)
	if !ok || !ok2 || who == "" {
		t.Fatal("a visit does not hold")
	}
	if again, _ := k.Visitor(&l, v, "hash", now.Add(30*time.Second)); again != who {
		t.Error("a visitor is another one later")
	}
	if v2, _ := k.Visit(&l, "hash", now.Add(time.Minute)); v2 == v {
		t.Error("two visits are the same")
	}
	for what, holds := range map[string]func() bool{
		"another link": func() bool { _, ok := k.Visitor(&other, v, "hash", now); return ok },
		"password":     func() bool { _, ok := k.Visitor(&l, v, "hash2", now); return ok },
		"time":         func() bool { _, ok := k.Visitor(&l, v, "hash", now.Add(time.Minute)); return ok },
		"a longer one": func() bool { _, ok := k.Visitor(&l, strings.Replace(v, ".1", ".2", 1), "hash", now); return ok },
	} {
		if holds() {
			t.Errorf("it holds for another: %s", what)
		}
	}
	for i := range len(v) {
		for bit := range 8 {
			b := []byte(v)
			b[i] ^= 1 << bit
			if _, ok := k.Visitor(&l, string(b), "hash", now); ok {
				t.Errorf("byte %d with bit %d changed holds", i, bit)
			}
		}
	}
}

// Guesses from one network wait, and longer with each; others do not wait for them.
func TestGuess(t *testing.T) {
	r := NewRegister(t.Context(), RegisterConfig{Store: openStore(t)})
	k := keysOf(t, key1)
	l := signed(t, k, Link{Path: "a", Password: true})
	guess := func(from string, at time.Time) (*Guess, time.Duration) {
		t.Helper()
		g, wait, err := r.Guess(t.Context(), &l, addr(from), at)
		if err != nil {
			t.Fatal(err)
		}
		return g, wait
	}
	at := now
	for range freeGuesses {
		if _, wait := guess("192.0.2.1", at); wait > 0 {
			t.Fatalf("the first ones wait %s", wait)
		}
	}
	last := time.Duration(0)
	for range 5 {
		_, wait := guess("192.0.2.1", at)
		if wait <= last {
			t.Errorf("waits %s after %s", wait, last)
		}
		last = wait
		at = at.Add(wait)
		if _, wait := guess("192.0.2.1", at); wait > 0 {
			t.Errorf("still waits %s", wait)
		}
	}
	if _, wait := guess("2001:db8::1", at); wait > 0 {
		t.Errorf("another network waits %s", wait)
	}
	for i := range freeGuesses {
		_, wait := guess("2001:db8::"+string(rune('a'+i)), at)
		if i == freeGuesses-1 && wait == 0 {
			t.Error("another address of the same network does not wait")
		}
	}
	g, _ := guess("198.51.100.1", at)
	if err := g.Succeeded(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range freeGuesses {
		if _, wait := guess("198.51.100.1", at); wait > 0 {
			t.Errorf("what succeeded counts as wrong: waits %s", wait)
		}
	}
	// Many at once are no more than one after the other.
	var through atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if g, _, err := r.Guess(t.Context(), &l, addr("203.0.113.1"), at); err == nil && g != nil {
				through.Add(1)
			}
		})
	}
	all.Wait()
	if n := through.Load(); n < 1 || n > freeGuesses {
		t.Errorf("%d of twenty at once were let through", n)
	}
	for range allGuesses {
		g, _ = guess("203.0.113.2", at)
		at = at.Add(longestWait)
	}
	if g.Slow <= 0 {
		t.Error("a link that many guess at is not slow")
	}
}
