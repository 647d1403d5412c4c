package lane

import (
	"time"

	"golang.org/x/sys/unix"
)

// tell has a task told that it cannot go on; closing its file and recording it may block.
func (l *loop) tell(t Task, cause error) {
	if p := t.Pool(); p != nil {
		p.Go(func() { t.End(cause) })
		return
	}
	t.End(cause)
}

// finish closes a connection after its last answer. Bytes that nobody read would make the system reset it, and the
// client might lose the answer: then it lingers.
func (l *loop) finish(c *Conn, unread bool) {
	c.partial = nil
	if !unread {
		l.drop(c)
		return
	}
	if c.wire != nil {
		c.wire.end()
	}
	_ = unix.Shutdown(int(c.fd), unix.SHUT_WR)
	c.state = lingering
	c.put(&l.linger, l.now)
	l.discard(c)
}

func (l *loop) discard(c *Conn) {
	for range 16 {
		n, err := recv(int(c.fd), l.room(nil)[:readSize])
		if err == unix.EAGAIN {
			return
		}
		if err != nil || n == 0 {
			l.drop(c)
			return
		}
	}
	l.drop(c) // whoever sends that much does not read
}

// endAll ends a connection and what was to be sent over it.
func (l *loop) endAll(c *Conn, cause error) {
	if s := c.sending; s != nil && s.task != nil {
		if c.state == working {
			s.doomed = cause
			_ = unix.Shutdown(int(c.fd), unix.SHUT_RDWR) // its writes fail from now on
			c.put(nil, l.now)
			return
		}
		l.tell(s.task, cause)
		s.task = nil
	}
	l.drop(c)
}

// drop closes the descriptor.
func (l *loop) drop(c *Conn) {
	if c.wire != nil {
		c.wire.drop()
	}
	l.forget(c)
	closeFD(int(c.fd))
	l.lane.cfg.Closed()
}

func (l *loop) forget(c *Conn) {
	c.put(nil, l.now)
	c.state, c.partial, c.sending = gone, nil, nil
	l.conns[c.fd] = nil
	l.count--
}

// judgeFrom begins a window of the pace, unless one began a moment ago.
func (l *loop) judgeFrom(c *Conn) {
	s := c.sending
	if c.in == &l.pace && l.now-s.markTime < l.pace.after/4 {
		return
	}
	s.mark, s.markTime = s.sock.taken(), l.now
	c.put(&l.pace, l.now)
}

// judge ends an answer whose client took too little in a window.
func (l *loop) judge(c *Conn) {
	s := c.sending
	if c.state != working { // else it is not the client that is waited for
		taken := s.sock.taken()
		if taken-s.mark < l.lane.cfg.MinRate*int64((l.now-s.markTime)/time.Millisecond)/1000 {
			l.endAll(c, ErrSlow)
			return
		}
		s.mark = taken
	}
	s.markTime = l.now
	c.put(&l.pace, l.now)
}

// drain stops accepting and ends what waits for a request.
func (l *loop) drain() {
	if l.draining {
		return
	}
	l.draining = true
	l.stopListening()
	for _, c := range l.conns {
		if c == nil {
			continue
		}
		c.close = c.close || c.state != waiting
		if c.state == waiting && len(c.partial) == 0 {
			l.drop(c)
		}
	}
}

func (l *loop) cutAll() {
	for _, c := range l.conns {
		if c != nil {
			l.endAll(c, ErrCut)
		}
	}
}
