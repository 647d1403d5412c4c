package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// MethodOIDC is the state.Session.Method of who signed in at an OpenID provider.
const MethodOIDC = "oidc"

// Bounds of a sign-in elsewhere.
const (
	oidcCookie   = "rootbound-oidc"
	oidcLasts    = 10 * time.Minute // from here to there and back
	oidcAtOnce   = 16               // that are being finished
	maxOIDCNext  = 2 << 10          // bytes
	maxOIDCQuery = 8 << 10          // bytes
)

// OIDCConfig says where browsers sign in (OpenID Connect Core 1.0, authorization code flow with PKCE).
type OIDCConfig struct {
	// Issuer is the provider, to the letter; ClientID and ClientSecret are what we are called there. A public client has no secret.
	Issuer, ClientID, ClientSecret string
	// Redirect is where the provider sends browsers back to, as it knows it.
	Redirect string
	// Scopes beside openid.
	Scopes []string
	// UserClaim is the subject's id, default "sub"; GroupsClaim its groups, default DefaultGroupsClaim.
	UserClaim, GroupsClaim string
	// Sessions are begun by who comes back.
	Sessions *Sessions
	// now is the clock; tests set it.
	now func() time.Time
}

// OIDC has browsers sign in at an OpenID provider. It is safe for concurrent use.
type OIDC struct {
	cfg      OIDCConfig
	provider *provider
	keys     *keySet
	finish   chan struct{} // one token for each sign-in that is being finished
}

// NewOIDC checks the configuration. A provider that cannot be reached is no error: see Prepare.
func NewOIDC(cfg OIDCConfig) (*OIDC, error) {
	if cfg.Issuer == "" || cfg.ClientID == "" || cfg.Redirect == "" || cfg.Sessions == nil {
		return nil, errors.New("authn: signing in elsewhere needs an issuer, a client id, an address to come back to and sessions")
	}
	claimDefaults(&cfg.UserClaim, &cfg.GroupsClaim, &cfg.now)
	p := newProvider(cfg.Issuer, cfg.now)
	keys := newKeySet(p.keys, cfg.now)
	keys.again = 0 // ID tokens come from the provider itself, and not from whoever likes
	return &OIDC{cfg: cfg, provider: p, keys: keys, finish: make(chan struct{}, oidcAtOnce)}, nil
}

// Issuer is where browsers sign in.
func (o *OIDC) Issuer() string { return o.cfg.Issuer }

// Prepare asks the provider before the first browser wants it. Its error is worth a warning: until the provider can be reached
// nobody signs in there, and it is asked again when somebody wants to.
func (o *OIDC) Prepare(ctx context.Context) error {
	_, err := o.provider.get(ctx)
	return err
}

// pending is a sign-in that has begun. It stands in a cookie of the browser that began it, so that nobody is signed in by an
// answer that was made for another browser, and so that every replica can finish it.
type pending struct {
	state, nonce, verifier string
	began                  time.Time
	next                   string
}

func (p *pending) String() string {
	return strings.Join([]string{p.state, p.nonce, p.verifier, strconv.FormatInt(p.began.Unix(), 16), b64.EncodeToString([]byte(p.next))}, ".")
}

func parsePending(text string) (p pending, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 5 {
		return p, false
	}
	began, err := strconv.ParseInt(parts[3], 16, 64)
	next, nextErr := b64.DecodeString(parts[4])
	p = pending{state: parts[0], nonce: parts[1], verifier: parts[2], began: time.Unix(began, 0), next: string(next)}
	return p, err == nil && nextErr == nil && len(p.state) == secretText && len(p.nonce) == secretText && len(p.verifier) == secretText
}

func randomText() string {
	var b [secretSize]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return b64.EncodeToString(b[:])
}

func (o *OIDC) client(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: o.cfg.ClientID, ClientSecret: o.cfg.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: o.cfg.Redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, o.cfg.Scopes...),
	}
}

