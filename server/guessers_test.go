package server

import (
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Who asks for many names that do not exist is answered the same 429 whatever it asks, there or not, good or bad; who has a
// credential, and who comes from elsewhere, is not. Control: without the limit the two differ.
func TestGuessLimit(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		users := withUsers(t, true, off)
		s := serve(t, smallTree, func(u *setup) {
			users(u)
			u.cfg.GuessLimit, u.cfg.TrustedProxies = 40, prefixes("127.0.0.1/32")
		})
		open := serve(t, smallTree, func(u *setup) { users(u); u.cfg.GuessLimit = -1 })
		for i := range 3 { // a page that misses the same thing again and again
			for range 10 {
				if a := s.get(t, "/missing"+strconv.Itoa(i)); a.Status != 404 {
					t.Fatalf("miss %d: %d", i, a.Status)
				}
			}
		}
		var wg sync.WaitGroup
		for i := range 50 { // at once, because they are slowed
			wg.Go(func() {
				s.get(t, "/more"+strconv.Itoa(i))
				if a := open.get(t, "/more"+strconv.Itoa(i)); a.Status != 404 {
					t.Errorf("without a limit: %d", a.Status)
				}
			})
		}
		wg.Wait()
		targets := []string{"/a.txt", "/nothing", "/", "/../x", "/%00", "/a.txt?x"}
		want := stripped(s.get(t, targets[0]))
		if want.Status != 429 || want.Header.Get("Retry-After") != strconv.Itoa(guessesWait) {
			t.Fatalf("after the limit: %d %v", want.Status, want.Header)
		}
		differ := 0
		control := stripped(open.get(t, targets[0]))
		for _, target := range targets {
			if got := stripped(s.get(t, target)); !cmp.Equal(want, got) {
				t.Errorf("GET %s differs:\n%s", target, cmp.Diff(want, got))
			}
			if !cmp.Equal(control, stripped(open.get(t, target))) {
				differ++
			}
		}
		if differ == 0 {
			t.Error("control: without the limit nothing tells what exists")
		}
		if a := s.request(t, "POST", "/a.txt"); a.Status != 429 {
			t.Errorf("another method: %d", a.Status)
		}
		for _, own := range []string{"/-/healthz", "/-/readyz"} {
			if a := s.get(t, own); a.Status != 200 {
				t.Errorf("%s: %d", own, a.Status)
			}
		}
		for i := range 10 { // its own names are its own affair
			if a := s.get(t, "/guess"+strconv.Itoa(i), basic("bob", "bob")); a.Status != 404 {
				t.Errorf("with a credential: %d", a.Status)
			}
		}
		if a := s.get(t, "/a.txt", basic("bob", "bob")); a.Status != 200 {
			t.Errorf("with a credential: %d", a.Status)
		}
		for _, elsewhere := range []string{"192.0.2.1", "2001:db8::1"} {
			if a := s.get(t, "/a.txt", "X-Forwarded-For: "+elsewhere); a.Status != 200 {
				t.Errorf("from %s: %d", elsewhere, a.Status)
			}
		}
		if !s.logs(t, "reason=rate-limited") {
			t.Error("not in the log")
		}
		if got := s.metric(t, `rootbound_refusals_total{reason="rate-limited"}`); got == "0" {
			t.Error("no refusal was counted")
		}
	})
}

// One user who guesses from an address shuts out nobody else there.
func TestGuessersBehindOneAddress(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		users := withUsers(t, true, off)
		s := serve(t, smallTree, func(u *setup) { users(u); u.cfg.GuessLimit = 10 })
		for i := range 50 {
			if a := s.get(t, "/guess"+strconv.Itoa(i), basic("alice", "ecila")); a.Status != 404 {
				t.Fatalf("alice's guess %d: %d", i, a.Status)
			}
		}
		for _, credential := range []string{"X: y", basic("bob", "bob"), basic("alice", "ecila")} {
			if a := s.get(t, "/a.txt", credential); a.Status != 200 {
				t.Errorf("%s: %d", credential, a.Status)
			}
		}
	})
}

