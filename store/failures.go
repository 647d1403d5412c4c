package store

import (
	"context"
	"errors"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

func scanTally(r row) (t state.Tally, err error) {
	err = r.Scan(&t.Count, (*moment)(&t.Last))
	return t, err
}

// CountFailure adds a failed attempt to a key, which is any text, and returns its tally. A tally whose last attempt is
// older than state.ForgetAfter begins anew.
func (s *Store) CountFailure(ctx context.Context, key string, at time.Time) (state.Tally, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	t, err := scanTally(s.write.QueryRowContext(ctx, `INSERT INTO failures (who, count, last) VALUES ($1, 1, $2)
		ON CONFLICT (who) DO UPDATE SET count = CASE WHEN failures.last < $3 THEN 1 ELSE failures.count + 1 END,
			last = CASE WHEN failures.last < excluded.last THEN excluded.last ELSE failures.last END
		RETURNING count, last`, hashed(key), moment(at), moment(at.Add(-state.ForgetAfter))))
	return t, failed(err)
}

// Failures returns the tally of a key; none is the zero one.
func (s *Store) Failures(ctx context.Context, key string) (state.Tally, error) {
	t, err := get(ctx, s, scanTally, `SELECT count, last FROM failures WHERE who = $1`, hashed(key))
	if errors.Is(err, state.ErrNotFound) {
		return state.Tally{}, nil
	}
	return t, err
}

// TakeBackFailure takes one attempt from the tally of a key.
func (s *Store) TakeBackFailure(ctx context.Context, key string) error {
	_, err := s.exec(ctx, `UPDATE failures SET count = count - 1 WHERE who = $1 AND count > 0`, hashed(key))
	return err
}

// ForgetFailures forgets the tally of a key.
func (s *Store) ForgetFailures(ctx context.Context, key string) error {
	_, err := s.exec(ctx, `DELETE FROM failures WHERE who = $1`, hashed(key))
	return err
}
