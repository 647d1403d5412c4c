package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/store"
	"github.com/rootbound/rootbound/store/storetest"
)

func TestPostgreSQL(t *testing.T) {
	server := testenv.Postgres(t)
	storetest.Run(t, func(t *testing.T) storetest.Open { return opener(server.Database(t)) })
	t.Run("held up", func(t *testing.T) { testHeldUp(t, server) })
	t.Run("many failures", func(t *testing.T) { testManyFailures(t, server.Database(t)) })
	t.Run("newer", func(t *testing.T) { testNewer(t, server.Database(t), "pgx") })
	t.Run("password", func(t *testing.T) { testPassword(t, server) })
	t.Run("gone", func(t *testing.T) { testGone(t, server) }) // last: its end stops the server
}

// patience bounds what must end by itself; it only decides how long a failing test takes.
const patience = 3 * time.Minute

// A database that dies is out of reach and nothing else, and comes back by itself.
func testGone(t *testing.T, server *testenv.PostgreSQL) {
	s, err := store.Open(t.Context(), store.Config{DSN: server.Database(t), Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.AddUser(t.Context(), state.User{Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for what, call := range map[string]func() error{
		"reading":  func() error { _, err := s.User(ctx, "alice"); return err },
		"changing": func() error { return s.AddUser(ctx, state.User{Name: "bob"}) },
		"counting": func() error { _, err := s.CountFailure(ctx, "x", time.Now()); return err },
		"using":    func() error { _, _, err := s.UseLink(ctx, "k", "id", "bob", time.Now()); return err },
		"asking":   func() error { _, err := s.Generation(ctx); return err },
		"opening": func() error {
			_, err := store.Open(ctx, store.Config{DSN: "postgres://test@/d1?host=" + url.QueryEscape(t.TempDir())})
			return err
		},
	} {
		switch err := call(); {
		case err == nil:
			t.Errorf("%s works without a server", what)
		case errors.Is(err, state.ErrNotFound), errors.Is(err, state.ErrExists), errors.Is(err, state.ErrSpent):
			t.Errorf("%s without a server: %v, which tells of a record", what, err)
		}
	}
	if ctx.Err() != nil {
		t.Fatal("calls without a server took longer than they may")
	}
	server.Start(t)
	for {
		u, err := s.User(ctx, "alice")
		if err == nil && u.Name == "alice" {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("the server is back, and: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := s.User(ctx, "bob"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("what could not be kept: %v", err)
	}
}

// A database that does not answer in time does not hold callers up.
func testHeldUp(t *testing.T, server *testenv.PostgreSQL) {
	dsn := server.Database(t)
	s, err := store.Open(t.Context(), store.Config{DSN: dsn, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `LOCK TABLE users IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.User(ctx, "alice"); err == nil || errors.Is(err, state.ErrNotFound) {
		t.Errorf("a table that is locked: %v", err)
	}
	if ctx.Err() != nil {
		t.Error("a call took longer than it may")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.User(ctx, "alice"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("afterwards: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := store.Open(ctx, store.Config{DSN: "postgres://test@" + l.Addr().String() + "/x", Timeout: time.Second}); err == nil || ctx.Err() != nil {
		t.Errorf("a silent server: %v", err)
	}
}

// No error holds the password of a URL.
func testPassword(t *testing.T, server *testenv.PostgreSQL) {
	dsn := server.TCP(server.Database(t))
	s, err := open(dsn)
	if err != nil {
		t.Fatalf("with the password: %v", err)
	}
	s.Close()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	at := func(user *url.Userinfo, host, query string) string {
		v := *u
		v.User, v.RawQuery = user, query
		if host != "" {
			v.Host = host
		}
		return v.String()
	}
	wrong := url.UserPassword("test", "hunter2")
	for name, c := range map[string]struct{ dsn, want string }{
		"wrong":           {at(wrong, "", ""), "password authentication failed"},
		"in the query":    {at(url.User("test"), "", "password=hunter2"), "password authentication failed"},
		"nobody there":    {at(wrong, "127.0.0.1:1", ""), "connect"},
		"no TLS there":    {at(wrong, "", "sslmode=require"), "TLS"},
		"plain text":      {at(wrong, "db.example.org", ""), "?sslmode=verify-full"},
		"plain, fallback": {at(wrong, "127.0.0.1:1,db.example.org:2", ""), "?sslmode=verify-full"},
		"plain, by query": {at(wrong, "", "host=db.example.org"), "?sslmode=verify-full"},
		"not a URL":       {"postgres://test:hunter2@[::1/x", "cannot be read"},
		"a bad escape":    {"postgres://test:hunter2%zz@db/x", "cannot be read"},
		"a bad mode":      {at(wrong, "", "sslmode=hunter2"), "cannot be read"},
	} {
		s, err := open(c.dsn)
		if err == nil {
			s.Close()
			t.Errorf("%s: it was opened", name)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q and no password", name, err, c.want)
		}
	}
}

// testNewer has a newer version write the state.
func testNewer(t *testing.T, dsn, driver string) {
	s, err := open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE schema_version SET version = 1000`); err != nil {
		t.Fatal(err)
	}
	if s, err := open(dsn); err == nil || !strings.Contains(err.Error(), "newer rootbound") {
		t.Errorf("a state of a newer version: %v, %v", s, err)
	}
}
