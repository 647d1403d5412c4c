package server

import (
	"errors"
	"sync"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// maxOwners bounds the owners of links in memory.
const maxOwners = 4 << 10

// owners are the users by whose right links give, for as long as the accounts are what they were.
type owners struct {
	mu         sync.RWMutex
	generation uint64
	held       map[string]request.Subject // who is not there, or disabled, is anonymous
}

// ownerOf says who a link's owner is. A link whose owner is no user any more, or is disabled, does not hold. Without wait it
// answers errWait where the accounts must be asked.
func (s *Server) ownerOf(name string, wait bool) (request.Subject, error) {
	if s.cfg.Authn == nil {
		return request.Subject{}, reason.New(reason.LinkInvalid, errNoOwner)
	}
	generation := s.cfg.Authn.Generation()
	s.owners.mu.RLock()
	who, ok := s.owners.held[name]
	ok = ok && s.owners.generation == generation
	s.owners.mu.RUnlock()
	if !ok {
		if !wait {
			return request.Subject{}, errWait
		}
		account, found, err := s.cfg.Authn.Account(name)
		if err != nil {
			return request.Subject{}, reason.New(reason.StateUnavailable, err)
		}
		who = request.Subject{}
		if found && !account.Disabled {
			who = request.Subject{ID: account.Name, Groups: account.Groups, Method: methodOwner}
		}
		s.owners.put(generation, name, who)
	}
	if who.Anonymous() {
		return who, reason.New(reason.LinkInvalid, errNoOwner)
	}
	return who, nil
}

// methodOwner is the Subject.Method of who made a link that another uses.
const methodOwner = "owner"

var errNoOwner = errors.New("whoever made it is no user of this server, or is disabled")

func (o *owners) put(generation uint64, name string, who request.Subject) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.generation != generation || o.held == nil || len(o.held) >= maxOwners {
		o.generation, o.held = generation, map[string]request.Subject{}
	}
	o.held[name] = who
}

// mayOwner asks whether the owner of the link may still give it: has the right, and may share it.
func (s *Server) mayOwner(x *exchange, right request.Right, mount string, n rootbound.Name) request.Decision {
	d := s.stages.may(x.f, x.owner, right, mount, n)
	if !d.Allowed {
		return d
	}
	return s.mayShare(x, x.owner, right, mount, n)
}

// mayShare asks for the right to share a file, or the directory that is to be listed.
func (s *Server) mayShare(x *exchange, who request.Subject, right request.Right, mount string, n rootbound.Name) request.Decision {
	if right == request.List && !n.WantsDir() {
		m := x.asked.mount
		if m == nil || m.Name != mount {
			m = s.mounts[mount]
		}
		dir, err := m.Dir.DirName(n.String())
		if err != nil {
			return request.Decision{Reason: reason.Of(err), Private: true}
		}
		n = dir
	}
	return s.stages.may(x.f, who, request.Share, mount, n)
}
