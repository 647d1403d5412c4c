package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

const tokenColumns = `id, digest, subject, member_of, label, rights, only_on, created, expires, used, revoked`

func scanToken(r row) (v state.Token, err error) {
	err = r.Scan(&v.ID, (*digest)(&v.Digest), &v.Subject, (*texts)(&v.Groups), &v.Label, (*texts)(&v.Rights), (*texts)(&v.On),
		(*moment)(&v.Created), (*moment)(&v.Expires), (*moment)(&v.Used), &v.Revoked)
	return v, err
}

// AddToken keeps a new token; state.ErrExists where its id is taken.
func (s *Store) AddToken(ctx context.Context, v state.Token) error {
	if err := checkToken(v); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := touched(tx.ExecContext(ctx, `INSERT INTO tokens (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
			v.ID, digest(v.Digest), v.Subject, texts(v.Groups), v.Label, texts(v.Rights), texts(v.On),
			moment(v.Created), moment(v.Expires), moment(v.Used), v.Revoked))
		if err := atLeastOne(n, err, state.ErrExists); err != nil {
			return err
		}
		return bump(ctx, tx, state.Tokens)
	})
}

func checkToken(v state.Token) error {
	if err := check(text{"id", v.ID}, text{"subject", v.Subject}, text{"label", v.Label}); err != nil {
		return err
	}
	for what, list := range map[string][]string{"groups": v.Groups, "rights": v.Rights, "files": v.On} {
		if err := checkList(what, list); err != nil {
			return err
		}
	}
	return nil
}

// Token returns that of an id. Whether it is over or revoked is for the caller to judge.
func (s *Store) Token(ctx context.Context, id string) (state.Token, error) {
	if err := known(id); err != nil {
		return state.Token{}, err
	}
	return get(ctx, s, scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE id = $1`, id)
}

// Tokens returns those of a subject, "" those of all, the oldest first.
func (s *Store) Tokens(ctx context.Context, subject string) ([]state.Token, error) {
	if known(subject) != nil {
		return nil, nil
	}
	return list(ctx, s, scanToken, `SELECT `+tokenColumns+` FROM tokens WHERE $1 = '' OR subject = $1 ORDER BY created, id`, subject)
}

// TouchToken keeps when a token was last used; an earlier time than the one kept changes nothing. It does not count as a
// change.
func (s *Store) TouchToken(ctx context.Context, id string, used time.Time) error {
	if err := known(id); err != nil {
		return err
	}
	n, err := s.exec(ctx, `UPDATE tokens SET used = CASE WHEN used < $1 THEN $1 ELSE used END WHERE id = $2`, moment(used), id)
	return atLeastOne(n, err, state.ErrNotFound)
}

// RevokeToken ends a token for good. Its record stays until it would have expired.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	if err := known(id); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := touched(tx.ExecContext(ctx, `UPDATE tokens SET revoked = TRUE WHERE id = $1`, id))
		if err := atLeastOne(n, err, state.ErrNotFound); err != nil {
			return err
		}
		return bump(ctx, tx, state.Tokens)
	})
}
