package lane

import (
	"container/list"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// gone connections are not in conns any more; what workers still hold of them comes back as mail.

func (l *loop) connEvent(c *Conn, ev uint32) {
	const in, out, over = unix.EPOLLIN | unix.EPOLLRDHUP, unix.EPOLLOUT, unix.EPOLLHUP | unix.EPOLLERR
	if c.wire != nil && ev&(in|over) != 0 {
		c.wire.dry, c.wire.ended = false, c.wire.ended || ev&(unix.EPOLLRDHUP|over) != 0
	}
	switch c.state {
	case waiting:
		if ev&(in|over) != 0 {
			c.ended = c.ended || ev&(unix.EPOLLRDHUP|over) != 0
			l.read(c)
		}
	case lingering:
		if ev&(in|over) != 0 {
			l.discard(c)
		}
	case writing, blocked, working:
		c.readable = c.readable || ev&in != 0
		c.ended = c.ended || ev&unix.EPOLLRDHUP != 0
		if ev&(out|over) == 0 {
			return
		}
		switch c.state {
		case writing:
			l.resume(c)
		case blocked:
			l.dispatch(c)
		default:
			c.writable = true
		}
	}
}

// room returns memory to read into, behind a copy of what was read before.
func (l *loop) room(before []byte) []byte {
	if len(l.chunk) < len(before)+readSize {
		l.chunk = make([]byte, chunkSize)
	}
	copy(l.chunk, before)
	return l.chunk
}

// read takes what the client sent and answers it.
func (l *loop) read(c *Conn) {
	had := len(c.partial)
	b := l.room(c.partial)
	n, err := c.recv(b[had : had+readSize])
	if err == unix.EAGAIN {
		return
	}
	if err == nil && n == 0 && had > 0 { // the end within a header is net/http's to answer
		l.handOver(c, c.partial)
		return
	}
	if err != nil || n == 0 {
		l.drop(c)
		return
	}
	c.partial = nil
	c.readable = n == readSize || c.ended || c.wire != nil // TLS does not tell what it holds
	l.process(c, b[:had+n])
}

// process answers the requests at the start of data, which lies at the start of the chunk.
func (l *loop) process(c *Conn, data []byte) {
	for len(data) > 0 {
		n, v := l.req.Parse(data)
		switch v {
		case Incomplete:
			if l.flush(c, data) {
				l.waitFor(c, data)
			}
			return
		case Foreign:
			c.foreign = true
			if l.flush(c, data) {
				l.handOver(c, data)
			}
			return
		}
		l.chunk = l.chunk[n:] // its strings may be kept
		data = data[n:]
		c.close = l.req.Close || l.draining
		l.reply.Close = c.close
		if task := l.handler.Request(c, &l.req, &l.reply); task != nil {
			if c.sending == nil { // else something of it went out, see SendNow
				c.sending = new(sending)
			}
			c.sending.task = task
			l.flushTask(c, data)
			return
		}
		if l.reply.Body != nil || len(l.reply.Buf) > readSize || c.close {
			if !l.flush(c, data) {
				return
			}
			if c.close {
				l.finish(c, len(data) > 0)
				return
			}
		}
	}
	if l.flush(c, nil) {
		l.waitFor(c, nil)
	}
}

// waitFor lets a connection wait for the rest of a request.
func (l *loop) waitFor(c *Conn, data []byte) {
	c.state = waiting
	if len(data) == 0 {
		c.partial = nil
		if l.draining {
			l.drop(c)
			return
		}
		c.put(&l.idle, l.now)
	} else {
		c.partial = append(make([]byte, 0, len(data)), data...)
		if c.in != &l.header {
			c.put(&l.header, l.now)
		}
	}
	if c.readable {
		c.readable = false
		l.again = append(l.again, c)
	}
}

// flush sends what has gathered. Where the client does not take all of it, the rest and the data that was not
// answered wait with the connection, and flush returns false; so it does where the connection is gone.
func (l *loop) flush(c *Conn, data []byte) bool {
	if len(l.reply.Buf) == 0 && len(l.reply.Body) == 0 && c.flushed() {
		return true
	}
	buf, body := l.reply.Buf, l.reply.Body
	if c.wire != nil && len(body) > 0 && len(buf)+len(body) <= wireJoin {
		buf, body = append(buf, body...), nil // one record
	}
	n, err := c.send2(buf, body)
	if cap(buf) > 4*readSize {
		l.reply.Buf = nil
	} else {
		l.reply.Buf = buf[:0]
	}
	l.reply.Body = nil
	if n == len(buf)+len(body) && c.flushed() {
		return true
	}
	if err != nil && err != unix.EAGAIN {
		l.endAll(c, err)
		return false
	}
	if c.sending == nil {
		c.sending = new(sending)
	}
	s := c.sending
	s.sock.of(c)
	s.sock.written += int64(n)
	if n < len(buf) {
		s.buf = append([]byte(nil), buf[n:]...)
		n = 0
	} else {
		n -= len(buf)
	}
	s.body = body[n:]
	c.partial = append([]byte(nil), data...)
	c.state = writing
	l.judgeFrom(c)
	return false
}

// flushTask sends what came before a task, then begins it.
func (l *loop) flushTask(c *Conn, data []byte) {
	if !l.flush(c, data) {
		return
	}
	if len(data) > 0 {
		c.partial = append([]byte(nil), data...)
	}
	l.dispatch(c)
}

// resume sends what waits in memory.
func (l *loop) resume(c *Conn) {
	s := c.sending
	for _, part := range []*[]byte{&s.buf, &s.body} {
		n, again, err := s.sock.Send(*part, false)
		*part = (*part)[n:]
		if err != nil {
			l.endAll(c, err)
			return
		}
		if again {
			l.judgeFrom(c)
			return
		}
		*part = nil
	}
	if !l.empties(c) {
		return
	}
	if s.task != nil {
		l.dispatch(c)
		return
	}
	l.answered(c)
}

// empties sends what TLS holds back; false where it could not send all of it.
func (l *loop) empties(c *Conn) bool {
	if c.flushed() {
		return true
	}
	switch err := c.wire.flush(); err {
	case nil:
		return true
	case unix.EAGAIN:
		c.state = writing
		l.judgeFrom(c)
	default:
		l.endAll(c, err)
	}
	return false
}

// dispatch runs the task of a connection: here where it cannot block, else on a worker.
func (l *loop) dispatch(c *Conn) {
	s := c.sending
	s.sock.of(c)
	wait := &l.stuck
	if s.sock.written == 0 { // another answer can still be given
		wait = &l.late
	}
	c.state, c.writable = working, false
	if s.pool = s.task.Pool(); s.pool == nil {
		if c.in != &l.pace {
			c.put(nil, l.now)
		}
		l.ran(c, s.task.Run(&s.sock))
		return
	}
	l.workers = true
	if s.queued = l.onWorker(c); s.queued != nil {
		c.put(wait, l.now)
	} else if c.in != &l.pace {
		c.put(nil, l.now)
	}
}

// onWorker has a worker run the task until it must wait for the client, or others for the worker.
func (l *loop) onWorker(c *Conn) *list.Element {
	s := c.sending
	pool := s.pool
	return pool.put(func() {
		st := s.task.Run(&s.sock)
		for st == Yield && s.task.Pool() == pool && !pool.crowded() {
			st = s.task.Run(&s.sock)
		}
		l.post(mail{what: mailTask, conn: c, state: st})
	})
}

// tooLate ends the wait for a worker of a pool that does not move: what hangs in the file system must not hold every
// connection that asks for it, long after its client has gone.
func (l *loop) tooLate(c *Conn) {
	s := c.sending
	out, waits := s.pool.takeBack(s.queued, c.in.after)
	switch {
	case waits:
		c.put(c.in, l.now)
	case out:
		c.put(nil, l.now)
		s.task.Late()
		l.ran(c, s.task.Run(&s.sock))
	default: // it runs
		c.put(nil, l.now)
	}
}

// ran goes on when a task has run.
func (l *loop) ran(c *Conn, st State) {
	s := c.sending
	switch {
	case st == Blocked && s.doomed != nil:
		l.tell(s.task, s.doomed)
		s.task = nil
		l.drop(c)
	case st == Yield && s.task.Pool() == nil:
		l.turns = append(l.turns, c)
	case st == Yield, st == Blocked && c.writable:
		l.dispatch(c)
	case st == Blocked:
		c.state = blocked
		l.judgeFrom(c)
	case st == Broken || s.doomed != nil:
		s.task = nil
		l.drop(c)
	default:
		s.task = nil
		l.answered(c)
	}
}

// answered goes on after an answer that had to wait.
func (l *loop) answered(c *Conn) {
	if !l.empties(c) {
		return
	}
	c.sending = nil
	data := c.partial
	switch {
	case c.close:
		l.finish(c, len(data) > 0 || c.readable)
	case c.foreign:
		l.handOver(c, data)
	case len(data) > 0:
		c.partial = nil
		c.put(nil, l.now)
		b := l.room(data)
		l.process(c, b[:len(data)])
	default:
		l.waitFor(c, nil)
	}
}

// handOver gives a connection away with what was read of it.
func (l *loop) handOver(c *Conn, data []byte) {
	unread := append([]byte(nil), data...)
	l.forget(c)
	// The registration would live on with the duplicate that package net makes.
	_ = unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, int(c.fd), nil) // it is there
	nc, err := l.netConn(int(c.fd), c.wire != nil)
	if err == nil {
		l.handler.HandOver(Handed{Conn: nc, Wire: c.wire, Listener: int(c.listener), Unread: unread})
		return
	}
	l.lane.fail(err)
	l.lane.cfg.Closed()
}

// netConn makes a net.Conn of a descriptor, which it takes over. For a moment that needs one more, for which the spare
// one is there. Where it cannot be, the client is turned away.
func (l *loop) netConn(fd int, tls bool) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "connection")
	c, err := net.FileConn(f)
	if err != nil && l.spare >= 0 {
		l.giveSpare()
		c, err = net.FileConn(f)
	}
	if err != nil && !tls {
		_, _ = send(fd, text2bytes(l.lane.cfg.TurnAway), 0) // an answer, if there is room for it
	}
	_ = f.Close() // it was duplicated
	l.takeSpare()
	return c, err
}
