package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
	"github.com/rootbound/rootbound/store/storetest"
)

func opener(dsn string) storetest.Open {
	return func() (storetest.Store, error) { return open(dsn) }
}

func open(dsn string) (storetest.Store, error) {
	s, err := store.Open(context.Background(), store.Config{DSN: dsn})
	if err != nil {
		return nil, err // not a nil *Store
	}
	return s, nil
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open {
		return opener(filepath.Join(t.TempDir(), "state", "it's 100% ?#.db"))
	})
	t.Run("many failures", func(t *testing.T) { testManyFailures(t, filepath.Join(t.TempDir(), "x.db")) })
	t.Run("newer", func(t *testing.T) { testNewer(t, filepath.Join(t.TempDir(), "x.db"), "sqlite") })
}

// Tallies of ever other names do not grow without end, and do not push out those that somebody waits for.
func testManyFailures(t *testing.T, dsn string) {
	s, err := store.Open(t.Context(), store.Config{DSN: dsn, MaxFailures: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, at := t.Context(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 5 {
		if _, err := s.CountFailure(ctx, "guessed at", at); err != nil {
			t.Fatal(err)
		}
	}
	name := func(i int) string { return "name " + strconv.Itoa(i) }
	for i := range 30 {
		if _, err := s.CountFailure(ctx, name(i), at.Add(time.Duration(i+1)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Sweep(ctx, at.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	kept := 0
	for i := range 30 {
		tally, err := s.Failures(ctx, name(i))
		if err != nil {
			t.Fatal(err)
		}
		if kept += tally.Count; tally.Count == 0 && i >= 20 {
			t.Errorf("one of the last is gone: %d", i)
		}
	}
	if kept != 10 {
		t.Errorf("%d are kept", kept)
	}
	if tally, err := s.Failures(ctx, "guessed at"); err != nil || tally.Count != 5 {
		t.Errorf("whoever waits is let go: %+v, %v", tally, err)
	}
}

// What is no database is refused and left as it is.
func TestSQLiteDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	const text = "this is no database, and long enough to be looked at as if it were one"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(path); err == nil {
		t.Error("it was opened")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("it holds %q now, %v", got, err)
	}
}

// Nothing stays beside a state that is closed.
func TestSQLiteClosed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	s, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddUser(t.Context(), state.User{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"-wal", "-shm", "-journal"} {
		if _, err := os.Stat(path + left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Close left %s: %v", left, err)
		}
	}
}
