package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// endpoint is where requests come in.
type endpoint struct {
	listener net.Listener
	local    bool           // loopback or a Unix socket: nobody elsewhere can connect
	admin    bool           // serves /-/ and nothing else
	addr     netip.AddrPort // invalid for Unix sockets
	tls      bool
	known    atomic.Pointer[string] // the Host field that was found to be ours last
}

func newEndpoint(l net.Listener) *endpoint {
	e := &endpoint{listener: l}
	switch a := l.Addr().(type) {
	case *net.UnixAddr:
		e.local = true
	case *net.TCPAddr:
		e.addr = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
		e.local = e.addr.Addr().IsLoopback()
	}
	return e
}

// failed says whose listener failed.
func (e *endpoint) failed(err error) error {
	return fmt.Errorf("server: listening on %s: %w", e.listener.Addr(), err)
}

// checkPublic refuses addresses that others can reach, unless the operator said that everybody may read.
func (e *endpoint) checkPublic(public bool) error {
	if e.local || public {
		return nil
	}
	return fmt.Errorf("server: other machines can reach %s and nobody can authenticate: listen on 127.0.0.1, name who may with --users FILE, or say --public if everybody may read", e.listener.Addr())
}

// admit refuses what was not meant for this server: on loopback, while nobody must authenticate, a browser may be
// led here by a foreign page (DNS rebinding), and a proxy may bring strangers.
func (s *Server) admit(f *request.Facts, at *endpoint) error {
	if f.Word != nil && !f.ByProxy { // somebody claims to be somebody
		return reason.New(reason.ProxyUntrusted, nil)
	}
	if !at.local || s.closed() {
		return nil
	}
	if f.Forwarded && !f.ByProxy {
		return reason.New(reason.ProxyUntrusted, nil)
	}
	if known := at.known.Load(); known != nil && *known == f.Host {
		return nil
	}
	if !s.answersFor(f.Host, at) {
		return reason.New(reason.HostMisdirected, nil)
	}
	if len(f.Host) <= maxKnownHost {
		own := strings.Clone(f.Host) // the request's memory is the request's
		at.known.Store(&own)
	}
	return nil
}

// maxKnownHost is the length of the longest Host field that is remembered: that of a domain name.
const maxKnownHost = 255

// answersFor says whether a Host field names this server: its address with its port, localhost or one of Hosts.
// The port of a name does not matter, so that forwarded ports work; a page elsewhere cannot take over these names.
func (s *Server) answersFor(host string, at *endpoint) bool {
	bare, port := splitHostPort(host)
	bare = strings.ToLower(strings.TrimSuffix(bare, "."))
	if bare == "localhost" || bare != "" && slices.Contains(s.hosts, bare) {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(bare, "[]"))
	if err != nil || !at.addr.IsValid() || addr.Unmap() != at.addr.Addr() {
		return false
	}
	if port == "" {
		port = "80"
		if at.tls {
			port = "443"
		}
	}
	return port == strconv.Itoa(int(at.addr.Port()))
}

// splitHostPort cuts "name", "name:port", "[v6]" and "[v6]:port"; the brackets stay.
func splitHostPort(host string) (bare, port string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host, ""
	}
	return host[:i], host[i+1:]
}

// forwarded says whether a proxy left its mark.
func forwarded(h http.Header) bool {
	for k := range h {
		if k == "Forwarded" || strings.HasPrefix(k, "X-Forwarded-") {
			return true
		}
	}
	return false
}

var loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func (s *Server) trusted(peer netip.Addr, at *endpoint) bool {
	if !peer.IsValid() && at.local {
		peer = loopback4 // a Unix socket
	}
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// clientOf is the client's address: the peer's, or, where a trusted proxy is the peer, the rightmost address in its
// field that is no trusted proxy. Where Forwarded and X-Forwarded-For disagree, or the address is none, one of them may have
// come through from the client: then the client is nobody known, and never the proxy, which rules may favour.
func (s *Server) clientOf(f *request.Facts, at *endpoint, forwardedFor, forwarded []string) netip.Addr {
	if !f.ByProxy || len(forwardedFor)+len(forwarded) == 0 {
		return f.Peer
	}
	x, xok := s.rightmost(f.Peer, at, elements(forwardedFor), parseNode)
	y, yok := s.rightmost(f.Peer, at, elements(forwarded), parseForwarded)
	switch {
	case !xok || !yok || len(forwardedFor) > 0 && len(forwarded) > 0 && x != y:
		return netip.Addr{}
	case len(forwardedFor) > 0:
		return x
	}
	return y
}

// elements are those of a list field, over all its lines.
func elements(lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	return strings.Split(strings.Join(lines, ","), ",")
}

// rightmost walks a list from its end over trusted proxies. What is no address ends the walk: beyond it nothing can
// be believed. Where all are trusted proxies, or there are none, it is the peer.
func (s *Server) rightmost(peer netip.Addr, at *endpoint, list []string, parse func(string) (netip.Addr, bool)) (netip.Addr, bool) {
	for _, e := range slices.Backward(list) {
		a, ok := parse(strings.TrimSpace(e))
		if !ok {
			return netip.Addr{}, false
		}
		if !s.trusted(a, at) {
			return a, true
		}
	}
	return peer, true
}

// parseForwarded reads the for= of one element of Forwarded (RFC 7239 4).
func parseForwarded(element string) (netip.Addr, bool) {
	for pair := range strings.SplitSeq(element, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(k, "for") {
			return parseNode(strings.Trim(v, `"`))
		}
	}
	return netip.Addr{}, false
}

// parseNode reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" and "[2001:db8::1]:80".
func parseNode(node string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(node, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	ap, err := netip.ParseAddrPort(node)
	return ap.Addr().Unmap().WithZone(""), err == nil
}
