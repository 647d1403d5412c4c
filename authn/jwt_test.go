package authn

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rootbound/rootbound/internal/reason"
)

func TestJWT(t *testing.T) {
	c := &clock{}
	rs, es, ed, foreign := newSigner(t, jose.RS256, "rs"), newSigner(t, jose.ES256, "es"), newSigner(t, jose.EdDSA, "ed"), newSigner(t, jose.EdDSA, "ed")
	j := newJWT(t, c, JWTConfig{Keys: keysFile(t, rs.public(), es.public(), ed.public())})
	for _, s := range []signer{rs, es, ed, {ed.private, ed.alg, ""}} {
		for range 2 { // from memory, the second time
			who, ok, err := j.Who(c.bearer(s.token(t, c.good())), true)
			if !ok || err != nil || who.ID != "robot" || who.Method != MethodJWT || fmt.Sprint(who.Groups) != "[staff night]" {
				t.Errorf("%s: %+v, %v, %v", s.alg, who, ok, err)
			}
		}
	}
	for name, claims := range map[string]map[string]any{
		"another issuer":        c.good("iss", "https://issuer.example/"),
		"no issuer":             c.good("iss", nil),
		"another audience":      c.good("aud", "mail"),
		"other audiences":       c.good("aud", []string{"mail", "filesystem"}),
		"no audience":           c.good("aud", nil),
		"expired":               c.good("exp", c.now().Add(-ClockSkew-time.Second).Unix()),
		"no end":                c.good("exp", nil),
		"end that is no number": c.good("exp", "never"),
		"end beyond all":        c.good("exp", "1e400"),
		"not yet":               c.good("nbf", c.now().Add(ClockSkew+2*time.Second).Unix()),
		"issued in the future":  c.good("iat", c.now().Add(ClockSkew+2*time.Second).Unix()),
		"no subject":            c.good("sub", nil),
		"empty subject":         c.good("sub", ""),
		"a number as subject":   c.good("sub", 1),
		"control in subject":    c.good("sub", "a\x00b"),
		"line in subject":       c.good("sub", "a\nb"),
		"space at the end":      c.good("sub", "robot "),
		"a link's name":         c.good("sub", "link:abc"),
		"long subject":          c.good("sub", strings.Repeat("x", 256)),
		"groups of numbers":     c.good("groups", []int{1}),
		"groups as an object":   c.good("groups", map[string]bool{"staff": true}),
		"an empty group":        c.good("groups", []string{""}),
		"too many groups":       c.good("groups", strings.Split(strings.Repeat("g,", maxGroups)+"g", ",")),
	} {
		if who, ok, err := j.Who(c.bearer(ed.token(t, claims)), true); !ok || reason.Of(err) != reason.CredentialInvalid || who.ID != "" {
			t.Errorf("%s: %+v, %v, %v", name, who, ok, err)
		}
	}
	for name, claims := range map[string]map[string]any{
		"clocks apart":     c.good("exp", c.now().Add(-ClockSkew+2*time.Second).Unix(), "nbf", c.now().Add(ClockSkew-2*time.Second).Unix()),
		"one of audiences": c.good("aud", []string{"mail", testAudience}),
		"no groups":        c.good("groups", nil),
		"null groups":      c.good("groups", json.RawMessage("null")),
		"one group":        c.good("groups", "staff"),
		"no nbf":           c.good("nbf", nil, "iat", nil),
	} {
		if who, ok, err := j.Who(c.bearer(ed.token(t, claims)), true); !ok || err != nil || who.ID != "robot" {
			t.Errorf("%s: %+v, %v, %v", name, who, ok, err)
		}
	}
	good := strings.Split(ed.token(t, c.good()), ".")
	for name, token := range map[string]string{
		"signed by a stranger":     foreign.token(t, c.good()),
		"another key's id":         sign(t, jose.EdDSA, ed.private, "es", c.good()),
		"unknown key":              sign(t, jose.EdDSA, ed.private, "unknown", c.good()),
		"none":                     unsigned(t, "none", c.good()),
		"None":                     unsigned(t, "None", c.good()),
		"HS256 by the public key":  sign(t, jose.HS256, publicPEM(t, rs), "rs", c.good()),
		"HS256 by the modulus":     sign(t, jose.HS256, rs.private.Public().(*rsa.PublicKey).N.Bytes(), "rs", c.good()),
		"RS512":                    sign(t, jose.RS512, rs.private, "rs", c.good()),
		"PS256":                    sign(t, jose.PS256, rs.private, "rs", c.good()),
		"a key in the header":      embedded(t, foreign, c.good()),
		"empty":                    "",
		"dots":                     "..",
		"two parts":                good[0] + "." + good[1],
		"four parts":               strings.Join(good, ".") + ".x",
		"no signature":             good[0] + "." + good[1] + ".",
		"other claims":             good[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root"}`)) + "." + good[2],
		"padded":                   strings.Join(good, "==.") + "==",
		"JSON in place of compact": fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, good[1], good[0], good[2]),
		"two tokens":               strings.Join(good, ".") + ", Bearer " + strings.Join(good, "."),
		"huge":                     strings.Repeat("x", MaxJWT),
		"not base64":               "@@@.@@@.@@@",
	} {
		if who, ok, err := j.Who(c.bearer(token), true); !ok || reason.Of(err) != reason.CredentialInvalid || who.ID != "" {
			t.Errorf("%s: %+v, %v, %v", name, who, ok, err)
		}
	}
	for _, other := range []string{"", "Basic x", "Bearer2 x", "bear"} {
		if _, ok, err := j.Who(c.ask(other, "192.0.2.1"), true); ok || err != nil {
			t.Errorf("%q is taken for a token: %v", other, err)
		}
	}
}

