package authn

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/store"
)

// newTokens has a token of alice's in a state.
func newTokens(t testing.TB, st TokenStore, users Source) *Tokens {
	t.Helper()
	tokens, err := NewTokens(st, users)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// addToken keeps one of alice's that is good for an hour from the clock's beginning.
func addToken(t testing.TB, st *store.Store, change func(*state.Token)) (token, id string) {
	t.Helper()
	token, id, d := NewToken()
	kept := state.Token{ID: id, Digest: d, Subject: "alice", Created: stamp((&clock{}).now()), Expires: stamp((&clock{}).now().Add(time.Hour))}
	if change != nil {
		change(&kept)
	}
	if err := st.AddToken(context.Background(), kept); err != nil {
		t.Fatal(err)
	}
	return token, id
}

func TestToken(t *testing.T) {
	users := newSource(t, "alice")
	users.a.Groups = []string{"staff"}
	st := keep(t, statePath(t))
	tokens, c := newTokens(t, st, users), &clock{}
	token, id := addToken(t, st, nil)
	limited, _ := addToken(t, st, func(k *state.Token) { k.Rights, k.On = []string{"read"}, []string{"reports/"} })
	if _, ok, err := tokens.Who(c.ask("Bearer "+token, "192.0.2.1"), false); !ok || err != ErrWait {
		t.Errorf("before it is in memory: %v, %v", ok, err)
	}
	who, ok, err := tokens.Who(c.ask("Bearer "+token, "192.0.2.1"), true)
	want := request.Subject{ID: "alice", Groups: []string{"staff"}, Method: MethodToken}
	if !ok || err != nil || !cmp.Equal(who, want) {
		t.Errorf("Who = %+v, %v, %v", who, ok, err)
	}
	if who, ok, err := tokens.Who(c.ask("bearer  "+token+" ", "192.0.2.1"), false); !ok || err != nil || !cmp.Equal(who, want) {
		t.Errorf("once it is in memory: %+v, %v, %v", who, ok, err)
	}
	who, _, err = tokens.Who(c.ask("Bearer "+limited, "192.0.2.1"), true)
	want.Limits = &request.Limits{Rights: []request.Right{request.Read}, On: []string{"reports/"}}
	if err != nil || !cmp.Equal(who, want) {
		t.Errorf("limited: %+v, %v", who, err)
	}
	kept, err := st.Token(context.Background(), id)
	if err != nil || !kept.Used.Equal(c.now()) {
		t.Errorf("last used: %v, %v", kept.Used, err)
	}
	c.pass(30 * time.Second)
	if _, _, err := tokens.Who(c.ask("Bearer "+token, "192.0.2.1"), false); err != nil {
		t.Errorf("half a minute later: %v", err)
	}
	c.pass(31 * time.Second)
	if _, _, err := tokens.Who(c.ask("Bearer "+token, "192.0.2.1"), true); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	if kept, err = st.Token(context.Background(), id); err != nil || !kept.Used.Equal(stamp(c.now())) {
		t.Errorf("last used: %v, %v", kept.Used, err)
	}
	c.pass(time.Hour)
	if _, ok, err := tokens.Who(c.ask("Bearer "+token, "192.0.2.1"), true); !ok || reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("once it is over: %v, %v", ok, err)
	}
}

// What is no token of ours decides nothing, what should be one and does not hold is refused. Control: TestToken's.
func TestTokensThatDoNotHold(t *testing.T) {
	st := keep(t, statePath(t))
	tokens, c := newTokens(t, st, newSource(t, "alice")), &clock{}
	token, id := addToken(t, st, nil)
	another, otherID := addToken(t, st, nil)
	for _, field := range []string{"", "Bearer", "Bearer ", token, "Basic " + token, "Token " + token, "Bearer x" + token, "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer RBT_" + token[4:]} {
		if _, ok, err := tokens.Who(c.ask(field, "192.0.2.1"), true); ok || err != nil {
			t.Errorf("%q: %v, %v", field, ok, err)
		}
	}
	secret := token[len(TokenPrefix)+tokenIDText+1:]
	bad := []string{
		TokenPrefix, TokenPrefix + "_", token[:len(token)-1], token + "a", token + " " + token, strings.ToUpper(secret),
		TokenPrefix + id + "_" + another[len(TokenPrefix)+tokenIDText+1:], // another's secret
		TokenPrefix + otherID + "_" + secret,
		TokenPrefix + strings.Repeat("a", tokenText-len(TokenPrefix)),
		TokenPrefix + strings.Repeat("\x00", tokenText-len(TokenPrefix)),
		tokenOf(id, make([]byte, secretSize)),                       // well formed, with a secret that is none
		tokenOf(strings.Repeat("a", tokenIDText), make([]byte, 32)), // and with an id that is none
	}
	for i := range token[len(TokenPrefix):] {
		b := []byte(token)
		b[len(TokenPrefix)+i] ^= 1
		bad = append(bad, string(b))
	}
	for _, b := range bad {
		if !strings.HasPrefix(b, TokenPrefix) {
			b = TokenPrefix + id + "_" + b
		}
		who, ok, err := tokens.Who(c.ask("Bearer "+b, "192.0.2.1"), true)
		if !ok || who.ID != "" || reason.Of(err) != reason.CredentialInvalid {
			t.Errorf("%q: %+v, %v, %v", b, who, ok, err)
		}
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), id)) {
			t.Errorf("the error tells the token: %v", err)
		}
	}
}

