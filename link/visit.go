package link

import (
	"crypto/hmac"
	"crypto/rand"
	"strconv"
	"strings"
	"time"
)

// A visit is what a browser remembers of a link whose page it was shown: that the password was given, and who used the link.
// It stands in a cookie, as NONCE.UNTIL.SIGNATURE, and every server that has the link's key can check it.
const visitContext = "rootbound-visit-1\n"

// Visit makes what a browser may prove until a time: that it is the same one, and that it knew a password, whose hash is
// given ("" where there is none). Another hash ends it.
func (k *Keys) Visit(l *Link, hash string, until time.Time) (value string, ok bool) {
	v := rand.Text() + "." + strconv.FormatInt(until.Unix(), 10)
	s, ok := k.signVisit(l, v, hash)
	return v + "." + string(s[:]), ok
}

func (k *Keys) signVisit(l *Link, v, hash string) (signature, bool) {
	return k.sign(l.Key, visitContext, l.Key, "/", l.ID, "\n", v, "\n", hash)
}

// Visitor checks what Visit made. It says who comes, in a form that tells visitors apart and nothing else of them.
func (k *Keys) Visitor(l *Link, value, hash string, now time.Time) (who string, ok bool) {
	i := strings.LastIndexByte(value, '.')
	if i < 0 || len(value) > MaxLength {
		return "", false
	}
	s, ok := k.signVisit(l, value[:i], hash)
	if !ok || !hmac.Equal(s[:], []byte(value[i+1:])) {
		return "", false
	}
	nonce, until, _ := strings.Cut(value[:i], ".")
	seconds, err := strconv.ParseInt(until, 10, 64)
	if err != nil || now.Unix() >= seconds {
		return "", false
	}
	return k.Pseudonym(l, "visit "+nonce)
}

// Pseudonym stands for whoever uses a link, in the state that counts uses: who reads that learns nothing of the client.
func (k *Keys) Pseudonym(l *Link, client string) (who string, ok bool) {
	s, ok := k.sign(l.Key, "rootbound-client-1\n", l.Key, "/", l.ID, "\n", client)
	return string(s[:]), ok
}
