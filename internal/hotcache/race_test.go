package hotcache

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

// subject is a file whose versions a writer publishes one after the other. A version is its number, over and over; the
// sizes of two in a row differ. ended[v] is a moment at which v was no longer the newest, never before it was not.
type subject struct {
	name    string
	inPlace bool
	ended   []atomic.Int64
	current int
}

const versions = 150

func newSubject(name string, inPlace bool) *subject {
	s := &subject{name: name, inPlace: inPlace, ended: make([]atomic.Int64, versions)}
	for i := range s.ended {
		s.ended[i].Store(math.MaxInt64)
	}
	return s
}

func version(v int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%08d", v), 10+v%100) }

// next publishes one more version: under a name of its own that then replaces the file, or in place.
func (s *subject) next(base string, now func() int64) error {
	v := s.current + 1
	path := filepath.Join(base, s.name)
	temporary := path
	if !s.inPlace {
		temporary = filepath.Join(base, ".new-"+s.name)
	}
	if err := os.WriteFile(temporary, version(v), 0o644); err != nil {
		return err
	}
	if !s.inPlace {
		if err := os.Rename(temporary, path); err != nil {
			return err
		}
	}
	s.ended[s.current].Store(now())
	s.current = v
	return nil
}

// judge says what is wrong with content that was served at a moment of the clock.
func (s *subject) judge(content []byte, at time.Duration, check time.Duration) (mixed, old bool) {
	if len(content) == 0 {
		return !s.inPlace, false // truncated, and not yet written
	}
	var v int
	if _, err := fmt.Sscanf(string(content[:min(8, len(content))]), "%d", &v); err != nil || v >= versions || !bytes.Equal(content, version(v)) {
		return true, false
	}
	return false, s.ended[v].Load() < int64(at-check)
}

// TestRace replaces files by rename and rewrites others in place while many ask: no answer mixes two versions, and none
// is older than Check. The control believes what it has for ever, and serves the old.
func TestRace(t *testing.T) {
	b := newBench(t, Config{Max: 1 << 20})
	control := New(Config{Check: math.MaxInt64, Now: b.clock.now})
	subjects := []*subject{newSubject("a", false), newSubject("b", false), newSubject("c", true), newSubject("d", true)}
	for _, s := range subjects {
		b.write(s.name, string(version(0)))
		if _, _, err := control.Open(context.Background(), b.dir, b.name(s.name)); err != nil {
			t.Fatal(err)
		}
	}
	var writers, readers sync.WaitGroup
	for _, s := range subjects {
		writers.Go(func() {
			for s.current < versions-1 {
				if err := s.next(b.base, b.since.Load); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	var served [5]atomic.Int64
	for i := range 8 {
		readers.Go(func() {
			for n := i; n < 1000 || !closed(done); n++ {
				b.advance(DefaultCheck / 100)
				served[b.ask(t, subjects[n%len(subjects)])].Add(1)
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	for _, state := range []State{None, Hit, Stale} {
		if served[state].Load() == 0 {
			t.Errorf("no answer was state %d", state)
		}
	}
	b.advance(2 * DefaultCheck)
	for _, s := range subjects {
		l, _, _ := control.Get(b.dir, b.name(s.name), b.clock.now())
		if _, old := s.judge([]byte(content(t, l)), time.Duration(b.since.Load()), DefaultCheck); !old {
			t.Errorf("%s: the control serves nothing old", s.name)
		}
	}
	b.sound()
}

func closed(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// ask gets a file as a server does, and judges it. It returns the state that Get told; Missing stands for a File.
func (b *bench) ask(t *testing.T, s *subject) State {
	n, at := b.name(s.name), b.clock.now()
	l, state, err := b.Get(b.dir, n, at)
	sure := false
	if state == None || state == Stale || state == Due {
		if now, ok, nowErr := b.Now(b.dir, n); ok {
			l, err, sure = now, nowErr, true
		}
	}
	if !sure && (state == None || state == Stale) {
		var f *rootbound.File
		l, f, err = b.Open(context.Background(), b.dir, n)
		if f != nil {
			_ = f.Close()
			return Missing // changed while it was read
		}
	}
	if err != nil || l == nil {
		t.Errorf("%s: %v", s.name, err)
		return state
	}
	if state == Due {
		b.Refresh(b.dir, n)
	}
	a, _ := l.Answer(&plan.Request{Method: "GET"}, &rootbound.SendOptions{}) // never an error
	pieces, _ := a.Buffers(nil)
	mixed, old := s.judge(bytes.Join(pieces, nil), at.Sub(start), DefaultCheck)
	if mixed || old {
		t.Errorf("%s: state %d, mixed %v, older than Check %v: %.20q", s.name, state, mixed, old, bytes.Join(pieces, nil))
	}
	return state
}

// TestRaceMissing makes and removes a file while many ask: nobody is told that it is missing later than a second after
// it was. The control believes it for ever.
func TestRaceMissing(t *testing.T) {
	b := newBench(t, Config{})
	control := New(Config{Check: math.MaxInt64, Now: b.clock.now})
	control.checkMiss = math.MaxInt64
	if _, _, err := control.Open(context.Background(), b.dir, b.name("f")); err == nil {
		t.Fatal("there is a file")
	}
	var missing atomic.Bool
	var ended atomic.Int64 // when it was last missing, or later
	missing.Store(true)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			n := b.name("f")
			for i := 0; i < 1000 || !closed(done); i++ {
				b.advance(missTime / 50)
				at := b.clock.now()
				_, state, err := b.Get(b.dir, n, at)
				if state == None || state == Stale {
					var sure bool
					if _, sure, err = b.Now(b.dir, n); !sure || i%2 == 0 {
						var f *rootbound.File
						if _, f, err = b.Open(context.Background(), b.dir, n); f != nil {
							_ = f.Close()
						}
					}
				}
				if err != nil && !missing.Load() && ended.Load() < int64(at.Sub(start)-missTime) {
					t.Errorf("state %d: %v, a second after it was there", state, err)
				}
			}
		})
	}
	for range 300 {
		b.replace("f", "there")
		ended.Store(b.since.Load())
		missing.Store(false)
		_, f, err := b.Open(context.Background(), b.dir, b.name("f"))
		if f != nil {
			_ = f.Close()
		}
		if err != nil && rootbound.ReasonOf(err) != reason.Missing {
			t.Error(err)
		}
		missing.Store(true)
		b.remove("f")
	}
	close(done)
	readers.Wait()
	b.sound()
	b.replace("f", "there")
	b.advance(missTime)
	if _, state, _ := control.Get(b.dir, b.name("f"), b.clock.now()); state != Missing {
		t.Errorf("the control says %d", state)
	}
	if got, _ := b.open("f"); got != "there" {
		t.Errorf("Open = %q", got)
	}
}
