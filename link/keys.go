package link

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
)

// MinKey is the length of the shortest key that is taken, in bytes.
const MinKey = 32

// Keys sign and check. They are safe for concurrent use.
type Keys struct {
	now  atomic.Pointer[keys]
	host atomic.Pointer[string]
}

// keys are those of one time.
type keys struct {
	first  string // signs
	server string // the first that is nobody's; "" where there is none
	byID   map[string]*key
}

// key has hashes that are keyed already.
type key struct {
	hashes  sync.Pool
	subject string // whose key it is; "" is nobody's in particular
}

// LineError is what is wrong with a line of a file of keys. It tells nothing of a key.
type LineError struct {
	Line         int
	Rule, Remedy string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s. %s.", e.Line, e.Rule, e.Remedy) }

const keyRemedy = `Write a line as made by: echo "k1:$(openssl rand -base64 32)"`

// ParseKeys reads ID:KEY a line, KEY being base64 of 32 bytes or more; # begins a comment. After a space there may be the
// name of a user: what the key signs then belongs to that user, whoever the link says made it. The first key signs, all of
// them check.
func ParseKeys(text []byte) (*Keys, error) {
	k := new(Keys)
	return k, k.Replace(text)
}

// Replace takes other keys. On an error those before stay.
func (k *Keys) Replace(text []byte) error {
	next := &keys{byID: map[string]*key{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fail := func(rule string) error { return &LineError{n, rule, keyRemedy} }
		id, encoded, ok := strings.Cut(line, ":")
		if !ok || !isID(id, maxKeyID) {
			return fail("it is not ID:KEY, with an ID of letters, digits, '-' and '_'")
		}
		if next.byID[id] != nil {
			return fail("the id stands there twice")
		}
		encoded, subject, named := strings.Cut(encoded, " ")
		subject = strings.TrimSpace(subject)
		if named && (len(subject) > maxText || !isText(subject)) {
			return fail(fmt.Sprintf("whose key it is must be UTF-8 of at most %d bytes", maxText))
		}
		secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
		switch {
		case err != nil:
			return fail("the key is not base64")
		case len(secret) < MinKey:
			return fail(fmt.Sprintf("the key has fewer than %d bytes", MinKey))
		case len(bytes.TrimRight(secret, string(secret[:1]))) == 0:
			return fail("the key is one byte over and over")
		}
		one := &key{subject: subject}
		one.hashes.New = func() any { return hmac.New(sha256.New, secret) }
		next.byID[id] = one
		if next.first == "" {
			next.first = id
		}
		if next.server == "" && subject == "" {
			next.server = id
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("link: a line is too long")
	}
	if next.first == "" {
		return &LineError{1, "there is no key", keyRemedy}
	}
	k.now.Store(next)
	return nil
}

// Len is how many keys there are.
func (k *Keys) Len() int { return len(k.now.Load().byID) }

// Subject is the user whose key it is; "" where it is nobody's in particular.
func (k *Keys) Subject(id string) string {
	if one := k.now.Load().byID[id]; one != nil {
		return one.subject
	}
	return ""
}

// BindHost has links hold for one host alone, as it stands in the addresses of links, with its port where they have one:
// those that are for another or for none do not, and Sign makes links for it. "" is whatever host, and then links that are
// for one do not hold. Call it before the keys are used.
func (k *Keys) BindHost(host string) {
	host = strings.ToLower(host)
	k.host.Store(&host)
}

// Host is what the keys are bound to.
func (k *Keys) Host() string {
	if h := k.host.Load(); h != nil {
		return *h
	}
	return ""
}

// signature is as it stands in a link.
type signature [43]byte

// sum signs what stands before the signature, for the link's path and host.
func (k *Keys) sum(l *Link, payload string) (s signature, ok bool) {
	parts := [...]string{"rootbound-link-1\n", l.Path, "\n", payload, "\n", l.Host}
	if l.Host == "" {
		return k.sign(l.Key, parts[:4]...)
	}
	return k.sign(l.Key, parts[:]...)
}

func (k *Keys) sign(id string, parts ...string) (s signature, ok bool) {
	one := k.now.Load().byID[id]
	if one == nil {
		return s, false
	}
	h := one.hashes.Get().(hash.Hash)
	defer one.hashes.Put(h)
	h.Reset()
	for _, part := range parts {
		_, _ = h.Write([]byte(part)) // never fails, see hash.Hash
	}
	var sum [sha256.Size]byte
	encoding.Encode(s[:], h.Sum(sum[:0]))
	return s, true
}

// holds compares signatures as text, of which each has one spelling.
func (k *Keys) holds(l *Link, payload, signed string) bool {
	s, ok := k.sum(l, payload)
	return ok && hmac.Equal(s[:], []byte(signed))
}
