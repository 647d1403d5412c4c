// Package authn says who asks: it reads the credentials of a request and looks whether they hold.
//
// A credential that was verified is remembered for a while under a keyed hash, so that the deliberate cost of
// hashing a password is paid once and not for each request. Guessing is slowed and then refused, for each account from
// each network, so that nobody can lock anybody else out.
package authn

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Bounds of what a client can make us do.
const (
	// MaxCredential is the length, in bytes, of the longest Authorization field that is looked at.
	MaxCredential = 4 << 10
	// MaxName and MaxPassword bound what is in it, in bytes.
	MaxName     = 128
	MaxPassword = 1 << 10
	// MaxWaiting is how many requests may wait for a password to be hashed.
	MaxWaiting = 256
)

// MethodBasic is the Subject.Method of who came with a user name and a password (RFC 7617).
const MethodBasic = "basic"

// ErrWait says that an answer takes long: ask again where waiting is allowed.
var ErrWait = errors.New("authn: a password must be hashed, or the state asked")

// Account is what a source knows of one user.
type Account struct {
	// Name is the account's own name, the subject's id.
	Name string
	// Groups the account belongs to.
	Groups []string
	// Hash is that of the password, as ParseHash reads it.
	Hash Hash
	// Disabled accounts do not get in, whatever the password.
	Disabled bool
	// Stamp changes whenever the account's sessions must end; "" is the text of Hash, which changes with the password.
	Stamp string
}

// bound is what the account's sessions are bound to.
func (a *Account) bound() string {
	if a.Stamp != "" {
		return a.Stamp
	}
	return a.Hash.String()
}

// Source is where accounts are looked up. It is safe for concurrent use.
type Source interface {
	// Account returns that of a user name; ok is false where there is none.
	Account(name string) (a Account, ok bool, err error)
	// Reference is the hash of some account, always the same for one name. An unknown name's password is compared with
	// it, so that the time of an answer does not tell who has an account.
	Reference(name string) Hash
	// Generation changes with each change of the accounts: what was verified before is then verified anew. It is
	// called for every request and does not block.
	Generation() uint64
}

// lastKnown is a Source that says what it knows of an account without asking anybody. It is what Generation is about.
type lastKnown interface {
	Known(name string) (a Account, ok bool)
}

// Config says how requests are authenticated.
type Config struct {
	// Users is where accounts with passwords are; nil where there are Methods alone.
	Users Source
	// Methods are other ways to say who asks, asked in this order before Basic. The first that knows a credential of the
	// request decides, and where that does not hold nothing else is tried.
	Methods []Method
	// Tallies are what guessing cost elsewhere; nil: nobody else counts.
	Tallies Tallies
	// Anonymous lets those in who present no credential at all. A credential that does not hold is refused all the same.
	Anonymous bool
	// Remember is how long a verified credential is believed without hashing; default DefaultRemember.
	Remember time.Duration
	// now is the clock; tests set it.
	now func() time.Time
}

// DefaultRemember is how long a verified credential is believed.
const DefaultRemember = 5 * time.Minute

// Authenticator answers WHO. It is safe for concurrent use.
type Authenticator struct {
	cfg     Config
	memory  *memory
	guesses *guesses
	hashing chan struct{} // one token for each hash under way
	signing chan struct{} // likewise for each who waits to sign in

	mu     sync.Mutex
	flying map[digest]*flight
}

// flight is a verification that several requests wait for: a browser sends many with the same credential at once.
type flight struct {
	done    chan struct{}
	subject request.Subject
	err     error
}

// New makes an Authenticator.
func New(cfg Config) (*Authenticator, error) {
	if cfg.Users == nil && len(cfg.Methods) == 0 {
		return nil, errors.New("authn: no accounts to authenticate")
	}
	if cfg.Remember == 0 {
		cfg.Remember = DefaultRemember
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	return &Authenticator{
		cfg: cfg, memory: newMemory(cfg.Remember), guesses: newGuesses(cfg.now, cfg.Tallies),
		hashing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0))), signing: make(chan struct{}, MaxWaiting), flying: map[digest]*flight{},
	}, nil
}

// Challenge is what a 401 says to whoever is no browser that can sign in on a page (RFC 9110 11.6.1).
func (a *Authenticator) Challenge() string {
	if a.cfg.Users == nil {
		return request.BearerChallenge
	}
	return Challenge
}

// Account looks up the account of a user name; ok is false where there is none. It may wait for where accounts are kept.
func (a *Authenticator) Account(name string) (account Account, ok bool, err error) {
	if a.cfg.Users == nil {
		return Account{}, false, nil
	}
	return a.cfg.Users.Account(name)
}

// Generation changes with each change of the accounts. It does not wait.
func (a *Authenticator) Generation() uint64 {
	if a.cfg.Users == nil {
		return 0
	}
	return a.cfg.Users.Generation()
}

// Required says whether everybody must present a credential; a nil Authenticator asks nobody.
func (a *Authenticator) Required() bool { return a != nil && !a.cfg.Anonymous }

