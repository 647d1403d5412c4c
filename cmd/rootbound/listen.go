package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/rootbound/rootbound/internal/config"
)

// listen opens the sockets: those that systemd gives, those that were named, or the default where there is neither.
func (p *process) listen() error {
	given, err := p.activated()
	if err != nil {
		return err
	}
	addresses := p.Listen
	if len(addresses) == 0 && len(given) == 0 {
		addresses = []config.Address{{Network: "tcp", Text: config.DefaultListen}}
	}
	for _, a := range addresses {
		l, err := p.listenOn("--listen", a)
		if err != nil {
			return err
		}
		p.listeners = append(p.listeners, l)
	}
	if p.Admin != nil {
		p.admin, err = p.listenOn("--admin", *p.Admin)
	}
	return err
}

// activated takes the sockets of systemd's socket activation (sd_listen_fds(3)). They are closed with the others.
func (p *process) activated() ([]net.Listener, error) {
	if p.env("LISTEN_FDS") == "" {
		return nil, nil
	}
	for _, f := range activation.Files(true) {
		l, err := net.FileListener(f)
		what := "socket " + strconv.Quote(f.Name()) + " from systemd"
		_ = f.Close() // the listener has its own descriptor
		if err != nil {
			return nil, usage(what, cause(err), "Use ListenStream= in the socket unit")
		}
		p.listeners = append(p.listeners, l)
		if err := p.mayListen(what, l.Addr()); err != nil {
			return nil, err
		}
	}
	return p.listeners, nil
}

func (p *process) listenOn(flag string, a config.Address) (net.Listener, error) {
	what := flag + " " + strconv.Quote(a.String())
	if a.Network == "unix" {
		return listenUnix(what, a.Text, p.identity)
	}
	// Before the socket exists: nobody must be able to connect to what will be refused.
	addr, err := p.resolve(what, a)
	if err != nil {
		return nil, err
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, cannotListen(what, err)
	}
	return l, nil
}

// resolve finds the address that a name of this machine means, and refuses one that may not be listened on.
func (s *setup) resolve(what string, a config.Address) (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", a.Text)
	if err != nil {
		return nil, usage(what, "the host name is not known here", "Use an address of this machine, such as "+config.DefaultListen)
	}
	return addr, s.mayListen(what, addr)
}

// mayListenOnAll asks mayListen about every address that was named, and opens none.
func (s *setup) mayListenOnAll() error {
	ask := func(flag string, a config.Address) error {
		if a.Network != "tcp" {
			return nil
		}
		_, err := s.resolve(flag+" "+strconv.Quote(a.String()), a)
		return err
	}
	for _, a := range s.Listen {
		if err := ask("--listen", a); err != nil {
			return err
		}
	}
	if s.Admin != nil {
		return ask("--admin", *s.Admin)
	}
	return nil
}

// mayListen refuses an address that others than this machine reach, as long as nobody can authenticate.
func (s *setup) mayListen(what string, addr net.Addr) error {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() || s.Public || (s.Users+s.LinkKeys != "" || s.State != nil || s.LetsIn()) && !strings.HasPrefix(what, "--admin") {
		return nil
	}
	return usage(what, "other machines reach this address, and everybody who does could read", "Name those who may by --users FILE, say --public if everybody may, or listen on 127.0.0.1")
}

func cannotListen(what string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return usage(what, "the address is in use", "Stop what listens there, or take another port (port 0 takes a free one)")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return usage(what, "it is no address of this machine", "Use one that it has, such as "+config.DefaultListen)
	case errors.Is(err, fs.ErrPermission):
		return usage(what, fmt.Sprintf("the user with id %d may not listen there", os.Geteuid()), "Use a port from 1024 on, or systemd socket activation, or start as root with --user NAME")
	}
	return usage(what, cause(err), "Use another address, such as "+config.DefaultListen)
}
