package authn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// On the page a password is looked at as by Basic: names to the letter, and one that nobody has is hashed for all the same.
func TestSignIn(t *testing.T) {
	s := &referring{UsersFile: usersFile(t, "alice:"+quick(t, "secret"), "bob:"+quick(t, "secret"))}
	a, _ := newTest(t, Config{Users: s})
	for i, tt := range []struct {
		name, password string
		code           reason.Code
		asked          int64 // for another's hash
	}{
		{"alice", "secret", "", 0},
		{"alice", "Secret", reason.CredentialInvalid, 0},
		{"nobody", "secret", reason.CredentialInvalid, 1},
		{"Alice", "secret", reason.CredentialInvalid, 2},
		{"ａｌｉｃｅ", "secret", reason.CredentialInvalid, 3},
		{"аlice", "secret", reason.CredentialInvalid, 4}, // a Cyrillic letter
		{"alice ", "secret", reason.CredentialInvalid, 5},
		{"", "secret", reason.CredentialInvalid, 5},
		{"alice", "secret\x00", reason.CredentialInvalid, 5},
		{"alice\xff", "secret", reason.CredentialInvalid, 5},
		{strings.Repeat("a", MaxName+1), "secret", reason.CredentialInvalid, 5},
		{"alice", strings.Repeat("a", MaxPassword+1), reason.CredentialInvalid, 5},
	} {
		account, err := a.SignIn(tt.name, tt.password, from(fmt.Sprintf("192.0.2.%d", i+1)))
		if reason.Of(err) != tt.code || (err == nil) != (account.Name != "") {
			t.Errorf("%d, %.20q: %+v, %v", i, tt.name, account, err)
		}
		if got := s.asked.Load(); got != tt.asked {
			t.Errorf("%d, %.20q: compared with others' hashes %d times, want %d", i, tt.name, got, tt.asked)
		}
	}
	for _, tt := range []struct {
		s    Source
		want reason.Code
	}{{broken{s.UsersFile}, reason.StateUnavailable}, {disabled{s.UsersFile}, reason.CredentialInvalid}} {
		a, _ := newTest(t, Config{Users: tt.s})
		if _, err := a.SignIn("alice", "secret", from("192.0.2.1")); reason.Of(err) != tt.want {
			t.Errorf("%T: %v", tt.s, err)
		}
	}
	a, _ = newTest(t, Config{Methods: []Method{&said{}}})
	if _, err := a.SignIn("alice", "secret", from("192.0.2.1")); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("where there are no passwords: %v", err)
	}
	// More than may wait are told to come again.
	a, _ = newTest(t, Config{Users: s})
	for range MaxWaiting {
		a.signing <- struct{}{}
	}
	if _, err := a.SignIn("alice", "secret", from("192.0.2.1")); reason.Of(err) != reason.ShortHashing {
		t.Errorf("too many at once: %v", err)
	}
}
