package main

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/server"
)

// sayWhatIsServed tells the operator everything that decides what strangers get.
func (p *process) sayWhatIsServed(cfg *server.Config) {
	p.sayBases("serving", func(b *base) string { return "/" + b.mount.Name })
	p.log.Info("rules", "names", p.NamePolicy, "symlinks", word(p.Base.Symlinks == rootbound.SymlinksWithin, "within", "refuse"),
		"hardlinks", word(p.Base.Hardlinks == rootbound.HardlinksRefuse, "refuse", "allow"), "hidden", p.Base.AllowHidden,
		"well-known", p.Base.AllowHidden || p.Base.AllowWellKnown, "deny", len(p.Base.Deny), "allow", len(p.Base.Allow),
		"hide", len(p.Hide), "listing", word(cfg.Listing, "on", "off"), "site", p.Site, "readers", p.readers())
	p.log.Info("limits", "connections", cfg.MaxConns, "min-rate", p.MinRate, "grace", p.Grace.String(), "opens", rootbound.DefaultMaxOpens,
		"cache", max(0, p.CacheSize), "cache-check", p.CacheCheck.String(), "fast-lane", word(p.NoFastLane, "off", "on"))
	p.warnRoot()
}

func (p *process) warnRoot() {
	if isRoot() {
		p.log.Warn("running as root: every file of this machine can be read by a mistake; add --user NAME")
	}
}

// sayBases tells of each base directory what it is for, what confines it, and what is worth knowing about it.
func (p *process) sayBases(what string, at func(*base) string) {
	for _, b := range p.bases {
		c := b.dir.Containment()
		p.log.Info(what, "at", at(b), "directory", b.path, "containment", c.Mechanism, "proven", c.Proven, "selftest", c.Detail)
		if !c.Proven {
			p.log.Warn("the self-test of the containment could not run", "directory", b.path, "reason", c.Detail)
		}
		for _, w := range b.warnings(p.env("HOME")) {
			p.log.Warn(w, "directory", b.path)
		}
	}
}

func word(yes bool, ifYes, ifNo string) string {
	if yes {
		return ifYes
	}
	return ifNo
}

// readers says who may read, from the addresses.
func (p *process) readers() string {
	if p.authz != nil {
		return "who is granted it (" + strconv.Itoa(p.authz.Policies()) + " policies)"
	}
	if p.links != nil && p.users == nil && p.accounts == nil && !p.Public {
		return "who has a signed link (--link-keys)"
	}
	if p.LetsIn() && !p.Public {
		return p.whoIsKnown()
	}
	if p.accounts != nil && !p.Public {
		return strconv.Itoa(p.accounts.Len()) + " users (--state)"
	}
	if p.users != nil && !p.Public {
		return strconv.Itoa(p.users.Len()) + " users (--users)"
	}
	who := map[string]bool{}
	for _, l := range p.listeners {
		switch {
		case !isLocal(l.Addr()):
			return "everybody who reaches the address (--public)"
		case l.Addr().Network() == "unix":
			who["whoever may open the socket"] = true
		default:
			who["everybody on this machine"] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(who)), ", ")
}

// isLocal says whether nobody elsewhere can connect.
func isLocal(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// sayListening prints the lines that scripts wait for. The sockets accept already.
func (p *process) sayListening() error {
	scheme := "http"
	if p.certs != nil {
		scheme = "https"
	}
	for _, l := range p.listeners {
		if _, err := fmt.Fprintln(p.stdout, "listening on "+address(scheme, l.Addr())); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	if p.admin != nil {
		if _, err := fmt.Fprintln(p.stdout, "admin pages on "+address("http", p.admin.Addr())+"/-/"); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	return nil
}

func address(scheme string, a net.Addr) string {
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return scheme + "://" + a.String()
}

// notify tells systemd how far we are; without systemd it does nothing.
func notify(state string, log *slog.Logger) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd could not be told", "state", state, "error", cause(err))
	}
}