// On loopback nobody is limited unless it was asked for; whom a trusted proxy brings there is.
func TestGuessLimitByDefault(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.cfg.TrustedProxies = prefixes("127.0.0.1/32") })
	for i := range 2 * DefaultGuessLimit {
		if a := s.get(t, "/missing"+strconv.Itoa(i)); a.Status != 404 {
			t.Fatalf("miss %d: %d", i, a.Status)
		}
	}
	var wg sync.WaitGroup
	for i := range 2 * DefaultGuessLimit {
		wg.Go(func() { s.get(t, "/missing"+strconv.Itoa(i), "X-Forwarded-For: 192.0.2.1") })
	}
	wg.Wait()
	if a := s.get(t, "/a.txt", "X-Forwarded-For: 192.0.2.1"); a.Status != 429 {
		t.Errorf("who comes through a proxy: %d", a.Status)
	}
	// Whose address is in doubt shares one key with all of those, and never the proxy's.
	if a := s.get(t, "/a.txt", "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.2"); a.Status != 200 {
		t.Errorf("in doubt: %d", a.Status)
	}
	if a := s.get(t, "/a.txt"); a.Status != 200 {
		t.Errorf("loopback itself: %d", a.Status)
	}
}

// guesser's clock is moved by the tests below.
func newTestGuessers(limit int) (*guessers, *time.Time) {
	g, now := newGuessers(limit), time.Now()
	g.now = func() time.Time { return now }
	return g, &now
}

func guess(client string, n string, now time.Time) *request.Facts {
	f := &request.Facts{Client: netip.MustParseAddr(client), Received: now, Target: "/" + n}
	f.Name, f.NameErr = (&name.Rules{}).FromPath("/" + n)
	return f
}

// What was guessed in a burst is waited for: on the average nobody learns more than the limit.
func TestGuessersAverage(t *testing.T) {
	g, now := newTestGuessers(60)
	start, learned := *now, 0
	for now.Sub(start) < time.Hour {
		f := guess("192.0.2.1", fmt.Sprint("n", learned), *now)
		if _, err := g.judge(f); err == nil {
			for range 50 { // at once, before any of them is counted
				g.missed(guess("192.0.2.1", fmt.Sprint("n", learned), *now))
				learned++
			}
		}
		*now = now.Add(time.Second)
	}
	if most := 60*60 + 60 + 50; learned > most || learned < 60*50 {
		t.Errorf("in an hour %d names were learned, want no more than %d", learned, most)
	}
}

func TestGuessersSlow(t *testing.T) {
	g, now := newTestGuessers(10)
	var last time.Duration
	for i := range 10 {
		d, err := g.judge(guess("192.0.2.1", "x", *now))
		if err != nil || (d > 0) != (i >= 5) || d < last || d > slowestGuess {
			t.Errorf("after %d misses: %v, %v", i, d, err)
		}
		last = d
		g.missed(guess("192.0.2.1", fmt.Sprint(i), *now))
	}
	if _, err := g.judge(guess("192.0.2.1", "x", *now)); reason.Of(err) != reason.RateLimited {
		t.Errorf("after all: %v", err)
	}
	g.slowed.Store(maxSlowed)
	*now = now.Add(10 * time.Second)
	if _, err := g.judge(guess("192.0.2.1", "x", *now)); reason.Of(err) != reason.RateLimited {
		t.Errorf("while many are held back: %v", err)
	}
	*now = now.Add(time.Minute)
	if d, err := g.judge(guess("192.0.2.1", "x", *now)); d != 0 || err != nil {
		t.Errorf("later: %v, %v", d, err)
	}
}

// A network of 64 bits is one client; the table is bounded, and who guesses most does not get out of it by filling it.
func TestGuessersTable(t *testing.T) {
	g, now := newTestGuessers(10)
	for i := range 10 {
		g.missed(guess(fmt.Sprintf("2001:db8::%x", i+1), fmt.Sprint(i), *now))
	}
	if _, err := g.judge(guess("2001:db8::ffff:1", "x", *now)); reason.Of(err) != reason.RateLimited {
		t.Errorf("the same /64: %v", err)
	}
	if _, err := g.judge(guess("2001:db8:0:1::1", "x", *now)); err != nil {
		t.Errorf("another /64: %v", err)
	}
	for i := range 2 * maxGuessers {
		g.missed(guess(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), "x", *now))
	}
	if len(g.of) > maxGuessers {
		t.Errorf("%d networks are kept", len(g.of))
	}
	if _, err := g.judge(guess("2001:db8::1", "x", *now)); reason.Of(err) != reason.RateLimited {
		t.Errorf("who guessed most, after the table was filled: %v", err)
	}
}
