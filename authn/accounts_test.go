package authn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
)

func (b *brittle) Users(ctx context.Context) ([]state.User, error) {
	if err := b.away(); err != nil {
		return nil, err
	}
	return b.Store.Users(ctx)
}

func (b *brittle) Generation(ctx context.Context, topics ...state.Topic) (uint64, error) {
	if err := b.away(); err != nil {
		return 0, err
	}
	return b.Store.Generation(ctx, topics...)
}

func (b *brittle) Failures(ctx context.Context, key string) (state.Tally, error) {
	if err := b.away(); err != nil {
		return state.Tally{}, err
	}
	return b.Store.Failures(ctx, key)
}

// accountsOf opens the accounts of a state, without watching: tests say when it is asked.
func accountsOf(t testing.TB, s AccountStore, file *UsersFile) *Accounts {
	t.Helper()
	a, err := OpenAccounts(context.Background(), AccountsConfig{Store: s, File: file})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func addUser(t testing.TB, s *store.Store, u state.User) {
	t.Helper()
	if err := s.AddUser(context.Background(), u); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until something that goes on in the background has come about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s has not come about", what)
		}
	}
}

func who(t *testing.T, a *Authenticator, c *clock, name, password string) (string, error) {
	t.Helper()
	s, err := a.Who(c.ask(basic(name, password), "192.0.2.1"), true)
	return s.ID, err
}

const secret = "secret"

func TestAccounts(t *testing.T) {
	s := keep(t, statePath(t))
	addUser(t, s, state.User{Name: "alice", Hash: quick(t, secret), Groups: []string{"staff"}})
	addUser(t, s, state.User{Name: "off", Hash: quick(t, secret), Disabled: true})
	addUser(t, s, state.User{Name: "elsewhere"}) // signs in elsewhere
	addUser(t, s, state.User{Name: "broken", Hash: "$1$md5"})
	users := accountsOf(t, s, usersFile(t, "carol:"+quick(t, secret)))
	a, c := newTest(t, Config{Users: users})
	for name, want := range map[string]string{
		"alice": "alice", "carol": "carol",
		"off": "", "elsewhere": "", "broken": "", "nobody": "", "ALICE": "", "Carol": "",
	} {
		if got, err := who(t, a, c, name, secret); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if s, err := a.Who(c.ask(basic("alice", secret), "192.0.2.1"), true); err != nil || len(s.Groups) != 1 || s.Groups[0] != "staff" {
		t.Errorf("groups: %+v, %v", s, err)
	}
	if n := users.Len(); n != 5 {
		t.Errorf("%d accounts, want 5", n)
	}
	for _, name := range []string{"x", "y", "z"} {
		if h := users.Reference(name); h.kind == hashNone || h != users.Reference(name) {
			t.Errorf("the reference of %s is none, or another one each time", name)
		}
	}
	if h := accountsOf(t, keep(t, statePath(t)), nil).Reference("x"); h.kind != hashArgon2id {
		t.Error("without accounts nothing is compared, which takes no time")
	}
}

// A name is one account: both is an error at start that names it, and later the state's counts.
func TestAccountsTwice(t *testing.T) {
	s := keep(t, statePath(t))
	addUser(t, s, state.User{Name: "alice", Hash: quick(t, "in the state")})
	file := usersFile(t, "alice:"+quick(t, "in the file"), "bob:"+quick(t, "in the file"))
	_, err := OpenAccounts(context.Background(), AccountsConfig{Store: s, File: file})
	if err == nil || !strings.Contains(err.Error(), `"alice"`) {
		t.Fatalf("%v, want an error that names alice", err)
	}
	if err := s.RemoveUser(context.Background(), "alice"); err != nil {
		t.Fatal(err)
	}
	users := accountsOf(t, s, file)
	a, c := newTest(t, Config{Users: users})
	if _, err := who(t, a, c, "alice", "in the file"); err != nil {
		t.Fatal(err)
	}
	addUser(t, s, state.User{Name: "alice", Hash: quick(t, "in the state")})
	if err := users.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := who(t, a, c, "alice", "in the file"); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("the file's password: %v", err)
	}
	if _, err := who(t, a, c, "alice", "in the state"); err != nil {
		t.Errorf("the state's password: %v", err)
	}
}

