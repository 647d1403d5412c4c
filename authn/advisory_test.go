package authn

import (
	"fmt"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// Passwords are not guessed without end, whoever has an account is not told by what an unknown name costs, and guesses
// do not keep the processor from others (TestHashingHoldsNobodyUp in the server package). The controls: the first
// guesses are looked at, and a known name's hash is its own.
func TestAdvisory_GHSA_r4v7_6wcg_ghj5_CVE_2026_54092_CVE_2026_23849_guessing(t *testing.T) {
	s := &referring{UsersFile: usersFile(t, "alice:"+quick(t, "secret"))}
	a, c := newTest(t, Config{Users: s})
	looked := 0
	for i := range 10 * freeGuesses {
		switch _, err := a.Who(c.ask(basic("alice", fmt.Sprint(i)), "192.0.2.1"), true); reason.Of(err) {
		case reason.CredentialInvalid:
			looked++
		case reason.LockedOut:
		default:
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if looked != freeGuesses || s.asked.Load() != 0 {
		t.Errorf("%d guesses were looked at, want %d; %d against another's hash", looked, freeGuesses, s.asked.Load())
	}
	for i := range 3 {
		if _, err := a.Who(c.ask(basic(fmt.Sprint("nobody", i), "x"), "192.0.2.2"), true); reason.Of(err) != reason.CredentialInvalid {
			t.Errorf("an unknown name: %v", err)
		}
	}
	if got := s.asked.Load(); got != 3 {
		t.Errorf("%d of 3 unknown names were compared with a hash", got)
	}
}
