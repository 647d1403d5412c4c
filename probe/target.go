package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Place marks in a URL, in data, in a header or in a cookie where the names of the corpus go.
const Place = "FUZZ"

// target is the server and where on it names go.
type target struct {
	scheme, host, port string
	hostPort           string // as the Host header has it
	addr               string // that is dialled: resolved once, so that a name cannot lead elsewhere later
	path               string // what stands behind the authority, as it was typed
	loopback           bool
	timeout, grace     time.Duration
	insecure           bool
}

// parseTarget takes a URL apart without changing a byte of its path.
func parseTarget(raw string) (*target, error) {
	bad := func(rule, remedy string) error { return &ConfigError{"URL " + quote(raw), rule, remedy} }
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "http" && scheme != "https" {
		return nil, bad("it is not an http or https URL", "Write http://127.0.0.1:8080/ or the like")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	t := &target{scheme: scheme, hostPort: rest[:end], path: rest[end:]}
	if !strings.HasPrefix(t.path, "/") {
		t.path = "/" + t.path
	}
	if strings.ContainsFunc(t.path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, bad("it holds a space or a control character", "Percent-encode it")
	}
	if strings.Contains(t.hostPort, "@") {
		return nil, bad("it holds a user", "Give credentials with --header 'Authorization: ...'")
	}
	host, port, err := net.SplitHostPort(t.hostPort)
	if err != nil {
		host, port = strings.Trim(t.hostPort, "[]"), map[string]string{"http": "80", "https": "443"}[scheme]
	}
	if host == "" || strings.Contains(host, Place) {
		return nil, bad("it names no host", "Write http://127.0.0.1:8080/ or the like")
	}
	t.host, t.port = host, port
	return t, nil
}

// resolve looks the host up, once, and refuses what its user did not say they may attack.
func (t *target) resolve(ctx context.Context, authorized []string) error {
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, t.host)
	if err != nil || len(ips) == 0 {
		return &ConfigError{"host " + quote(t.host), "it has no address", "Name a host that answers here"}
	}
	if err := t.permit(ips, authorized); err != nil {
		return err
	}
	// localhost is often ::1 too, where nobody listens: the first address that can be connected to is kept.
	var last error
	for _, ip := range ips {
		t.addr = net.JoinHostPort(ip.String(), t.port)
		conn, err := t.dialTCP(ctx)
		if err == nil {
			return conn.Close()
		}
		last = err
	}
	return &ConfigError{"URL " + quote(t.origin()), "it cannot be connected to (" + last.Error() + ")", "Start the server, or name the address that it listens on"}
}

// permit says whether the host may be attacked: this machine, if all of its addresses are, and what its user says they may.
func (t *target) permit(ips []net.IPAddr, authorized []string) error {
	t.loopback = !slices.ContainsFunc(ips, func(a net.IPAddr) bool { return !a.IP.IsLoopback() })
	if t.loopback || slices.ContainsFunc(authorized, func(h string) bool { return strings.EqualFold(h, t.host) }) {
		return nil
	}
	return &ConfigError{
		"host " + quote(t.host), "it is not this machine, and attacking what is not yours is a crime in most places",
		"If its owner has allowed it, say --i-am-authorized-for " + t.host,
	}
}

func (t *target) dialTCP(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: t.timeout}
	return d.DialContext(ctx, "tcp", t.addr)
}

// dialer connects, by TLS where the scheme says so, and offers one protocol there.
func (t *target) dialer(proto string) func(ctx context.Context) (net.Conn, error) {
	if t.scheme == "http" {
		return t.dialTCP
	}
	return func(ctx context.Context) (net.Conn, error) {
		raw, err := t.dialTCP(ctx)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, &tls.Config{ServerName: t.host, NextProtos: []string{proto}, InsecureSkipVerify: t.insecure})
		ctx, cancel := context.WithTimeout(ctx, t.timeout)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		if got := conn.ConnectionState().NegotiatedProtocol; proto == "h2" && got != proto {
			_ = conn.Close()
			return nil, fmt.Errorf("the server speaks %q, not h2", got)
		}
		return conn, nil
	}
}

func (t *target) http1() exchanger {
	return &http1{dial: t.dialer("http/1.1"), host: t.hostPort, timeout: t.timeout, grace: t.grace}
}

func (t *target) http2() *http2Conn {
	return &http2Conn{dial: t.dialer("h2"), scheme: t.scheme, authority: t.hostPort, timeout: t.timeout}
}

// origin is the URL without its path.
func (t *target) origin() string { return t.scheme + "://" + t.hostPort }
