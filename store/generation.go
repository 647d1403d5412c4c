package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

// bump says that records of these topics changed. It comes last in its transaction: all who change the same topic wait
// for each other here.
func bump(ctx context.Context, tx *sql.Tx, topics ...state.Topic) error {
	slices.Sort(topics) // in one order, or two could wait for each other
	for _, t := range topics {
		if _, err := tx.ExecContext(ctx, `UPDATE generations SET n = n + 1 WHERE topic = $1`, string(t)); err != nil {
			return err
		}
	}
	return nil
}

// Generation returns a number that grows with each change of records of these topics (none: of all), on any replica. Who
// reads it before the records never takes old ones for new. New sessions and links, and times of use, are no changes.
func (s *Store) Generation(ctx context.Context, topics ...state.Topic) (uint64, error) {
	type row2 struct {
		topic state.Topic
		n     uint64
	}
	all, err := list(ctx, s, func(r row) (v row2, err error) { err = r.Scan(&v.topic, &v.n); return v, err }, `SELECT topic, n FROM generations`)
	var sum uint64
	for _, v := range all {
		if len(topics) == 0 || slices.Contains(topics, v.topic) {
			sum += v.n
		}
	}
	return sum, err
}

// keepFor is how much longer than needed records are kept: a replica whose clock is slow must not see a link that was
// used up as a new one.
const keepFor = 24 * time.Hour

// Sweep removes what is over. Call it now and then, on any replica.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	over := moment(now.Add(-keepFor))
	for _, sweep := range []struct {
		query  string
		before moment
	}{
		{`DELETE FROM sessions WHERE expires > 0 AND expires < $1`, over},
		{`DELETE FROM tokens WHERE expires > 0 AND expires < $1`, over},
		{`DELETE FROM links WHERE expires > 0 AND expires < $1`, over},
		{`DELETE FROM link_uses WHERE since < $1`, over},
		{`DELETE FROM failures WHERE last < $1 OR count <= 0`, moment(now.Add(-state.ForgetAfter))},
	} {
		if _, err := s.exec(ctx, sweep.query, sweep.before); err != nil {
			return err
		}
	}
	// Of too many tallies the oldest go that nobody is made to wait for: who guesses by ever other names does not get out of
	// the others.
	_, err := s.exec(ctx, `DELETE FROM failures WHERE count < $1 AND last <= (SELECT last FROM failures ORDER BY last DESC LIMIT 1 OFFSET $2)`, fewFailures, s.maxFailures)
	return err
}

// fewFailures is how many attempts cost nothing, whoever counts them.
const fewFailures = 5
