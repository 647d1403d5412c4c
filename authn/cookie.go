package authn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

// MaxCookie is the length, in bytes, of the longest Cookie field that is looked at.
const MaxCookie = 8 << 10

// Names of the cookies. A browser takes one with the prefix __Host- from this very host alone, over TLS (RFC 6265bis 4.1.3.2):
// no sister domain can toss one.
const (
	sessionCookie = "rootbound"
	formCookie    = "rootbound-form"
	hostPrefix    = "__Host-"
)

// pageCookies makes and finds the cookies of the server's own pages.
type pageCookies struct{ secure bool }

func (p pageCookies) name(of string) string {
	if p.secure {
		return hostPrefix + of
	}
	return of
}

// find returns the value of a cookie. Where there are two of the name, one of them was tossed by somebody else, and neither
// is believed.
func (p pageCookies) find(field, of string) (value string, ok bool) {
	if len(field) > MaxCookie {
		return "", false
	}
	name := p.name(of)
	for field != "" {
		pair, rest, _ := strings.Cut(field, ";")
		field = rest
		k, v, found := strings.Cut(strings.TrimLeft(pair, " \t"), "=")
		if !found || k != name {
			continue
		}
		if ok {
			return "", false
		}
		value, ok = v, true
	}
	return value, ok
}

// set is a Set-Cookie field. lasts is 0 for as long as the browser runs, and less for a cookie that is to go.
func (p pageCookies) set(of, value string, lasts time.Duration) string {
	c := http.Cookie{Name: p.name(of), Value: value, Path: "/", Secure: p.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	switch {
	case lasts > 0:
		c.MaxAge = int(lasts / time.Second)
	case lasts < 0:
		c.MaxAge = -1
	}
	return c.String()
}

const (
	secretSize = 32 // bytes of a random secret
	sealSize   = 16 // bytes of what binds it
	issuedSize = 8  // hexadecimal digits of when it was issued
)

var (
	b64        = base64.RawURLEncoding.Strict()
	secretText = b64.EncodedLen(secretSize)
	valueText  = secretText + 1 + issuedSize + 1 + b64.EncodedLen(sealSize)
)

// sessionValue is what stands in a session's cookie: SECRET.ISSUED.SEAL. Only a digest of the secret is stored. The seal is made
// with the secret and over what the account's sessions are bound to, such as its password's hash: with that it changes, on
// every replica, without anything being stored or sent.
type sessionValue struct {
	secret [secretSize]byte
	issued int64 // Unix minutes
	seal   [sealSize]byte
}

func newSessionValue(now time.Time, bound string) (v sessionValue) {
	_, _ = rand.Read(v.secret[:]) // never fails, see crypto/rand
	v.issued = now.Unix() / 60
	v.seal = v.sealFor(bound)
	return v
}

func (v *sessionValue) sealFor(bound string) (seal [sealSize]byte) {
	h := hmac.New(sha256.New, v.secret[:])
	_, _ = h.Write([]byte("rootbound session\n" + v.issuedText() + "\n" + bound)) // never fails, see hash.Hash
	copy(seal[:], h.Sum(nil))
	return seal
}

func (v *sessionValue) holds(bound string) bool {
	want := v.sealFor(bound)
	return subtle.ConstantTimeCompare(v.seal[:], want[:]) == 1
}

func (v *sessionValue) issuedText() string {
	text := strconv.FormatInt(v.issued, 16)
	return strings.Repeat("0", max(0, issuedSize-len(text))) + text
}

func (v *sessionValue) digest() state.Digest { return sha256.Sum256(v.secret[:]) }

func (v *sessionValue) String() string {
	return b64.EncodeToString(v.secret[:]) + "." + v.issuedText() + "." + b64.EncodeToString(v.seal[:])
}

// parseSession reads a cookie's value. One value has one spelling.
func parseSession(text string) (v sessionValue, ok bool) {
	if len(text) != valueText || text[secretText] != '.' || text[secretText+1+issuedSize] != '.' {
		return v, false
	}
	secret, err := b64.DecodeString(text[:secretText])
	seal, errSeal := b64.DecodeString(text[secretText+1+issuedSize+1:])
	issued, errIssued := strconv.ParseInt(text[secretText+1:secretText+1+issuedSize], 16, 64)
	if err != nil || errSeal != nil || errIssued != nil || len(secret) != secretSize || len(seal) != sealSize {
		return v, false
	}
	copy(v.secret[:], secret)
	copy(v.seal[:], seal)
	v.issued = issued
	return v, v.String() == text
}
