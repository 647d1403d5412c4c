package main

import (
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/server"
)

// usersCheck is how often the files of users and grants are looked at.
const usersCheck = time.Second

// loadUsers reads the file of users; nil where none is named.
func loadUsers(path string) (*authn.UsersFile, error) {
	if path == "" {
		return nil, nil
	}
	what := "--users " + strconv.Quote(path)
	if err := canRead(path); err != nil {
		return nil, unreadable(what, err)
	}
	u, err := authn.OpenUsers(path)
	if le, ok := err.(*authn.LineError); ok {
		return nil, usage(what+", line "+strconv.Itoa(le.Line), le.Rule, le.Remedy)
	}
	if err != nil {
		return nil, usage(what, innermost(err), "Write it with 'htpasswd -B -c FILE NAME'")
	}
	return u, nil
}

// usersAsUser reads the file once more with the rights that are left.
func (p *process) usersAsUser() error {
	if p.users == nil {
		return nil
	}
	if _, err := p.users.Reload(); err != nil {
		return usage("--users "+strconv.Quote(p.Users), "the user "+strconv.Quote(p.identity.name)+" may not read it, and so could not reload it later",
			"Let that user read it, for instance by 'chgrp' to its group and 'chmod g+r', and enter the directories above it")
	}
	return nil
}

// authenticate has the server ask who it is that asks.
func (p *process) authenticate(cfg *server.Config) (err error) {
	c := authn.Config{Anonymous: p.Public}
	switch {
	case p.accounts != nil:
		c.Users, c.Tallies = p.accounts, p.store
	case p.users != nil:
		c.Users = p.users
	}
	own, err := p.methods(cfg, c.Users)
	if err != nil {
		return err
	}
	first, last := p.federated()
	c.Methods = slices.Concat(first, own, last)
	if c.Users == nil && len(c.Methods) == 0 {
		return nil
	}
	if cfg.Authn, err = authn.New(c); err != nil {
		return err
	}
	if !p.overTLS() {
		for _, l := range p.listeners {
			if !isLocal(l.Addr()) {
				p.log.Warn("passwords cross the network for everybody on it to read: add --tls-cert and --tls-key", "address", l.Addr().String())
			}
		}
	}
	return nil
}

// watched is a file, or several, that are read again when one changed.
type watched struct {
	paths []string
	seen  []fileStamp
	again func()
}

// watchFiles reads users, grants and keys of links again when they changed, until the process ends.
func (p *process) watchFiles() {
	var all []*watched
	if p.users != nil {
		all = append(all, &watched{paths: []string{p.Users}, again: p.reloadUsers})
	}
	if p.authz != nil {
		all = append(all, &watched{paths: p.grantFiles(), again: p.reloadGrants})
	}
	if p.links != nil {
		all = append(all, &watched{paths: []string{p.LinkKeys}, again: p.reloadLinkKeys})
	}
	if file := p.JWTKeysFile(); p.jwt != nil && file != "" {
		all = append(all, &watched{paths: []string{file}, again: p.reloadJWTKeys})
	}
	if len(all) == 0 {
		return
	}
	for _, w := range all {
		for _, path := range w.paths { // what changed since it was read at the start is read again
			w.seen = append(w.seen, p.Stamps[path])
		}
	}
	tick := time.NewTicker(usersCheck)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		}
		for _, w := range all {
			if now := stampsOf(w.paths); !slices.Equal(now, w.seen) {
				w.seen = now
				w.again()
			}
		}
	}
}

func stampsOf(paths []string) (out []fileStamp) {
	for _, path := range paths {
		out = append(out, stampOf(path))
	}
	return out
}

// fileStamp is what shows that a file is another one, or was written.
type fileStamp struct {
	mod  time.Time
	size int64
}

func stampOf(path string) (s fileStamp) {
	if info, err := os.Stat(path); err == nil {
		s = fileStamp{info.ModTime(), info.Size()}
	}
	return s
}

// reloadUsers reads the file again. Where it cannot be used, those who were in it before stay in.
func (p *process) reloadUsers() {
	changed, err := p.users.Reload()
	switch {
	case err != nil:
		p.log.Error("the users cannot be read again; the old ones stay", "users", p.Users, "error", p.sandboxed(err))
	case changed:
		p.log.Info("the users were read again", "users", p.Users, "count", p.users.Len())
	}
}
