package main

import (
	"io"
	"os"
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
	what := "--oidc-client-secret-file " + strconv.Quote(path)
	f, err := os.Open(path)
	if err != nil {
		return "", unreadable(what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", unreadable(what, err)
	}
	if !isSecret(info) {
		return "", usage(what, "others than its owner may read or write it", "Change that by 'chmod 0600 FILE'")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", unreadable(what, err)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" || len(b) > maxSecret || strings.ContainsAny(secret, "\r\n") {
		return "", usage(what, "it does not hold one secret", "Write the client's secret into it, and nothing else")
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
