package authn

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/state"
)

// accountsFresh is how old what is known of accounts may be when a password is looked at: others are told of changes
// within as long.
const accountsFresh = 2 * time.Second

// AccountStore keeps accounts. It is safe for concurrent use; an error but those of package state is that it is out of
// reach.
type AccountStore interface {
	Users(ctx context.Context) ([]state.User, error)
	UpdateUser(ctx context.Context, name string, change func(*state.User) error) error
	Generation(ctx context.Context, topics ...state.Topic) (uint64, error)
}

// AccountsConfig says where accounts are.
type AccountsConfig struct {
	// Store holds them.
	Store AccountStore
	// File holds others beside them; nil is none. An account in both is an error at start, and that of Store later.
	File *UsersFile
	// Log is told what goes wrong behind a request's back; nil tells nobody.
	Log *slog.Logger
}

// Accounts are those of a state, held in memory, and those of a file beside them. It is a Source, safe for concurrent use.
type Accounts struct {
	cfg  AccountsConfig
	seed maphash.Seed
	none Hash // what is compared with where there is no account at all

	reading sync.Mutex // held while the state is asked
	stored  uint64     // generation of the state that was read last, under reading
	known   atomic.Pointer[knownAccounts]
	asked   atomic.Int64 // when the state last said that they are current: nanoseconds since start
	start   time.Time
	outage  outage
	away    atomic.Bool // it was, and that was logged
}

// knownAccounts are those of the state at one time.
type knownAccounts struct {
	byName map[string]Account
	all    []Hash // to take a reference from
	times  uint64 // how often they were others
}

// OpenAccounts reads all accounts of a state. Watch tells them what other processes change.
func OpenAccounts(ctx context.Context, cfg AccountsConfig) (*Accounts, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	none, err := NewHash("nobody has this password")
	if err != nil {
		return nil, err
	}
	a := &Accounts{cfg: cfg, seed: maphash.MakeSeed(), none: none, start: time.Now()}
	a.known.Store(&knownAccounts{})
	if err := a.Refresh(ctx); err != nil {
		return nil, err
	}
	return a, a.twice()
}

// twice is an error that names an account which is both in the state and in the file.
func (a *Accounts) twice() error {
	if a.cfg.File == nil {
		return nil
	}
	for name := range a.known.Load().byName {
		if _, ok, _ := a.cfg.File.Account(name); ok {
			return fmt.Errorf("the user %q is both in the state and in the file", name)
		}
	}
	return nil
}

// Refresh asks the state for changes, and reads the accounts where there are any.
func (a *Accounts) Refresh(ctx context.Context) error {
	a.reading.Lock()
	defer a.reading.Unlock()
	return a.refresh(ctx)
}

func (a *Accounts) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	now := int64(time.Since(a.start)) // before it is asked: what it says was so then
	g, err := a.cfg.Store.Generation(ctx, state.Users)
	var users []state.User
	if err == nil && (g != a.stored || a.known.Load().byName == nil) {
		users, err = a.cfg.Store.Users(ctx)
	}
	if err != nil {
		a.outage.found()
		if !a.away.Swap(true) {
			a.cfg.Log.Error("the state is out of reach: nobody can sign in with an account of it until it is back", "error", err)
		}
		return err
	}
	if g != a.stored || a.known.Load().byName == nil {
		a.stored = g
		a.replace(users)
	}
	a.asked.Store(now)
	if a.away.Swap(false) {
		a.cfg.Log.Info("the state is back")
	}
	return nil
}

// replace takes over what was read.
func (a *Accounts) replace(users []state.User) {
	next := &knownAccounts{byName: make(map[string]Account, len(users)), times: a.known.Load().times + 1}
	for _, u := range users {
		account := Account{Name: u.Name, Groups: u.Groups, Disabled: u.Disabled, Stamp: stampOf(u)}
		h, err := ParseHash(u.Hash)
		if err == nil {
			account.Hash = h
			next.all = append(next.all, h)
		} else if u.Hash != "" {
			a.cfg.Log.Error("the password of a user in the state cannot be used", "user", u.Name, "error", err)
		}
		next.byName[u.Name] = account
	}
	a.known.Store(next)
	if err := a.twice(); err != nil && next.times > 1 { // at first OpenAccounts says so
		a.cfg.Log.Error(err.Error()+": the one in the file is not looked at", "rule", "a name is one account")
	}
}