// Start sends a browser to the provider: it returns the address, and the Set-Cookie field to go along. next is where the browser
// wants to be afterwards. The error carries a reason.
func (o *OIDC) Start(ctx context.Context, next string) (location, setCookie string, err error) {
	found, err := o.provider.get(ctx)
	if err != nil {
		return "", "", err
	}
	if found.Endpoint().AuthURL == "" || found.Endpoint().TokenURL == "" {
		return "", "", reason.New(reason.ProviderUnavailable, errors.New("it has no endpoints for browsers"))
	}
	if len(next) > maxOIDCNext {
		next = "/"
	}
	p := pending{state: randomText(), nonce: randomText(), verifier: randomText(), began: o.cfg.now(), next: next}
	location = o.client(found).AuthCodeURL(p.state, oidc.Nonce(p.nonce), oauth2.S256ChallengeOption(p.verifier))
	return location, o.cfg.Sessions.cookies.set(oidcCookie, p.String(), oidcLasts), nil
}

// Finish takes what the provider sent a browser back with, and begins a session. It returns who that is, where the browser wants
// to be and the Set-Cookie fields to go along, which are there even with an error. The error carries a reason.
func (o *OIDC) Finish(ctx context.Context, f *request.Facts, query string) (who request.Subject, next string, setCookies []string, err error) {
	setCookies = []string{o.cfg.Sessions.cookies.set(oidcCookie, "", -1)} // it is used once
	code, p, err := o.returned(f, query)
	if err != nil {
		return request.Subject{}, "", setCookies, err
	}
	select {
	case o.finish <- struct{}{}:
		defer func() { <-o.finish }()
	default:
		return request.Subject{}, "", setCookies, reason.New(reason.ProviderUnavailable, errors.New("too many sign in at once"))
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, o.provider.client), 2*providerWait)
	defer cancel()
	id, groups, err := o.exchange(ctx, code, &p)
	if err != nil {
		return request.Subject{}, "", setCookies, err
	}
	session, err := o.cfg.Sessions.Begin(ctx, id, groups, MethodOIDC)
	if err != nil {
		return request.Subject{}, "", setCookies, err
	}
	return request.Subject{ID: id, Groups: groups, Method: MethodSession}, p.next, append(setCookies, session), nil
}

// returned reads the provider's answer as the browser brings it (RFC 6749 4.1.2, RFC 9207), each field once.
func (o *OIDC) returned(f *request.Facts, query string) (code string, p pending, err error) {
	if len(query) > maxOIDCQuery {
		return "", p, invalid("the answer of the provider is too long")
	}
	text, ok := o.cfg.Sessions.cookies.find(f.Cookie, oidcCookie)
	if !ok {
		return "", p, invalid("this browser did not begin to sign in here, or its cookies are off")
	}
	if p, ok = parsePending(text); !ok {
		return "", p, invalid("the sign-in that this browser began is malformed")
	}
	if age := o.cfg.now().Sub(p.began); age > oidcLasts || age < -ClockSkew {
		return "", p, invalid("the sign-in took too long")
	}
	v, err := url.ParseQuery(query)
	if err != nil {
		return "", p, invalid("the answer of the provider is malformed")
	}
	for _, values := range v {
		if len(values) != 1 {
			return "", p, invalid("the answer of the provider says something twice")
		}
	}
	if subtle.ConstantTimeCompare([]byte(v.Get("state")), []byte(p.state)) != 1 {
		return "", p, invalid("the answer of the provider is to another sign-in")
	}
	if err := o.issued(v); err != nil {
		return "", p, err
	}
	if e := v.Get("error"); e != "" {
		return "", p, reason.New(reason.CredentialInvalid, errors.New("the provider refuses: "+strconv.Quote(e[:min(len(e), 100)])))
	}
	if code = v.Get("code"); code == "" {
		return "", p, invalid("the answer of the provider has no code")
	}
	return code, p, nil
}

