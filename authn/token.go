package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
)

// MethodToken is the Subject.Method of who came with an API token.
const MethodToken = "token"

// TokenPrefix starts every token, so that people and scanners for secrets know one when they see it.
const TokenPrefix = "rbt_"

const (
	tokenIDSize = 16 // random bytes
	usedEvery   = time.Minute
)

var (
	tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	tokenIDText   = tokenEncoding.EncodedLen(tokenIDSize)
	tokenText     = len(TokenPrefix) + tokenIDText + 1 + tokenEncoding.EncodedLen(secretSize+crc32.Size)
)

// NewToken makes a token: rbt_ID_SECRET, where SECRET ends with a checksum of all before it. The record of an id and a digest
// is what is kept; the token itself is shown once.
func NewToken() (token, id string, d state.Digest) {
	var name [tokenIDSize]byte
	var secret [secretSize]byte
	_, _ = rand.Read(name[:]) // never fails, see crypto/rand
	_, _ = rand.Read(secret[:])
	id = tokenEncoding.EncodeToString(name[:])
	return tokenOf(id, secret[:]), id, sha256.Sum256(secret[:])
}

func tokenOf(id string, secret []byte) string {
	sum := crc32.ChecksumIEEE(append([]byte(TokenPrefix+id+"_"), secret...))
	return TokenPrefix + id + "_" + tokenEncoding.EncodeToString(binary.BigEndian.AppendUint32(secret[:len(secret):len(secret)], sum))
}

// parseToken reads a token, and says no to one that was mistyped or cut without asking anybody. One token has one spelling.
func parseToken(text string) (id string, d state.Digest, ok bool) {
	if len(text) != tokenText || !strings.HasPrefix(text, TokenPrefix) || text[len(TokenPrefix)+tokenIDText] != '_' {
		return "", d, false
	}
	id = text[len(TokenPrefix):][:tokenIDText]
	b, err := tokenEncoding.DecodeString(text[len(TokenPrefix)+tokenIDText+1:])
	if name, errID := tokenEncoding.DecodeString(id); err != nil || errID != nil || tokenEncoding.EncodeToString(name) != id || len(b) != secretSize+crc32.Size {
		return "", d, false
	}
	secret := b[:secretSize]
	return id, sha256.Sum256(secret), tokenOf(id, secret) == text
}

// bearer returns what follows the scheme Bearer (RFC 6750 2.1), or "".
func bearer(authorization string) string {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(rest, " ")
}

// TokenStore keeps tokens. It is safe for concurrent use; an error but state.ErrNotFound is that it is out of reach.
type TokenStore interface {
	Token(ctx context.Context, id string) (state.Token, error)
	TouchToken(ctx context.Context, id string, used time.Time) error
	Generation(ctx context.Context, topics ...state.Topic) (uint64, error)
}

// Tokens are API tokens: a Method for programs. It is safe for concurrent use.
type Tokens struct {
	store   TokenStore
	users   Source
	changes changes
	memory  *memory
	outage  outage
}

// NewTokens makes Tokens. A token is its user's: it ends with the account in users, and gives what that may have at most.
// Watch tells them what other replicas change.
func NewTokens(store TokenStore, users Source) (*Tokens, error) {
	if store == nil || users == nil {
		return nil, errors.New("authn: tokens need a state to be kept in, and users whose they are")
	}
	return &Tokens{store: store, users: users, changes: changes{store: store, topic: state.Tokens}, memory: newMemory(DefaultRemember)}, nil
}

// Watch learns of what other processes change, until ctx ends.
func (t *Tokens) Watch(ctx context.Context) { t.changes.watch(ctx) }

// Who is that of Method.
func (t *Tokens) Who(f *request.Facts, wait bool) (request.Subject, bool, error) {
	text := bearer(f.Authorization)
	if !strings.HasPrefix(text, TokenPrefix) {
		return request.Subject{}, false, nil
	}
	if len(text) != tokenText {
		return request.Subject{}, true, invalid("it is not a whole token")
	}
	generation, key := t.changes.with(t.users), t.memory.key(text)
	r, known := t.memory.find(key, f.Received, generation)
	switch {
	case known && (f.Received.Sub(r.since) < usedEvery || t.outage.lately()):
		return r.subject, true, nil
	case t.outage.lately():
		return request.Subject{}, true, reason.New(reason.StateUnavailable, nil)
	case !wait:
		return request.Subject{}, true, ErrWait
	}
	who, until, err := t.look(text, f.Received)
	switch {
	case known && reason.Of(err) == reason.StateUnavailable:
		return r.subject, true, nil
	case err != nil:
		return request.Subject{}, true, err
	}
	t.memory.putUntil(key, who, f.Received, earlier(f.Received.Add(t.memory.lasts), until), generation)
	return who, true, nil
}

// look asks the store, and tells it that the token is used.
func (t *Tokens) look(text string, now time.Time) (who request.Subject, until time.Time, err error) {
	id, d, ok := parseToken(text)
	if !ok {
		return who, until, invalid("it is not a token, or a letter of it is wrong")
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	kept, err := t.store.Token(ctx, id)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return who, until, invalid("there is no such token")
	case err != nil:
		t.outage.found()
		return who, until, reason.New(reason.StateUnavailable, err)
	case subtle.ConstantTimeCompare(kept.Digest[:], d[:]) != 1:
		return who, until, invalid("there is no such token")
	case kept.Revoked:
		return who, until, invalid("the token was revoked")
	case !now.Before(kept.Expires):
		return who, until, invalid("the token has expired")
	}
	a, ok, err := t.users.Account(kept.Subject)
	switch {
	case err != nil:
		return who, until, reason.New(reason.StateUnavailable, err)
	case !ok || a.Disabled:
		return who, until, invalid("the token's user is gone or disabled")
	}
	if now.Sub(kept.Used) >= usedEvery {
		_ = t.store.TouchToken(ctx, id, stamp(now)) // the next use tries again
	}
	return request.Subject{ID: a.Name, Groups: a.Groups, Method: MethodToken, Limits: limitsOf(&kept)}, kept.Expires, nil
}

// limitsOf are those of a token; nil where it has none.
func limitsOf(t *state.Token) *request.Limits {
	l := &request.Limits{On: t.On}
	for _, r := range t.Rights {
		l.Rights = append(l.Rights, request.Right(r))
	}
	if len(l.Rights)+len(l.On) == 0 {
		return nil
	}
	return l
}
