package server

import (
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// useAuthz has the configured Authorizer answer MAY, and lets in without a credential whom a grant is for.
func (s *Server) useAuthz() {
	z := s.cfg.Authz
	if z == nil || s.cfg.App != nil {
		s.cfg.Authz = nil
		return
	}
	who := s.stages.who
	s.stages.who = func(f *request.Facts, wait bool) (request.Subject, error) {
		subject, err := who(f, wait)
		if z.Anonymous() && reason.Of(err) == reason.CredentialMissing {
			return request.Subject{}, nil
		}
		if err == nil && subject.Anonymous() && s.cfg.Authn != nil && !z.Anonymous() {
			err = reason.New(reason.CredentialMissing, nil) // whatever the name, good or bad
		}
		return subject, err
	}
	s.stages.may = func(_ *request.Facts, who request.Subject, right request.Right, mount string, n rootbound.Name) request.Decision {
		if s.hidden(mount, n) {
			return request.Decision{Reason: reason.NoGrant, Private: true}
		}
		return z.Decide(who, right, authz.Resource{Mount: mount, Name: n.String(), Dir: n.WantsDir()})
	}
}

// hidden says whether a mount hides the name, which would be called as what is beneath the mount: a link may lead there.
func (s *Server) hidden(mount string, n rootbound.Name) bool {
	if mount != "" || len(s.mounts) == 0 {
		return false
	}
	first, _, _ := strings.Cut(n.String(), "/")
	return s.mounts[first] != nil
}

// closed says whether nobody gets anything without a credential.
func (s *Server) closed() bool {
	return s.onlyLinks() || s.cfg.Authn.Required() && (s.cfg.Authz == nil || !s.cfg.Authz.Anonymous())
}

// private says whether a refusal depended on who asked. Where there are grants or links all do, lest the header tell which.
func (s *Server) private(x *exchange) bool {
	return x.may.Private || s.cfg.Authz != nil || s.cfg.Links != nil || x.who.Limits != nil
}

// judged says whether what a request may have differs from one name to another.
func (s *Server) judged(x *exchange) bool {
	return s.cfg.Authz != nil || x.link != nil || x.who.Limits != nil
}

// mayMount asks for a right to a name.
func (s *Server) mayMount(x *exchange, right request.Right, mount string, n rootbound.Name) request.Decision {
	if x.who.Limits != nil && (!n.Valid() || !x.who.Limits.Allow(right, seenAs(mount, n))) {
		return request.Decision{Reason: reason.NoGrant, Private: true}
	}
	if x.link != nil {
		return s.mayByLink(x, right, mount, n)
	}
	return s.stages.may(x.f, x.who, right, mount, n)
}

// seenAs is what clients see a name as, without a slash at either end.
func seenAs(mount string, n rootbound.Name) string {
	path := n.String()
	switch {
	case path == ".":
		return mount
	case mount != "":
		return mount + "/" + path
	}
	return path
}

// mayAny asks for the rights that what is named may need, whatever it turns out to be: to read it, to list it, or to read
// its index. The one that it does need is asked for when it was opened.
func (s *Server) mayAny(x *exchange) request.Decision {
	mount := ""
	if m := x.asked.mount; m != nil {
		mount = m.Name
	}
	d := s.mayMount(x, request.Read, mount, x.asked.name)
	x.mayRead = d.Allowed
	if d.Allowed || !s.judged(x) {
		return d
	}
	if x.f.NameErr != nil { // it is refused whoever asks
		return request.Decision{Allowed: true, Private: true}
	}
	if x.asked.download {
		return d
	}
	if s.cfg.Listing {
		if l := s.mayMount(x, request.List, mount, x.asked.name); l.Allowed || x.asked.top() && s.mayListAny(x) {
			l.Allowed = true
			return l
		}
	}
	if m := x.asked.mount; m != nil && s.cfg.Site {
		if n, err := m.Dir.Child(x.asked.name, indexName, false); err == nil {
			if i := s.mayMount(x, request.Read, mount, n); i.Allowed {
				return i
			}
		}
	}
	return d
}

// mayAlso asks for a right to what was opened, which is then what was decided.
func (s *Server) mayAlso(x *exchange, right request.Right, n rootbound.Name) bool {
	d := s.mayMount(x, right, x.asked.mount.Name, n)
	d.Private = d.Private || x.may.Private
	if right != request.Read {
		d.Right = right
	}
	x.may = d
	return d.Allowed
}

// mayListAny says whether the list of mounts would show any.
func (s *Server) mayListAny(x *exchange) bool {
	for _, m := range s.mountNames {
		if s.mayListMount(x, m) {
			return true
		}
	}
	return false
}

func (s *Server) mayListMount(x *exchange, mount string) bool {
	if !s.judged(x) {
		return true
	}
	top, err := s.mounts[mount].Dir.DirName(".")
	return err == nil && s.mayMount(x, request.List, mount, top).Allowed
}

// mayShow is what a listing asks of each entry: only what may be had is listed.
func (s *Server) mayShow(x *exchange) func(rootbound.Name, bool) bool {
	if !s.judged(x) || x.asked.mount == nil {
		return nil
	}
	return func(n rootbound.Name, dir bool) bool {
		right := request.Read
		if dir {
			right = request.List
		}
		return s.mayMount(x, right, x.asked.mount.Name, n).Allowed
	}
}

// maySibling is what is asked before a precompressed sibling takes a file's place: it is a file of its own.
func (s *Server) maySibling(x *exchange) func(rootbound.Name) bool {
	if !s.judged(x) || x.asked.mount == nil {
		return nil
	}
	return func(n rootbound.Name) bool { return s.mayMount(x, request.Read, x.asked.mount.Name, n).Allowed }
}

// mayShowPage says whether a site's page for what is missing may be read too.
func (s *Server) mayShowPage(x *exchange, page found) bool {
	return !x.badLink && (!s.judged(x) && !s.onlyLinks() || s.mayMount(x, request.Read, x.asked.mount.Name, page.name()).Allowed)
}
