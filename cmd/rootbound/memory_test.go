package main

import (
	"runtime"
	"testing"
	"time"
)

func TestHeapGuardLimits(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ cache, live, want int64 }{
		{64 * mib, 0, 88 * mib},
		{64 * mib, 64 * mib, 88 * mib},
		{64 * mib, 100 * mib, 160 * mib}, // what lives always has room above it
		{0, 30 * mib, 84 * mib},
	} {
		var got int64
		g := &heapGuard{cache: c.cache, set: func(n int64) int64 { got = n; return 0 }}
		g.adjust(c.live)
		if got != c.want {
			t.Errorf("cache %d, live %d: limit %d, want %d", c.cache, c.live, got, c.want)
		}
	}
}

func TestHeapGuardFollowsEachCollection(t *testing.T) {
	limits := make(chan int64, 100)
	g := &heapGuard{set: func(n int64) int64 { limits <- n; return 0 }}
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
