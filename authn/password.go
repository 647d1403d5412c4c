package authn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"
)

// Bounds of hashes that are read: who writes a hash must not be able to stop the server with it.
const (
	maxBcryptCost = 16
	maxArgonKiB   = 256 << 10
	maxArgonTime  = 20
	// maxBcryptPassword is how much of a password bcrypt looks at, in bytes: more of it would compare equal to less.
	maxBcryptPassword = 72
)

// params are those of new hashes: what OWASP's password storage cheat sheet asks of argon2id at least.
var params = &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Hash is that of a password: argon2id in PHC form, or bcrypt. The zero Hash matches nothing.
type Hash struct {
	text string
	kind hashKind
}

type hashKind uint8

const (
	hashNone hashKind = iota
	hashArgon2id
	hashBcrypt
)

// ParseHash reads a hash. What is weak, or would take a server down, is an error that says so.
func ParseHash(text string) (Hash, error) {
	switch {
	case strings.HasPrefix(text, "$argon2id$"):
		p, _, _, err := argon2id.DecodeHash(text)
		if err != nil {
			return Hash{}, errors.New("it is not an argon2id hash as '$argon2id$v=19$m=...,t=...,p=...$salt$hash'")
		}
		if p.Memory > maxArgonKiB || p.Iterations > maxArgonTime || p.Iterations < 1 || p.Parallelism < 1 || p.SaltLength < 8 || p.KeyLength < 16 {
			return Hash{}, fmt.Errorf("its parameters are out of bounds: at most m=%d and t=%d, a salt of 8 bytes and a hash of 16 at least", maxArgonKiB, maxArgonTime)
		}
		return Hash{text, hashArgon2id}, nil
	case strings.HasPrefix(text, "$2a$"), strings.HasPrefix(text, "$2b$"), strings.HasPrefix(text, "$2y$"):
		cost, err := bcrypt.Cost([]byte(text))
		if err != nil || len(text) != 60 {
			return Hash{}, errors.New("it is not a bcrypt hash")
		}
		if cost > maxBcryptCost {
			return Hash{}, fmt.Errorf("its cost is %d, and more than %d would hold the server up", cost, maxBcryptCost)
		}
		return Hash{text, hashBcrypt}, nil
	}
	return Hash{}, errors.New("it is neither bcrypt nor argon2id; other kinds are guessed too quickly")
}

// NewHash hashes a password with argon2id.
func NewHash(password string) (Hash, error) {
	if len(password) > MaxPassword {
		return Hash{}, fmt.Errorf("the password is longer than %d bytes", MaxPassword)
	}
	text, err := argon2id.CreateHash(password, params)
	return Hash{text, hashArgon2id}, err
}

// String returns the hash in the form that ParseHash reads.
func (h Hash) String() string { return h.text }

// Outdated says whether the password should be hashed anew when it is next known.
func (h Hash) Outdated() bool { return h.kind != hashArgon2id }

// Matches says whether the hash is that of the password. It takes as long as the hash was made to take.
func (h Hash) Matches(password string) bool {
	switch h.kind {
	case hashArgon2id:
		ok, err := argon2id.ComparePasswordAndHash(password, h.text)
		return ok && err == nil
	case hashBcrypt:
		long := len(password) > maxBcryptPassword
		if long {
			password = password[:maxBcryptPassword]
		}
		return bcrypt.CompareHashAndPassword([]byte(h.text), []byte(password)) == nil && !long
	}
	return false
}