// issued holds an answer to the one provider that was asked: a code of another one must not be brought to it (RFC 9207 2.4).
func (o *OIDC) issued(v url.Values) error {
	found, err := o.provider.get(context.Background())
	if err != nil {
		return err
	}
	m, err := metadataOf(found)
	if err != nil {
		return reason.New(reason.ProviderUnavailable, err)
	}
	if iss, given := v.Get("iss"), v.Has("iss"); given && iss != o.cfg.Issuer || !given && m.SaysIssuer {
		return invalid("the answer is not the provider's")
	}
	return nil
}

// exchange brings the code to the provider and reads who it stands for.
func (o *OIDC) exchange(ctx context.Context, code string, p *pending) (id string, groups []string, err error) {
	found, err := o.provider.get(ctx)
	if err != nil {
		return "", nil, err
	}
	token, err := o.client(found).Exchange(ctx, code, oauth2.VerifierOption(p.verifier))
	if err != nil {
		return "", nil, refusedByProvider(err)
	}
	text, _ := token.Extra("id_token").(string)
	payload, err := o.idToken(ctx, text, p.nonce)
	if err != nil {
		return "", nil, err
	}
	if payload, err = o.withUserInfo(ctx, found, token, payload); err != nil {
		return "", nil, err
	}
	if id, groups, err = named(payload, o.cfg.UserClaim, o.cfg.GroupsClaim); err != nil {
		return "", nil, reason.New(reason.CredentialInvalid, err)
	}
	return id, groups, nil
}

// refusedByProvider tells a code that does not hold from a provider that cannot be asked.
func refusedByProvider(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return reason.New(reason.CredentialInvalid, errors.New("the provider does not take the code: "+strconv.Quote(refused.ErrorCode[:min(len(refused.ErrorCode), 100)])))
	}
	return reason.New(reason.ProviderUnavailable, err)
}

// idToken is what an ID token says, once it was found to hold (OpenID Connect Core 1.0, 3.1.3.7).
func (o *OIDC) idToken(ctx context.Context, text, nonce string) ([]byte, error) {
	payload, err := o.keys.payload(ctx, text)
	if err != nil {
		return nil, err
	}
	var c jwt.Claims
	var more struct {
		Nonce string `json:"nonce"`
		Party string `json:"azp"`
	}
	if json.Unmarshal(payload, &c) != nil || json.Unmarshal(payload, &more) != nil {
		return nil, invalid("the claims are malformed")
	}
	if err := checkTimes(&c, o.cfg.Issuer, o.cfg.ClientID, o.cfg.now()); err != nil {
		return nil, reason.New(reason.CredentialInvalid, err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(more.Nonce), []byte(nonce)) != 1:
		return nil, invalid("the ID token is for another sign-in")
	case more.Party != "" && more.Party != o.cfg.ClientID, more.Party == "" && len(c.Audience) > 1:
		return nil, invalid("the ID token is for another client")
	case c.Subject == "":
		return nil, invalid("the ID token names nobody")
	}
	return payload, nil
}

// withUserInfo adds what the ID token leaves out and the provider says when it is asked, as some do with groups.
func (o *OIDC) withUserInfo(ctx context.Context, found *oidc.Provider, token *oauth2.Token, payload []byte) ([]byte, error) {
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil {
		return nil, invalid("the claims are malformed")
	}
	want := []string{o.cfg.UserClaim, o.cfg.GroupsClaim, "email_verified"}
	missing := slices.ContainsFunc(want[:2], func(k string) bool { return claims[k] == nil })
	if !missing || found.UserInfoEndpoint() == "" {
		return payload, nil
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, reason.New(reason.ProviderUnavailable, err)
	}
	var more map[string]json.RawMessage
	if info.Claims(&more) != nil || string(more["sub"]) != string(claims["sub"]) { // 5.3.2
		return nil, invalid("what the provider says is about somebody else")
	}
	for _, k := range want {
		if claims[k] == nil && more[k] != nil {
			claims[k] = more[k]
		}
	}
	return json.Marshal(claims)
}
