package authn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/rootbound/rootbound/internal/reason"
)

// provider is an issuer of tokens that says of itself where everything is (OpenID Connect Discovery 1.0). It is asked when it
// is needed first and, where it cannot be reached, again a little later: a provider that is down keeps nobody else out.
type provider struct {
	issuer string
	client *http.Client
	now    func() time.Time

	found   atomic.Pointer[oidc.Provider]
	waiting atomic.Int32

	mu     sync.Mutex // held while it is asked
	tried  time.Time
	failed error
}

func newProvider(issuer string, now func() time.Time) *provider {
	return &provider{issuer: issuer, client: providerClient(), now: now}
}

// get asks once, and remembers. A few wait for the answer; the others are told to come back, lest a provider that hangs take all
// who could answer anybody else. The error carries a reason.
func (p *provider) get(ctx context.Context) (*oidc.Provider, error) {
	if found := p.found.Load(); found != nil {
		return found, nil
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > keysWaiting {
		return nil, reason.New(reason.ProviderUnavailable, errors.New("it is being asked"))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if found := p.found.Load(); found != nil {
		return found, nil
	}
	if p.failed != nil && p.now().Sub(p.tried) < keysRetry {
		return nil, reason.New(reason.ProviderUnavailable, p.failed)
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), providerWait)
	defer cancel()
	found, err := oidc.NewProvider(ctx, p.issuer)
	if err == nil {
		err = checkEndpoints(found)
	}
	p.tried, p.failed = p.now(), err
	if err != nil {
		return nil, reason.New(reason.ProviderUnavailable, err)
	}
	p.found.Store(found)
	return found, nil
}

// metadata is what is read of a provider's description beside what go-oidc keeps.
type metadata struct {
	Keys          string `json:"jwks_uri"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	// SaysIssuer: its answers to browsers name it (RFC 9207).
	SaysIssuer bool `json:"authorization_response_iss_parameter_supported"`
}

func metadataOf(p *oidc.Provider) (m metadata, err error) {
	err = p.Claims(&m)
	return m, err
}

// checkEndpoints holds what a provider says of itself to what is said of it.
func checkEndpoints(p *oidc.Provider) error {
	m, err := metadataOf(p)
	if err != nil {
		return err
	}
	for _, text := range []string{m.Keys, m.Authorization, m.Token} {
		if text == "" { // an issuer of tokens alone has no endpoint for browsers
			continue
		}
		if err := CheckProviderURL(text); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	if m.Keys == "" {
		return errors.New("it does not say where its keys are (jwks_uri)")
	}
	return nil
}

// keys fetches the provider's key set.
func (p *provider) keys(ctx context.Context) ([]byte, error) {
	found, err := p.get(ctx)
	if err != nil {
		return nil, err
	}
	m, err := metadataOf(found)
	if err != nil {
		return nil, err
	}
	return get(ctx, p.client, m.Keys)
}

// CheckProviderURL says why a text cannot be the URL of an issuer or of its keys: what comes from there decides who is let in,
// so that it comes by https, or from this machine.
func CheckProviderURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("it is not a URL")
	case u.User != nil || u.Fragment != "":
		return errors.New("it must have neither a user nor a fragment")
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("it must begin with https://, or with http:// and be this machine")
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// providerClient reads no more than it must, follows no redirect, which could lead anywhere, and uses no proxy of the environment.
func providerClient() *http.Client {
	return &http.Client{
		Timeout:       providerWait,
		Transport:     bounded{&http.Transport{MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: providerWait, ResponseHeaderTimeout: providerWait, MaxResponseHeaderBytes: 64 << 10}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
	}
}

// bounded ends every body after maxKeysText bytes, by an error.
type bounded struct{ of http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.of.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, maxKeysText}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the answer is too long")
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// get fetches a document.
func get(ctx context.Context, c *http.Client, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New("it answers " + resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// isURL says whether a place of keys is one of the network, and not a file.
func isURL(place string) bool {
	return strings.HasPrefix(place, "https://") || strings.HasPrefix(place, "http://")
}
