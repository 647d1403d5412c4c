package server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// pace is the progress that clients must make.
type pace struct {
	rate   int64 // bytes a second
	window time.Duration
}

// quota is what one window must bring, in bytes.
func (p pace) quota() int64 { return max(1, p.rate*int64(p.window/time.Millisecond)/1000) }

// errSlow ends an answer whose client takes less than the pace.
var errSlow = errors.New("the client takes the answer too slowly")

// readFromChunk bounds one sendfile(2) call, so that the deadline can move between two.
const readFromChunk = 4 << 20

// States of a connection, as far as malformed requests are told from others by them.
const (
	connFresh   = iota // no request has begun
	connReading        // the next request may have begun and no handler has seen it
	connHandled        // the last request that began reached a handler
)

// conn watches over one connection: it counts, and it ends writes that make no progress. It never ends one by its
// total time.
type conn struct {
	net.Conn
	at      *endpoint
	pace    pace
	metrics *metrics
	done    func() // gives the connection's place back; once
	unread  unread // read before the connection was ours

	mu       sync.Mutex // over writes: the mark is theirs
	written  int64      // bytes handed to the system
	mark     int64      // bytes the client had taken at markTime
	markTime time.Time
	outer    atomic.Int64 // the deadline that net/http or TLS set, in Unix nanoseconds; 0 is none
	moved    atomic.Bool  // the connection's deadline may be another than the window's
	slow     atomic.Bool
	state    atomic.Int32
	// certificate is what was found out about the client's.
	certificate atomic.Pointer[verdict]
}

// Read gives first what another lane had read already.
func (c *conn) Read(b []byte) (int, error) { return c.unread.before(c.Conn, b) }

// unread is what another lane had read of a connection and not answered.
type unread []byte

// before reads it, and then from rest.
func (u *unread) before(rest io.Reader, b []byte) (int, error) {
	if len(*u) == 0 {
		return rest.Read(b)
	}
	n := copy(b, *u)
	if *u = (*u)[n:]; len(*u) == 0 {
		*u = nil
	}
	return n, nil
}

func (c *conn) Close() error {
	c.done()
	return c.Conn.Close()
}

// CloseWrite lets net/http end a refusal so that the client can still read it.
func (c *conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}

