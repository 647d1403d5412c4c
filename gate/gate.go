package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Gate answers requests for the applications of its Config. It is safe for concurrent use.
type Gate struct {
	cfg Config
	ups []*upstream // the longest At first
	// compares says that something depends on the path.
	compares bool
}

// upstream is one application, understood.
type upstream struct {
	cfg         Upstream
	gate        *Gate
	url         *url.URL
	at          []string // in the one spelling
	roots       []place
	accel       []place
	rules       []*Rule
	uniform     [][]string
	mapping     string // for X-Accel-Mapping
	transport   http.RoundTripper
	proxy       *httputil.ReverseProxy
	connections *http.Transport
}

// place is a directory under one path.
type place struct {
	elems []string
	dir   *rootbound.Dir
}

// New checks the configuration. Nothing is connected to before the first request. The error names what is wrong as
// "upstream N: ...", N from 1, where there are several.
func New(cfg Config) (*Gate, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if len(cfg.Upstreams) == 0 {
		return nil, errors.New("gate: no application: name an upstream")
	}
	g := &Gate{cfg: cfg}
	for i := range cfg.Upstreams {
		up, err := g.newUpstream(&cfg.Upstreams[i])
		if err != nil {
			return nil, fmt.Errorf("gate: upstream %d: %w", i+1, err)
		}
		for _, other := range g.ups {
			if slices.Equal(other.at, up.at) {
				return nil, fmt.Errorf("gate: two upstreams answer at %q", "/"+strings.Join(up.at, "/"))
			}
		}
		g.ups = append(g.ups, up)
		g.compares = g.compares || len(up.at)+len(up.rules)+len(up.uniform) > 0
	}
	slices.SortStableFunc(g.ups, func(a, b *upstream) int { return len(b.at) - len(a.at) })
	return g, nil
}

func (g *Gate) newUpstream(cfg *Upstream) (*upstream, error) {
	up := &upstream{cfg: *cfg, gate: g}
	u, socket, err := parseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", cfg.URL, err)
	}
	up.url = u
	if _, ok := elementsOf("/" + strings.TrimPrefix(cfg.At, "/")); !ok {
		return nil, fmt.Errorf("%q is no path such as /app", cfg.At)
	}
	up.at = canonical(cfg.At)
	if err := up.addPlaces(); err != nil {
		return nil, err
	}
	if err := up.addRoutes(); err != nil {
		return nil, err
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("the timeout must not be negative")
	}
	if up.cfg.Timeout == 0 {
		up.cfg.Timeout = DefaultTimeout
	}
	up.connections = newTransport(socket, up.cfg.Timeout)
	up.transport = &watched{up}
	up.proxy = up.newProxy()
	return up, nil
}

func newTransport(socket string, timeout time.Duration) *http.Transport {
	dial := net.Dialer{Timeout: dialTimeout}
	t := &http.Transport{
		DialContext: dial.DialContext, DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost: maxIdlePerHost, IdleConnTimeout: idleTimeout, ResponseHeaderTimeout: timeout,
		ExpectContinueTimeout: expectTimeout, TLSHandshakeTimeout: dialTimeout,
	}
	if socket != "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial.DialContext(ctx, "unix", socket) }
	}
	return t
}

func (up *upstream) addPlaces() error {
	var paths []string
	for _, r := range up.cfg.Roots {
		if r.Dir == nil || len(r.Paths) == 0 {
			return errors.New("a root has no directory, or no path")
		}
		own := slices.Clone(r.Paths)
		slices.Sort(own)
		for _, p := range slices.Compact(own) {
			elems, ok := elementsOf(p)
			if !ok {
				return fmt.Errorf("root %q is not an absolute path without empty, '.' and '..' elements", p)
			}
			paths = append(paths, p)
			up.roots = append(up.roots, place{elems, r.Dir})
		}
	}
	if err := CheckPrefixes(paths); err != nil {
		return fmt.Errorf("roots: %w", err)
	}
	var prefixes, mapping []string
	for _, a := range up.cfg.Accel {
		elems, ok := elementsOf(a.Prefix)
		if !ok || len(elems) == 0 || a.Dir == nil {
			return fmt.Errorf("the prefix %q is not a path such as /protected/", a.Prefix)
		}
		prefixes = append(prefixes, a.Prefix)
		up.accel = append(up.accel, place{elems, a.Dir})
		for _, p := range a.Paths {
			mapping = append(mapping, strings.TrimSuffix(p, "/")+"/="+"/"+strings.Join(elems, "/")+"/")
		}
	}
	up.mapping = strings.Join(mapping, ",")
	if err := CheckPrefixes(prefixes); err != nil {
		return fmt.Errorf("prefixes of X-Accel-Redirect: %w", err)
	}
	return nil
}

