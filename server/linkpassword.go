package server

import (
	"context"
	"runtime"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/reason"
)

// linkHashing bounds how many passwords of links are hashed at once.
var linkHashing = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// givesPassword says whether what the page of a link sent is the link's password. Wrong ones are guesses: too many are
// refused, with the time to wait.
func (s *Server) givesPassword(ctx context.Context, x *exchange, hash string) (bool, error) {
	want, err := authn.ParseHash(hash)
	if err != nil {
		return false, reason.New(reason.LinkInvalid, err)
	}
	form, err := x.form()
	if reason.Of(err) == reason.BodySlow {
		return false, err
	}
	if err != nil || len(form[passwordField]) != 1 || len(form[passwordField][0]) > authn.MaxPassword {
		return false, nil
	}
	guess, wait, err := s.cfg.LinkRegister.Guess(ctx, x.link, x.f.Client, x.f.Received)
	if err != nil {
		return false, err
	}
	if wait > 0 {
		return false, reason.New(reason.LockedOut, &authn.LockedError{RetryAfter: wait})
	}
	if guess.Slow > 0 {
		time.Sleep(guess.Slow) // many networks guess at it
	}
	select {
	case linkHashing <- struct{}{}:
	case <-ctx.Done():
		return false, reason.New(reason.ShortHashing, nil)
	}
	good := want.Matches(form[passwordField][0])
	<-linkHashing
	if good {
		if err := guess.Succeeded(ctx); err != nil {
			return false, reason.New(reason.StateUnavailable, err)
		}
	}
	return good, nil
}
