// Package storetest is what every store of the state must do, whatever it keeps it in.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

// Store is all that a store does.
type Store interface {
	User(ctx context.Context, name string) (state.User, error)
	Users(ctx context.Context) ([]state.User, error)
	AddUser(ctx context.Context, u state.User) error
	UpdateUser(ctx context.Context, name string, change func(*state.User) error) error
	RemoveUser(ctx context.Context, name string) error
	AddSession(ctx context.Context, s state.Session) error
	Session(ctx context.Context, d state.Digest) (state.Session, error)
	RotateSession(ctx context.Context, old, next state.Digest, seen time.Time) error
	TouchSession(ctx context.Context, d state.Digest, seen time.Time) error
	EndSession(ctx context.Context, d state.Digest) error
	EndSessionsOf(ctx context.Context, subject string) (int, error)
	AddToken(ctx context.Context, t state.Token) error
	Token(ctx context.Context, id string) (state.Token, error)
	Tokens(ctx context.Context, subject string) ([]state.Token, error)
	TouchToken(ctx context.Context, id string, used time.Time) error
	RevokeToken(ctx context.Context, id string) error
	SawLink(ctx context.Context, l state.Link) (state.Link, error)
	Link(ctx context.Context, key, id string) (state.Link, error)
	Links(ctx context.Context, issuer string) ([]state.Link, error)
	CountLinks(ctx context.Context, issuer string) (int, error)
	RevokeLink(ctx context.Context, key, id string) error
	RevokedLinks(ctx context.Context) ([]state.Link, error)
	UseLink(ctx context.Context, key, id, user string, at time.Time) (first bool, used int, err error)
	CountFailure(ctx context.Context, key string, at time.Time) (state.Tally, error)
	Failures(ctx context.Context, key string) (state.Tally, error)
	TakeBackFailure(ctx context.Context, key string) error
	ForgetFailures(ctx context.Context, key string) error
	Generation(ctx context.Context, topics ...state.Topic) (uint64, error)
	Sweep(ctx context.Context, now time.Time) error
	Close() error
}

// Open opens a state once more, as another replica does. It may be called from several goroutines.
type Open func() (Store, error)

// Run runs the suite. fresh makes an empty state, which opening brings its schema to.
func Run(t *testing.T, fresh func(t *testing.T) Open) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"users", testUsers},
		{"user changes are one at a time", testUpdateUser},
		{"removing a user", testRemoveUser},
		{"sessions", testSessions},
		{"tokens", testTokens},
		{"links", testLinks},
		{"uses", testUses},
		{"a link is used up once", testUsedUpOnce},
		{"failures", testFailures},
		{"failures at once", testFailuresAtOnce},
		{"generation", testGeneration},
		{"texts", testTexts},
		{"sweep", testSweep},
		{"migrating at once", testMigratingAtOnce},
		{"opening again", testOpenAgain},
		{"calls end", testCallsEnd},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, fresh(t)) })
	}
}

// begin is the time that tests begin at: the clock's does not matter to a store.
var begin = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// must opens a replica that the test's end closes.
func must(t *testing.T, open Open) Store {
	t.Helper()
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
