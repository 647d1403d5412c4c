package main

import (
	"net/url"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/server"
)

// methods are the ways to say who asks beside a password: with a state, tokens, and sessions where --login is on.
func (p *process) methods(cfg *server.Config, users authn.Source) (all []authn.Method, err error) {
	switch {
	case p.Login && p.store == nil:
		return nil, usage("--login", "there is no state to keep sessions in", "Add --state FILE")
	case p.store == nil:
		return nil, nil
	}
	if users != nil {
		tokens, err := authn.NewTokens(p.store, users)
		if err != nil {
			return nil, err
		}
		go tokens.Watch(p.ctx)
		all = append(all, tokens)
	}
	if !p.Login {
		return all, nil
	}
	sessions, err := authn.NewSessions(authn.SessionsConfig{Store: p.store, Users: users, Origin: p.BaseURL, Insecure: !p.overTLS()})
	if err != nil {
		return nil, err
	}
	go sessions.Watch(p.ctx)
	cfg.Sessions = sessions
	cfg.NoPasswords = func() bool {
		return (p.users == nil || p.users.Len() == 0) && (p.accounts == nil || p.accounts.Len() == 0)
	}
	if cfg.OIDC, err = p.elsewhere(sessions); err != nil {
		return nil, err
	}
	return append(all, sessions), nil
}

// overTLS says whether clients reach the server over TLS, its own or a proxy's.
func (p *process) overTLS() bool { return p.certs != nil || strings.HasPrefix(p.BaseURL, "https:") }

// hosts are those that loopback answers for.
func (p *process) hosts() []string {
	u, err := url.Parse(p.BaseURL)
	if err != nil || u.Hostname() == "" {
		return p.Hosts
	}
	return append(slices.Clone(p.Hosts), u.Hostname())
}
