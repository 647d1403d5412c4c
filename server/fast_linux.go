package server

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/rootbound/rootbound/internal/lane"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// workersOfMount bounds the goroutines that wait for the file system of one mount to open, and those that wait for it
// to read.
const workersOfMount = 128

// workers are those of one mount. Whoever opens does not wait for those who read.
type workers struct{ opens, reads *lane.Pool }

func newWorkers() *workers {
	return &workers{opens: lane.NewPool(workersOfMount), reads: lane.NewPool(workersOfMount)}
}

// fast is the fast lane: what internal/lane needs to answer by the stages, and what it hands over to net/http.
type fast struct {
	s         *Server
	endpoints []*endpoint // by the lane's index of listeners
	room      *places
	lane      *lane.Lane
	shaking   *handshakes
	feed      *feed
	workers   map[*Mount]*workers // nil is for what belongs to no mount
	hashing   *lane.Pool          // for WHO
	slowing   *lane.Pool          // for who guesses names
	log       *logQueue
}

// fastEndpoints are those whose HTTP the fast lane can read: sockets of the system. It does not ask for clients'
// certificates.
func (s *Server) fastEndpoints() (quick, rest []*endpoint) {
	for _, e := range s.endpoints {
		if _, ok := e.listener.(syscall.Conn); ok && !(e.tls && s.cfg.ClientCAs != nil) && !s.cfg.NoFastLane {
			quick = append(quick, e)
		} else {
			rest = append(rest, e)
		}
	}
	return quick, rest
}

// startFast begins to accept; nil where there is nothing for it, or the system does not allow it: then net/http does
// all of the work.
func (s *Server) startFast(endpoints []*endpoint, room *places) *fast {
	if len(endpoints) == 0 {
		return nil
	}
	f := &fast{s: s, endpoints: endpoints, room: room, feed: newFeed(endpoints[0].listener.Addr()), log: newLogQueue(s), workers: map[*Mount]*workers{nil: newWorkers()}, hashing: lane.NewPool(workersOfMount), slowing: lane.NewPool(maxSlowed)}
	for i := range s.cfg.Mounts {
		f.workers[&s.cfg.Mounts[i]] = newWorkers()
	}
	cfg := lane.Config{
		NewHandler:    func() lane.Handler { return newFastHandler(f) },
		HeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		MinRate: s.cfg.MinRate, Window: s.cfg.MinRateWindow,
		Place: room.take, Opened: s.metrics.connections.Inc,
		Closed:   func() { s.metrics.connections.Dec(); room.used.Add(-1) },
		TurnAway: overloaded, TurnedAway: s.metrics.turnedAway,
		Failed: func(err error) {
			s.cfg.Log.Error("a connection could not be taken", "cause", printableError(err))
		},
	}
	for _, e := range endpoints {
		l := e.listener
		if e.tls {
			l = nil // what comes there is adopted
		}
		cfg.Listeners = append(cfg.Listeners, l)
	}
	f.shaking = newHandshakes(f)
	var err error
	if f.lane, err = lane.Start(cfg); err != nil {
		s.cfg.Log.Debug("the fast lane cannot start", "cause", printableError(err))
		f.log.close()
		return nil
	}
	return f
}

// listener is where net/http accepts what the lane hands over.
func (f *fast) listener() net.Listener { return f.feed }

// stop ends the lane: at once for those who wait, when they are done for those who are answered, and for all when ctx
// is done. The error is ctx's where something was cut.
func (f *fast) stop(ctx context.Context) error {
	for _, e := range f.endpoints {
		_ = e.listener.Close() // the lane has descriptors of its own
	}
	f.shaking.stop()
	f.lane.Drain()
	ended := make(chan struct{})
	go func() { f.lane.Wait(); close(ended) }()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
		f.lane.Cut()
		t := time.NewTimer(cutTime)
		defer t.Stop()
		select {
		case <-ended:
		case <-t.C: // an open that hangs in the system cannot be ended
		}
	}
	return err
}

// serveTLS accepts for the endpoints with TLS, and tells errs how each ended. It returns how many there are.
func (f *fast) serveTLS(errs chan<- error) (n int) {
	for i, e := range f.endpoints {
		if e.tls {
			n++
			go func() { errs <- f.shaking.serve(e, i) }()
		}
	}
	return n
}

// feed is a listener for the connections that were handed over.
type feed struct {
	addr   net.Addr
	mu     sync.Mutex
	some   sync.Cond
	conns  []net.Conn
	closed bool
}

func newFeed(addr net.Addr) *feed {
	f := &feed{addr: addr}
	f.some.L = &f.mu
	return f
}

// give never waits: the places of connections bound what there is.
func (f *feed) give(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = c.Close()
		return
	}
	f.conns = append(f.conns, c)
	f.some.Signal()
}

func (f *feed) Accept() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.conns) == 0 && !f.closed {
		f.some.Wait()
	}
	if f.closed {
		return nil, net.ErrClosed
	}
	c := f.conns[0]
	f.conns = append(f.conns[:0], f.conns[1:]...)
	return c, nil
}

func (f *feed) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
	f.some.Broadcast()
	return nil
}

func (f *feed) Addr() net.Addr { return f.addr }

// logQueue has the lines of the access log written by a goroutine of its own. It is bounded: where the log takes no
// more, the loops wait for it as every request of the other lane does, and no line is lost.
type logQueue struct {
	s       *Server
	json    bool // loops write the lines themselves
	on      bool // there is another log
	batches chan logBatch
	spare   chan []byte
	done    chan struct{}
	mu      sync.RWMutex // over closed
	closed  bool
}

// logged is what a line is made of.
type logged struct {
	f    request.Facts
	who  request.Subject
	out  request.Outcome
	took time.Duration
}

// A loop gathers so many lines, or so many bytes of lines that it has written itself; logBatches such batches wait.
const (
	logLines   = 64
	logText    = 16 << 10
	logBatches = 64
)

// logBatch are lines to be written: first text, which is JSON, then lines.
type logBatch struct {
	text  []byte
	lines []logged
}

func newLogQueue(s *Server) *logQueue {
	q := &logQueue{
		s: s, json: s.cfg.AccessJSON != nil, on: s.cfg.Access.Enabled(context.Background(), slog.LevelInfo),
		batches: make(chan logBatch, logBatches), spare: make(chan []byte, logBatches), done: make(chan struct{}),
	}
	go func() {
		defer close(q.done)
		for b := range q.batches {
			q.write(b)
		}
	}()
	return q
}

func (q *logQueue) write(b logBatch) {
	if len(b.text) > 0 {
		_, _ = q.s.cfg.AccessJSON.Write(b.text) // nobody is left to be told
		select {
		case q.spare <- b.text[:0]:
		default:
		}
	}
	for i := range b.lines {
		l := &b.lines[i]
		q.s.logAccess(&l.f, l.who, l.out, l.took)
	}
}

// text returns memory for lines.
func (q *logQueue) text() []byte {
	select {
	case b := <-q.spare:
		return b
	default:
		return nil
	}
}

// put has lines written. What comes after the end, of a request that hung for long, is written at once.
func (q *logQueue) put(b logBatch) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		q.write(b)
		return
	}
	q.batches <- b
}

// wants says whether there is a line to write.
func (q *logQueue) wants(out *request.Outcome) bool {
	return q.json || q.on || out.Reason == reason.Unforeseen
}

// close returns when everything is written.
func (q *logQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	close(q.batches)
	<-q.done
}

// flush returns when every line is written. Nobody logs any more.
func (f *fast) flush() { f.log.close() }
