package main

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/server"
)

// checkFederation looks at what others' words about who somebody is need.
func (s *setup) checkFederation() error {
	for _, p := range []struct{ flag, url string }{{"--jwt-issuer", s.JWTIssuer}, {"--jwt-keys", s.JWTKeys}, {"--oidc-issuer", s.OIDCIssuer}} {
		if p.url == "" || p.flag == "--jwt-keys" && !config.IsURL(p.url) {
			continue
		}
		if err := authn.CheckProviderURL(p.url); err != nil {
			return usage(p.flag+" "+strconv.Quote(p.url), err.Error(), "Write https://HOST, or http://127.0.0.1:PORT where it is on this machine")
		}
	}
	for _, n := range []struct {
		given        bool
		flag         string
		has          bool
		rule, remedy string
	}{
		{s.JWTIssuer != "", "--jwt-issuer", s.JWTAudience != "", "tokens that were made for others would let in here", "Add --jwt-audience NAME"},
		{s.JWTAudience+s.JWTKeys+s.JWTUserClaim+s.JWTGroupsClaim != "", "--jwt-audience, --jwt-keys and the claims", s.JWTIssuer != "", "no token is taken without an issuer", "Add --jwt-issuer URL"},
		{s.OIDCIssuer != "", "--oidc-issuer", s.Login, "who signs in there needs a session here", "Add --login and --state"},
		{s.OIDCIssuer != "", "--oidc-issuer", s.BaseURL != "", "the provider must be told where to send browsers back to", "Add --base-url URL"},
		{s.OIDCIssuer != "", "--oidc-issuer", s.OIDCClientID != "", "the provider must be told who asks", "Add --oidc-client-id ID"},
		{s.OIDCClientID+s.OIDCClientSecret+s.OIDCUserClaim+s.OIDCGroupsClaim != "" || len(s.OIDCScopes) > 0, "--oidc-client-id and what goes with it", s.OIDCIssuer != "", "there is no provider", "Add --oidc-issuer URL"},
		{s.ClientCA != "", "--tls-client-ca", s.TLSCert != "", "certificates are shown over TLS alone", "Add --tls-cert FILE and --tls-key FILE"},
		{s.ClientCRL != "" || len(s.ProxyCertificate) > 0, "--tls-client-crl and --trusted-proxy-cert", s.ClientCA != "", "no certificate is asked for without an authority", "Add --tls-client-ca FILE"},
		{s.ProxyUser != "", "--proxy-user-header", len(s.TrustedProxies)+len(s.ProxyCertificate) > 0, "anybody could write it", "Name the proxy that does by --trusted-proxy CIDR or --trusted-proxy-cert NAME"},
		{s.ProxyGroups != "", "--proxy-groups-header", s.ProxyUser != "", "groups are those of a user", "Add --proxy-user-header NAME"},
	} {
		if n.given && !n.has {
			return usage(n.flag, n.rule, n.remedy)
		}
	}
	return nil
}

// loadFederation reads authorities, revocations and keys. An issuer that cannot be reached keeps nobody else out.
func (p *process) loadFederation() (err error) {
	for _, f := range []struct{ flag, path string }{{"--tls-client-ca", p.ClientCA}, {"--tls-client-crl", p.ClientCRL}, {"--jwt-keys", p.JWTKeysFile()}} {
		if f.path == "" {
			continue
		}
		if err := canRead(f.path); err != nil {
			return unreadable(f.flag+" "+strconv.Quote(f.path), err)
		}
	}
	if p.ClientCA != "" {
		if p.clientCAs, err = server.OpenClientCAs(p.ClientCA, p.ClientCRL); err != nil {
			what := "--tls-client-ca"
			if p.ClientCRL != "" {
				what = "--tls-client-ca with --tls-client-crl"
			}
			return usage(what, strings.TrimPrefix(err.Error(), "server: "), "Name PEM files of authorities and of the lists they signed")
		}
		p.clientCAs.Log = p.log
	}
	if p.OIDCClientSecret != "" {
		if p.oidcSecret, err = readOIDCSecret(p.OIDCClientSecret); err != nil {
			return err
		}
	}
	if p.JWTIssuer == "" {
		return nil
	}
	p.jwt, err = authn.NewJWT(authn.JWTConfig{
		Issuer: p.JWTIssuer, Audience: p.JWTAudience, Keys: p.JWTKeys, UserClaim: p.JWTUserClaim, GroupsClaim: p.JWTGroupsClaim,
	})
	if err != nil {
		return usage("--jwt-keys "+strconv.Quote(p.JWTKeys), innermost(err), "Name a JSON Web Key Set with the issuer's public keys")
	}
	return nil
}