// Who returns who asks. Without wait it never blocks, and answers ErrWait where a password must be hashed. Other errors
// carry a reason: credential-missing, credential-invalid, locked-out (with RetryAfter), or overloaded.
func (a *Authenticator) Who(f *request.Facts, wait bool) (request.Subject, error) {
	if s, ok, err := a.byMethod(f, wait); ok {
		return s, err
	}
	if f.Authorization == "" {
		if a.cfg.Anonymous {
			return request.Subject{}, nil
		}
		return request.Subject{}, reason.New(reason.CredentialMissing, nil)
	}
	if len(f.Authorization) > MaxCredential {
		return request.Subject{}, invalid("the credential is longer than " + strconv.Itoa(MaxCredential) + " bytes")
	}
	if a.cfg.Users == nil {
		return request.Subject{}, invalid(noScheme)
	}
	now, generation := f.Received, a.cfg.Users.Generation()
	key := a.memory.key(f.Authorization)
	if s, ok := a.memory.get(key, now, generation); ok {
		return s, nil
	}
	if s, ok := a.goesOn(key, now, generation); ok {
		return s, nil
	}
	if !wait {
		return request.Subject{}, ErrWait
	}
	return a.together(key, func() (request.Subject, error) {
		account, err := a.verify(f.Authorization, f.Client)
		if err != nil {
			return request.Subject{}, err
		}
		s := subjectOf(&account)
		a.memory.hold(key, remembered{s, now, now.Add(a.memory.lasts), generation, account.bound()})
		return s, nil
	})
}

// goesOn looks whether a credential still holds that held before something about some account changed: nothing is hashed
// for those whom the change is not about. It does not wait.
func (a *Authenticator) goesOn(key digest, now time.Time, generation uint64) (request.Subject, bool) {
	users, ok := a.cfg.Users.(lastKnown)
	if !ok {
		return request.Subject{}, false
	}
	r, ok := a.memory.before(key, now)
	if !ok {
		return request.Subject{}, false
	}
	account, ok := users.Known(r.subject.ID)
	if !ok || account.Disabled || account.bound() != r.bound {
		return request.Subject{}, false
	}
	r.subject, r.generation = subjectOf(&account), generation
	a.memory.hold(key, r)
	return r.subject, true
}

func subjectOf(account *Account) request.Subject {
	return request.Subject{ID: account.Name, Groups: account.Groups, Method: MethodBasic}
}

// together has one of those who come with the same credential at once verify it for all.
func (a *Authenticator) together(key digest, verify func() (request.Subject, error)) (request.Subject, error) {
	a.mu.Lock()
	if f := a.flying[key]; f != nil {
		a.mu.Unlock()
		<-f.done
		return f.subject, f.err
	}
	if len(a.flying) >= MaxWaiting {
		a.mu.Unlock()
		return request.Subject{}, reason.New(reason.ShortHashing, nil)
	}
	f := &flight{done: make(chan struct{}), err: reason.New(reason.Unforeseen, errors.New("authn: verification panicked"))}
	a.flying[key] = f
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.flying, key)
		a.mu.Unlock()
		close(f.done)
	}()
	f.subject, f.err = verify()
	return f.subject, f.err
}

// verify looks whether a credential holds. It may take as long as hashing does.
func (a *Authenticator) verify(authorization string, client netip.Addr) (Account, error) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return Account{}, invalid(noScheme)
	}
	name, password, err := parseBasic(rest)
	if err != nil {
		return Account{}, err
	}
	return a.check(name, password, client)
}

// SignIn looks whether a user name and a password hold, with the same care as for Basic, and returns the account. Errors
// carry a reason as those of Who do. It may take as long as hashing does.
func (a *Authenticator) SignIn(name, password string, client netip.Addr) (Account, error) {
	if a.cfg.Users == nil {
		return Account{}, invalid("there are no passwords here")
	}
	if err := checkPair(name, password); err != nil {
		return Account{}, err
	}
	select {
	case a.signing <- struct{}{}:
	default:
		return Account{}, reason.New(reason.ShortHashing, nil)
	}
	defer func() { <-a.signing }()
	return a.check(name, password, client)
}

// check compares a password with that of an account, with as much work where there is none.
func (a *Authenticator) check(name, password string, client netip.Addr) (Account, error) {
	try, err := a.guesses.begin(name, client)
	if err != nil {
		return Account{}, err
	}
	if try.slow > 0 {
		time.Sleep(try.slow) // the account is being guessed at from many networks
	}
	account, ok, err := a.cfg.Users.Account(name)
	if err != nil {
		a.guesses.undecided(try)
		return Account{}, reason.New(reason.StateUnavailable, err)
	}
	hash := account.Hash
	if !ok || hash.kind == hashNone { // an account may have no password
		ok, hash = false, a.cfg.Users.Reference(name)
	}
	good, err := a.compare(hash, password)
	if err != nil {
		a.guesses.undecided(try)
		return Account{}, err
	}
	if !ok || !good || account.Disabled {
		return Account{}, invalid("wrong user name or password")
	}
	a.guesses.succeeded(try)
	if users, ok := a.cfg.Users.(renewer); ok && hash.Outdated() {
		go a.renew(users, account, password)
	}
	return account, nil
}

// renew hashes a password anew that was hashed in an outdated way, behind the back of whoever gave it.
func (a *Authenticator) renew(users renewer, account Account, password string) {
	a.hashing <- struct{}{}
	next, err := NewHash(password)
	<-a.hashing
	if err == nil {
		_ = users.Renew(context.Background(), account, next) // or after the next time it is given
	}
}

// compare hashes a password, no more of them at once than there are processors.
func (a *Authenticator) compare(h Hash, password string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxHashWait)
	defer cancel()
	select {
	case a.hashing <- struct{}{}:
	case <-ctx.Done():
		return false, reason.New(reason.ShortHashing, nil)
	}
	defer func() { <-a.hashing }()
	return h.Matches(password), nil
}

// maxHashWait is how long a request waits for its turn.
const maxHashWait = 10 * time.Second

const noScheme = "the scheme is none that is spoken here"

func invalid(why string) error { return reason.New(reason.CredentialInvalid, errors.New(why)) }

// LockedError says how long a guesser must wait. It is the cause of a refusal with the reason locked-out.
type LockedError struct{ RetryAfter time.Duration }

func (e *LockedError) Error() string {
	return "too many wrong passwords: the next attempt is looked at in " + e.RetryAfter.Round(time.Second).String()
}
