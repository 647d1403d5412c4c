package authn

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// What a sign-in that began is kept as is read again as it was; another spelling of it is another sign-in, or none.
func TestPending(t *testing.T) {
	p := pending{state: randomText(), nonce: randomText(), verifier: randomText(), began: time.Unix(1e9, 0), next: "/ä?x=y#."}
	if got, ok := parsePending(p.String()); !ok || got != p {
		t.Errorf("%+v, %v; want %+v", got, ok, p)
	}
	for _, bad := range []string{"", ".", "....", p.String() + ".", p.String() + "=", strings.Replace(p.String(), ".", "", 1), strings.ToUpper(p.nonce) + p.String()} {
		if got, ok := parsePending(bad); ok && got == p {
			t.Errorf("%q is taken for %+v", bad, got)
		}
	}
	if _, err := NewOIDC(OIDCConfig{Issuer: "https://op.example", ClientID: "x"}); err == nil {
		t.Error("no sessions are no error")
	}
}

// While a provider hangs only a few wait for it; the others are told to come back.
func TestFewWaitForProvider(t *testing.T) {
	c := &clock{}
	i := newIssuer(t, newSigner(t, jose.EdDSA, "1").public())
	hold := make(chan struct{})
	i.hold = hold
	o, err := NewOIDC(OIDCConfig{Issuer: i.URL, ClientID: "x", Redirect: "https://files.example/-/oidc/callback", Sessions: &Sessions{}, now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 20)
	for range 20 {
		go func() {
			_, _, err := o.Start(context.Background(), "/")
			results <- err
		}()
	}
	for range 20 - keysWaiting {
		if err := <-results; reason.Of(err) != reason.ProviderUnavailable {
			t.Errorf("while it hangs: %v", err)
		}
	}
	close(hold)
	for range keysWaiting {
		if err := <-results; err != nil {
			t.Errorf("who waited: %v", err)
		}
	}
	to, cookie, err := o.Start(context.Background(), strings.Repeat("/x", maxOIDCNext))
	u, parseErr := url.Parse(to)
	if err != nil || parseErr != nil {
		t.Fatal(err, parseErr)
	}
	q := u.Query()
	if len(q.Get("state")) != secretText || len(q.Get("nonce")) != secretText || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("scope") != "openid" || len(cookie) > 1<<10 {
		t.Errorf("%s with %s", to, cookie)
	}
}

// FuzzOIDCReturned: nothing that a browser brings back is a panic, and nothing is taken without the state that it began with.
func FuzzOIDCReturned(f *testing.F) {
	c := &clock{}
	i := newIssuer(f)
	o, err := NewOIDC(OIDCConfig{Issuer: i.URL, ClientID: "x", Redirect: "https://files.example/-/oidc/callback", Sessions: &Sessions{}, now: c.now})
	if err != nil {
		f.Fatal(err)
	}
	p := pending{state: randomText(), nonce: randomText(), verifier: randomText(), began: c.now(), next: "/"}
	f.Add("code=x&state="+p.state+"&iss="+i.URL, oidcCookie+"="+p.String())
	f.Add("error=x&state="+p.state, oidcCookie+"="+p.String()+"; "+oidcCookie+"=x")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, query, cookie string) {
		code, got, err := o.returned(&request.Facts{Cookie: cookie}, query)
		switch {
		case err != nil && reason.Of(err) != reason.CredentialInvalid:
			t.Errorf("%q, %q: %v", query, cookie, err)
		case err == nil && (code == "" || got.state == "" || !strings.Contains(query, "state=")):
			t.Errorf("%q, %q is taken", query, cookie)
		}
	})
}
