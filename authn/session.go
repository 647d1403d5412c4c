package authn

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
)

// How somebody is known: the Subject.Method of a session, and the state.Session.Method of one begun with a password.
const (
	MethodSession  = "session"
	MethodPassword = "password"
)

// How long sessions last.
const (
	DefaultIdle     = 12 * time.Hour     // without use
	DefaultLifetime = 7 * 24 * time.Hour // whatever the use
	DefaultRotate   = 15 * time.Minute   // with one secret, while pages are asked for

	rotatedLasts = 30 * time.Second // for what was asked with the secret before
	seenEvery    = time.Minute      // how exactly the last use is known
	maxRotated   = 16 << 10         // in memory
)

// SessionStore keeps sessions. It is safe for concurrent use; an error but state.ErrNotFound is that it is out of reach.
type SessionStore interface {
	AddSession(ctx context.Context, s state.Session) error
	Session(ctx context.Context, d state.Digest) (state.Session, error)
	RotateSession(ctx context.Context, old, next state.Digest, seen time.Time) error
	TouchSession(ctx context.Context, d state.Digest, seen time.Time) error
	EndSession(ctx context.Context, d state.Digest) error
	EndSessionsOf(ctx context.Context, subject string) (int, error)
	Generation(ctx context.Context, topics ...state.Topic) (uint64, error)
}

// SessionsConfig says how sessions are kept.
type SessionsConfig struct {
	// Store is where they are.
	Store SessionStore
	// Users are accounts with passwords, with which their sessions end; nil: there are none.
	Users Source
	// Origin is what browsers reach the server as, such as "https://files.example"; "" is whatever host was asked.
	Origin string
	// Insecure leaves Secure and the prefix __Host- off the cookies: without TLS, where nobody can listen.
	Insecure bool
	// Idle, Lifetime and Rotate are in place of the defaults; 0 is the default.
	Idle, Lifetime, Rotate time.Duration
	// now is the clock; tests set it.
	now func() time.Time
}

// Sessions are those of browsers that signed in: a Method, and what the pages for it need. It is safe for concurrent use.
type Sessions struct {
	cfg     SessionsConfig
	cookies pageCookies
	changes changes
	memory  *memory

	outage outage

	turning sync.Mutex // held while a secret is put in another's place
	mu      sync.RWMutex
	rotated map[digest]successor
}

// successor is the value that took another's place.
type successor struct {
	value string
	until time.Time
}

