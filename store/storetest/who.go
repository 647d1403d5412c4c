package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rootbound/rootbound/internal/state"
)

// same fails where two values differ.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// is fails where an error is another one.
func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// each runs do n times at once and returns what each returned.
func each(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func testUsers(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	zoë := state.User{Name: "Zoë", Hash: "$argon2id$x", Groups: []string{"staff", "Ünïcode"}, Created: begin, Changed: begin.Add(time.Microsecond)}
	alice := state.User{Name: "alice", Disabled: true, Created: begin}
	_, err := s.User(ctx, "alice")
	is(t, "nobody yet", err, state.ErrNotFound)
	is(t, "adding", s.AddUser(ctx, zoë), nil)
	is(t, "adding", s.AddUser(ctx, alice), nil)
	is(t, "adding twice", other.AddUser(ctx, state.User{Name: "alice"}), state.ErrExists)
	got, err := other.User(ctx, "Zoë")
	is(t, "another replica", err, nil)
	same(t, "another replica reads", got, zoë)
	_, err = s.User(ctx, "ALICE")
	is(t, "names are to the letter", err, state.ErrNotFound)
	_, err = s.User(ctx, "Zoe\u0308")
	is(t, "names are to the byte", err, state.ErrNotFound)
	all, err := s.Users(ctx)
	is(t, "all", err, nil)
	same(t, "all, by bytes", all, []state.User{zoë, alice})
}

func testUpdateUser(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	is(t, "nobody", s.UpdateUser(ctx, "alice", func(*state.User) error { return nil }), state.ErrNotFound)
	is(t, "adding", s.AddUser(ctx, state.User{Name: "alice", Created: begin}), nil)
	refused := errors.New("refused")
	if err := s.UpdateUser(ctx, "alice", func(u *state.User) error { u.Hash = "x"; return refused }); err != refused {
		t.Errorf("the caller's own error came back as %v", err)
	}
	is(t, "another name", s.UpdateUser(ctx, "alice", func(u *state.User) error { u.Name = "bob"; return nil }), state.ErrInvalid)
	for _, err := range each(20, func(i int) error {
		replica := []Store{s, other}[i%2]
		return replica.UpdateUser(ctx, "alice", func(u *state.User) error {
			u.Groups = append(u.Groups, fmt.Sprint("g", i))
			return nil
		})
	}) {
		is(t, "at once", err, nil)
	}
	u, err := s.User(ctx, "alice")
	is(t, "reading", err, nil)
	if len(u.Groups) != 20 || u.Hash != "" || !u.Created.Equal(begin) {
		t.Errorf("20 changes at once left %+v", u)
	}
}

func testRemoveUser(t *testing.T, open Open) {
	s, ctx := must(t, open), t.Context()
	is(t, "nobody", s.RemoveUser(ctx, "alice"), state.ErrNotFound)
	for _, name := range []string{"alice", "bob"} {
		is(t, "adding", s.AddUser(ctx, state.User{Name: name}), nil)
		is(t, "session", s.AddSession(ctx, state.Session{Digest: digestOf(name), Subject: name}), nil)
		is(t, "token", s.AddToken(ctx, state.Token{ID: name, Subject: name}), nil)
		_, err := s.SawLink(ctx, state.Link{Key: "k", ID: name, Issuer: name})
		is(t, "link", err, nil)
	}
	is(t, "removing", s.RemoveUser(ctx, "alice"), nil)
	is(t, "the next of that name", s.AddUser(ctx, state.User{Name: "alice"}), nil)
	_, err := s.Session(ctx, digestOf("alice"))
	is(t, "her sessions are gone", err, state.ErrNotFound)
	_, err = s.Token(ctx, "alice")
	is(t, "her tokens are gone", err, state.ErrNotFound)
	link, err := s.Link(ctx, "k", "alice")
	is(t, "her links", err, nil)
	same(t, "her links are revoked", link.Revoked, true)
	_, err = s.Session(ctx, digestOf("bob"))
	is(t, "another's session stays", err, nil)
	_, err = s.Token(ctx, "bob")
	is(t, "another's token stays", err, nil)
	link, err = s.Link(ctx, "k", "bob")
	is(t, "another's link", err, nil)
	same(t, "another's link is not revoked", link.Revoked, false)
}

func digestOf(name string) (d state.Digest) {
	copy(d[:], name)
	d[31] = 0xff
	return d
}

func testSessions(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	v := state.Session{
		Digest: digestOf("one"), Subject: "alice", Groups: []string{"staff"}, Method: "password",
		Created: begin, Seen: begin, Expires: begin.Add(time.Hour),
	}
	is(t, "adding", s.AddSession(ctx, v), nil)
	is(t, "adding twice", s.AddSession(ctx, v), state.ErrExists)
	got, err := other.Session(ctx, v.Digest)
	is(t, "another replica", err, nil)
	same(t, "another replica reads", got, v)

	later := begin.Add(time.Minute)
	is(t, "touching", s.TouchSession(ctx, v.Digest, later), nil)
	is(t, "touching, late", s.TouchSession(ctx, v.Digest, begin), nil)
	is(t, "touching nobody", s.TouchSession(ctx, digestOf("nobody"), later), state.ErrNotFound)
	got, _ = s.Session(ctx, v.Digest)
	same(t, "touched", got.Seen, later)

	won := 0
	for _, err := range each(8, func(i int) error {
		return []Store{s, other}[i%2].RotateSession(ctx, v.Digest, digestOf(fmt.Sprint("next", i)), later)
	}) {
		if err == nil {
			won++
		} else {
			is(t, "rotating too late", err, state.ErrNotFound)
		}
	}
	same(t, "who rotated", won, 1)
	_, err = s.Session(ctx, v.Digest)
	is(t, "the old secret", err, state.ErrNotFound)

	is(t, "adding", s.AddSession(ctx, state.Session{Digest: digestOf("bob"), Subject: "bob"}), nil)
	is(t, "adding", s.AddSession(ctx, state.Session{Digest: digestOf("two"), Subject: "alice"}), nil)
	n, err := other.EndSessionsOf(ctx, "alice")
	is(t, "signing out everywhere", err, nil)
	same(t, "signed out", n, 2)
	_, err = s.Session(ctx, digestOf("two"))
	is(t, "ended", err, state.ErrNotFound)
	_, err = s.Session(ctx, digestOf("bob"))
	is(t, "another's", err, nil)
	is(t, "ending", s.EndSession(ctx, digestOf("bob")), nil)
	is(t, "ending twice", s.EndSession(ctx, digestOf("bob")), nil)
	_, err = s.Session(ctx, digestOf("bob"))
	is(t, "ended", err, state.ErrNotFound)
}

func testTokens(t *testing.T, open Open) {
	s, other, ctx := must(t, open), must(t, open), t.Context()
	v := state.Token{
		ID: "t1", Digest: digestOf("secret"), Subject: "alice", Groups: []string{"staff"}, Label: "backup job", Rights: []string{"read", "list"},
		On: []string{"reports/", "odd\xff.txt"}, Created: begin, Expires: begin.Add(time.Hour),
	}
	is(t, "adding", s.AddToken(ctx, v), nil)
	is(t, "adding twice", s.AddToken(ctx, v), state.ErrExists)
	is(t, "adding", s.AddToken(ctx, state.Token{ID: "t0", Subject: "bob", Created: begin.Add(time.Second)}), nil)
	got, err := other.Token(ctx, "t1")
	is(t, "another replica", err, nil)
	same(t, "another replica reads", got, v)
	is(t, "touching", s.TouchToken(ctx, "t1", begin), nil)
	is(t, "touching, late", s.TouchToken(ctx, "t1", begin.Add(-time.Hour)), nil)
	is(t, "touching none", s.TouchToken(ctx, "t2", begin), state.ErrNotFound)
	is(t, "revoking", s.RevokeToken(ctx, "t1"), nil)
	is(t, "revoking twice", s.RevokeToken(ctx, "t1"), nil)
	is(t, "revoking none", s.RevokeToken(ctx, "t2"), state.ErrNotFound)
	v.Used, v.Revoked = begin, true
	for subject, want := range map[string][]string{"": {"t1", "t0"}, "alice": {"t1"}, "carol": nil} {
		all, err := s.Tokens(ctx, subject)
		is(t, "listing", err, nil)
		var ids []string
		for _, token := range all {
			ids = append(ids, token.ID)
		}
		same(t, "tokens of '"+subject+"', the oldest first", ids, want)
	}
	got, _ = s.Token(ctx, "t1")
	same(t, "used and revoked", got, v)
}