// What one replica changes counts on the other as soon as it has asked, and nobody else pays for it.
func TestAccountsOfReplicas(t *testing.T) {
	path := statePath(t)
	here, there := keep(t, path), keep(t, path)
	for _, name := range []string{"alice", "bob", "carol"} {
		addUser(t, here, state.User{Name: name, Hash: quick(t, secret), Changed: time.Unix(1, 0)})
	}
	users := accountsOf(t, there, nil)
	a, c := newTest(t, Config{Users: users})
	change := func(do func(*state.User) error) {
		t.Helper()
		if err := here.UpdateUser(context.Background(), "alice", do); err != nil {
			t.Fatal(err)
		}
		if err := users.Refresh(context.Background()); err != nil { // as Watch does each second
			t.Fatal(err)
		}
	}
	in := func(name, password string, want bool) {
		t.Helper()
		if _, err := who(t, a, c, name, password); (err == nil) != want {
			t.Errorf("%s with %q: %v, want in %v", name, password, err, want)
		}
	}
	in("alice", secret, true)
	in("bob", secret, true)
	change(func(u *state.User) error { u.Groups, u.Changed = []string{"staff"}, time.Unix(1, 0); return nil })
	s, err := a.Who(c.ask(basic("alice", secret), "192.0.2.1"), true)
	if err != nil || len(s.Groups) != 1 {
		t.Errorf("new groups: %+v, %v", s, err)
	}
	change(func(u *state.User) error { u.Hash, u.Changed = quick(t, "another"), time.Unix(2, 0); return nil })
	in("alice", secret, false)
	in("alice", "another", true)
	change(func(u *state.User) error { u.Disabled, u.Changed = true, time.Unix(3, 0); return nil })
	in("alice", "another", false)
	change(func(u *state.User) error { u.Disabled, u.Changed = false, time.Unix(4, 0); return nil })
	in("alice", "another", true)

	// Bob's password is not hashed again: with all places for that taken he gets in, and carol, who was not yet, does not.
	for range cap(a.hashing) {
		a.hashing <- struct{}{}
	}
	in("bob", secret, true)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := a.Who(c.ask(basic("carol", secret), "192.0.2.1"), true)
		done <- err
		cancel()
	}()
	select {
	case <-ctx.Done():
		t.Error("a password was judged without being hashed")
	case <-time.After(50 * time.Millisecond):
	}
	for range cap(a.hashing) {
		<-a.hashing
	}
	if err := <-done; err != nil {
		t.Errorf("carol, afterwards: %v", err)
	}
	if err := here.RemoveUser(context.Background(), "bob"); err != nil {
		t.Fatal(err)
	}
	if err := users.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	in("bob", secret, false)
}

