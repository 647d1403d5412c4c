package authn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// quick is a hash that tests can afford.
func quick(t testing.TB, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func usersFile(t testing.TB, lines ...string) *UsersFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// clock is one that tests move.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(1e9, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }
func from(s string) netip.Addr        { return netip.MustParseAddr(s) }
func (c *clock) ask(credential, addr string) *request.Facts {
	return &request.Facts{Authorization: credential, Client: from(addr), Received: c.now()}
}

func newTest(t testing.TB, cfg Config) (*Authenticator, *clock) {
	t.Helper()
	c := &clock{}
	cfg.now = c.now
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

func TestWho(t *testing.T) {
	argon, err := NewHash("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 72)
	a, c := newTest(t, Config{Users: usersFile(t, "# users", "", "alice:"+quick(t, "secret"), "bob:"+argon.String(), "zoë:"+quick(t, "pässwörd"), "long:"+quick(t, long))})
	for i, tt := range []struct {
		credential string
		want       string
		code       reason.Code
	}{
		{"", "", reason.CredentialMissing},
		{basic("alice", "secret"), "alice", ""},
		{strings.Replace(basic("alice", "secret"), "Basic", "bAsIc", 1), "alice", ""},
		{basic("bob", "correct horse"), "bob", ""},
		{basic("zoë", "pässwörd"), "zoë", ""},
		{basic("long", long), "long", ""},
		{basic("long", long+"y"), "", reason.CredentialInvalid},
		{basic("alice", "Secret"), "", reason.CredentialInvalid},
		{basic("Alice", "secret"), "", reason.CredentialInvalid},
		{basic("alice ", "secret"), "", reason.CredentialInvalid},
		{basic("аlice", "secret"), "", reason.CredentialInvalid}, // a Cyrillic letter
		{basic("nobody", "secret"), "", reason.CredentialInvalid},
		{basic("alice", ""), "", reason.CredentialInvalid},
		{basic("", "secret"), "", reason.CredentialInvalid},
		{basic("alice", "sec\x00ret"), "", reason.CredentialInvalid},
		{basic("alice", "secret\n"), "", reason.CredentialInvalid},
		{basic("alice\xff", "secret"), "", reason.CredentialInvalid},
		{"Basic", "", reason.CredentialInvalid},
		{"Basic ", "", reason.CredentialInvalid},
		{"Basic !!!", "", reason.CredentialInvalid},
		{"Basic " + base64.RawURLEncoding.EncodeToString([]byte("alice:secret?~")), "", reason.CredentialInvalid},
		{basic("alice", "secret") + ", " + basic("bob", "x"), "", reason.CredentialInvalid},
		{"Bearer abc", "", reason.CredentialInvalid},
		{"Digest username=\"alice\"", "", reason.CredentialInvalid},
		{"Basic " + strings.Repeat("A", MaxCredential), "", reason.CredentialInvalid},
		{basic(strings.Repeat("a", MaxName+1), "x"), "", reason.CredentialInvalid},
		{basic("alice", strings.Repeat("a", MaxPassword+1)), "", reason.CredentialInvalid},
	} {
		s, err := a.Who(c.ask(tt.credential, fmt.Sprintf("192.0.2.%d", i+1)), true)
		if s.ID != tt.want || reason.Of(err) != tt.code {
			t.Errorf("%q: %q, %v; want %q, %q", tt.credential, s.ID, err, tt.want, tt.code)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", tt.credential, err)
		}
	}
}

// One credential has one spelling: what differs in padding or trailing bits is refused, so that nothing that counts by
// the credential is got around.
func TestOneSpelling(t *testing.T) {
	a, c := newTest(t, Config{Users: usersFile(t, "al:"+quick(t, "x"))}) // "al:x" ends in padding
	good := basic("al", "x")
	if _, err := a.Who(c.ask(good, "192.0.2.1"), true); err != nil {
		t.Fatal(err)
	}
	loose := []byte(good)
	loose[len(loose)-3]++ // only bits that nobody reads
	for _, s := range []string{strings.TrimRight(good, "="), string(loose), good + "=", good + "\n"} {
		if _, err := a.Who(c.ask(s, "192.0.2.1"), true); reason.Of(err) != reason.CredentialInvalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestAnonymous(t *testing.T) {
	a, c := newTest(t, Config{Users: usersFile(t, "alice:"+quick(t, "secret")), Anonymous: true})
	if s, err := a.Who(c.ask("", "192.0.2.1"), true); err != nil || !s.Anonymous() {
		t.Errorf("without a credential: %v, %v", s, err)
	}
	if _, err := a.Who(c.ask(basic("alice", "wrong"), "192.0.2.1"), true); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("with a wrong one: %v", err)
	}
	if a.Required() || (*Authenticator)(nil).Required() {
		t.Error("a credential is said to be required")
	}
}

// A credential that held is believed for a while without hashing, and never after the accounts have changed.
func TestRemembered(t *testing.T) {
	u := usersFile(t, "alice:"+quick(t, "secret"), "bob:"+quick(t, "x"))
	a, c := newTest(t, Config{Users: u})
	f := func() *request.Facts { return c.ask(basic("alice", "secret"), "192.0.2.1") }
	if _, err := a.Who(f(), false); err != ErrWait {
		t.Fatalf("at first: %v, want ErrWait", err)
	}
	if _, err := a.Who(f(), true); err != nil {
		t.Fatal(err)
	}
	if s, err := a.Who(f(), false); err != nil || s.ID != "alice" {
		t.Fatalf("then: %v, %v", s, err)
	}
	if _, err := a.Who(c.ask(basic("alice", "secreT"), "192.0.2.1"), false); err != ErrWait {
		t.Errorf("another password: %v, want ErrWait", err)
	}
	c.pass(DefaultRemember)
	if _, err := a.Who(f(), false); err != ErrWait {
		t.Errorf("after %v: %v, want ErrWait", DefaultRemember, err)
	}
	if _, err := a.Who(f(), true); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(u.path, []byte("bob:"+quick(t, "y")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := u.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if _, err := a.Who(f(), false); err != ErrWait {
		t.Errorf("after the user is gone: %v, want ErrWait", err)
	}
	if _, err := a.Who(f(), true); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("after the user is gone: %v", err)
	}
	for i := range maxRemembered + 10 {
		a.memory.put(digest{byte(i), byte(i >> 8), byte(i >> 16)}, request.Subject{}, c.now(), u.Generation())
	}
	if n := len(a.memory.held); n > maxRemembered {
		t.Errorf("%d are remembered, more than %d", n, maxRemembered)
	}
}

// Many requests with the same credential at once cost one hash, and count as one guess: a browser begins so.
func TestTogether(t *testing.T) {
	s := &counting{UsersFile: usersFile(t, "alice:"+quick(t, "secret")), gate: make(chan struct{})}
	a, c := newTest(t, Config{Users: s})
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if who, err := a.Who(c.ask(basic("alice", "secret"), "192.0.2.1"), true); who.ID != "alice" || err != nil {
				t.Errorf("%v, %v", who, err)
			}
		})
	}
	close(s.gate)
	wg.Wait()
	if n := s.asked.Load(); n > 100/2 {
		t.Errorf("100 at once looked the account up %d times", n)
	}
}

type counting struct {
	*UsersFile
	gate  chan struct{}
	asked atomic.Int64
}

func (c *counting) Account(name string) (Account, bool, error) {
	c.asked.Add(1)
	<-c.gate
	return c.UsersFile.Account(name)
}

type broken struct{ *UsersFile }

func (broken) Account(string) (Account, bool, error) { return Account{}, false, errors.New("no route") }

type disabled struct{ *UsersFile }

func (d disabled) Account(name string) (Account, bool, error) {
	a, ok, err := d.UsersFile.Account(name)
	a.Disabled = true
	return a, ok, err
}

// An unknown user's password is compared with a hash all the same, always the same one for a name.
func TestUnknownUserIsHashed(t *testing.T) {
	s := &referring{UsersFile: usersFile(t, "alice:"+quick(t, "secret"), "bob:"+quick(t, "secret"))}
	a, c := newTest(t, Config{Users: s})
	for i, tt := range []struct {
		name string
		want int64
	}{{"alice", 0}, {"nobody", 1}, {"Alice", 2}} {
		if _, err := a.Who(c.ask(basic(tt.name, "wrong"), fmt.Sprintf("192.0.2.%d", i+1)), true); reason.Of(err) != reason.CredentialInvalid {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := s.asked.Load(); got != tt.want {
			t.Errorf("%s: compared with others' hashes %d times, want %d", tt.name, got, tt.want)
		}
	}
	for i := range 100 {
		name := fmt.Sprint(i)
		if first := s.Reference(name); first.String() == "" || s.Reference(name) != first {
			t.Fatalf("%s: two references", name)
		}
	}
	// The right password of whoever's hash it is lets nobody in.
	if _, err := a.Who(c.ask(basic("nobody", "secret"), "192.0.2.9"), true); reason.Of(err) != reason.CredentialInvalid {
		t.Errorf("nobody: %v", err)
	}
}

type referring struct {
	*UsersFile
	asked atomic.Int64
}

func (r *referring) Reference(name string) Hash {
	r.asked.Add(1)
	return r.UsersFile.Reference(name)
}

func TestSourceRefuses(t *testing.T) {
	u := usersFile(t, "alice:"+quick(t, "secret"))
	for _, tt := range []struct {
		s    Source
		want reason.Code
	}{{broken{u}, reason.StateUnavailable}, {disabled{u}, reason.CredentialInvalid}} {
		a, c := newTest(t, Config{Users: tt.s})
		if _, err := a.Who(c.ask(basic("alice", "secret"), "192.0.2.1"), true); reason.Of(err) != tt.want {
			t.Errorf("%T: %v", tt.s, err)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no accounts are no error")
	}
}

func TestUsersFileRefuses(t *testing.T) {
	good := quick(t, "x")
	for _, tt := range []struct{ text, want string }{
		{"", "names no user"},
		{"# nobody\n", "names no user"},
		{"alice", "line 1: it is not NAME:HASH"},
		{"a:" + good + "\n:" + good, "line 2: the user name is empty"},
		{"a:" + good + "\na:" + good, "line 2: the user stands there twice"},
		{"a\x01:" + good, "control character"},
		{" a:" + good, "begins or ends with a space"},
		{"a\xff:" + good, "not UTF-8"},
		{strings.Repeat("a", MaxName+1) + ":" + good, "longer than"},
		{"a:secret", "neither bcrypt nor argon2id"},
		{"a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "neither bcrypt nor argon2id"},
		{"a:$apr1$x$W6ph5Mm5Pz8GgiULbPgzG37mj9g", "neither bcrypt nor argon2id"},
		{"a:" + good[:59], "not a bcrypt hash"},
		{"a:$2y$31$" + good[7:], "would hold the server up"},
		{"a:$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$MTIzNDU2Nzg5MDEyMzQ1Ng", "out of bounds"},
		{"a:$argon2id$nonsense", "not an argon2id hash"},
	} {
		path := filepath.Join(t.TempDir(), "users")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenUsers(path)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), good) {
			t.Errorf("%q: the error tells the hash", tt.text)
		}
	}
	if _, err := OpenUsers(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// FuzzBasic: no credential is a panic, and what is taken is what was sent.
func FuzzBasic(f *testing.F) {
	f.Add("YWxpY2U6c2VjcmV0")
	f.Add("YTo=")
	f.Add("=")
	f.Fuzz(func(t *testing.T, token string) {
		name, password, err := parseBasic(token)
		if err != nil {
			return
		}
		if again := base64.StdEncoding.EncodeToString([]byte(name + ":" + password)); again != strings.Trim(token, " ") {
			t.Errorf("%q was read as %q, %q", token, name, password)
		}
	})
}