func (up *upstream) addRoutes() error {
	for _, text := range up.cfg.Take {
		r, err := ParseRule(text)
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		if len(up.cfg.Roots) == 0 {
			return fmt.Errorf("%q: there is no root to answer it from", text)
		}
		up.rules = append(up.rules, r)
	}
	for _, p := range up.cfg.UniformErrors {
		if !strings.HasPrefix(p, "/") || len(canonical(p)) == 0 {
			return fmt.Errorf("%q is no path such as /download", p)
		}
		up.uniform = append(up.uniform, canonical(p))
	}
	if up.cfg.Ask != "" {
		if u, err := url.ParseRequestURI(up.cfg.Ask); err != nil || u.Host != "" || !strings.HasPrefix(up.cfg.Ask, "/") {
			return fmt.Errorf("%q is no path such as /auth-check", up.cfg.Ask)
		}
		if len(up.rules) == 0 {
			return fmt.Errorf("nothing is taken over that %q could be asked about", up.cfg.Ask)
		}
	}
	switch up.cfg.Announce {
	case "", AnnounceSendfile:
	case AnnounceAccel:
		if up.mapping == "" {
			return errors.New("X-Accel-Redirect is announced, and no prefix has the directory that stands for it")
		}
	default:
		return fmt.Errorf("%q cannot be announced, only %s and %s", up.cfg.Announce, AnnounceSendfile, AnnounceAccel)
	}
	return nil
}

// Close lets go of connections to applications that wait for another request.
func (g *Gate) Close() {
	for _, up := range g.ups {
		up.connections.CloseIdleConnections()
	}
}

// Serve answers one request.
func (g *Gate) Serve(w http.ResponseWriter, r *http.Request, f *request.Facts, decided func(request.Decision, error) error) request.Outcome {
	x := &exchange{g: g, f: f, r: r, decided: decided}
	x.w = &writer{ResponseWriter: w, x: x}
	_ = http.NewResponseController(w).EnableFullDuplex() // an application may answer while it is still asked; HTTP/2 always does
	x.trusted = contains(g.cfg.TrustedProxies, f.Peer)
	if err := x.admit(); err != nil {
		return x.refuse(err)
	}
	path, query := request.SplitTarget(f.Target)
	spelled := [][]string{nil}
	if g.compares {
		spelled = readings(path)
	}
	x.up = g.upstreamOf(spelled[0])
	if x.up == nil {
		return x.refuse(reason.New(reason.Missing, nil))
	}
	x.uniform = x.up.isUniform(spelled)
	if up, rule, exact := g.ruleOf(path, spelled); rule != nil {
		if !g.cfg.Watch {
			x.up = up
			return x.take(rule, exact, path, query)
		}
		x.watch(request.WatchedTake, "a take-over rule would have answered", "rule", rule.text, "exact", exact)
	}
	out := x.forward()
	out.Watched = x.watched
	return out
}

// upstreamOf finds the application of a path. Paths are compared in the one spelling, so that none has a way around
// the rules of the application that would read it.
func (g *Gate) upstreamOf(spelled []string) *upstream {
	for _, up := range g.ups {
		if _, ok := beneath(spelled, up.at); ok {
			return up
		}
	}
	return nil
}

// ruleOf finds the rule that a path is of, in its own spelling (exact) or in one that could be read as it.
func (g *Gate) ruleOf(path string, spelled [][]string) (up *upstream, rule *Rule, exact bool) {
	for _, u := range g.ups {
		for _, r := range u.rules {
			if r.match(path) {
				return u, r, true
			}
			if rule == nil && slices.ContainsFunc(spelled, r.near) {
				up, rule = u, r
			}
		}
	}
	return up, rule, false
}

func (up *upstream) isUniform(spelled [][]string) bool {
	for _, u := range up.uniform {
		if slices.ContainsFunc(spelled, func(s []string) bool { _, ok := beneath(s, u); return ok }) {
			return true
		}
	}
	return false
}