// Watch is what has a replica know.
func TestAccountsWatch(t *testing.T) {
	path := statePath(t)
	here, there := keep(t, path), keep(t, path)
	users := accountsOf(t, there, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { users.Watch(ctx); close(ended) }()
	before := users.Generation()
	addUser(t, here, state.User{Name: "alice"})
	eventually(t, "the new user", func() bool { return users.Generation() != before && users.Len() == 1 })
	cancel()
	<-ended
}

// A bcrypt hash gives way to argon2id once its password is known, and sessions and what is remembered go on.
func TestAccountsRenew(t *testing.T) {
	s := keep(t, statePath(t))
	old := quick(t, secret)
	addUser(t, s, state.User{Name: "alice", Hash: old, Groups: []string{"staff"}, Changed: time.Unix(7, 0)})
	users := accountsOf(t, s, usersFile(t, "filed:"+old))
	a, c := newTest(t, Config{Users: users})
	bound := func() string { account, _, _ := users.Account("alice"); return account.bound() }
	before := bound()
	if _, err := who(t, a, c, "alice", "wrong"); err == nil {
		t.Fatal("a wrong password holds")
	}
	if u, err := s.User(context.Background(), "alice"); err != nil || u.Hash != old {
		t.Fatalf("a wrong password changed the hash: %+v, %v", u, err)
	}
	for range 3 {
		if _, err := who(t, a, c, "alice", secret); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the new hash", func() bool { account, _, _ := users.Account("alice"); return !account.Hash.Outdated() })
	u, err := s.User(context.Background(), "alice")
	if err != nil || !strings.HasPrefix(u.Hash, "$argon2id$") || !u.Changed.Equal(time.Unix(7, 0)) || len(u.Groups) != 1 {
		t.Errorf("the user is %+v now, %v", u, err)
	}
	if bound() != before {
		t.Error("sessions end with the renewed hash")
	}
	a.memory = newMemory(DefaultRemember)
	if _, err := who(t, a, c, "alice", secret); err != nil {
		t.Errorf("by the new hash: %v", err)
	}
	if _, err := who(t, a, c, "alice", "wrong"); err == nil {
		t.Error("a wrong password holds by the new hash")
	}
	if _, err := who(t, a, c, "filed", secret); err != nil {
		t.Errorf("a user of the file: %v", err)
	}

	// A password that is changed meanwhile stays.
	next, err := NewHash(secret)
	if err != nil {
		t.Fatal(err)
	}
	account, _, _ := users.Account("alice")
	if err := s.UpdateUser(context.Background(), "alice", func(u *state.User) error { u.Hash = old; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := users.Renew(context.Background(), account, next); err != nil {
		t.Fatal(err)
	}
	if u, err := s.User(context.Background(), "alice"); err != nil || u.Hash != old {
		t.Errorf("a changed password was changed back: %+v, %v", u, err)
	}
	if bcrypt.CompareHashAndPassword([]byte(old), []byte(secret)) != nil {
		t.Error("control: the old hash is another password's")
	}
}

// Without the state those who were in stay in for as long as they are remembered, and others are told that it is gone.
func TestAccountsAway(t *testing.T) {
	s := &brittle{Store: keep(t, statePath(t))}
	for _, name := range []string{"alice", "bob", "off"} {
		addUser(t, s.Store, state.User{Name: name, Hash: quick(t, secret)})
	}
	users := accountsOf(t, s, usersFile(t, "filed:"+quick(t, secret)))
	a, c := newTest(t, Config{Users: users, Tallies: s})
	for _, name := range []string{"alice", "off"} {
		if _, err := who(t, a, c, name, secret); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.UpdateUser(context.Background(), "off", func(u *state.User) error { u.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := users.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := who(t, a, c, "alice", secret); err != nil { // at the new generation
		t.Fatal(err)
	}
	s.broken.Store(true)
	users.asked.Store(-int64(time.Hour)) // it was asked long ago
	if id, err := who(t, a, c, "alice", secret); id != "alice" || err != nil {
		t.Errorf("who is remembered: %q, %v", id, err)
	}
	for range 2 * freeGuesses { // more than wrong passwords are let through: an outage is nobody's guess
		if _, err := who(t, a, c, "bob", secret); reason.Of(err) != reason.StateUnavailable {
			t.Fatalf("who is not: %v", err)
		}
	}
	if asked := s.asked.Load(); asked > freeGuesses {
		t.Errorf("%d asked a state that was known to be gone", asked)
	}
	if _, err := who(t, a, c, "off", secret); err == nil {
		t.Error("who was disabled before gets in while the state is gone")
	}
	if id, err := who(t, a, c, "filed", secret); id != "filed" || err != nil {
		t.Errorf("a user of the file: %q, %v", id, err)
	}
	c.pass(DefaultRemember + time.Second)
	if _, err := who(t, a, c, "alice", secret); reason.Of(err) != reason.StateUnavailable {
		t.Errorf("who is remembered no more: %v", err)
	}
	s.broken.Store(false)
	eventually(t, "the return of the state", func() bool { _, err := who(t, a, c, "bob", secret); return err == nil })
	if _, err := who(t, a, c, "alice", secret); err != nil {
		t.Errorf("alice, afterwards: %v", err)
	}
}

// What is guessed at one replica counts at the other, in any spelling, and locks out nobody elsewhere.
func TestLockoutOfReplicas(t *testing.T) {
	path := statePath(t)
	file := usersFile(t, "alice:"+quick(t, secret), "bob:"+quick(t, secret))
	here, c := newTest(t, Config{Users: file, Tallies: keep(t, path)})
	there, _ := newTest(t, Config{Users: file, Tallies: keep(t, path)})
	alone, _ := newTest(t, Config{Users: file}) // the control: nobody else counts
	names := []string{"alice", "ALICE", "ａｌｉｃｅ"}
	for i := range freeGuesses {
		if _, err := here.Who(c.ask(basic(names[i%len(names)], fmt.Sprint(i)), "192.0.2.1"), true); reason.Of(err) != reason.CredentialInvalid {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	for _, name := range append(names, "Alice") {
		_, err := there.Who(c.ask(basic(name, "x"), "192.0.2.1"), true)
		if wait := retryAfter(t, err); wait <= 0 || wait > firstWait {
			t.Errorf("%s at the other replica: wait %v", name, wait)
		}
	}
	if _, err := alone.Who(c.ask(basic("alice", "x"), "192.0.2.1"), true); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("control: who counts alone knows of the others' guesses: %v", err)
	}
	if s, err := there.Who(c.ask(basic("alice", secret), "192.0.2.2"), true); s.ID != "alice" || err != nil {
		t.Errorf("the owner elsewhere: %v, %v", s, err)
	}
	if s, err := there.Who(c.ask(basic("bob", secret), "192.0.2.1"), true); s.ID != "bob" || err != nil {
		t.Errorf("another user there: %v, %v", s, err)
	}
	c.pass(firstWait)
	if s, err := here.Who(c.ask(basic("alice", secret), "192.0.2.1"), true); s.ID != "alice" || err != nil {
		t.Errorf("the owner there, after the wait: %v, %v", s, err)
	}
	if _, err := there.Who(c.ask(basic("alice", "x"), "192.0.2.1"), true); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("what succeeded here is not forgotten there: %v", err)
	}
}

// A replica whose clock is ahead makes nobody wait for it.
func TestLockoutClocksApart(t *testing.T) {
	path := statePath(t)
	file := usersFile(t, "alice:"+quick(t, secret))
	here, c := newTest(t, Config{Users: file, Tallies: keep(t, path)})
	ahead, future := newTest(t, Config{Users: file, Tallies: keep(t, path)})
	future.pass(30 * time.Minute)
	for i := range freeGuesses {
		if _, err := ahead.Who(future.ask(basic("alice", fmt.Sprint(i)), "192.0.2.1"), true); reason.Of(err) != reason.CredentialInvalid {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	_, err := here.Who(c.ask(basic("alice", secret), "192.0.2.1"), true)
	if wait := retryAfter(t, err); wait <= 0 || wait > firstWait {
		t.Errorf("wait %v", wait)
	}
}

// While the tallies are out of reach each replica counts alone.
func TestLockoutAway(t *testing.T) {
	s := &brittle{Store: keep(t, statePath(t))}
	s.broken.Store(true)
	a, c := newTest(t, Config{Users: usersFile(t, "alice:"+quick(t, secret)), Tallies: s})
	for i := range freeGuesses {
		if _, err := who(t, a, c, "alice", fmt.Sprint(i)); reason.Of(err) != reason.CredentialInvalid {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, err := who(t, a, c, "alice", "x"); reason.Of(err) != reason.LockedOut {
		t.Errorf("%v, want locked-out", err)
	}
	if s.asked.Load() == 0 {
		t.Error("nobody asked for the tallies")
	}
	var e *reason.Error
	if _, err := who(t, a, c, "alice", secret); !errors.As(err, &e) {
		t.Errorf("the right password while locked out: %v", err)
	}
}