// What is remembered is not believed for longer than the token says, nor after its key is gone; the loop never waits.
func TestJWTMemory(t *testing.T) {
	c := &clock{}
	one, two := newSigner(t, jose.EdDSA, "1"), newSigner(t, jose.EdDSA, "2")
	path := keysFile(t, one.public())
	j := newJWT(t, c, JWTConfig{Keys: path})
	short := one.token(t, c.good("exp", c.now().Add(time.Second).Unix()))
	if _, ok, err := j.Who(c.bearer(short), false); !ok || err != ErrWait {
		t.Errorf("at first, without waiting: %v, %v", ok, err)
	}
	for _, wait := range []bool{true, false} {
		if s, _, err := j.Who(c.bearer(short), wait); s.ID != "robot" || err != nil {
			t.Errorf("wait %v: %v, %v", wait, s, err)
		}
	}
	c.pass(ClockSkew + 2*time.Second)
	if _, _, err := j.Who(c.bearer(short), true); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("after its end: %v", err)
	}
	long := one.token(t, c.good())
	if _, _, err := j.Who(c.bearer(long), true); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, keysText(t, two.public()), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := j.Reload(); !changed || err != nil {
		t.Fatalf("reload: %v, %v", changed, err)
	}
	if _, _, err := j.Who(c.bearer(long), true); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("after its key is gone: %v", err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Reload(); err == nil {
		t.Error("a broken file is no error")
	}
	if s, _, err := j.Who(c.bearer(two.token(t, c.good())), true); s.ID != "robot" || err != nil {
		t.Errorf("after a reload that failed: %v, %v", s, err)
	}
}

// FuzzJWT: no token is a panic, and none is taken that was not signed.
func FuzzJWT(f *testing.F) {
	c := &clock{}
	one := newSigner(f, jose.EdDSA, "1")
	j := newJWT(f, c, JWTConfig{Keys: keysFile(f, one.public())})
	good := one.token(f, c.good())
	f.Add(good)
	f.Add(unsigned(f, "none", c.good()))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if who, _, err := j.Who(c.bearer(token), true); err == nil && strings.Trim(token, " ") != good {
			t.Errorf("%q is taken for %v", token, who)
		}
	})
}
