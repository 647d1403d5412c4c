package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/rootbound/rootbound/internal/state"
)

// ours are the errors that callers tell apart.
var ours = []error{state.ErrNotFound, state.ErrExists, state.ErrSpent, state.ErrInvalid}

// changeError is what a caller's own function refused.
type changeError struct{ error }

// failed makes an error of a driver one of ours.
func failed(err error) error {
	var refused changeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return state.ErrNotFound
	case errors.As(err, &refused):
		return refused.error
	}
	for _, e := range ours {
		if errors.Is(err, e) {
			return err
		}
	}
	return fmt.Errorf("store: the state is out of reach: %w", err)
}

// atLeastOne is the answer of a statement that had to touch a row.
func atLeastOne(n int64, err error, otherwise error) error {
	if err == nil && n == 0 {
		return otherwise
	}
	return err
}

// RefusedError says why a state is not opened, and what to do about it. It names no password.
type RefusedError struct{ Rule, Remedy string }

func (e *RefusedError) Error() string { return "store: " + e.Rule + ". " + e.Remedy }

func refused(remedy, rule string, args ...any) error {
	return &RefusedError{fmt.Sprintf(rule, args...), remedy}
}
