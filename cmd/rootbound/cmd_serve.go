package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/confine"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/link"
	"github.com/rootbound/rootbound/server"
	"github.com/rootbound/rootbound/store"
)

type serveCmd struct {
	Dir string `arg:"" optional:"" type:"string" help:"Directory to serve. May be left out where --mount or the configuration file names some."`

	config.Serve `embed:""`
	Audit        config.Audit `embed:""`
	State        config.State `embed:""`

	Mount  []string `name:"mount" placeholder:"NAME=DIR" sep:"none" group:"what" help:"Serve another directory beneath /NAME/. Repeatable."`
	Config string   `name:"config" placeholder:"FILE" group:"process" help:"TOML file with the same keys; flags win over it."`
}

// Run serves until the context ends.
func (c *serveCmd) Run(s *surroundings) error {
	set, err := c.setup(s.env)
	if err != nil {
		return err
	}
	p := &process{setup: set, surroundings: s}
	p.log, p.lines = newLogger(s.stderr, set.LogFormat)
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
	lines     io.Writer // of the log, where that is JSON
	bases     []*base
	certs     *server.Certificates
	users     *authn.UsersFile
	store     *store.Store      // nil: there is no state
	accounts  *authn.Accounts   // of the state, and users beside them; nil: there is no state
	authz     *authz.Authorizer // nil: whoever is let in may have everything
	links     *link.Keys        // nil: there are no signed links
	clientCAs *server.ClientCAs // nil: no certificate is asked for
	jwt       *authn.JWT        // nil: no tokens of others
	// oidcSecret is this server's at the OpenID provider.
	oidcSecret string
	enforced   *confine.Enforced // what the kernel holds the process to; nil is nothing
	listeners  []net.Listener
	admin      net.Listener
	identity   *identity  // nil: stays who it is
	gate       *gateSetup // nil: serves directories
	audit      *auditLog  // nil: there is none
}

// close closes whatever is open. The listeners come first: nothing is accepted that cannot be answered.
func (p *process) close() {
	for _, l := range p.listeners {
		_ = l.Close() // the server may have closed it already
	}
	if p.admin != nil {
		_ = p.admin.Close()
	}
	_ = p.audit.close(p) // serve has done it, unless it never came to that
	if p.store != nil {
		_ = p.store.Close() // what was kept is on disk since it was answered
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
	if p.users, err = loadUsers(p.Users); err != nil {
		return err
	}
	if p.gate == nil {
		if p.authz, err = p.loadGrants(); err != nil {
			return err
		}
		if p.links, err = loadLinkKeys(p.LinkKeys, p.BaseURL); err != nil {
			return err
		}
		if err = p.loadFederation(); err != nil {
			return err
		}
	}
	if p.audit, err = newAuditLog(p); err != nil {
		return err
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
		if err := p.usersAsUser(); err != nil {
			return err
		}
		if err := p.grantsAsUser(); err != nil {
			return err
		}
		if err := p.linkKeysAsUser(); err != nil {
			return err
		}
		if err := p.federationAsUser(); err != nil {
			return err
		}
	}
	for _, b := range p.bases {
		if err := b.readable(); err != nil {
			return err
		}
	}
	if err := p.openState(); err != nil {
		return err
	}
	return p.audit.open(p)
}

func (p *process) serve() (err error) {
	defer func() { err = errors.Join(err, p.audit.close(p)) }()
	cfg := p.serverConfig()
	p.fitConnections(&cfg)
	if p.gate != nil {
		g, err := p.gate.open(p)
		if err != nil {
			return err
		}
		defer g.Close()
		cfg.App = g
	}
	if err := p.authenticate(&cfg); err != nil {
		return err
	}
	p.lookAfterLinks(&cfg)
	if err := p.sandbox(); err != nil {
		return err
	}
	cfg.Enforced = p.parts()
	srv, err := server.New(cfg)
	if err != nil {
		return usage("serve", strings.TrimPrefix(err.Error(), "server: "), "See 'rootbound serve --help'")
	}
	guardHeap(p.CacheSize)
	stopReloading := p.reloadOnHangup()
	defer stopReloading()
	go p.watchFiles()
	p.watchState()
	go p.prepareProviders(cfg.OIDC)
	if p.gate != nil {
		p.sayWhatIsGated(&cfg)
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
	defer p.startLooking()()
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
		CrossOrigin: p.CrossOrigin, Certificates: p.certs, Hosts: p.hosts(), TrustedProxies: p.TrustedProxies,
		CacheSize: p.CacheSize, CacheCheck: p.CacheCheck, NoFastLane: p.NoFastLane, Profiles: p.Profiles,
		MaxConns: p.MaxConns, MinRate: p.MinRate, MinRateWindow: time.Minute, Grace: p.Grace,
		Log: p.log, Version: programVersion(),
	}
	cfg.Authz, cfg.Links, cfg.BaseURL = p.authz, p.links, p.BaseURL
	cfg.ClientCAs, cfg.ProxyUserHeader, cfg.ProxyGroupsHeader, cfg.GuessLimit = p.clientCAs, p.ProxyUser, p.ProxyGroups, p.GuessLimit
	cfg.ProxyCertificate = p.isProxy()
	if p.audit != nil {
		cfg.Recorder = p.audit.log
	}
	for _, b := range p.bases {
		cfg.Mounts = append(cfg.Mounts, server.Mount{Name: b.mount.Name, Dir: b.dir})
	}
	switch {
	case p.AccessLog && p.lines != nil:
		cfg.AccessJSON = p.lines
	case p.AccessLog:
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
