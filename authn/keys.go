package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rootbound/rootbound/internal/reason"
)

// signedBy are the algorithms that a token may be signed with. No token chooses another: "none" is no signature, and where
// HS256 is taken, who knows a public key can sign with it (RFC 8725 2.1, 3.1).
var signedBy = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

// How keys of others are kept.
const (
	maxKeys      = 64               // of a set that are used
	maxKeysText  = 1 << 20          // bytes of a set, and of any other answer of a provider
	minRSA       = 2048             // bits
	keysFresh    = 10 * time.Minute // before a set is fetched again, though nothing is missing in it
	keysLast     = 24 * time.Hour   // that a set is believed while it cannot be fetched
	keysAgain    = 30 * time.Second // between two fetches because of a key that is not known
	keysRetry    = 5 * time.Second  // between two fetches where the last one failed
	keysWaiting  = 4                // requests that wait for a fetch at once
	providerWait = 10 * time.Second // for one answer of a provider
)

// keySet is a JSON Web Key Set (RFC 7517) that is kept elsewhere. Keys change there: one that is not known has the set fetched
// again, no more often than every keysAgain, whatever the tokens that come say. It is safe for concurrent use.
type keySet struct {
	from  func(ctx context.Context) ([]byte, error)
	now   func() time.Time
	again time.Duration // between two fetches because of a key that is not known
	using atomic.Pointer[keysAt]

	mu     sync.Mutex
	flying *fetching
	tried  time.Time
	failed error // of the last fetch

	waiting atomic.Int32
}

// keysAt are the keys as they were fetched.
type keysAt struct {
	keys       []jose.JSONWebKey
	at         time.Time
	generation uint64
}

type fetching struct{ done chan struct{} }

func newKeySet(from func(context.Context) ([]byte, error), now func() time.Time) *keySet {
	return &keySet{from: from, now: now, again: keysAgain}
}

// generation changes whenever the keys do.
func (s *keySet) generation() uint64 {
	if u := s.using.Load(); u != nil {
		return u.generation
	}
	return 0
}

// payload is what a token says, once its signature was found to hold. The errors carry a reason.
func (s *keySet) payload(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, signedBy)
	if err != nil {
		return nil, invalid("it is no token, or signed by an algorithm that is not taken")
	}
	header := jws.Signatures[0].Header
	u, err := s.holding(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	for i := range u.keys {
		k := &u.keys[i]
		if header.KeyID != "" && k.KeyID != header.KeyID || !suits(k, header.Algorithm) {
			continue
		}
		if payload, err := jws.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, invalid("no key of the issuer's signed the token")
}

// holding returns the keys, fetched again where they are old or hold none of that id. Old ones do meanwhile.
func (s *keySet) holding(ctx context.Context, id string) (*keysAt, error) {
	u := s.using.Load()
	if u != nil && u.has(id) {
		switch age := s.now().Sub(u.at); {
		case age < keysFresh:
			return u, nil
		case age < keysLast:
			s.begin(u, id)
			return u, nil
		}
	}
	if s.waiting.Add(1) > keysWaiting {
		s.waiting.Add(-1)
		return nil, reason.New(reason.ProviderUnavailable, errors.New("its keys are being fetched"))
	}
	err := s.fetch(ctx, u, id)
	s.waiting.Add(-1)
	if u = s.using.Load(); u == nil || s.now().Sub(u.at) >= keysLast {
		if err == nil {
			err = errors.New("its keys are too old")
		}
		return nil, reason.New(reason.ProviderUnavailable, err)
	}
	return u, nil
}

func (u *keysAt) has(id string) bool {
	if id == "" {
		return true
	}
	for i := range u.keys {
		if u.keys[i].KeyID == id {
			return true
		}
	}
	return false
}

// fetch is begin, and waits. Its error is that of the last fetch.
func (s *keySet) fetch(ctx context.Context, had *keysAt, id string) error {
	if f := s.begin(had, id); f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// begin has the set fetched, unless that was tried a moment ago; many at once share one fetch. It returns the one under way.
func (s *keySet) begin(had *keysAt, id string) *fetching {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flying != nil {
		return s.flying
	}
	if u := s.using.Load(); u != had && u.has(id) { // somebody was quicker
		return nil
	}
	pause := s.again
	if s.failed != nil || had == nil {
		pause = keysRetry
	}
	if !s.tried.IsZero() && s.now().Sub(s.tried) < pause {
		return nil
	}
	s.flying, s.tried = &fetching{done: make(chan struct{})}, s.now()
	go s.fly(s.flying)
	return s.flying
}

// fly is one fetch. It belongs to nobody's request, so that nobody who goes away ends it for the others.
func (s *keySet) fly(f *fetching) {
	ctx, cancel := context.WithTimeout(context.Background(), providerWait)
	defer cancel()
	text, err := s.from(ctx)
	var keys []jose.JSONWebKey
	if err == nil {
		keys, err = parseKeys(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying, s.failed = nil, err
	if err == nil {
		s.use(keys)
	}
	close(f.done)
}

// use puts keys in force. What is unchanged keeps its generation, so that what was verified by it need not be again.
func (s *keySet) use(keys []jose.JSONWebKey) {
	next := &keysAt{keys: keys, at: s.now(), generation: 1}
	if u := s.using.Load(); u != nil {
		next.generation = u.generation
		if !sameKeys(u.keys, keys) {
			next.generation++
		}
	}
	s.using.Store(next)
}

func sameKeys(a, b []jose.JSONWebKey) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// parseKeys takes of a set the public keys that tokens can be signed with here, and leaves out the others (RFC 7517 5).
func parseKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("it is no JSON Web Key Set")
	}
	var out []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil || k.Use != "" && k.Use != "sig" || algorithmOf(&k) == "" {
			continue
		}
		if out = append(out, k); len(out) == maxKeys {
			break
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it holds no public key for RS256 (%d bits or more), ES256 or EdDSA", minRSA)
	}
	return out, nil
}

// algorithmOf is the one algorithm that a key is for; "" is none of ours. A secret (oct) and a private key are none.
func algorithmOf(k *jose.JSONWebKey) jose.SignatureAlgorithm {
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return jose.RS256
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return jose.ES256
		}
	case ed25519.PublicKey:
		return jose.EdDSA
	}
	return ""
}

// suits says whether a key is for the algorithm that a token names.
func suits(k *jose.JSONWebKey, algorithm string) bool {
	own := string(algorithmOf(k))
	return own == algorithm && (k.Algorithm == "" || k.Algorithm == own)
}
