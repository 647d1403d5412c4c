package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

const sessionColumns = `digest, subject, member_of, method, created, seen, expires`

func scanSession(r row) (v state.Session, err error) {
	err = r.Scan((*digest)(&v.Digest), &v.Subject, (*texts)(&v.Groups), &v.Method, (*moment)(&v.Created), (*moment)(&v.Seen), (*moment)(&v.Expires))
	return v, err
}

// AddSession keeps a new session. It does not count as a change: nobody can have known its secret before.
func (s *Store) AddSession(ctx context.Context, v state.Session) error {
	if err := check(text{"subject", v.Subject}, text{"method", v.Method}); err != nil {
		return err
	}
	if err := checkList("groups", v.Groups); err != nil {
		return err
	}
	n, err := s.exec(ctx, `INSERT INTO sessions (`+sessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		digest(v.Digest), v.Subject, texts(v.Groups), v.Method, moment(v.Created), moment(v.Seen), moment(v.Expires))
	return atLeastOne(n, err, state.ErrExists)
}

// Session returns that of a secret's digest. Whether it is over is for the caller to judge.
func (s *Store) Session(ctx context.Context, d state.Digest) (state.Session, error) {
	return get(ctx, s, scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE digest = $1`, digest(d))
}

// RotateSession gives a session another secret. The old one is of no use from then on; where it was not before,
// state.ErrNotFound, so that of two who rotate at once one wins.
func (s *Store) RotateSession(ctx context.Context, old, next state.Digest, seen time.Time) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := touched(tx.ExecContext(ctx, `UPDATE sessions SET digest = $1, seen = $2 WHERE digest = $3`, digest(next), moment(seen), digest(old)))
		if err := atLeastOne(n, err, state.ErrNotFound); err != nil {
			return err
		}
		return bump(ctx, tx, state.Sessions)
	})
}

// TouchSession keeps when a session was last used; an earlier time than the one kept changes nothing. It does not count as
// a change.
func (s *Store) TouchSession(ctx context.Context, d state.Digest, seen time.Time) error {
	n, err := s.exec(ctx, `UPDATE sessions SET seen = CASE WHEN seen < $1 THEN $1 ELSE seen END WHERE digest = $2`, moment(seen), digest(d))
	return atLeastOne(n, err, state.ErrNotFound)
}

// EndSession ends a session. One that is not there has ended before, and that is no error.
func (s *Store) EndSession(ctx context.Context, d state.Digest) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if n, err := touched(tx.ExecContext(ctx, `DELETE FROM sessions WHERE digest = $1`, digest(d))); err != nil || n == 0 {
			return err
		}
		return bump(ctx, tx, state.Sessions)
	})
}

// EndSessionsOf ends all sessions of a subject and says how many there were.
func (s *Store) EndSessionsOf(ctx context.Context, subject string) (int, error) {
	if known(subject) != nil {
		return 0, nil
	}
	var ended int64
	err := s.change(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if ended, err = touched(tx.ExecContext(ctx, `DELETE FROM sessions WHERE subject = $1`, subject)); err != nil || ended == 0 {
			return err
		}
		return bump(ctx, tx, state.Sessions)
	})
	return int(ended), err
}
