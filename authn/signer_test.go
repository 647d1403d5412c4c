package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rootbound/rootbound/internal/request"
)

// signer signs tokens as an issuer does.
type signer struct {
	private crypto.Signer
	alg     jose.SignatureAlgorithm
	kid     string
}

func newSigner(t testing.TB, alg jose.SignatureAlgorithm, kid string) signer {
	t.Helper()
	s := signer{alg: alg, kid: kid}
	var err error
	switch alg {
	case jose.RS256:
		s.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.ES256:
		s.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, s.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("no key for %s", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.private.Public(), KeyID: s.kid, Use: "sig"}
}

// token signs whatever it is given; nil is a claim left out.
func (s signer) token(t testing.TB, claims map[string]any) string {
	t.Helper()
	return sign(t, s.alg, s.private, s.kid, claims)
}

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil, claims)
}

func signWith(t testing.TB, key jose.SigningKey, opts *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	sg, err := jose.NewSigner(key, opts)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := sg.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func keysText(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keysFile(t testing.TB, keys ...jose.JSONWebKey) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, keysText(t, keys...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const testIssuer, testAudience = "https://issuer.example", "files"

// good are claims that hold at the clock's beginning; change alters them.
func (c *clock) good(change ...any) map[string]any {
	claims := map[string]any{"iss": testIssuer, "aud": testAudience, "sub": "robot", "groups": []string{"staff", "night"}, "exp": c.now().Add(time.Hour).Unix(), "nbf": c.now().Unix(), "iat": c.now().Unix()}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == nil {
			delete(claims, change[i].(string))
			continue
		}
		claims[change[i].(string)] = change[i+1]
	}
	return claims
}

func newJWT(t testing.TB, c *clock, cfg JWTConfig) *JWT {
	t.Helper()
	cfg.now = c.now
	if cfg.Issuer == "" {
		cfg.Issuer = testIssuer
	}
	cfg.Audience = testAudience
	j, err := NewJWT(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (c *clock) bearer(token string) *request.Facts { return c.ask("Bearer "+token, "192.0.2.1") }

func unsigned(t testing.TB, alg string, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"`+alg+`"}`)) + "." + enc.EncodeToString(body) + "."
}

func publicPEM(t testing.TB, s signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// embedded brings its own key along (RFC 7515 4.1.3).
func embedded(t testing.TB, s signer, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: s.alg, Key: s.private}, &jose.SignerOptions{EmbedJWK: true}, claims)
}
