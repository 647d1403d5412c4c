// Package state holds the plain records that are kept from one start to the next: users, sessions, tokens, signed links and
// what guessing cost. Stores keep them and stages exchange them, so that neither knows the other.
//
// Times are UTC with microseconds, which is what every store keeps. Secrets are never in a record: only their digests.
package state

import (
	"errors"
	"time"
)

// Errors of stores. Any other error means that the state is out of reach.
var (
	ErrNotFound = errors.New("state: there is no such record")
	ErrExists   = errors.New("state: the record exists")
	// ErrSpent is that of a link which was used as often as it may be, or is revoked.
	ErrSpent = errors.New("state: the link has no use left")
	// ErrInvalid is that of a record which no store keeps: a text in it is not UTF-8, holds a NUL or is too long. What
	// wraps it says which.
	ErrInvalid = errors.New("state: the record cannot be kept")
)

// How long things are known.
const (
	// ResumeFor is how long who has used a link may go on with that same use.
	ResumeFor = 10 * time.Minute
	// ForgetAfter is how long failed attempts count without a further one.
	ForgetAfter = time.Hour
)

// Digest is the SHA-256 of a secret of at least 128 random bits, which needs no salt and no slow hash.
type Digest [32]byte

// Topic is a kind of record whose changes replicas ask about.
type Topic string

// The topics.
const (
	Users    Topic = "users"
	Sessions Topic = "sessions"
	Tokens   Topic = "tokens"
	Links    Topic = "links"
)

// User is an account with a password, or one that signs in elsewhere.
type User struct {
	Name     string // to the letter
	Hash     string // of the password, as authn.ParseHash reads it; "" has none
	Groups   []string
	Disabled bool
	Created  time.Time
	Changed  time.Time
}

// Session is somebody who signed in with a browser.
type Session struct {
	Digest  Digest // of the cookie's secret
	Subject string
	Groups  []string
	Method  string // how they signed in: "password", "oidc"
	Created time.Time
	Seen    time.Time // last known use, to the minute
	Expires time.Time // whatever the use
}

// Token is a credential for a program.
type Token struct {
	ID      string // stands in the token, tells which one
	Digest  Digest // of the token's secret
	Subject string
	Groups  []string
	Label   string   // what its owner calls it
	Rights  []string // that it is limited to; none is all that the subject has
	On      []string // files and directories (with a slash at the end) that it is limited to; none is all
	Created time.Time
	Expires time.Time
	Used    time.Time // last known use, to the minute; zero is never
	Revoked bool
}

// Link is what is kept of a signed link: most of it stands in the link itself, and a link without a record holds unless its
// key is gone.
type Link struct {
	Key     string // id of the key that signed; with ID it tells links apart
	ID      string
	Issuer  string
	Path    string
	Dir     bool
	To      string
	Created time.Time // or first seen
	Expires time.Time
	Uses    int    // how often it may be used; 0 is any number
	Used    int    // how often it was
	Hash    string // of its password; "" has none
	Revoked bool
}

// Tally counts failed attempts by one key.
type Tally struct {
	Count int
	Last  time.Time
}