// federationAsUser reads the files once more with the rights that are left.
func (p *process) federationAsUser() error {
	for _, f := range []struct{ flag, path string }{{"--tls-client-ca", p.ClientCA}, {"--tls-client-crl", p.ClientCRL}, {"--jwt-keys", p.JWTKeysFile()}} {
		if f.path == "" {
			continue
		}
		if err := canRead(f.path); errors.Is(err, fs.ErrPermission) {
			return usage(f.flag+" "+strconv.Quote(f.path), "the user "+strconv.Quote(p.identity.name)+" may not read it, and so could not reload it later",
				"Let that user read it, for instance by 'chgrp' to its group and 'chmod g+r', and enter the directories above it")
		}
	}
	return nil
}

// federated are the ways to be known by somebody else's word, in the order in which they are asked: a proxy's goes first, because
// browsers send on what it asked them for.
func (p *process) federated() (first, last []authn.Method) {
	if p.ProxyUser != "" && p.gate == nil {
		first = append(first, authn.Proxy{})
	}
	if p.jwt != nil {
		last = append(last, p.jwt)
	}
	if p.clientCAs != nil {
		last = append(last, authn.Certificates{NameIn: authn.NameIn(p.ClientName)})
	}
	return first, last
}

// isProxy says whether a certificate is a trusted proxy's; nil where none is.
func (p *process) isProxy() func(*x509.Certificate) bool {
	if len(p.ProxyCertificate) == 0 {
		return nil
	}
	return func(c *x509.Certificate) bool {
		name, err := authn.NameIn(p.ClientName).Of(c)
		return err == nil && slices.Contains(p.ProxyCertificate, name)
	}
}

// providers are the places of the network that are asked about who somebody is.
func (p *process) providers() (out []string) {
	if p.gate != nil {
		return nil
	}
	for _, place := range []string{p.JWTIssuer, p.JWTKeys, p.OIDCIssuer} {
		if config.IsURL(place) {
			out = append(out, place)
		}
	}
	return out
}

// prepareProviders asks the issuers before the first request does. It does not wait: others are let in meanwhile.
func (p *process) prepareProviders(elsewhere *authn.OIDC) {
	if elsewhere != nil {
		if err := elsewhere.Prepare(p.ctx); err != nil && p.ctx.Err() == nil {
			p.log.Warn("the OpenID provider cannot be reached: nobody signs in there until it can", "issuer", p.OIDCIssuer, "cause", oneLine(causeOfProvider(err)))
		} else {
			p.log.Info("the OpenID provider was found", "issuer", p.OIDCIssuer)
		}
	}
	if p.jwt == nil {
		return
	}
	if err := p.jwt.Prepare(p.ctx); err != nil && p.ctx.Err() == nil {
		p.log.Warn("the issuer of tokens cannot be asked for its keys: its tokens are refused until it can", "issuer", p.JWTIssuer, "cause", oneLine(causeOfProvider(err)))
		return
	}
	p.log.Info("the keys of the issuer of tokens are known", "issuer", p.JWTIssuer)
}

func causeOfProvider(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer"
	}
	return innermost(err)
}

// reloadFederation reads everything again that can be.
func (p *process) reloadFederation() {
	if p.jwt != nil && p.JWTKeysFile() != "" {
		p.reloadJWTKeys()
	}
	if p.clientCAs == nil {
		return
	}
	if err := p.clientCAs.Reload(); err != nil {
		p.log.Error("the certificate authorities and revocations cannot be read again; the old ones stay in force", "error", p.sandboxed(err))
		return
	}
	p.log.Info("the certificate authorities and revocations were read again", "ca", p.ClientCA)
}

// reloadJWTKeys reads the file of keys again. Where it cannot be used, the old ones stay.
func (p *process) reloadJWTKeys() {
	changed, err := p.jwt.Reload()
	switch {
	case err != nil:
		p.log.Error("the keys of the issuer cannot be read again; the old ones stay", "keys", p.JWTKeys, "error", p.sandboxed(err))
	case changed:
		p.log.Info("the keys of the issuer were read again", "keys", p.JWTKeys)
	}
}

// whoIsKnown says who may read where somebody is known by others' words.
func (p *process) whoIsKnown() string {
	var who []string
	for _, k := range []struct {
		by   bool
		text string
	}{
		{p.users != nil, "users (--users)"},
		{p.accounts != nil, "users (--state)"},
		{p.JWTIssuer != "", "who has a token of " + p.JWTIssuer},
		{p.OIDCIssuer != "", "who signs in at " + p.OIDCIssuer},
		{p.ClientCA != "", "who has a certificate (--tls-client-ca)"},
		{p.ProxyUser != "", "whom the proxy names (--proxy-user-header)"},
	} {
		if k.by {
			who = append(who, k.text)
		}
	}
	return strings.Join(who, ", ")
}
