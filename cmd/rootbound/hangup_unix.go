//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// reloadOnHangup reads the certificate, the users and the grants again on SIGHUP, until stopped. Without either SIGHUP does nothing: a
// server must not end because a terminal did.
func (p *process) reloadOnHangup() (stop func()) {
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hangups:
				p.reload()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(done)
	}
}

func (p *process) reload() {
	if p.users != nil {
		p.reloadUsers()
	}
	if p.authz != nil {
		p.reloadGrants()
	}
	if p.links != nil {
		p.reloadLinkKeys()
	}
	p.reloadFederation()
	if p.certs == nil {
		if p.users == nil && p.authz == nil && p.links == nil && p.jwt == nil {
			p.log.Info("nothing to read again: no certificate and no users are configured")
		}
		return
	}
	if err := p.certs.Reload(); err != nil {
		p.log.Error("the certificate cannot be read again; the old one stays", "cert", p.TLSCert, "error", p.sandboxed(err))
		return
	}
	p.log.Info("the certificate was read again", "cert", p.TLSCert)
}