// SetWriteDeadline keeps the caller's deadline apart from the pace's. net/http takes its own away after every request:
// the pace's stays, or a client that reads nothing would hold the next answer for ever.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.moved.Store(true)
	if t.IsZero() {
		c.outer.Store(0)
		return nil
	}
	c.outer.Store(t.UnixNano())
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) Write(b []byte) (int, error) {
	c.noteMalformed(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	c.startWindow()
	for {
		n, err := c.Conn.Write(b[total:])
		total += n
		c.written += int64(n)
		if err == nil || !c.mayGoOn(err) {
			return total, c.verdict(err)
		}
	}
}

// ReadFrom passes files on to the system (sendfile on Linux), a bounded chunk at a time.
func (c *conn) ReadFrom(src io.Reader) (int64, error) {
	rf, ok := c.Conn.(io.ReaderFrom)
	lr, limited := src.(*io.LimitedReader)
	if !ok || !limited {
		return io.Copy(onlyWriter{c}, src)
	}
	file, ok := lr.R.(*os.File)
	if !ok {
		return io.Copy(onlyWriter{c}, src)
	}
	start, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return io.Copy(onlyWriter{c}, src)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var total int64
	for lr.N > 0 {
		c.startWindow()
		chunk := &io.LimitedReader{R: lr.R, N: min(lr.N, readFromChunk)}
		n, err := rf.ReadFrom(chunk)
		total += n
		lr.N -= n
		c.written += n
		switch {
		case err == nil && n == 0: // the file ends early
			return total, nil
		case err != nil && !c.mayGoOn(err):
			return total, c.verdict(err)
		case err != nil:
			// Where sendfile is not to be had, bytes may have been read that were not written.
			if _, err := file.Seek(start+total, io.SeekStart); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// startWindow moves the deadline forward, unless it is far enough away.
func (c *conn) startWindow() {
	now := time.Now()
	moved := c.moved.Swap(false)
	if !c.markTime.IsZero() && now.Sub(c.markTime) < c.pace.window/4 {
		if moved {
			c.setWindow(c.markTime)
		}
		return
	}
	c.mark, c.markTime = c.taken(), now
	c.setWindow(now)
}

func (c *conn) setWindow(from time.Time) {
	end := from.Add(c.pace.window)
	if o := c.outer.Load(); o != 0 && o < end.UnixNano() {
		end = time.Unix(0, o)
	}
	_ = c.Conn.SetWriteDeadline(end) // fails only on a closed connection, and then so does the write
}

// mayGoOn says whether a write that met its deadline may go on: the client took enough since the mark.
func (c *conn) mayGoOn(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	now := time.Now()
	if o := c.outer.Load(); o != 0 && o <= now.UnixNano() {
		return false
	}
	taken := c.taken()
	if taken-c.mark < c.pace.rate*int64(now.Sub(c.markTime)/time.Millisecond)/1000 {
		c.slow.Store(true)
		return false
	}
	c.mark, c.markTime = taken, now
	c.setWindow(now)
	return true
}

// taken is how many bytes the client has acknowledged, as far as the system says; else those it has room for. The
// room alone would mislead: a kernel's buffer of megabytes takes nothing for minutes from a client that is slow but
// well, and is reported as writable only when a third of it is free.
func (c *conn) taken() int64 { return c.written - unacknowledged(c.Conn) }

func (c *conn) verdict(err error) error {
	if err != nil && c.slow.Load() {
		return errSlow
	}
	return err
}

// limiter hands out places for connections.
type limiter struct {
	net.Listener
	at      *endpoint
	places  *places
	server  *Server
	metrics *metrics
	spare   spare
}

// newLimiter holds spare descriptors, which are to be given up.
func (s *Server) newLimiter(e *endpoint, room *places) *limiter {
	l := &limiter{Listener: e.listener, at: e, places: room, server: s, metrics: s.metrics}
	l.spare.take()
	return l
}

// places bounds the connections of several listeners together.
type places struct {
	max  int64
	used atomic.Int64
}

func (p *places) take() bool {
	if p.used.Add(1) > p.max {
		p.used.Add(-1)
		return false
	}
	return true
}

// Accept returns the next connection there is a place for; the others are turned away quickly.
func (l *limiter) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			c, err = l.acceptShort(err)
		}
		if err != nil {
			return nil, err
		}
		if !l.spare.take() { // whoever stays without spare descriptors could be the last who is answered
			l.turnAway(c)
			l.spare.take()
			continue
		}
		if !l.places.take() {
			l.turnAway(c)
			continue
		}
		l.metrics.connections.Inc()
		return l.server.newConn(c, l.at, l.places, nil), nil
	}
}

func (l *limiter) turnAway(c net.Conn) {
	l.metrics.turnedAway()
	turnAway(c, l.at.tls)
}

// newConn watches over a connection that has its place.
func (s *Server) newConn(c net.Conn, at *endpoint, room *places, unread []byte) *conn {
	return &conn{Conn: c, at: at, pace: pace{s.cfg.MinRate, s.cfg.MinRateWindow}, metrics: s.metrics, unread: unread, done: sync.OnceFunc(func() {
		room.used.Add(-1)
		s.metrics.connections.Dec()
	})}
}

// overloaded is what a client without a place reads.
const overloaded = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 23\r\n" +
	"Cache-Control: no-store\r\nRetry-After: 2\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nToo many connections.\r\n"

// turnAway never waits: an empty socket buffer takes these few bytes, and whoever sends faster than that may meet a
// reset instead.
func turnAway(c net.Conn, tls bool) {
	if !tls {
		_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = io.WriteString(c, overloaded)
	}
	_ = c.Close()
}
