package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

const linkColumns = `key_id, id, issuer, path, dir, meant_for, created, expires, uses, used, hash, revoked`

func scanLink(r row) (v state.Link, err error) {
	var path []byte
	err = r.Scan(&v.Key, &v.ID, &v.Issuer, &path, &v.Dir, &v.To, (*moment)(&v.Created), (*moment)(&v.Expires), &v.Uses, &v.Used, &v.Hash, &v.Revoked)
	v.Path = string(path)
	return v, err
}

// SawLink keeps a link where it is not known yet, and returns what is kept. It does not count as a change.
func (s *Store) SawLink(ctx context.Context, v state.Link) (state.Link, error) {
	if err := check(text{"key", v.Key}, text{"id", v.ID}, text{"issuer", v.Issuer}, text{"user", v.To}, text{"hash", v.Hash}); err != nil {
		return state.Link{}, err
	}
	if err := checkPath(v.Path); err != nil {
		return state.Link{}, err
	}
	kept, err := s.Link(ctx, v.Key, v.ID)
	if !errors.Is(err, state.ErrNotFound) {
		return kept, err
	}
	if _, err := s.exec(ctx, `INSERT INTO links (`+linkColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
		v.Key, v.ID, v.Issuer, []byte(v.Path), v.Dir, v.To, moment(v.Created), moment(v.Expires), v.Uses, v.Used, v.Hash, v.Revoked); err != nil {
		return state.Link{}, err
	}
	return s.Link(ctx, v.Key, v.ID)
}

// Link returns that of a key and an id.
func (s *Store) Link(ctx context.Context, key, id string) (state.Link, error) {
	if err := known(key, id); err != nil {
		return state.Link{}, err
	}
	return get(ctx, s, scanLink, `SELECT `+linkColumns+` FROM links WHERE key_id = $1 AND id = $2`, key, id)
}

// Links returns those of an issuer, "" those of all, the oldest first.
func (s *Store) Links(ctx context.Context, issuer string) ([]state.Link, error) {
	if known(issuer) != nil {
		return nil, nil
	}
	return list(ctx, s, scanLink, `SELECT `+linkColumns+` FROM links WHERE $1 = '' OR issuer = $1 ORDER BY created, key_id, id`, issuer)
}

// CountLinks returns how many links of an issuer are kept: those that hold, and those that ended, or were revoked, not long ago.
func (s *Store) CountLinks(ctx context.Context, issuer string) (int, error) {
	if known(issuer) != nil {
		return 0, nil
	}
	return get(ctx, s, func(r row) (n int, err error) { err = r.Scan(&n); return n, err }, `SELECT count(*) FROM links WHERE issuer = $1`, issuer)
}

// RevokedLinks returns all that are revoked and may not have expired yet: Sweep takes them away some time after, so that no
// replica whose clock is slow takes one for good again.
func (s *Store) RevokedLinks(ctx context.Context) ([]state.Link, error) {
	return list(ctx, s, scanLink, `SELECT `+linkColumns+` FROM links WHERE revoked ORDER BY key_id, id`)
}

// RevokeLink ends a link for good.
func (s *Store) RevokeLink(ctx context.Context, key, id string) error {
	if err := known(key, id); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := touched(tx.ExecContext(ctx, `UPDATE links SET revoked = TRUE WHERE key_id = $1 AND id = $2`, key, id))
		if err := atLeastOne(n, err, state.ErrNotFound); err != nil {
			return err
		}
		return bump(ctx, tx, state.Links)
	})
}

// UseLink takes one use of a link, whoever else does at the same time: of a link with one use left one caller gets it,
// over all replicas, and the others get state.ErrSpent. user is any text that tells who uses it. Who took a use less than
// state.ResumeFor ago goes on with that one: first is false and none is taken. used is how many are taken now.
func (s *Store) UseLink(ctx context.Context, key, id, user string, at time.Time) (first bool, used int, err error) {
	if err := known(key, id); err != nil {
		return false, 0, err
	}
	who := hashed(user)
	err = s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// Whoever comes second waits here for who came first.
		link, err := scanLink(tx.QueryRowContext(ctx, `SELECT `+linkColumns+` FROM links WHERE key_id = $1 AND id = $2`+s.dialect.forUpdate, key, id))
		if err != nil {
			return err
		}
		used = link.Used
		if link.Revoked {
			return state.ErrSpent
		}
		var since moment
		err = tx.QueryRowContext(ctx, `SELECT since FROM link_uses WHERE key_id = $1 AND id = $2 AND who = $3`, key, id, who).Scan(&since)
		if err == nil && at.Sub(time.Time(since)) < state.ResumeFor {
			return nil
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if link.Uses > 0 && link.Used >= link.Uses {
			return state.ErrSpent
		}
		first, used = true, link.Used+1
		if _, err := tx.ExecContext(ctx, `UPDATE links SET used = used + 1 WHERE key_id = $1 AND id = $2`, key, id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO link_uses (key_id, id, who, since) VALUES ($1, $2, $3, $4)
			ON CONFLICT (key_id, id, who) DO UPDATE SET since = excluded.since`, key, id, who, moment(at))
		return err
	})
	return first && err == nil, used, err
}
