package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/server"
)

type serveCmd struct {
	Dir string `arg:"" optional:"" type:"string" help:"Directory to serve. May be left out where --mount or the configuration file names some."`

	config.Serve `embed:""`

	Mount  []string `name:"mount" placeholder:"NAME=DIR" sep:"none" group:"what" help:"Serve another directory beneath /NAME/. Repeatable."`
	Config string   `name:"config" placeholder:"FILE" group:"process" help:"TOML file with the same keys; flags win over it."`
}

// Run serves until the context ends.
func (c *serveCmd) Run(s *surroundings) error {
	set, err := c.setup()
	if err != nil {
		return err
	}
	p := &process{setup: set, surroundings: s, log: newLogger(s.stderr, set.LogFormat)}
	defer p.close()
	if err := p.open(); err != nil {
		return err
	}
	if err := p.become(); err != nil {
		return err
	}
	return p.serve()
}

// process is a server on its way: what is open so far, in the order in which it was opened.
type process struct {
	*setup
	*surroundings
	log       *slog.Logger
	bases     []*base
	certs     *server.Certificates
	listeners []net.Listener
	admin     net.Listener
	identity  *identity  // nil: stays who it is
	gate      *gateSetup // nil: serves directories
}

// close closes whatever is open. The listeners come first: nothing is accepted that cannot be answered.
func (p *process) close() {
	for _, l := range p.listeners {
		_ = l.Close() // the server may have closed it already
	}
	if p.admin != nil {
		_ = p.admin.Close()
	}
	closeBases(p.bases)
}

// open opens everything that may need the rights the process started with.
func (p *process) open() (err error) {
	if p.User != "" {
		if p.identity, err = lookupIdentity(p.User); err != nil {
			return err
		}
	}
	if p.gate != nil {
		p.bases, err = p.gate.openBases(p.Base)
	} else {
		p.bases, err = openBases(p.Mounts, p.Base)
	}
	if err != nil {
		return err
	}
	if err := p.refuseBeneath(p.bases); err != nil {
		return err
	}
	if p.certs, err = loadCertificates(p.TLSCert, p.TLSKey); err != nil {
		return err
	}
	if p.certs != nil {
		p.certs.Log = p.log
	}
	return p.listen()
}

// become drops privileges where --user asks for it, and then tries everything that will be needed again later: a
// server that cannot reload its certificate should say so today, not when the certificate runs out.
func (p *process) become() error {
	if p.identity != nil {
		if err := p.identity.become(); err != nil {
			return err
		}
		if err := reloadAsUser(p.certs, p.identity, p.TLSCert, p.TLSKey); err != nil {
			return err
		}
	}
	for _, b := range p.bases {
		if err := b.readable(); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) serve() error {
	cfg := p.serverConfig()
	if p.gate != nil {
		g, err := p.gate.open(p)
		if err != nil {
			return err
		}
		defer g.Close()
		cfg.App = g
	}
	srv, err := server.New(cfg)
	if err != nil {
		return usage("serve", strings.TrimPrefix(err.Error(), "server: "), "See 'rootbound serve --help'")
	}
	stopReloading := p.reloadOnHangup()
	defer stopReloading()
	if p.gate != nil {
		p.sayWhatIsGated()
	} else {
		p.sayWhatIsServed(&cfg)
	}

	// The sockets accept already; whoever connects now is answered a moment later.
	if err := p.sayListening(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(p.ctx) }()
	notify("READY=1", p.log)
	select {
	case <-p.ctx.Done():
		p.log.Info("stopping", "grace", p.Grace.String())
		notify("STOPPING=1", p.log)
		err = <-done
	case err = <-done:
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	p.log.Info("stopped")
	return nil
}

func (p *process) serverConfig() server.Config {
	cfg := server.Config{
		Listeners: p.listeners, AdminListener: p.admin, Public: p.Public, Listing: p.listing(), Hide: p.Hide,
		DownloadRoute: p.DownloadRoute, Site: p.Site, Precompressed: p.Precompressed, MaxAge: p.MaxAge,
		CrossOrigin: p.CrossOrigin, Certificates: p.certs, Hosts: p.Hosts, TrustedProxies: p.TrustedProxies,
		CacheSize: p.CacheSize, CacheCheck: p.CacheCheck, NoFastLane: p.NoFastLane, Profiles: p.Profiles,
		MaxConns: p.MaxConns, MinRate: p.MinRate, MinRateWindow: time.Minute, Grace: p.Grace,
		Log: p.log, Version: programVersion(),
	}
	for _, b := range p.bases {
		cfg.Mounts = append(cfg.Mounts, server.Mount{Name: b.mount.Name, Dir: b.dir})
	}
	if p.AccessLog {
		cfg.Access = p.log
	}
	return cfg
}

// listing is what was asked for; by default on where only loopback is served.
func (p *process) listing() bool {
	if p.Listing != nil {
		return *p.Listing
	}
	for _, l := range p.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			return false
		}
	}
	return true
}
