package lane

import (
	"container/list"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is one connection. Its fields are the loop's, but for sending.sock while a worker has it.
type Conn struct {
	fd       int32
	listener uint16
	state    state
	readable bool // there may be bytes to read, and no event will say so again
	writable bool // there may be room again
	ended    bool // the client has sent all it will: no event comes for the end of what is read before it
	close    bool // after what is being answered
	foreign  bool // to be handed over once everything before was sent
	peer     netip.Addr
	wire     *Wire    // beneath its TLS; nil where there is none
	partial  []byte   // read and not yet answered
	sending  *sending // nil while nothing waits to be sent

	// Its place in one of the loop's lists.
	in         *deadlines
	prev, next *Conn
	since      time.Duration // when it was put there
}

// Peer is the socket's other end; invalid for Unix sockets.
func (c *Conn) Peer() netip.Addr { return c.peer }

// Listener is the index of the one it came through.
func (c *Conn) Listener() int { return int(c.listener) }

// SendNow writes what there is room for of two pieces, one after the other. It is for a Handler's Request alone, while
// nothing is in the Reply: where all says that it was not all, or that the connection failed, the Request must return a
// Task for the rest.
func (c *Conn) SendNow(buf, body []byte) (n int, all bool) {
	n, err := c.send2(buf, body)
	if err == nil && n == len(buf)+len(body) {
		return n, true
	}
	c.sending = new(sending)
	c.sending.sock.of(c)
	c.sending.sock.written = int64(n)
	return n, false
}

// recv is recv(2), of what TLS hides where there is any.
func (c *Conn) recv(b []byte) (int, error) {
	if c.wire == nil {
		return recv(int(c.fd), b)
	}
	return c.wire.recv(b)
}

// send2 sends two pieces as one. What TLS has taken may still wait for room, see flushed.
func (c *Conn) send2(buf, body []byte) (int, error) {
	switch {
	case c.wire != nil:
		return c.wire.write2(buf, body)
	case len(body) == 0:
		return send(int(c.fd), buf, 0)
	}
	return send2(int(c.fd), buf, body)
}

// flushed says that all which was taken to be sent is with the system.
func (c *Conn) flushed() bool { return c.wire.pending() == 0 }

type state uint8

const (
	waiting   state = iota // for a request, or for more of it
	writing                // bytes in memory wait for room
	working                // a worker has it
	blocked                // its task waits for room
	lingering              // all is said; reading what the client still sends, so that it can read the answer
	gone
)

// sending is what a connection has while an answer is on its way.
type sending struct {
	buf, body []byte // in memory, before the task's own
	task      Task
	sock      Socket
	doomed    error

	queued *list.Element // where it waits for a worker of pool
	pool   *Pool

	mark     int64         // bytes the client had taken at markTime
	markTime time.Duration // 0: the pace is not judged yet
}

// Socket is the sending side of a connection, as a Task sees it. Nothing of it blocks.
type Socket struct {
	fd      int
	wire    *Wire // nil where there is no TLS
	written int64
}

func (s *Socket) of(c *Conn) { s.fd, s.wire = int(c.fd), c.wire }

// Send writes what there is room for; again says that it was not all. MSG_MORE is set where more is to follow.
func (s *Socket) Send(b []byte, more bool) (n int, again bool, err error) {
	flags := 0
	if more {
		flags = unix.MSG_MORE
	}
	for n < len(b) {
		m, err := s.send(b[n:], flags)
		n += m
		s.written += int64(m)
		if err == unix.EAGAIN {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

func (s *Socket) send(b []byte, flags int) (int, error) {
	if s.wire != nil {
		return s.wire.write(b, flags != 0)
	}
	return send(s.fd, b, flags)
}

// SendFile has the system copy up to max bytes from another descriptor (sendfile(2)), which may block. n is 0 without
// an error where the file has no more.
func (s *Socket) SendFile(from int, off int64, max int) (n int, again bool, err error) {
	if s.wire != nil {
		n, again, _, err = s.wire.sendFile(from, off, max, false)
		s.written += int64(n)
		return n, again, err
	}
	for {
		o := off
		n, err = unix.Sendfile(s.fd, from, &o, max)
		switch {
		case err == unix.EAGAIN:
			return 0, true, nil
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, false, err
		}
		s.written += int64(n)
		return n, false, nil
	}
}

// SendResident is SendFile for what is in the system's memory, so that it does not wait for a disk; sure is false, and
// nothing was sent, where that is not known (cachestat(2)).
func (s *Socket) SendResident(from int, off int64, max int) (n int, again, sure bool, err error) {
	if s.wire != nil {
		n, again, sure, err = s.wire.sendFile(from, off, max, true)
		s.written += int64(n)
		return n, again, sure, err
	}
	if !resident(from, off, max) {
		return 0, false, false, nil
	}
	n, err = sendfile(s.fd, from, off, max)
	if err == unix.EAGAIN {
		return 0, true, true, nil
	}
	s.written += int64(n)
	return n, false, true, err
}

// taken is how many bytes the client has acknowledged, as far as the system says.
func (s *Socket) taken() int64 {
	return s.written - int64(s.wire.pending()) - unacknowledged(s.fd)
}

// deadlines holds connections in the order of their deadlines, which are all equally far from when they were put there.
type deadlines struct {
	after       time.Duration
	first, last *Conn
}

// put moves a connection to the end of a list; nil takes it out.
func (c *Conn) put(l *deadlines, now time.Duration) {
	if c.in != nil {
		if c.prev != nil {
			c.prev.next = c.next
		} else {
			c.in.first = c.next
		}
		if c.next != nil {
			c.next.prev = c.prev
		} else {
			c.in.last = c.prev
		}
		c.prev, c.next = nil, nil
	}
	c.in, c.since = l, now
	if l == nil {
		return
	}
	if c.prev = l.last; c.prev != nil {
		c.prev.next = c
	} else {
		l.first = c
	}
	l.last = c
}

// due returns the first connection whose time has come.
func (l *deadlines) due(now time.Duration) *Conn {
	if l.first != nil && l.first.since+l.after <= now {
		return l.first
	}
	return nil
}