// NewSessions makes Sessions. Watch tells them what other replicas change.
func NewSessions(cfg SessionsConfig) (*Sessions, error) {
	if cfg.Store == nil {
		return nil, errors.New("authn: sessions need a state to be kept in")
	}
	for _, d := range []struct {
		d         *time.Duration
		otherwise time.Duration
	}{{&cfg.Idle, DefaultIdle}, {&cfg.Lifetime, DefaultLifetime}, {&cfg.Rotate, DefaultRotate}} {
		if *d.d == 0 {
			*d.d = d.otherwise
		}
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	return &Sessions{
		cfg: cfg, cookies: pageCookies{secure: !cfg.Insecure}, changes: changes{store: cfg.Store, topic: state.Sessions},
		memory: newMemory(DefaultRemember), rotated: map[digest]successor{},
	}, nil
}

// Watch learns of what other replicas change, until ctx ends.
func (s *Sessions) Watch(ctx context.Context) { s.changes.watch(ctx) }

// Who is that of Method. A cookie is sent unasked: one that does not hold is as none, and so are two, for one of them was
// tossed by somebody else. An Authorization field, which is sent on purpose, goes before it.
func (s *Sessions) Who(f *request.Facts, wait bool) (request.Subject, bool, error) {
	if f.Cookie == "" || f.Authorization != "" {
		return request.Subject{}, false, nil
	}
	text, ok := s.cookies.find(f.Cookie, sessionCookie)
	if !ok || len(text) != valueText {
		return request.Subject{}, false, nil
	}
	if changing(f.Method) && !sameOrigin(f, s.cfg.Origin) {
		return request.Subject{}, true, reason.New(reason.CrossOrigin, nil)
	}
	generation, key := s.changes.with(s.cfg.Users), s.memory.key(text)
	r, known := s.memory.find(key, f.Received, generation)
	if !known || f.Received.Sub(r.since) >= seenEvery || s.due(text, f) {
		if next, ok := s.successorOf(key, f.Received); ok {
			text, key = next, s.memory.key(next)
			r, known = s.memory.find(key, f.Received, generation)
		}
	}
	fresh := known && f.Received.Sub(r.since) < seenEvery && !s.due(text, f)
	switch {
	case fresh, known && s.outage.lately():
		return r.subject, true, nil
	case s.outage.lately():
		return request.Subject{}, true, reason.New(reason.StateUnavailable, nil)
	case !wait:
		return request.Subject{}, true, ErrWait
	}
	who, ok, err := s.look(f, text, key, generation)
	if known && reason.Of(err) == reason.StateUnavailable {
		return r.subject, true, nil
	}
	return who, ok, err
}

// due says whether a session should get a new secret with the answer: some time after the last one, when a page is asked for,
// which a browser does not drop half-way as easily as a picture.
func (s *Sessions) due(text string, f *request.Facts) bool {
	if f.Method != http.MethodGet || !strings.Contains(f.Accept, "text/html") {
		return false
	}
	v, ok := parseSession(text)
	return ok && f.Received.Sub(time.Unix(v.issued*60, 0)) >= s.cfg.Rotate
}

// look asks the store.
func (s *Sessions) look(f *request.Facts, text string, key digest, generation uint64) (request.Subject, bool, error) {
	v, ok := parseSession(text)
	if !ok {
		return request.Subject{}, false, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	now := f.Received
	kept, err := s.cfg.Store.Session(ctx, v.digest())
	if errors.Is(err, state.ErrNotFound) {
		if next, ok := s.turned(key, now); ok && next != text {
			return s.look(f, next, s.memory.key(next), generation)
		}
		return request.Subject{}, false, nil
	}
	if err != nil {
		s.outage.found()
		return request.Subject{}, true, reason.New(reason.StateUnavailable, err)
	}
	until := earlier(kept.Expires, kept.Seen.Add(s.cfg.Idle))
	if !now.Before(until) {
		_ = s.cfg.Store.EndSession(ctx, v.digest()) // it is over, whether it is there or not
		return request.Subject{}, false, nil
	}
	groups, bound, good, err := s.account(&kept)
	if err != nil || !good || !v.holds(bound) { // another replica may know a newer password: the record stays
		return request.Subject{}, err != nil, err
	}
	who := request.Subject{ID: kept.Subject, Groups: groups, Method: MethodSession}
	if s.due(text, f) {
		if next, ok := s.rotate(ctx, &v, bound, key, now); ok {
			f.SetCookie, key = s.cookies.set(sessionCookie, next, kept.Expires.Sub(now)), s.memory.key(next)
		}
	} else if now.Sub(kept.Seen) >= seenEvery {
		_ = s.cfg.Store.TouchSession(ctx, v.digest(), stamp(now)) // the next use tries again
	}
	s.remember(key, who, now, until, generation)
	return who, true, nil
}

// remember keeps a session in memory, unless another secret took its place meanwhile.
func (s *Sessions) remember(key digest, who request.Subject, now, until time.Time, generation uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, gone := s.rotated[key]; !gone {
		s.memory.putUntil(key, who, now, earlier(now.Add(s.memory.lasts), until), generation)
	}
}

// account says what a session's account has now, what its sessions are bound to, and whether they go on.
func (s *Sessions) account(kept *state.Session) (groups []string, bound string, good bool, err error) {
	if s.cfg.Users == nil {
		return kept.Groups, "", kept.Method != MethodPassword, nil
	}
	a, ok, err := s.cfg.Users.Account(kept.Subject)
	switch {
	case err != nil:
		return nil, "", false, reason.New(reason.StateUnavailable, err)
	case kept.Method == MethodPassword:
		return a.Groups, a.bound(), ok && !a.Disabled, nil
	}
	return kept.Groups, "", !ok || !a.Disabled, nil
}

// rotate puts another secret in a session's place; false where somebody else did, or the state is out of reach.
func (s *Sessions) rotate(ctx context.Context, old *sessionValue, bound string, key digest, now time.Time) (string, bool) {
	s.turning.Lock()
	defer s.turning.Unlock()
	next := newSessionValue(now, bound)
	if err := s.cfg.Store.RotateSession(ctx, old.digest(), next.digest(), stamp(now)); err != nil {
		return "", false
	}
	text := next.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, r := range s.rotated {
		if len(s.rotated) >= maxRotated || now.After(r.until) {
			delete(s.rotated, k)
		}
	}
	s.rotated[key] = successor{text, now.Add(rotatedLasts)}
	s.memory.forget(key)
	return text, true
}

// successorOf returns what took the place of a value a moment ago: a browser sends several requests at once, and may drop the
// answer that has the new one.
func (s *Sessions) successorOf(key digest, now time.Time) (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.rotated[key]
	return r.value, ok && now.Before(r.until)
}

// turned is successorOf once whoever is just putting another secret in place has done so.
func (s *Sessions) turned(key digest, now time.Time) (string, bool) {
	s.turning.Lock()
	defer s.turning.Unlock()
	return s.successorOf(key, now)
}

// SignIn begins a session of an account whose password was given (see Authenticator.SignIn), and returns the Set-Cookie field.
func (s *Sessions) SignIn(ctx context.Context, a Account) (setCookie string, err error) {
	return s.begin(ctx, state.Session{Subject: a.Name, Groups: a.Groups, Method: MethodPassword}, a.bound())
}

// Begin begins a session of somebody who signed in elsewhere, by the method, and returns the Set-Cookie field. It goes on
// without an account of that name, and ends with one that is disabled.
func (s *Sessions) Begin(ctx context.Context, subject string, groups []string, method string) (setCookie string, err error) {
	return s.begin(ctx, state.Session{Subject: subject, Groups: groups, Method: method}, "")
}

// begin always takes a new secret: one that a browser had before may be known to whoever gave it to it.
func (s *Sessions) begin(ctx context.Context, kept state.Session, bound string) (string, error) {
	now := s.cfg.now()
	v := newSessionValue(now, bound)
	kept.Digest, kept.Created, kept.Seen, kept.Expires = v.digest(), stamp(now), stamp(now), stamp(now.Add(s.cfg.Lifetime))
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	switch err := s.cfg.Store.AddSession(ctx, kept); {
	case errors.Is(err, state.ErrInvalid): // a name that cannot be kept
		return "", reason.New(reason.CredentialInvalid, err)
	case err != nil:
		return "", reason.New(reason.StateUnavailable, err)
	}
	return s.cookies.set(sessionCookie, v.String(), s.cfg.Lifetime), nil
}

// End ends the session of a request, if there is one, and returns the Set-Cookie field that takes the cookie away.
func (s *Sessions) End(ctx context.Context, f *request.Facts) (setCookie string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	gone := s.cookies.set(sessionCookie, "", -1)
	text, ok := s.cookies.find(f.Cookie, sessionCookie)
	if !ok {
		return gone, nil
	}
	if next, ok := s.successorOf(s.memory.key(text), f.Received); ok {
		text = next
	}
	if v, ok := parseSession(text); ok {
		err = s.cfg.Store.EndSession(ctx, v.digest())
		s.changes.here()
	}
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return gone, reason.New(reason.StateUnavailable, err)
	}
	return gone, nil
}

// EndAll ends all sessions of a subject, on every replica, and says how many there were.
func (s *Sessions) EndAll(ctx context.Context, subject string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	n, err := s.cfg.Store.EndSessionsOf(ctx, subject)
	s.changes.here()
	if err != nil {
		return 0, reason.New(reason.StateUnavailable, err)
	}
	return n, nil
}

// stamp is a time as stores keep it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