// A token dies with its user, and when it is revoked: at once where that is done, within two seconds on another replica.
// Control: it holds until then.
func TestTokenEnds(t *testing.T) {
	for name, end := range map[string]func(*changingSource, *store.Store, string) error{
		"disabled": func(u *changingSource, _ *store.Store, _ string) error {
			u.change(func() { u.a.Disabled = true })
			return nil
		},
		"removed": func(u *changingSource, _ *store.Store, _ string) error { u.change(func() { u.ok = false }); return nil },
		"revoked": func(_ *changingSource, s *store.Store, id string) error {
			return s.RevokeToken(context.Background(), id)
		},
	} {
		path := statePath(t)
		users, st := newSource(t, "alice"), keep(t, path)
		tokens, c := newTokens(t, keep(t, path), users), &clock{}
		token, id := addToken(t, st, nil)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { tokens.Watch(ctx) })
		who := func() (request.Subject, error) {
			s, _, err := tokens.Who(c.ask("Bearer "+token, "192.0.2.1"), true)
			return s, err
		}
		if s, err := who(); err != nil || s.ID != "alice" {
			t.Fatalf("%s: %+v, %v", name, s, err)
		}
		if err := end(users, st, id); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(30 * time.Second)
		for {
			_, err := who()
			if reason.Of(err) == reason.CredentialInvalid {
				break
			}
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("%s: it holds on (%v)", name, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		wg.Wait()
	}
}

// Where the state is out of reach, what is in memory holds for a while, and the rest is told to come again.
func TestTokensWithoutState(t *testing.T) {
	st := &brittle{Store: keep(t, statePath(t))}
	tokens, c := newTokens(t, st, newSource(t, "alice")), &clock{}
	token, _ := addToken(t, st.Store, nil)
	other, _ := addToken(t, st.Store, nil)
	if _, _, err := tokens.Who(c.ask("Bearer "+token, "192.0.2.1"), true); err != nil {
		t.Fatal(err)
	}
	st.broken.Store(true)
	c.pass(2 * time.Minute)
	for range 3 {
		if s, _, err := tokens.Who(c.ask("Bearer "+token, "192.0.2.1"), true); err != nil || s.ID != "alice" {
			t.Errorf("in memory: %+v, %v", s, err)
		}
		if _, _, err := tokens.Who(c.ask("Bearer "+other, "192.0.2.1"), true); reason.Of(err) != reason.StateUnavailable {
			t.Errorf("not in memory: %v", err)
		}
	}
	st.broken.Store(false)
	deadline := time.Now().Add(30 * time.Second)
	for {
		if _, _, err := tokens.Who(c.ask("Bearer "+other, "192.0.2.1"), true); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not recover")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNewTokens(t *testing.T) {
	if _, err := NewTokens(nil, newSource(t, "alice")); err == nil {
		t.Error("tokens that are kept nowhere")
	}
	if _, err := NewTokens(keep(t, statePath(t)), nil); err == nil {
		t.Error("tokens of nobody")
	}
}

// One token has one spelling, and what is none is said to be none.
func FuzzToken(f *testing.F) {
	token, _, _ := NewToken()
	f.Add(token)
	f.Add("rbt__")
	f.Add(tokenOf("", nil))
	f.Fuzz(func(t *testing.T, text string) {
		id, d, ok := parseToken(text)
		if !ok {
			if id, _, again := parseToken(tokenOf(id, []byte(text))); again && len(text) != secretSize {
				t.Errorf("%q is a token of %q", text, id)
			}
			return
		}
		if len(id) != tokenIDText || d == (state.Digest{}) || !strings.HasPrefix(text, TokenPrefix+id+"_") {
			t.Errorf("%q is one of %q", text, id)
		}
	})
}

// Whatever Cookie field comes, at most one session is found in it, and it is spelt as we do.
func FuzzSessionCookie(f *testing.F) {
	v := newSessionValue(time.Unix(1e9, 0), "x")
	f.Add(host + "=" + v.String())
	f.Add("a=b; " + host + "=" + v.String() + "; c")
	f.Add(host + "=x; " + host + "=y")
	f.Fuzz(func(t *testing.T, field string) {
		text, found := pageCookies{secure: true}.find(field, sessionCookie)
		v, good := parseSession(text)
		if !found || !good {
			return
		}
		// net/http as the oracle of what is in the field.
		all := (&http.Request{Header: http.Header{"Cookie": {field}}}).CookiesNamed(host)
		if len(all) != 1 || all[0].Value != text || v.String() != text {
			t.Errorf("%q: %q, spelt %q, and %v in all", field, text, v.String(), all)
		}
	})
}
