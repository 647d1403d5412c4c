package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// migrations are the schema's steps, in the order of their names, for each of the two. They go forwards only: one that has
// been released is never changed.
//
//go:embed migrations
var migrations embed.FS

// migrateTimeout bounds the wait for another replica that migrates, and our own migration.
const migrateTimeout = time.Minute

// migrate brings the schema up to date: all of it, looking included, is one transaction that nobody else is in at the same
// time, so that of replicas that start at once one migrates, and one that dies half-way has done nothing. A state that a
// newer version has written is refused.
func (s *Store) migrate(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	steps, err := s.steps()
	if err != nil {
		return err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return notOpened(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	version, err := s.version(ctx, tx)
	if err != nil {
		return notOpened(err)
	}
	if version > len(steps) {
		return refused("Install that version again, or restore the state from before", "it was written by a newer rootbound (its schema is %d, this one knows %d)", version, len(steps))
	}
	if version == len(steps) {
		return nil
	}
	for i, step := range steps[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("store: schema %d: %w", version+i+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE schema_version SET version = $1`, len(steps)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return tx.Commit()
}

func notOpened(err error) error {
	return refused("See that the database is there and that this user may use it", "it cannot be opened: %s", strings.Join(strings.Fields(err.Error()), " "))
}

func (s *Store) steps() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/"+s.dialect.name+"/*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]string, len(names))
	for i, name := range names {
		data, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		steps[i] = string(data)
	}
	return steps, nil
}

// version reads how many steps the schema has seen, and has everybody else who asks wait.
func (s *Store) version(ctx context.Context, tx *sql.Tx) (n int, err error) {
	if s.dialect.lock != "" {
		if _, err := tx.ExecContext(ctx, s.dialect.lock); err != nil {
			return 0, err
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)`); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT version FROM schema_version`).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = tx.ExecContext(ctx, `INSERT INTO schema_version (version) VALUES (0)`)
	}
	return n, err
}
