package server

import (
	"errors"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// useAuthn has the configured Authenticator answer WHO. Where there are no grants, whoever is in may read everything.
func (s *Server) useAuthn() {
	a := s.cfg.Authn
	if a == nil || s.cfg.App != nil {
		s.cfg.Authn, s.cfg.Sessions, s.cfg.OIDC = nil, nil, nil
		return
	}
	s.challenge = a.Challenge()
	s.stages.who = func(f *request.Facts, wait bool) (request.Subject, error) {
		who, err := a.Who(f, wait)
		if err == authn.ErrWait {
			err = errWait
		}
		return who, err
	}
	private := a.Required()
	s.stages.may = func(*request.Facts, request.Subject, request.Right, string, rootbound.Name) request.Decision {
		return request.Decision{Allowed: true, Private: private}
	}
}

// retryAfter is how many seconds a client that guesses must wait; 0 for any other error.
func retryAfter(err error) int {
	switch reason.Of(err) { // errors.As takes its time, and most refusals are neither
	case reason.RateLimited:
		return guessesWait
	case reason.LockedOut:
	default:
		return 0
	}
	var refused *reason.Error
	if !errors.As(err, &refused) {
		return 0
	}
	locked, ok := refused.Cause.(*authn.LockedError)
	if !ok {
		return 0
	}
	return int((locked.RetryAfter + time.Second - 1) / time.Second)
}
