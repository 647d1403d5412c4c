package authn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"strings"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// maxRemembered bounds the credentials that are remembered at once.
const maxRemembered = 16 << 10

// digest stands for a credential. It is keyed with what only this process knows, so that what is remembered is of no use
// to who reads the process's memory later.
type digest [sha256.Size]byte

// memory is of credentials that held a moment ago.
type memory struct {
	lasts  time.Duration
	hashes sync.Pool // of *keyed

	mu    sync.RWMutex
	held  map[digest]remembered
	swept time.Time // when what is over was last looked for
}

type remembered struct {
	subject    request.Subject
	since      time.Time
	until      time.Time
	generation uint64
	bound      string // see Account.bound; "" where another generation is the end of it
}

// keyed hashes credentials without allocating: an interface's arguments would move to the heap, for every request.
type keyed struct {
	hash.Hash
	in, out []byte
}

func newMemory(lasts time.Duration) *memory {
	var key [sha256.BlockSize]byte
	_, _ = rand.Read(key[:]) // never fails, see crypto/rand
	m := &memory{lasts: lasts, held: map[digest]remembered{}}
	m.hashes.New = func() any { return &keyed{Hash: hmac.New(sha256.New, key[:])} }
	return m
}

func (m *memory) key(credential string) (d digest) {
	h := m.hashes.Get().(*keyed)
	h.Reset()
	h.in = append(h.in[:0], credential...)
	_, _ = h.Write(h.in) // never fails, see hash.Hash
	clear(h.in)
	h.out = h.Sum(h.out[:0])
	copy(d[:], h.out)
	m.hashes.Put(h)
	return d
}

func (m *memory) get(d digest, now time.Time, generation uint64) (request.Subject, bool) {
	r, ok := m.find(d, now, generation)
	return r.subject, ok
}

func (m *memory) find(d digest, now time.Time, generation uint64) (remembered, bool) {
	m.mu.RLock()
	r, ok := m.held[d]
	m.mu.RUnlock()
	if !ok || r.generation != generation || !now.Before(r.until) {
		return remembered{}, false
	}
	return r, true
}

func (m *memory) forget(d digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, d)
}

// put remembers a credential that was verified while the accounts were of that generation.
func (m *memory) put(d digest, s request.Subject, now time.Time, generation uint64) {
	m.putUntil(d, s, now, now.Add(m.lasts), generation)
}

func (m *memory) putUntil(d digest, s request.Subject, now, until time.Time, generation uint64) {
	m.hold(d, remembered{s, now, until, generation, ""})
}

func (m *memory) hold(d digest, r remembered) {
	r.subject.ID = strings.Clone(r.subject.ID)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.held) >= maxRemembered {
		m.drop(r.since, r.generation)
	}
	m.held[d] = r
}

// before finds what was remembered while the accounts were others.
func (m *memory) before(d digest, now time.Time) (remembered, bool) {
	m.mu.RLock()
	r, ok := m.held[d]
	m.mu.RUnlock()
	return r, ok && r.bound != "" && now.Before(r.until)
}

// drop makes room: what is over goes, which is looked for once a minute, and where that is nothing, any one.
func (m *memory) drop(now time.Time, generation uint64) {
	if now.Sub(m.swept) > time.Minute {
		m.swept = now
		for d, r := range m.held {
			if r.generation != generation || !now.Before(r.until) {
				delete(m.held, d)
			}
		}
	}
	for d := range m.held {
		if len(m.held) < maxRemembered {
			return
		}
		delete(m.held, d)
	}
}
