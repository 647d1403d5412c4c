package lane

import (
	"container/list"
	"errors"
	"sync"
	"time"
)

// Task is the answer to one request, given by workers. It is run by one at a time.
type Task interface {
	// Run does what it can. It may block on files, and never on the connection.
	Run(s *Socket) State
	// End is told that the connection ended before Run said Done or Broken. It runs on a worker.
	End(cause error)
	// Pool says who runs it next; nil is the loop itself, for what never blocks. Only Run and Late change it.
	Pool() *Pool
	// Late is told that its pool has been stuck for long. It is called on the loop and must not block; neither must the
	// Run that follows.
	Late()
}

// State is how far a Task is.
type State uint8

// The states.
const (
	Done    State = iota // the answer is given
	Broken               // it is not, and the connection must end
	Blocked              // the connection takes no more: run again when it does
	Yield                // run again after others
)

// Causes that End is told.
var (
	// ErrSlow: the client made less progress than it must.
	ErrSlow = errors.New("the client takes the answer too slowly")
	// ErrCut: the server stops.
	ErrCut = errors.New("the connection was cut")
)

// Pool runs tasks on a bounded number of goroutines, which are there only while there is work: whatever hangs in the
// file system takes its share of one pool and no more.
type Pool struct {
	max     int
	mu      sync.Mutex
	running int
	queue   list.List // of func(); nil once it was taken out
	moved   time.Time // when a worker last took something up
}

// NewPool makes a pool of at most max goroutines.
func NewPool(max int) *Pool { return &Pool{max: max} }

// Go has f run by a worker.
func (p *Pool) Go(f func()) { p.put(f) }

// put is Go. Where f has to wait, it returns what takeBack wants.
func (p *Pool) put(f func()) *list.Element {
	p.mu.Lock()
	if p.running >= p.max {
		e := p.queue.PushBack(f)
		p.mu.Unlock()
		return e
	}
	p.running++
	p.mu.Unlock()
	go p.work(f)
	return nil
}

// takeBack takes out what waits, unless it was begun meanwhile, or some worker took something up within the time: then
// its turn will come.
func (p *Pool) takeBack(e *list.Element, within time.Duration) (out, waits bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Value == nil:
		return false, false
	case time.Since(p.moved) < within:
		return false, true
	}
	e.Value = nil
	p.queue.Remove(e)
	return true, false
}

// crowded says whether somebody waits.
func (p *Pool) crowded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.Len() > 0
}

func (p *Pool) work(f func()) {
	for f != nil {
		f()
		f = p.next()
	}
}

func (p *Pool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.queue.Front()
	if e == nil {
		p.running--
		return nil
	}
	p.moved = time.Now()
	f := e.Value.(func())
	e.Value = nil
	p.queue.Remove(e)
	return f
}
