package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

func testGeneration(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	is(t, "adding", s.AddSession(ctx, state.Session{Digest: digestOf("a"), Subject: "alice"}), nil)
	is(t, "adding", s.AddSession(ctx, state.Session{Digest: digestOf("b"), Subject: "bob"}), nil)
	_, err := s.SawLink(ctx, state.Link{Key: "k", ID: "l", Uses: 5})
	is(t, "seen", err, nil)
	use := func() error { _, _, err := s.UseLink(ctx, "k", "l", "bob", begin); return err }
	for _, c := range []struct {
		what  string
		do    func() error
		grows []state.Topic
	}{
		{"AddUser", func() error { return s.AddUser(ctx, state.User{Name: "bob"}) }, []state.Topic{state.Users}},
		{"UpdateUser", func() error {
			return s.UpdateUser(ctx, "bob", func(u *state.User) error { u.Disabled = true; return nil })
		}, []state.Topic{state.Users}},
		{"RotateSession", func() error { return s.RotateSession(ctx, digestOf("a"), digestOf("a2"), begin) }, []state.Topic{state.Sessions}},
		{"EndSession", func() error { return s.EndSession(ctx, digestOf("a2")) }, []state.Topic{state.Sessions}},
		{"EndSessionsOf", func() error { _, err := s.EndSessionsOf(ctx, "bob"); return err }, []state.Topic{state.Sessions}},
		{"AddToken", func() error { return s.AddToken(ctx, state.Token{ID: "t"}) }, []state.Topic{state.Tokens}},
		{"TouchToken", func() error { return s.TouchToken(ctx, "t", begin) }, nil},
		{"RevokeToken", func() error { return s.RevokeToken(ctx, "t") }, []state.Topic{state.Tokens}},
		{"UseLink", use, nil},
		{"RevokeLink", func() error { return s.RevokeLink(ctx, "k", "l") }, []state.Topic{state.Links}},
		{"RemoveUser", func() error { return s.RemoveUser(ctx, "bob") }, []state.Topic{state.Users, state.Sessions, state.Tokens, state.Links}},
	} {
		before := generations(t, other)
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		after := generations(t, other)
		grew := map[state.Topic]bool{}
		for _, topic := range c.grows {
			grew[topic] = true
		}
		for topic := range before {
			if (after[topic] > before[topic]) != (grew[topic] || topic == "" && len(grew) > 0) {
				t.Errorf("%s: the generation of %q went from %d to %d", c.what, topic, before[topic], after[topic])
			}
		}
	}
}

// generations returns that of each topic, and of all under "".
func generations(t *testing.T, s Store) map[state.Topic]uint64 {
	t.Helper()
	all := map[state.Topic]uint64{}
	for _, topic := range []state.Topic{state.Users, state.Sessions, state.Tokens, state.Links} {
		n, err := s.Generation(t.Context(), topic)
		is(t, "generation", err, nil)
		all[topic] = n
	}
	n, err := s.Generation(t.Context())
	is(t, "generation", err, nil)
	all[""] = n
	return all
}

