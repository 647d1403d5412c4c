package authn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"github.com/rootbound/rootbound/internal/request"
)

// Form returns the token that a form shown to this browser carries, and the Set-Cookie field to go along where the browser has
// nothing yet to bind it to; "" is none. No other site can read either of the two, so that who sends both saw the form.
func (s *Sessions) Form(f *request.Facts) (token, setCookie string) {
	if v, ok := s.formSecret(f); ok {
		return formToken(v), ""
	}
	var secret [secretSize]byte
	_, _ = rand.Read(secret[:]) // never fails, see crypto/rand
	v := b64.EncodeToString(secret[:])
	return formToken(v), s.cookies.set(formCookie, v, 0)
}

// Posted says whether a form that was posted is one that this browser was shown, by a page of this server.
func (s *Sessions) Posted(f *request.Facts, token string) bool {
	v, ok := s.formSecret(f)
	return ok && sameOrigin(f, s.cfg.Origin) && hmac.Equal([]byte(formToken(v)), []byte(token))
}

func (s *Sessions) formSecret(f *request.Facts) (string, bool) {
	v, ok := s.cookies.find(f.Cookie, formCookie)
	if b, err := b64.DecodeString(v); !ok || err != nil || len(b) != secretSize {
		return "", false
	}
	return v, true
}

// formToken is made of the cookie alone, so that every replica knows it.
func formToken(cookie string) string {
	h := hmac.New(sha256.New, []byte(cookie))
	_, _ = h.Write([]byte("rootbound form")) // never fails, see hash.Hash
	return b64.EncodeToString(h.Sum(nil))
}
