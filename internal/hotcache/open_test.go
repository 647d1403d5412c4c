package hotcache

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
)

// gate is a Dir whose opens wait: names of another Dir are judged again at open, by a policy that the test holds.
type gate struct {
	*bench
	gated  *rootbound.Dir
	opens  int
	passed chan struct{}
}

func newGate(t testing.TB, cfg Config) *gate {
	g := &gate{bench: newBench(t, cfg), passed: make(chan struct{})}
	var mu sync.Mutex
	g.gated = openDir(t, g.base, rootbound.Config{Names: func(string) error {
		mu.Lock()
		g.opens++
		mu.Unlock()
		<-g.passed
		return nil
	}})
	return g
}

type result struct {
	loaded *rootbound.Loaded
	file   *rootbound.File
	err    error
}

// start begins n opens at once and returns when all of them wait.
func (g *gate) start(n int, name string) chan result {
	results := make(chan result, n)
	for range n {
		go func() {
			l, f, err := g.Open(context.Background(), g.gated, g.name(name))
			results <- result{l, f, err}
		}()
	}
	synctest.Wait()
	return results
}

const crowd = 50

// TestOneOpen: many who want one cold file open it once and share what was read; and so for what is missing. The
// control is no cache, where each opens.
func TestOneOpen(t *testing.T) {
	for _, name := range []string{"f", "none"} {
		for _, cached := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, Config{})
				g.write("f", "content")
				want := 1
				if !cached {
					g.Cache, want = nil, crowd
				}
				results := g.start(crowd, name)
				close(g.passed)
				var first *rootbound.Loaded
				for i := range crowd {
					r := <-results
					if i == 0 {
						first = r.loaded
					}
					if r.file != nil {
						_ = r.file.Close()
					}
					if cached && r.loaded != first || (r.err != nil) != (name == "none") {
						t.Errorf("%s: %v, %v, %v", name, r.loaded, r.file, r.err)
					}
				}
				if g.opens != want {
					t.Errorf("%s, cached %v: %d opens, want %d", name, cached, g.opens, want)
				}
			})
		}
	}
}

// TestLargeFilesAreEachOnes: nobody shares a File.
func TestLargeFilesAreEachOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Config{MaxFile: 10})
		g.write("f", "more than ten bytes")
		results := g.start(crowd, "f")
		close(g.passed)
		seen := map[*rootbound.File]bool{}
		for range crowd {
			r := <-results
			if r.file == nil || seen[r.file] {
				t.Fatalf("got %v, %v, %v", r.loaded, r.file, r.err)
			}
			seen[r.file] = true
			_ = r.file.Close()
		}
		if g.opens != crowd {
			t.Errorf("%d opens, want %d", g.opens, crowd)
		}
		if s := g.Stats(); s.Files != 0 {
			t.Errorf("kept: %+v", s)
		}
	})
}

// TestWaitingEnds: who waits for another's open may give up.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Config{})
		results := g.start(1, "f")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _, err := g.Open(ctx, g.gated, g.name("f"))
		if !errors.Is(err, rootbound.ErrUnavailable) || rootbound.ReasonOf(err) != reason.ShortOpens {
			t.Errorf("Open = %v", err)
		}
		close(g.passed)
		<-results
	})
}

// TestForgetDuringOpen: what was being opened when a write came says nothing afterwards.
func TestForgetDuringOpen(t *testing.T) {
	for _, name := range []string{"f", "none"} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t, Config{})
			g.write("f", "old")
			before := g.start(1, name)
			g.Forget(g.gated, g.name(name))
			after := g.start(1, name)
			if g.opens != 2 {
				t.Errorf("%s: %d opens: who came after the write waits for what began before it", name, g.opens)
			}
			g.passed <- struct{}{} // who waits longest goes first
			<-before
			if _, state, _ := g.Get(g.gated, g.name(name), g.clock.now()); state != None {
				t.Errorf("%s: what was opened before the write was kept: %d", name, state)
			}
			g.passed <- struct{}{}
			<-after
			if _, state, _ := g.Get(g.gated, g.name(name), g.clock.now()); state == None {
				t.Errorf("%s: what was opened after the write was not kept", name)
			}
			if len(g.flights) != 0 {
				t.Errorf("%d flights left", len(g.flights))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Config{})
		results := g.start(1, "none")
		g.Forget(g.gated, g.name("other")) // which may be the same file by another name
		close(g.passed)
		<-results
		if _, state, _ := g.Get(g.gated, g.name("none"), g.clock.now()); state != None {
			t.Errorf("a miss from before the write: %d", state)
		}
	})
}

// TestSlowOpen: an open that takes longer than its result could be believed is nobody else's, and does not put its old
// word in the place of a newer one.
func TestSlowOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Config{})
		g.write("f", "content")
		slow := g.start(1, "f")
		g.advance(DefaultCheck)
		quick := g.start(crowd, "f")
		if g.opens != 2 {
			t.Errorf("%d opens, want 2", g.opens)
		}
		close(g.passed)
		<-slow
		for range crowd {
			<-quick
		}
		if _, state, _ := g.Get(g.gated, g.name("f"), g.clock.now()); state != Hit {
			t.Errorf("Get: %d", state)
		}
	})
}

// TestPanic: a name policy that panics leaves nobody waiting.
func TestPanic(t *testing.T) {
	b := newBench(t, Config{})
	bad := openDir(t, b.base, rootbound.Config{Names: func(string) error { panic("policy") }})
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_, _, _ = b.Open(context.Background(), bad, b.name("f"))
		}()
	}
	if len(b.flights) != 0 {
		t.Errorf("%d flights left", len(b.flights))
	}
}

// TestCloseDuringOpen: the open ends well, and nothing is kept.
func TestCloseDuringOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Config{})
		g.write("f", strings.Repeat("x", 100))
		results := g.start(crowd, "f")
		g.Close()
		close(g.passed)
		for range crowd {
			r := <-results
			if r.err != nil {
				t.Error(r.err)
			}
			if r.file != nil {
				_ = r.file.Close()
			}
		}
		if s := g.Stats(); s.Files != 0 || s.Bytes != g.store.table {
			t.Errorf("kept: %+v", s)
		}
	})
}
