package authn

import (
	"errors"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Method is one way to say who asks, beside Basic. It is safe for concurrent use.
type Method interface {
	// Who says who the credential of a request belongs to; ok is false where the request carries none of this kind. Without
	// wait it never blocks, and answers ErrWait where it would have to. Other errors carry a reason, as those of
	// Authenticator.Who do.
	Who(f *request.Facts, wait bool) (s request.Subject, ok bool, err error)
}

// byMethod asks the methods in their order; the first that knows the credential decides. Whoever vouches for somebody, an
// account of that name that is disabled lets nobody in.
func (a *Authenticator) byMethod(f *request.Facts, wait bool) (s request.Subject, ok bool, err error) {
	for _, m := range a.cfg.Methods {
		if s, ok, err = m.Who(f, wait); ok {
			if err == nil && a.disabled(s.ID) {
				err = reason.New(reason.CredentialInvalid, errDisabled)
			}
			if err != nil {
				s = request.Subject{}
			}
			return s, true, err
		}
	}
	return request.Subject{}, false, nil
}

var errDisabled = errors.New("the account of that name is disabled")

// disabled says whether there is an account of that name that is. It does not wait: what was last known counts.
func (a *Authenticator) disabled(name string) bool {
	users, ok := a.cfg.Users.(lastKnown)
	if !ok {
		return false
	}
	account, ok := users.Known(name)
	return ok && account.Disabled
}
