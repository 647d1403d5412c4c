package main_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rootbound/rootbound/internal/testenv"
)

// cmdIssuer runs an issuer of tokens at $ISSUER until the script ends, or is told "down", and writes files: its "keys", the "token" of alice in
// the group staff, and those of "stranger", "expired" and "other" (an audience).
func cmdIssuer(ts *testscript.TestScript, _ bool, args []string) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	_, strange, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "1", Use: "sig"}}})
	ts.Check(err)
	var url string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			_, _ = w.Write(keys) // the test's own client
			return
		}
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, url, url+"/keys")
	}))
	url = srv.URL
	if len(args) > 0 && args[0] == "down" {
		srv.Close()
	} else {
		ts.Defer(srv.Close)
	}
	ts.Setenv("ISSUER", url)
	sign := func(name, audience string, ends time.Duration, key ed25519.PrivateKey) {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
		ts.Check(err)
		claims, err := json.Marshal(map[string]any{"iss": url, "aud": audience, "sub": "alice", "groups": []string{"staff"}, "exp": time.Now().Add(ends).Unix()})
		ts.Check(err)
		jws, err := s.Sign(claims)
		ts.Check(err)
		token, err := jws.CompactSerialize()
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte("Authorization: Bearer "+token), 0o644))
	}
	sign("token", "files", time.Hour, private)
	sign("stranger", "files", time.Hour, strange)
	sign("expired", "files", -time.Hour, private)
	sign("other", "mail", time.Hour, private)
	ts.Check(os.WriteFile(ts.MkAbs("keys"), keys, 0o644))
}

// cmdAuthority makes an authority: ca.pem, crl.pem, and the certificates NAME.pem with NAME.key of each argument. Those after "revoked"
// are revoked.
func cmdAuthority(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, names []string) {
		a := testenv.NewAuthority(t, "authority", nil)
		testenv.WriteCA(t, ts.MkAbs("ca.pem"), a)
		revoke := false
		for _, name := range names {
			if name == "revoked" {
				revoke = true
				continue
			}
			c := a.Client(t, name, nil)
			testenv.WriteClient(t, ts.MkAbs(name+".pem"), ts.MkAbs(name+".key"), c)
			if revoke {
				a.Revoke(c)
			}
		}
		a.WriteCRL(t, ts.MkAbs("crl.pem"), time.Hour)
		a.WriteCRL(t, ts.MkAbs("old.pem"), -time.Minute)
	}
}

// cmdProvider runs a real OpenID provider at $ISSUER, where alice of the group staff signs in, for a server at $PORT.
func cmdProvider(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		_, port, err := net.SplitHostPort(l.Addr().String())
		ts.Check(err)
		ts.Check(l.Close())
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		ts.Check(err)
		keys, err := json.Marshal([]jose.JSONWebKey{{Key: key, KeyID: "1", Use: "sig", Algorithm: "RS256"}})
		ts.Check(err)
		issuer, _ := testenv.OIDC{
			Redirect: "http://127.0.0.1:" + port + "/-/oidc/callback", As: "alice", Alg: "RS256", Keys: string(keys),
			People: map[string]map[string]any{"alice": {"groups": []string{"staff"}}},
		}.Start(t)
		ts.Setenv("PORT", port)
		ts.Setenv("ISSUER", issuer)
	}
}