// stampOf is what an account's sessions are bound to: the time of the last change that must end them, which a hash that is
// renewed for the same password is not.
func stampOf(u state.User) string {
	if u.Changed.IsZero() {
		return ""
	}
	return strconv.FormatInt(u.Changed.UnixMicro(), 10)
}

// Watch asks the state for changes each second, until ctx ends.
func (a *Accounts) Watch(ctx context.Context) {
	tick := time.NewTicker(changesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_ = a.Refresh(ctx) // it has logged it, and the next who needs it is told
	}
}

// current sees to it that what is known is no older than accountsFresh.
func (a *Accounts) current() error {
	fresh := func() bool {
		return !a.away.Load() && int64(time.Since(a.start))-a.asked.Load() < int64(accountsFresh)
	}
	if fresh() {
		return nil
	}
	if a.outage.lately() {
		return errors.New("the state was out of reach a moment ago")
	}
	a.reading.Lock()
	defer a.reading.Unlock()
	if fresh() { // who held the lock has asked
		return nil
	}
	if a.outage.lately() {
		return errors.New("the state was out of reach a moment ago")
	}
	return a.refresh(context.Background())
}

// Account returns that of a user name, to the letter. It may wait for the state. A name that is in the file alone is
// found without it.
func (a *Accounts) Account(name string) (Account, bool, error) {
	err := a.current()
	account, ok := a.Known(name)
	if err != nil && (!ok || a.inState(name)) {
		return Account{}, false, err
	}
	return account, ok, nil
}

// Known is what was last known of an account. It does not wait.
func (a *Accounts) Known(name string) (Account, bool) {
	if account, ok := a.known.Load().byName[name]; ok {
		return account, true
	}
	if a.cfg.File != nil {
		return a.cfg.File.Known(name)
	}
	return Account{}, false
}

func (a *Accounts) inState(name string) bool {
	_, ok := a.known.Load().byName[name]
	return ok
}

// Reference is the hash of some account, which one being anybody's guess.
func (a *Accounts) Reference(name string) Hash {
	all := a.known.Load().all
	n := len(all)
	if a.cfg.File != nil {
		n += a.cfg.File.Len()
	}
	if n == 0 {
		return a.none
	}
	if i := maphash.String(a.seed, name) % uint64(n); i < uint64(len(all)) {
		return all[i]
	}
	return a.cfg.File.Reference(name)
}

// Generation changes with each change of the accounts, as far as it is known here. It does not wait.
func (a *Accounts) Generation() uint64 {
	g := a.known.Load().times
	if a.cfg.File != nil {
		g += a.cfg.File.Generation()
	}
	return g
}

// Len is how many accounts there are.
func (a *Accounts) Len() int {
	n := len(a.known.Load().byName)
	if a.cfg.File != nil {
		n += a.cfg.File.Len()
	}
	return n
}

// errRenewed says that somebody else changed the hash meanwhile.
var errRenewed = errors.New("authn: the hash is another one by now")

// renewer is a Source that keeps the hash it is given in place of an outdated one.
type renewer interface {
	Renew(ctx context.Context, account Account, next Hash) error
}

// Renew keeps another hash of the same password, unless the password was changed meanwhile. Sessions go on.
func (a *Accounts) Renew(ctx context.Context, account Account, next Hash) error {
	if !a.inState(account.Name) {
		return nil
	}
	err := a.cfg.Store.UpdateUser(ctx, account.Name, func(u *state.User) error {
		if u.Hash != account.Hash.String() {
			return errRenewed
		}
		u.Hash = next.String()
		return nil
	})
	switch {
	case err == nil, errors.Is(err, errRenewed), errors.Is(err, state.ErrNotFound):
		return a.Refresh(ctx)
	}
	return err
}
