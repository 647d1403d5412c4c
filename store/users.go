package store

import (
	"context"
	"database/sql"

	"github.com/rootbound/rootbound/internal/state"
)

const userColumns = `name, hash, member_of, disabled, created, changed`

func scanUser(r row) (u state.User, err error) {
	err = r.Scan(&u.Name, &u.Hash, (*texts)(&u.Groups), &u.Disabled, (*moment)(&u.Created), (*moment)(&u.Changed))
	return u, err
}

// User returns that of a name, to the letter; state.ErrNotFound where there is none.
func (s *Store) User(ctx context.Context, name string) (state.User, error) {
	if err := known(name); err != nil {
		return state.User{}, err
	}
	return get(ctx, s, scanUser, `SELECT `+userColumns+` FROM users WHERE name = $1`, name)
}

// Users returns all, in the order of the bytes of their names.
func (s *Store) Users(ctx context.Context) ([]state.User, error) {
	return list(ctx, s, scanUser, `SELECT `+userColumns+` FROM users ORDER BY name`)
}

func checkUser(u state.User) error {
	if u.Name == "" {
		return invalid("name", "is empty")
	}
	if err := check(text{"name", u.Name}, text{"hash", u.Hash}); err != nil {
		return err
	}
	return checkList("groups", u.Groups)
}

// AddUser keeps a new user; state.ErrExists where the name is taken.
func (s *Store) AddUser(ctx context.Context, u state.User) error {
	if err := checkUser(u); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := touched(tx.ExecContext(ctx, `INSERT INTO users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			u.Name, u.Hash, texts(u.Groups), u.Disabled, moment(u.Created), moment(u.Changed)))
		if err := atLeastOne(n, err, state.ErrExists); err != nil {
			return err
		}
		return bump(ctx, tx, state.Users)
	})
}

// UpdateUser reads a user, has it changed and keeps it, and nobody changes it between. An error of change is returned as
// it is and nothing is kept. change must not call the store, and cannot change the name.
func (s *Store) UpdateUser(ctx context.Context, name string, change func(*state.User) error) error {
	if err := known(name); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		u, err := scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE name = $1`+s.dialect.forUpdate, name))
		if err != nil {
			return err
		}
		if err := change(&u); err != nil {
			return changeError{err}
		}
		if u.Name != name {
			return invalid("name", "cannot be changed")
		}
		if err := checkUser(u); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE users SET hash = $2, member_of = $3, disabled = $4, created = $5, changed = $6 WHERE name = $1`,
			name, u.Hash, texts(u.Groups), u.Disabled, moment(u.Created), moment(u.Changed)); err != nil {
			return err
		}
		return bump(ctx, tx, state.Users)
	})
}

// RemoveUser removes a user, with all that would come back to life with the next user of that name: sessions, tokens, and
// the links the user issued.
func (s *Store) RemoveUser(ctx context.Context, name string) error {
	if err := known(name); err != nil {
		return err
	}
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := touched(tx.ExecContext(ctx, `DELETE FROM users WHERE name = $1`, name))
		if err := atLeastOne(n, err, state.ErrNotFound); err != nil {
			return err
		}
		for _, query := range []string{
			`DELETE FROM sessions WHERE subject = $1`,
			`DELETE FROM tokens WHERE subject = $1`,
			`UPDATE links SET revoked = TRUE WHERE issuer = $1`,
		} {
			if _, err := tx.ExecContext(ctx, query, name); err != nil {
				return err
			}
		}
		return bump(ctx, tx, state.Users, state.Sessions, state.Tokens, state.Links)
	})
}
