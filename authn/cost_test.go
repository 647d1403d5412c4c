package authn

import (
	"context"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
)

// asking are the ways to ask again and again, each with an Authenticator that has answered once: with passwords alone, and with
// all that a state brings.
func asking(t testing.TB) map[string]func() (request.Subject, error) {
	t.Helper()
	users := usersFile(t, "alice:"+mustHash(t, "a password"))
	st := keep(t, statePath(t))
	tokens, err := NewTokens(st, users)
	if err != nil {
		t.Fatal(err)
	}
	sessions := newSessions(t, st, users, func(c *SessionsConfig) { c.now = nil })
	cookie, err := sessions.SignIn(context.Background(), Account{Name: "alice", Stamp: accountStamp(t, users, "alice")})
	if err != nil {
		t.Fatal(err)
	}
	sessions.take(t, cookie)
	token, id, d := NewToken()
	now := time.Now()
	if err := st.AddToken(context.Background(), state.Token{ID: id, Digest: d, Subject: "alice", Created: now, Expires: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	out := map[string]func() (request.Subject, error){}
	for name, methods := range map[string][]Method{"": nil, ", with sessions and tokens": {tokens, sessions}} {
		a, err := New(Config{Users: users, Anonymous: true, Methods: methods})
		if err != nil {
			t.Fatal(err)
		}
		ways := map[string]request.Facts{"nobody": {}, "Basic": {Authorization: basic("alice", "a password")}}
		if methods != nil {
			ways["a session"] = request.Facts{Cookie: "theme=dark; " + sessions.cookies()}
			ways["a token"] = request.Facts{Authorization: "Bearer " + token}
			ways["a browser without one"] = request.Facts{Cookie: "theme=dark; other=1"}
		}
		for way, f := range ways {
			f.Method, f.Received = "GET", now
			if _, err := a.Who(&f, true); err != nil {
				t.Fatalf("%s%s: %v", way, name, err)
			}
			out[way+name] = func() (request.Subject, error) { return a.Who(&f, false) }
		}
	}
	return out
}

func accountStamp(t testing.TB, users Source, name string) string {
	t.Helper()
	a, ok, err := users.Account(name)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return a.bound()
}

func mustHash(t testing.TB, password string) string {
	t.Helper()
	h, err := NewHash(password)
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// Who is known, or brings nothing, costs no memory: event loops ask for every request.
func TestWhoAllocatesNothing(t *testing.T) {
	for name, ask := range asking(t) {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := ask(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}); n > spill {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkWho(b *testing.B) {
	for name, ask := range asking(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ask()
			}
		})
	}
}
