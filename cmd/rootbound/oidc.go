package main

import (
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/authn"
)

// maxSecret bounds a client's secret, in bytes.
const maxSecret = 4 << 10

// callbackPath is where the provider sends browsers back to.
const callbackPath = "/-/oidc/callback"

// readOIDCSecret reads a secret that nobody else may.
func readOIDCSecret(path string) (string, error) {
	b, err := readSecret("--oidc-client-secret-file", path, maxSecret)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", usage("--oidc-client-secret-file "+strconv.Quote(path), "it does not hold one secret", "Write the client's secret into it, and nothing else")
	}
	return secret, nil
}

// elsewhere has browsers sign in at the provider; nil where there is none.
func (p *process) elsewhere(sessions *authn.Sessions) (*authn.OIDC, error) {
	if p.OIDCIssuer == "" {
		return nil, nil
	}
	return authn.NewOIDC(authn.OIDCConfig{
		Issuer: p.OIDCIssuer, ClientID: p.OIDCClientID, ClientSecret: p.oidcSecret, Redirect: strings.TrimSuffix(p.BaseURL, "/") + callbackPath,
		Scopes: p.OIDCScopes, UserClaim: p.OIDCUserClaim, GroupsClaim: p.OIDCGroupsClaim, Sessions: sessions,
	})
}
