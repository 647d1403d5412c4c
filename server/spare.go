package server

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// spare is descriptors that are kept to be given up when there are no more: with them a client that waits in a
// listener's queue can be taken and turned away, instead of waiting for as long as the shortage lasts.
type spare struct {
	mu   sync.Mutex
	held []pipe
}

// pipe is one that nobody uses: it needs no file system.
type pipe struct{ r, w *os.File }

// spares is how many are held. What is given up may be taken by somebody who opens a file at that moment, so one is not
// enough.
const spares = 2

// take fills up what is missing and says whether nothing is any more.
func (s *spare) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.held) < spares {
		r, w, err := os.Pipe()
		if err != nil {
			return false
		}
		s.held = append(s.held, pipe{r, w})
	}
	return true
}

// give gives one up, and says whether there was one.
func (s *spare) give() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.held) - 1
	if last < 0 {
		return false
	}
	_, _ = s.held[last].r.Close(), s.held[last].w.Close() // nothing is in it
	s.held = s.held[:last]
	return true
}

// giveAll ends it.
func (s *spare) giveAll() {
	for s.give() {
	}
}

// shortOfDescriptors says that accept(2) failed for want of one, whoever asks.
func shortOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// acceptShort goes on after an accept that failed with err. For want of descriptors one client is turned away; the
// error is returned where that cannot be, and net/http waits a moment, and longer each time.
func (l *limiter) acceptShort(err error) (net.Conn, error) {
	if !shortOfDescriptors(err) || !l.spare.give() {
		l.spare.take()
		return nil, err
	}
	l.server.sayShort(err)
	return l.Listener.Accept() // the one that waits; should it be gone, the next
}

// sayShort tells the operator, at most once a second.
func (s *Server) sayShort(err error) {
	now := time.Now().Unix()
	if old := s.saidShort.Load(); old != now && s.saidShort.CompareAndSwap(old, now) {
		s.cfg.Log.Error("a connection could not be taken", "cause", printableError(err))
	}
}
