//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// reloadOnHangup reads the certificate again on SIGHUP, until stopped. Without a certificate SIGHUP does nothing: a
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
	if p.certs == nil {
		p.log.Info("nothing to read again: no certificate is configured")
		return
	}
	if err := p.certs.Reload(); err != nil {
		p.log.Error("the certificate cannot be read again; the old one stays", "cert", p.TLSCert, "error", innermost(err))
		return
	}
	p.log.Info("the certificate was read again", "cert", p.TLSCert)
}
