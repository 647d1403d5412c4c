package authn

import "github.com/rootbound/rootbound/internal/request"

// Method is one way to say who asks, beside Basic. It is safe for concurrent use.
type Method interface {
	// Who says who the credential of a request belongs to; ok is false where the request carries none of this kind. Without
	// wait it never blocks, and answers ErrWait where it would have to. Other errors carry a reason, as those of
	// Authenticator.Who do.
	Who(f *request.Facts, wait bool) (s request.Subject, ok bool, err error)
}

// byMethod asks the methods in their order; the first that knows the credential decides.
func (a *Authenticator) byMethod(f *request.Facts, wait bool) (s request.Subject, ok bool, err error) {
	for _, m := range a.cfg.Methods {
		if s, ok, err = m.Who(f, wait); ok {
			if err != nil {
				s = request.Subject{}
			}
			return s, true, err
		}
	}
	return request.Subject{}, false, nil
}
