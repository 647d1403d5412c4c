package main

import (
	"net/url"
	"strings"

	"github.com/rootbound/rootbound/link"
	"github.com/rootbound/rootbound/server"
)

// hostOf is the host that links are for which are made from a base URL, as link.Keys.BindHost has it; "" where there is none.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
}

// lookAfterLinks has the state say which links were taken back or used up.
func (p *process) lookAfterLinks(cfg *server.Config) {
	if p.links == nil || p.store == nil {
		return
	}
	cfg.LinkRegister = link.NewRegister(p.ctx, link.RegisterConfig{
		Store: p.store, AllowStale: p.LinksWhenStale == "allow",
		Failed: func(err error) {
			p.log.Error("the state cannot be asked which links were taken back", "error", innermost(err), "after-10s", p.LinksWhenStale)
		},
		Back: func() { p.log.Info("the state tells again which links were taken back") },
	})
	go cfg.LinkRegister.Run(p.ctx)
}
