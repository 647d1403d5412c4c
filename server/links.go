package server

import (
	"errors"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/link"
)

// useLinks has signed links let in. Where nobody can authenticate and not everybody may read, they are the only way in.
func (s *Server) useLinks() {
	if s.cfg.Links == nil || s.cfg.App != nil {
		s.cfg.Links = nil
		return
	}
	if s.onlyLinks() {
		s.stages.may = func(_ *request.Facts, who request.Subject, _ request.Right, _ string, _ rootbound.Name) request.Decision {
			return request.Decision{Allowed: who.Method == authz.MethodLink, Private: true}
		}
	}
}

// onlyLinks says that who has no link gets nothing.
func (s *Server) onlyLinks() bool {
	return s.cfg.Links != nil && s.cfg.Authn == nil && s.cfg.Authz == nil && !s.cfg.Public
}

// takeLink finds out whether the request is by a link, and what that gives. Every link that does not hold is refused alike.
func (s *Server) takeLink(x *exchange) error {
	if s.cfg.Links == nil {
		return nil
	}
	_, query, found := strings.Cut(x.f.Target, "?")
	token, n := linkIn(query)
	if !found || n == 0 {
		return nil
	}
	x.badLink = true
	x.f.Shown = withoutLinks(x.f.Target)
	if n > 1 || x.asked.err != nil {
		return reason.New(reason.LinkInvalid, nil)
	}
	l, err := s.cfg.Links.Verify(token, strings.Join(x.asked.path(), "/"), x.f.Client, x.f.Received)
	if err != nil {
		return err
	}
	if l.To != "" && s.cfg.Authn == nil {
		return reason.New(reason.LinkInvalid, errors.New("it is for a user, and nobody can authenticate"))
	}
	if err := s.stillGood(x, l); err != nil {
		return err
	}
	x.link, x.badLink = l, false
	return nil
}

// stillGood asks what does not stand in the link: whether it was taken back, and whether whoever made it is still somebody.
func (s *Server) stillGood(x *exchange, l *link.Link) (err error) {
	switch {
	case s.cfg.LinkRegister != nil:
		if err := s.cfg.LinkRegister.Check(l); err != nil {
			return err
		}
	case counted(l):
		return reason.New(reason.LinkInvalid, errors.New("its uses are counted, or it asks for a password, and there is no state (--state)"))
	}
	if l.Owner != "" {
		x.owner, err = s.ownerOf(l.Owner, !x.quick)
	}
	return err
}

const linkStart = link.Field + "="

// linkIn returns the first link of a query and how many there are.
func linkIn(query string) (token string, n int) {
	for query != "" {
		pair, rest, _ := strings.Cut(query, "&")
		query = rest
		value, ok := strings.CutPrefix(pair, linkStart)
		if !ok {
			continue
		}
		if n++; n == 1 {
			token = value
		}
	}
	return token, n
}

// withoutLinks is a target for the log: whoever has a link may use it.
func withoutLinks(target string) string {
	path, query, _ := strings.Cut(target, "?")
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		if strings.HasPrefix(p, linkStart) {
			pairs[i] = linkStart + "..."
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}

// whoAsks is the WHO stage: a link's own subject, or whoever the credential says. A link to a user needs that user's.
func (s *Server) whoAsks(x *exchange) (request.Subject, error) {
	if x.link != nil && x.link.To == "" {
		return request.Subject{ID: "link:" + x.link.ID, Method: authz.MethodLink}, nil
	}
	if x.link == nil {
		return s.stages.who(x.f, !x.quick)
	}
	who, err := s.asUser(x.f, !x.quick)
	if err == nil && who.ID != x.link.To {
		x.badLink, x.link = true, nil
		return request.Subject{}, reason.New(reason.LinkInvalid, nil)
	}
	return who, err
}

// asUser asks for a credential whatever else lets in.
func (s *Server) asUser(f *request.Facts, wait bool) (request.Subject, error) {
	who, err := s.stages.who(f, wait)
	if err == nil && who.Anonymous() {
		err = reason.New(reason.CredentialMissing, nil)
	}
	return who, err
}

// mayByLink asks whether the link gives it, and whether a policy takes that away: from the link, or from the user it is to.
func (s *Server) mayByLink(x *exchange, right request.Right, mount string, n rootbound.Name) request.Decision {
	if !n.Valid() || !x.link.Covers(right, seenAs(mount, n)) {
		return request.Decision{Reason: reason.LinkInvalid, Private: true}
	}
	id := "link " + x.link.Key + "/" + x.link.ID
	d := s.stages.may(x.f, request.Subject{ID: x.link.ID, Method: authz.MethodLink}, right, mount, n)
	if d.Allowed && x.link.Owner != "" {
		if of := s.mayOwner(x, right, mount, n); !of.Allowed {
			d = request.Decision{Reason: reason.NoGrant, Policy: of.Policy}
		}
	}
	if d.Allowed && x.link.To != "" {
		if of := s.stages.may(x.f, x.who, right, mount, n); !of.Allowed && of.Policy != "" {
			d = of
		}
	}
	d.Private = true
	if d.Allowed {
		d.Policy = id
	}
	return d
}
