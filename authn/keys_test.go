package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rootbound/rootbound/internal/reason"
)

func TestKeysRefused(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed := newSigner(t, jose.EdDSA, "x")
	encryption := ed.public()
	encryption.Use = "enc"
	for name, text := range map[string]string{
		"nothing":       "",
		"no JSON":       "<html>",
		"no set":        "[]",
		"no keys":       "{}",
		"empty":         `{"keys":[]}`,
		"null":          `{"keys":[null]}`,
		"a secret":      `{"keys":[{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}`,
		"unknown kinds": `{"keys":[{"kty":"OKP","crv":"X448","x":"AA"},{"kty":"odd"}]}`,
		"short RSA":     string(keysText(t, jose.JSONWebKey{Key: small.Public(), KeyID: "x"})),
		"another curve": string(keysText(t, jose.JSONWebKey{Key: p384.Public(), KeyID: "x"})),
		"a private key": string(keysText(t, jose.JSONWebKey{Key: ed.private, KeyID: "x"})),
		"to encrypt":    string(keysText(t, encryption)),
	} {
		if keys, err := parseKeys([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, keys)
		}
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewJWT(JWTConfig{Issuer: testIssuer, Audience: testAudience, Keys: path}); err == nil {
			t.Errorf("%s: no error at the start", name)
		}
	}
	mixed := `{"keys":[{"kty":"odd"},` + strings.TrimPrefix(string(keysText(t, ed.public())), `{"keys":[`)
	if keys, err := parseKeys([]byte(mixed)); err != nil || len(keys) != 1 {
		t.Errorf("a good key among others: %v, %v", keys, err)
	}
}

// issuer is one that publishes its keys, and counts how often they are asked for.
type issuer struct {
	*httptest.Server
	mu     sync.Mutex
	keys   []byte
	status int
	hold   chan struct{} // answers wait for it; nil: none does
	asked  atomic.Int64
	says   string // the issuer's name in its description; "" is its URL
}

func newIssuer(t testing.TB, keys ...jose.JSONWebKey) *issuer {
	t.Helper()
	i := &issuer{keys: keysText(t, keys...), status: 200}
	i.Server = httptest.NewServer(http.HandlerFunc(i.answer))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) answer(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	keys, status, hold, says := i.keys, i.status, i.hold, i.says
	i.mu.Unlock()
	if says == "" {
		says = i.URL
	}
	if r.URL.Path == "/.well-known/openid-configuration" {
		if hold != nil {
			<-hold
		}
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":%q,"token_endpoint":%q}`, says, i.URL+"/keys", i.URL+"/auth", i.URL+"/token")
		return
	}
	i.asked.Add(1)
	if hold != nil {
		<-hold
	}
	w.WriteHeader(status)
	_, _ = w.Write(keys) // the test's own client
}

func (i *issuer) set(status int, keys []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status, i.keys = status, keys
}

// Keys change at the issuer: a new one is fetched when a token names it, one that is gone counts no more; who sends tokens of
// unknown keys does not have the issuer asked for each.
func TestKeysRotate(t *testing.T) {
	c := &clock{}
	one, two := newSigner(t, jose.EdDSA, "1"), newSigner(t, jose.ES256, "2")
	i := newIssuer(t, one.public())
	j := newJWT(t, c, JWTConfig{Issuer: i.URL})
	if err := j.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	ask := func(s signer) error {
		t.Helper()
		who, _, err := j.Who(c.bearer(s.token(t, c.good("iss", i.URL, "n", i.asked.Load()))), true)
		if err == nil && who.ID != "robot" {
			t.Errorf("%+v", who)
		}
		return err
	}
	if err := ask(one); err != nil {
		t.Fatal(err)
	}
	c.pass(keysAgain)
	i.set(200, keysText(t, two.public()))
	if err := ask(two); err != nil {
		t.Errorf("a new key: %v", err)
	}
	if err := ask(one); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("an old key: %v", err)
	}
	before := i.asked.Load()
	for n := range 200 {
		if err := ask(signer{one.private, one.alg, fmt.Sprint("unknown", n)}); reason.Of(err) != reason.CredentialInvalid {
			t.Errorf("an unknown key: %v", err)
		}
	}
	if n := i.asked.Load() - before; n > 1 {
		t.Errorf("200 tokens of unknown keys had the issuer asked %d times", n)
	}
	c.pass(keysAgain)
	before = i.asked.Load()
	if err := ask(signer{one.private, one.alg, "unknown"}); err == nil || i.asked.Load() != before+1 {
		t.Errorf("later the issuer is asked %d times, want once: %v", i.asked.Load()-before, err)
	}
	i.set(500, nil)
	c.pass(keysFresh + time.Second)
	if err := ask(two); err != nil {
		t.Errorf("while the issuer is down: %v", err)
	}
	c.pass(keysLast)
	if err := ask(two); reason.Of(err) != reason.ProviderUnavailable {
		t.Errorf("while the issuer has been down for long: %v", err)
	}
	i.set(200, keysText(t, two.public()))
	c.pass(keysRetry)
	if err := ask(two); err != nil {
		t.Errorf("when it is up again: %v", err)
	}
}

