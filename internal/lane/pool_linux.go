package lane

import (
	"errors"
	"sync"
)

// Task is the answer to one request, given by workers. It is run by one at a time.
type Task interface {
	// Run does what it can. It may block on files, and never on the connection.
	Run(s *Socket) State
	// End is told that the connection ended before Run said Done or Broken. It runs on a worker.
	End(cause error)
	// Pool says who runs it; nil is the loop itself, for what never blocks.
	Pool() *Pool
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
	queue   []func()
	head    int
}

// NewPool makes a pool of at most max goroutines.
func NewPool(max int) *Pool { return &Pool{max: max} }

// Go has f run by a worker.
func (p *Pool) Go(f func()) {
	p.mu.Lock()
	if p.running >= p.max {
		p.queue = append(p.queue, f)
		p.mu.Unlock()
		return
	}
	p.running++
	p.mu.Unlock()
	go p.work(f)
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
	if p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
		p.running--
		return nil
	}
	f := p.queue[p.head]
	p.queue[p.head] = nil
	p.head++
	if p.head > len(p.queue)/2 && p.head > 64 {
		n := copy(p.queue, p.queue[p.head:])
		clear(p.queue[n:])
		p.queue, p.head = p.queue[:n], 0
	}
	return f
}