// Texts that the databases would keep differently, or not at all, are refused in words; what is looked up by one is not
// there.
func testTexts(t *testing.T, open Open) {
	s, ctx := must(t, open), t.Context()
	for _, c := range []struct{ what, text, rule string }{
		{"a NUL", "a\x00b", "holds a NUL"},
		{"no UTF-8", "a\xffb", "not UTF-8"},
		{"too long", strings.Repeat("a", 2<<10), "longer than"},
	} {
		for what, add := range map[string]func() error{
			"a user's name":     func() error { return s.AddUser(ctx, state.User{Name: c.text}) },
			"a user's hash":     func() error { return s.AddUser(ctx, state.User{Name: "x", Hash: c.text}) },
			"a session's":       func() error { return s.AddSession(ctx, state.Session{Subject: c.text}) },
			"a token's id":      func() error { return s.AddToken(ctx, state.Token{ID: c.text}) },
			"a token's label":   func() error { return s.AddToken(ctx, state.Token{Label: c.text}) },
			"a link's id":       func() error { _, err := s.SawLink(ctx, state.Link{ID: c.text}); return err },
			"a link's receiver": func() error { _, err := s.SawLink(ctx, state.Link{To: c.text}); return err },
		} {
			if err := add(); !errors.Is(err, state.ErrInvalid) || !strings.Contains(err.Error(), c.rule) {
				t.Errorf("%s with %s: %v, want state.ErrInvalid that says %q", what, c.what, err, c.rule)
			}
		}
		_, err := s.User(ctx, c.text)
		is(t, "looking up "+c.what, err, state.ErrNotFound)
		_, err = s.Token(ctx, c.text)
		is(t, "looking up "+c.what, err, state.ErrNotFound)
		_, err = s.Link(ctx, "k", c.text)
		is(t, "looking up "+c.what, err, state.ErrNotFound)
		n, err := s.EndSessionsOf(ctx, c.text)
		is(t, "looking up "+c.what, err, nil)
		same(t, "sessions of "+c.what, n, 0)
	}
	is(t, "no name", s.AddUser(ctx, state.User{}), state.ErrInvalid)
	is(t, "an empty group", s.AddUser(ctx, state.User{Name: "x", Groups: []string{"a", ""}}), state.ErrInvalid)
	is(t, "a group with a NUL", s.AddUser(ctx, state.User{Name: "x", Groups: []string{"a\x00b"}}), state.ErrInvalid)
	_, err := s.SawLink(ctx, state.Link{Path: "a\x00b"})
	is(t, "a path with a NUL", err, state.ErrInvalid)
	_, err = s.SawLink(ctx, state.Link{Path: strings.Repeat("a", 9<<10)})
	is(t, "a long path", err, state.ErrInvalid)
	injection := `x'; DROP TABLE users; -- " \`
	is(t, "SQL in a name", s.AddUser(ctx, state.User{Name: injection, Groups: []string{injection}}), nil)
	u, err := s.User(ctx, injection)
	is(t, "SQL in a name", err, nil)
	same(t, "SQL in a name", u.Groups, []string{injection})
}

func testSweep(t *testing.T, open Open) {
	s, ctx := must(t, open), t.Context()
	day := 24 * time.Hour
	for id, expires := range map[string]time.Time{"over": begin, "just over": begin.Add(day), "valid": begin.Add(3 * day), "for ever": {}} {
		is(t, "session", s.AddSession(ctx, state.Session{Digest: digestOf(id), Expires: expires}), nil)
		is(t, "token", s.AddToken(ctx, state.Token{ID: id, Expires: expires}), nil)
		_, err := s.SawLink(ctx, state.Link{Key: "k", ID: id, Expires: expires, Uses: 1})
		is(t, "link", err, nil)
	}
	_, _, err := s.UseLink(ctx, "k", "just over", "bob", begin)
	is(t, "use", err, nil)
	_, err = s.CountFailure(ctx, "old", begin)
	is(t, "counting", err, nil)
	now := begin.Add(day + time.Hour)
	_, err = s.CountFailure(ctx, "new", now.Add(-time.Minute))
	is(t, "counting", err, nil)
	is(t, "sweeping", s.Sweep(ctx, now), nil)
	for id, want := range map[string]error{"over": state.ErrNotFound, "just over": nil, "valid": nil, "for ever": nil} {
		_, err := s.Session(ctx, digestOf(id))
		is(t, "session "+id, err, want)
		_, err = s.Token(ctx, id)
		is(t, "token "+id, err, want)
		_, err = s.Link(ctx, "k", id)
		is(t, "link "+id, err, want)
	}
	// A replica whose clock is slow still takes the link for valid.
	if _, _, err := s.UseLink(ctx, "k", "just over", "carol", begin); !errors.Is(err, state.ErrSpent) {
		t.Errorf("a used link was forgotten: %v", err)
	}
	old, err := s.Failures(ctx, "old")
	is(t, "old", err, nil)
	recent, err := s.Failures(ctx, "new")
	is(t, "new", err, nil)
	same(t, "old and new tally", []int{old.Count, recent.Count}, []int{0, 1})
}

// Replicas that start at once find one schema, made once.
func testMigratingAtOnce(t *testing.T, open Open) {
	stores := make([]Store, 4)
	for _, err := range each(len(stores), func(i int) (err error) { stores[i], err = open(); return err }) {
		is(t, "opening", err, nil)
	}
	for i, s := range stores {
		if s == nil {
			continue
		}
		is(t, "adding", s.AddUser(t.Context(), state.User{Name: string(rune('a' + i))}), nil)
		defer s.Close()
	}
	all, err := must(t, open).Users(t.Context())
	is(t, "listing", err, nil)
	same(t, "users", len(all), len(stores))
}

func testOpenAgain(t *testing.T, open Open) {
	s, ctx := must(t, open), t.Context()
	is(t, "adding", s.AddUser(ctx, state.User{Name: "alice"}), nil)
	again, err := open()
	is(t, "opening", err, nil)
	_, err = again.User(ctx, "alice")
	is(t, "reading", err, nil)
	is(t, "closing", again.Close(), nil)
	if _, err := again.User(ctx, "alice"); err == nil || errors.Is(err, state.ErrNotFound) {
		t.Errorf("reading from what is closed: %v", err)
	}
	_, err = s.User(ctx, "alice")
	is(t, "closing one leaves the other", err, nil)
}

func testCallsEnd(t *testing.T, open Open) {
	s := must(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.User(ctx, "alice")
	is(t, "after the caller went", err, context.Canceled)
	is(t, "after the caller went", s.AddUser(ctx, state.User{Name: "alice"}), context.Canceled)
	_, err = s.User(t.Context(), "alice")
	is(t, "nothing was added", err, state.ErrNotFound)
}
