package audit

import (
	"runtime"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// gatherAt is how many bytes of records a Gatherer hands over together: few enough to lie where the processor is quick to
// write them.
const gatherAt = 8 << 10

// Gatherer keeps records for one goroutine, which answers many requests one after the other, and hands them to its log
// together. It is not safe for concurrent use.
type Gatherer struct {
	log *Log
	queue
}

// Gather returns a Gatherer for one goroutine; nil in required mode, where none may wait.
func (l *Log) Gather() request.Gatherer {
	if l.cfg.Required {
		return nil
	}
	return &Gatherer{log: l}
}

// Decided is Log.Decided. It has no error: nobody waits for the disk.
func (g *Gatherer) Decided(at time.Time, f *request.Facts, who request.Subject, d request.Decision, refusal error) error {
	g.decided(at, f, who, d, refusal, *g.log.containment.Load())
	g.handOver(gatherAt)
	return nil
}

// Done is Log.Done.
func (g *Gatherer) Done(at time.Time, f *request.Facts, _ request.Subject, out request.Outcome) {
	g.done(at, f, &out)
	g.handOver(gatherAt)
}

// Flush hands over what was gathered: before the goroutine waits, and before another tells the log of one of its
// requests.
func (g *Gatherer) Flush() { g.handOver(1) }

func (g *Gatherer) handOver(atLeast int) {
	if len(g.b) < atLeast {
		return
	}
	l := g.log
	l.mu.Lock()
	if l.room(g.n) != nil { // they are counted
		l.mu.Unlock()
	} else {
		l.queue.b, l.queue.n = append(l.queue.b, g.b...), l.queue.n+g.n
		much := len(l.queue.b) >= flushAt
		_ = l.leave(false) // nobody waits
		if much {
			runtime.Gosched() // on one core the writer would wait for a preemption, and memory grow cold
		}
	}
	g.b, g.n = g.b[:0], 0
	if cap(g.b) > 4*gatherAt { // a long name is rare
		g.b = nil
	}
}
