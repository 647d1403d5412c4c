package authn

import (
	"errors"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
)

// said is a method that knows one Authorization field.
type said struct {
	field string
	who   request.Subject
	err   error
	asked int
}

func (m *said) Who(f *request.Facts, _ bool) (request.Subject, bool, error) {
	m.asked++
	return m.who, f.Authorization == m.field, m.err
}

// Methods are asked in their order; the first that knows the credential decides, for good or bad.
func TestMethods(t *testing.T) {
	bad := reason.New(reason.CredentialInvalid, errors.New("no"))
	first := &said{field: "One x", who: request.Subject{ID: "one"}}
	second := &said{field: "One x", who: request.Subject{ID: "other"}}
	third := &said{field: "Three x", who: request.Subject{ID: "three"}, err: bad}
	fourth := &said{field: "Three x", who: request.Subject{ID: "three"}}
	wait := &said{field: "Slow x", err: ErrWait}
	methods := []Method{first, second, third, fourth, wait}
	for _, users := range []Source{nil, usersFile(t, "alice:"+quick(t, "secret"))} {
		a, c := newTest(t, Config{Methods: methods, Users: users})
		for _, tt := range []struct {
			credential, want string
			code             reason.Code
		}{
			{"One x", "one", ""},
			{"Three x", "", reason.CredentialInvalid},
			{"Four x", "", reason.CredentialInvalid},
			{"", "", reason.CredentialMissing},
		} {
			s, err := a.Who(c.ask(tt.credential, "192.0.2.1"), true)
			if s.ID != tt.want || reason.Of(err) != tt.code {
				t.Errorf("%q: %q, %v; want %q, %q", tt.credential, s.ID, err, tt.want, tt.code)
			}
		}
		if _, err := a.Who(c.ask("Slow x", "192.0.2.1"), false); err != ErrWait {
			t.Errorf("a method that waits: %v", err)
		}
		s, err := a.Who(c.ask(basic("alice", "secret"), "192.0.2.1"), true)
		if users == nil && reason.Of(err) != reason.CredentialInvalid || users != nil && (err != nil || s.ID != "alice") {
			t.Errorf("Basic: %q, %v", s.ID, err)
		}
		if !a.Required() {
			t.Error("nobody must say who asks")
		}
	}
	if fourth.asked == 0 || second.asked == 0 {
		t.Error("methods that should not decide were not reached at all: the order was not tried")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("an Authenticator of nothing")
	}
}

// Somebody whose account is disabled is let in by nobody's word. Control: while it is not, the same word lets in, and so it
// does for whoever has no account here.
func TestDisabledByAnothersWord(t *testing.T) {
	s := keep(t, statePath(t))
	addUser(t, s, state.User{Name: "alice"})
	users := accountsOf(t, s, nil)
	a, c := newTest(t, Config{Users: users, Methods: []Method{
		&said{field: "Word alice", who: request.Subject{ID: "alice"}},
		&said{field: "Word carol", who: request.Subject{ID: "carol"}},
	}})
	for _, disabled := range []bool{false, true, false} {
		if err := s.UpdateUser(t.Context(), "alice", func(u *state.User) error { u.Disabled = disabled; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := users.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, wait := range []bool{false, true} {
			got, err := a.Who(c.ask("Word alice", "192.0.2.1"), wait)
			if disabled && (reason.Of(err) != reason.CredentialInvalid || got.ID != "") || !disabled && (err != nil || got.ID != "alice") {
				t.Errorf("disabled %v: %+v, %v", disabled, got, err)
			}
			if got, err := a.Who(c.ask("Word carol", "192.0.2.1"), wait); err != nil || got.ID != "carol" {
				t.Errorf("who has no account: %+v, %v", got, err)
			}
		}
	}
}
