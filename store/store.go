// Package store keeps the state: users, sessions, tokens, what is known of signed links, and what guessing cost. It is a
// SQLite file that nobody else may read, or a PostgreSQL that several replicas share; it is the only package that knows SQL.
//
// Every call is bounded in time. Where its error is none of those of package state, the state is out of reach: a later
// call may find it again, there is nothing to open anew.
package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

// DefaultMaxFailures is how many tallies of failed attempts are kept: some tens of megabytes.
const DefaultMaxFailures = 100_000

// DefaultTimeout is how long a call may take.
const DefaultTimeout = 5 * time.Second

// Config says where the state is.
type Config struct {
	// DSN is the path of a SQLite file, which is made where there is none, or a URL as postgres://user@host/database.
	DSN string
	// Timeout bounds every call; default DefaultTimeout.
	Timeout time.Duration
	// MaxFailures is about how many tallies of failed attempts Sweep leaves; default DefaultMaxFailures.
	MaxFailures int
}

// Store is the state. It is safe for concurrent use.
type Store struct {
	write   *sql.DB // for SQLite one connection: who writes waits here and not in SQLite, which would poll
	read    *sql.DB // the same for PostgreSQL
	dialect dialect
	timeout time.Duration

	maxFailures int
}

// dialect is what differs between the two.
type dialect struct {
	name      string // of the directory of migrations
	lock      string // has others who migrate wait for the end of the transaction, where that does not begin so
	forUpdate string // ends a SELECT whose rows are going to be changed
}

// IsPostgres says whether a DSN is that of a PostgreSQL and not a path.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// Open opens the state and brings its schema up to date, which is safe with several replicas at once. What it refuses
// (a file that others may read, a connection that others may read along) its error names with the remedy.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.DSN == "" {
		return nil, errors.New("store: no path and no URL of the state")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxFailures <= 0 {
		cfg.MaxFailures = DefaultMaxFailures
	}
	open := openSQLite
	if IsPostgres(cfg.DSN) {
		open = openPostgres
	}
	s, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.timeout, s.maxFailures = cfg.Timeout, cfg.MaxFailures
	if err := s.migrate(ctx); err != nil {
		_ = s.Close() // the first error is the one that tells
		return nil, err
	}
	return s, nil
}

// Close ends all calls.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(err, s.read.Close())
	}
	return err
}

// bounded is ctx, for no longer than a call may take.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

// change runs a transaction that changes something.
func (s *Store) change(ctx context.Context, run func(context.Context, *sql.Tx) error) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := run(ctx, tx); err != nil {
		return failed(err)
	}
	return failed(tx.Commit())
}

// exec runs one statement that changes something and says how many rows it touched.
func (s *Store) exec(ctx context.Context, query string, args ...any) (int64, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	n, err := touched(s.write.ExecContext(ctx, query, args...))
	return n, failed(err)
}

// row is one of a result: *sql.Row and *sql.Rows.
type row interface{ Scan(into ...any) error }

// get reads one record.
func get[T any](ctx context.Context, s *Store, scan func(row) (T, error), query string, args ...any) (T, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	v, err := scan(s.read.QueryRowContext(ctx, query, args...))
	return v, failed(err)
}

// list reads all records of a result.
func list[T any](ctx context.Context, s *Store, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, failed(err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, failed(err)
		}
		all = append(all, v)
	}
	return all, failed(rows.Err())
}

func touched(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