// An issuer that cannot be reached, or is another, lets nobody in; and it is asked again.
func TestIssuerDown(t *testing.T) {
	c := &clock{}
	one := newSigner(t, jose.EdDSA, "1")
	for name, bad := range map[string]func(*issuer){
		"an error":      func(i *issuer) { i.set(500, nil) },
		"not found":     func(i *issuer) { i.set(404, nil) },
		"no set":        func(i *issuer) { i.set(200, []byte("<html>")) },
		"too long":      func(i *issuer) { i.set(200, []byte(strings.Repeat(" ", 2<<20)+"{}")) },
		"another":       func(i *issuer) { i.mu.Lock(); i.says = "https://other.example"; i.mu.Unlock() },
		"a slash more":  func(i *issuer) { i.mu.Lock(); i.says = i.URL + "/"; i.mu.Unlock() },
		"cannot answer": func(i *issuer) { i.Config.Handler = http.NotFoundHandler() },
	} {
		i := newIssuer(t, one.public())
		handler := i.Config.Handler
		bad(i)
		j := newJWT(t, c, JWTConfig{Issuer: i.URL})
		if err := j.Prepare(context.Background()); reason.Of(err) != reason.ProviderUnavailable {
			t.Errorf("%s: prepare: %v", name, err)
		}
		token := one.token(t, c.good("iss", i.URL))
		if who, ok, err := j.Who(c.bearer(token), true); !ok || reason.Of(err) != reason.ProviderUnavailable || who.ID != "" {
			t.Errorf("%s: %v, %v, %v", name, who, ok, err)
		}
		i.set(200, keysText(t, one.public()))
		i.mu.Lock()
		i.says = ""
		i.mu.Unlock()
		i.Config.Handler = handler
		c.pass(keysRetry)
		if who, _, err := j.Who(c.bearer(one.token(t, c.good("iss", i.URL))), true); who.ID != "robot" || err != nil {
			t.Errorf("%s: afterwards: %v, %v", name, who, err)
		}
	}
}

// While keys are being fetched only a few wait; the others are told to come back.
func TestFewWaitForKeys(t *testing.T) {
	c := &clock{}
	one := newSigner(t, jose.EdDSA, "1")
	i := newIssuer(t, one.public())
	hold := make(chan struct{})
	i.hold = hold
	j := newJWT(t, c, JWTConfig{Keys: i.URL + "/keys"})
	results := make(chan error, 100)
	for n := range 100 {
		token := one.token(t, c.good("n", n))
		go func() {
			_, _, err := j.Who(c.bearer(token), true)
			results <- err
		}()
	}
	for range 100 - keysWaiting {
		if err := <-results; reason.Of(err) != reason.ProviderUnavailable {
			t.Errorf("while it waits: %v", err)
		}
	}
	close(hold)
	for range keysWaiting {
		if err := <-results; err != nil {
			t.Errorf("who waited: %v", err)
		}
	}
	if n := i.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestProviderURL(t *testing.T) {
	for _, good := range []string{"https://issuer.example", "https://issuer.example:8443/realm/x?y", "http://127.0.0.1:1/x", "http://localhost", "http://[::1]:1"} {
		if err := CheckProviderURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "x", "issuer.example", "http://issuer.example", "http://localhost.evil.example", "ftp://x", "https://", "https://u:p@x", "https://x#y", "javascript:x", "https:x"} {
		if CheckProviderURL(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzKeys: no set is a panic, and none holds a key that is not public.
func FuzzKeys(f *testing.F) {
	f.Add(keysText(f, newSigner(f, jose.EdDSA, "1").public()))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeys(text)
		for i := range keys {
			if err != nil || !keys[i].IsPublic() {
				t.Errorf("%q gives %v, %v", text, keys[i], err)
			}
		}
	})
}
