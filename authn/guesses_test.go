package authn

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

func retryAfter(t *testing.T, err error) time.Duration {
	t.Helper()
	var e *reason.Error
	if !errors.As(err, &e) || e.Code != reason.LockedOut {
		t.Fatalf("%v, want locked-out", err)
	}
	return e.Cause.(*LockedError).RetryAfter
}

// A guesser is refused for longer and longer, in any spelling of the name and the credential; the owner elsewhere gets in,
// and so does the one here whose credential is remembered.
func TestLockout(t *testing.T) {
	a, c := newTest(t, Config{Users: usersFile(t, "alice:"+quick(t, "secret"), "bob:"+quick(t, "secret"))})
	good := basic("alice", "secret")
	if _, err := a.Who(c.ask(good, "192.0.2.1"), true); err != nil {
		t.Fatal(err)
	}
	names := []string{"alice", "ALICE", "Alice", "ａｌｉｃｅ", "aLiCe"}
	for i := range freeGuesses {
		if _, err := a.Who(c.ask(basic(names[i%len(names)], fmt.Sprint(i)), "192.0.2.1"), true); reason.Of(err) != reason.CredentialInvalid {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	for _, name := range names {
		_, err := a.Who(c.ask(basic(name, "another"), "192.0.2.1"), true)
		if wait := retryAfter(t, err); wait <= 0 || wait > firstWait {
			t.Errorf("%s: wait %v", name, wait)
		}
	}
	if s, err := a.Who(c.ask(good, "192.0.2.1"), true); s.ID != "alice" || err != nil {
		t.Errorf("remembered: %v, %v", s, err)
	}
	c.pass(firstWait)
	if _, err := a.Who(c.ask(basic("alice", "another"), "192.0.2.1"), true); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("after the wait: %v", err)
	}
	if _, err := a.Who(c.ask(basic("alice", "secret "), "192.0.2.1"), true); retryAfter(t, err) <= firstWait {
		t.Errorf("the second wait is no longer than the first: %v", err)
	}
	a.memory = newMemory(DefaultRemember)
	if _, err := a.Who(c.ask(good, "192.0.2.1"), true); reason.Of(err) != reason.LockedOut {
		t.Errorf("the right password while locked out: %v", err)
	}
	if s, err := a.Who(c.ask(good, "192.0.2.2"), true); s.ID != "alice" || err != nil {
		t.Errorf("the owner elsewhere: %v, %v", s, err)
	}
	if s, err := a.Who(c.ask(basic("bob", "secret"), "192.0.2.1"), true); s.ID != "bob" || err != nil {
		t.Errorf("another user there: %v, %v", s, err)
	}
	c.pass(forgotten + longestWait)
	a.memory = newMemory(DefaultRemember)
	if s, err := a.Who(c.ask(good, "192.0.2.1"), true); s.ID != "alice" || err != nil {
		t.Errorf("much later: %v, %v", s, err)
	}
}

// One network that tries many names is refused as a whole; a /64 is one network.
func TestSpraying(t *testing.T) {
	g := newGuesses((&clock{}).now, nil)
	for i := range networkGuesses {
		if _, err := g.begin(fmt.Sprint("user", i), from(fmt.Sprintf("2001:db8::%x", i+1))); err != nil {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, err := g.begin("more", from("2001:db8::ffff:1")); reason.Of(err) != reason.LockedOut {
		t.Errorf("the same /64: %v", err)
	}
	if _, err := g.begin("more", from("2001:db8:0:1::1")); err != nil {
		t.Errorf("another /64: %v", err)
	}
}

// An account that is guessed at from everywhere answers slowly and is never refused.
func TestManyNetworks(t *testing.T) {
	g := newGuesses((&clock{}).now, nil)
	for i := range 5 * accountGuesses {
		a, err := g.begin("alice", from(fmt.Sprintf("10.0.%d.%d", i/200, i%200)))
		if err != nil {
			t.Fatalf("network %d: %v", i, err)
		}
		if slow := i >= accountGuesses; slow != (a.slow > 0) || a.slow > slowest {
			t.Fatalf("network %d: slowed by %v", i, a.slow)
		}
	}
}

// Successes are taken back, and many attempts at once are not more than as many in turn.
func TestAttemptsCount(t *testing.T) {
	g := newGuesses((&clock{}).now, nil)
	for range 10 * freeGuesses {
		a, err := g.begin("alice", from("192.0.2.1"))
		if err != nil {
			t.Fatal(err)
		}
		g.succeeded(a)
	}
	if len(g.pairs.tallies)+len(g.networks.tallies)+len(g.accounts.tallies) != 0 {
		t.Errorf("left: %v %v %v", g.pairs.tallies, g.networks.tallies, g.accounts.tallies)
	}
	let := 0
	for range 10 * freeGuesses { // none has ended yet
		if _, err := g.begin("alice", from("192.0.2.1")); err == nil {
			let++
		}
	}
	if let != freeGuesses {
		t.Errorf("%d at once were let through, want %d", let, freeGuesses)
	}
}

// The table is bounded, and whoever fills it with others does not get out of it.
func TestTableIsBounded(t *testing.T) {
	g := newGuesses((&clock{}).now, nil)
	for {
		if _, err := g.begin("alice", from("192.0.2.1")); err != nil {
			break
		}
	}
	for i := range maxGuessers + 1000 {
		_, _ = g.begin(fmt.Sprint(i), from(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)))
	}
	for name, n := range map[string]int{"pairs": len(g.pairs.tallies), "networks": len(g.networks.tallies), "accounts": len(g.accounts.tallies)} {
		if n > maxGuessers {
			t.Errorf("%s: %d", name, n)
		}
	}
	if _, err := g.begin("alice", from("192.0.2.1")); reason.Of(err) != reason.LockedOut {
		t.Errorf("the guesser was forgotten: %v", err)
	}
}

func TestFolded(t *testing.T) {
	for _, name := range []string{"ALICE", "ａｌｉｃｅ", "Ａlice", "alice"} {
		if got := folded(name); got != "alice" {
			t.Errorf("%q is folded to %q", name, got)
		}
	}
	if folded("alice") == folded("alicia") {
		t.Error("what differs is folded to the same")
	}
}
