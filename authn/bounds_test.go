package authn

import (
	"encoding/binary"
	"testing"
	"time"
)

// However many sessions get another secret at once, what is kept of the ones before has an end, and the last of them goes on.
func TestMemoryOfSecretsIsBounded(t *testing.T) {
	s := newSessions(t, keep(t, statePath(t)), usersFile(t, "alice:"+quick(t, "secret")), nil)
	old := s.signIn(t)
	s.clock.pass(DefaultRotate)
	for i := range maxRotated { // as many others did a moment ago
		var d digest
		binary.BigEndian.PutUint64(d[:], uint64(i))
		s.rotated[d] = successor{"another", s.clock.now().Add(time.Hour)}
	}
	f := s.page(old)
	if who, _, err := s.Who(f, true); err != nil || who.ID != "alice" || f.SetCookie == "" {
		t.Fatalf("Who: %+v, %v, Set-Cookie %q", who, err, f.SetCookie)
	}
	if len(s.rotated) != maxRotated {
		t.Errorf("%d secrets of before in memory, want %d", len(s.rotated), maxRotated)
	}
	if s.who(t, old) != "alice" {
		t.Error("the secret that was just replaced does not go on")
	}
}
