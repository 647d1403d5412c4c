package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbageRoom is what a full cache leaves for garbage, in bytes: the runtime would otherwise let as much of it gather
// as the cache holds.
const garbageRoom = 24 << 20

// leastGarbage is what gathers before a collection, in bytes, however little lives: where that is a few megabytes the
// runtime would collect all the time.
const leastGarbage = 8 << 20

// heapGuard keeps the memory of the process near that of the cache: after each collection it sets the runtime's memory
// limit anew, so that garbage has garbageRoom, and beside that as much as what lives beyond the cache's size. The limit
// thus moves with what connections need and never makes the collector run without end.
type heapGuard struct {
	cache int64             // bytes
	set   func(int64) int64 // debug.SetMemoryLimit
	limit int64             // set last

	setPercent func(int) int // debug.SetGCPercent
	percent    int           // set last
}

// guardHeap begins; where the operator has set the collector himself (GOGC, GOMEMLIMIT) it does nothing.
func guardHeap(cache int64) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	g := &heapGuard{cache: cache, set: debug.SetMemoryLimit, setPercent: debug.SetGCPercent, percent: 100}
	g.adjust(0)
	g.watch()
}

// watch waits for the end of the next collection.
func (g *heapGuard) watch() {
	type marker struct{ _ *marker } // of a size of its own, so that nothing else keeps it alive
	runtime.AddCleanup(new(marker), func(g *heapGuard) {
		g.adjust(liveHeap())
		g.watch()
	}, g)
}

func (g *heapGuard) adjust(live int64) {
	limit := g.cache + garbageRoom + 2*max(0, live-g.cache)
	if diff := limit - g.limit; diff > garbageRoom/8 || diff < -garbageRoom/8 { // setting it stops the program for a moment
		g.limit = limit
		g.set(limit)
	}
	percent := int(max(100, leastGarbage*100/max(live, 1<<20)))
	if diff := percent - g.percent; diff > g.percent/4 || diff < -g.percent/4 || diff != 0 && percent == 100 {
		g.percent = percent
		g.setPercent(percent)
	}
}

// liveHeap is what the last collection found in use, in bytes.
func liveHeap() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
