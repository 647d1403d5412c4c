package authn

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/rootbound/rootbound/internal/readfile"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// MethodJWT is the Subject.Method of who came with a token that somebody else signed.
const MethodJWT = "jwt"

// MaxJWT is the length, in bytes, of the longest Authorization field with a token that is looked at.
const MaxJWT = 12 << 10

// DefaultGroupsClaim is where issuers put the groups of a subject.
const DefaultGroupsClaim = "groups"

// JWTConfig says which tokens are taken (RFC 7519, RFC 6750).
type JWTConfig struct {
	// Issuer is the iss of every token, to the letter; Audience one of its aud.
	Issuer, Audience string
	// Keys is where the issuer's public keys are: the path of a JSON Web Key Set, or its URL; "" asks the issuer.
	Keys string
	// UserClaim is the subject's id, default "sub"; GroupsClaim its groups, default DefaultGroupsClaim.
	UserClaim, GroupsClaim string
	// now is the clock; tests set it.
	now func() time.Time
}

// JWT takes signed tokens as bearer credentials. It is a Method.
type JWT struct {
	cfg    JWTConfig
	keys   *keySet
	memory *memory
}

// NewJWT checks the configuration, and reads keys that are in a file. An issuer that cannot be reached is no error: see Prepare.
func NewJWT(cfg JWTConfig) (*JWT, error) {
	if cfg.Issuer == "" || cfg.Audience == "" {
		return nil, errors.New("authn: a token must name its issuer and its audience: both must be known")
	}
	claimDefaults(&cfg.UserClaim, &cfg.GroupsClaim, &cfg.now)
	j := &JWT{cfg: cfg, memory: newMemory(DefaultRemember)}
	switch place := cfg.Keys; {
	case place == "":
		j.keys = newKeySet(newProvider(cfg.Issuer, cfg.now).keys, cfg.now)
	case isURL(place):
		client := providerClient()
		j.keys = newKeySet(func(ctx context.Context) ([]byte, error) { return get(ctx, client, place) }, cfg.now)
	default:
		j.keys = newKeySet(func(context.Context) ([]byte, error) { return readfile.Read(place, maxUsersFile) }, cfg.now)
		if _, err := j.Reload(); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// Reload reads the keys again where they are, and says whether they changed. On an error the old ones stay.
func (j *JWT) Reload() (changed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), providerWait)
	defer cancel()
	text, err := j.keys.from(ctx)
	if err != nil {
		return false, err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return false, err
	}
	before := j.keys.generation()
	j.keys.mu.Lock()
	j.keys.use(keys)
	j.keys.mu.Unlock()
	return j.keys.generation() != before, nil
}

// Prepare fetches the keys before the first request wants them. Its error is worth a warning: until the issuer can be reached
// its tokens are refused as provider-unavailable, and it is asked again when one comes.
func (j *JWT) Prepare(ctx context.Context) error {
	_, err := j.keys.holding(ctx, "")
	return err
}

// Who reads a bearer token. See Method.
func (j *JWT) Who(f *request.Facts, wait bool) (request.Subject, bool, error) {
	scheme, token, _ := strings.Cut(f.Authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return request.Subject{}, false, nil
	}
	if len(f.Authorization) > MaxJWT {
		return request.Subject{}, true, invalid("the token is too long")
	}
	generation, key := j.keys.generation(), j.memory.key(f.Authorization)
	if s, ok := j.memory.get(key, f.Received, generation); ok {
		return s, true, nil
	}
	if !wait {
		return request.Subject{}, true, ErrWait
	}
	s, until, err := j.verify(strings.Trim(token, " "), f.Received)
	if err == nil {
		if soon := f.Received.Add(DefaultRemember); soon.Before(until) {
			until = soon
		}
		j.memory.putUntil(key, s, f.Received, until, generation)
	}
	return s, true, err
}

// verify looks whether a token holds, and until when.
func (j *JWT) verify(token string, now time.Time) (request.Subject, time.Time, error) {
	ctx, cancel := context.WithTimeout(context.Background(), providerWait)
	defer cancel()
	payload, err := j.keys.payload(ctx, token)
	if err != nil {
		return request.Subject{}, time.Time{}, err
	}
	var c jwt.Claims
	if json.Unmarshal(payload, &c) != nil {
		return request.Subject{}, time.Time{}, invalid("the claims are malformed")
	}
	if err := checkTimes(&c, j.cfg.Issuer, j.cfg.Audience, now); err != nil {
		if errors.Is(err, jwt.ErrExpired) {
			return request.Subject{}, time.Time{}, reason.New(reason.CredentialInvalid, errors.New("the token has expired"))
		}
		return request.Subject{}, time.Time{}, reason.New(reason.CredentialInvalid, err)
	}
	id, groups, err := named(payload, j.cfg.UserClaim, j.cfg.GroupsClaim)
	if err != nil {
		return request.Subject{}, time.Time{}, reason.New(reason.CredentialInvalid, err)
	}
	return request.Subject{ID: id, Groups: groups, Method: MethodJWT}, c.Expiry.Time().Add(ClockSkew), nil
}
