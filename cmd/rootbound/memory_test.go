package main

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestHeapGuardLimits(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		cache, live, want int64
		percent           int
	}{
		{64 * mib, 0, 88 * mib, 800},
		{64 * mib, 4 * mib, 88 * mib, 200},
		{64 * mib, 64 * mib, 88 * mib, 100},
		{64 * mib, 100 * mib, 160 * mib, 100}, // what lives always has room above it
		{0, 30 * mib, 84 * mib, 100},
	} {
		var got int64
		percent := 100
		g := &heapGuard{cache: c.cache, set: func(n int64) int64 { got = n; return 0 }, setPercent: func(n int) int { percent = n; return 0 }, percent: 100}
		g.adjust(c.live)
		if got != c.want || percent != c.percent {
			t.Errorf("cache %d, live %d: limit %d and %d %%, want %d and %d %%", c.cache, c.live, got, percent, c.want, c.percent)
		}
	}
}

// It is set anew only where that makes a difference, for it stops the program, and back to what it was when much lives.
func TestHeapGuardPercent(t *testing.T) {
	var got []int
	g := &heapGuard{set: func(int64) int64 { return 0 }, setPercent: func(n int) int { got = append(got, n); return 0 }, percent: 100}
	for _, live := range []int64{2 << 20, 2<<20 + 1000, 2<<20 + 2000, 7 << 20, 30 << 20, 31 << 20, 2 << 20} {
		g.adjust(live)
	}
	if want := []int{400, 114, 100, 400}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestHeapGuardFollowsEachCollection(t *testing.T) {
	limits := make(chan int64, 100)
	g := &heapGuard{set: func(n int64) int64 { limits <- n; return 0 }, setPercent: func(n int) int { return n }}
	g.watch()
	ballast := make([]byte, 4<<20)
	for i, grown := range []int{0, 64 << 20} {
		ballast = append(ballast, make([]byte, grown)...)
		want := int64(2*len(ballast) + garbageRoom)
		runtime.GC()
		for got := int64(0); got < want; {
			select {
			case got = <-limits:
			case <-time.After(time.Minute):
				t.Fatalf("collection %d: no limit of %d or more for %d living bytes", i, want, len(ballast))
			}
		}
	}
	runtime.KeepAlive(ballast)
}
