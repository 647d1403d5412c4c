package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stalled is how long no server may answer anything before the load gives up.
	stalled = 20 * time.Second
	// discard is how much of a body is thrown away at once, so that one large
	// answer does not keep the others waiting.
	discard = 1 << 20
	// seed makes every server get the same requests in the same order.
	seed = 1
)

// work is a stream of requests over some connections, each with one request at
// a time. Its counts are of all answers so far.
type work struct {
	requests    [][]byte // as sent, byte for byte; picked at random
	inOrder     bool     // or one after the other
	want        expectation
	connections int
	fresh       bool // a new connection for each request
	timed       bool // keep how long each answer took

	conns   []*conn
	random  *rand.Rand
	limit   int // how many to send; 0: as long as other work goes on
	sent    int
	done    int
	wrong   map[string]int
	latency []time.Duration
}

// expectation is what every answer must be.
type expectation struct {
	statuses []int
	length   int64 // of the body; -1: any
}

// load drives connections to one server from one thread, with epoll(7): the
// runtime's poller would cost more than the servers that are to be measured.
type load struct {
	addr  *unix.SockaddrInet4
	epoll int
	works []*work
	conns []*conn // by descriptor
	buf   []byte
}

func newLoad(addr *unix.SockaddrInet4, works ...*work) (*load, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	l := &load{addr: addr, epoll: epoll, works: works, buf: make([]byte, 64<<10)}
	for _, w := range works {
		w.random = rand.New(rand.NewPCG(seed, seed))
		w.wrong = map[string]int{}
		for range w.connections {
			c := &conn{fd: -1}
			w.conns = append(w.conns, c)
			if w.fresh {
				continue
			}
			if err := l.connect(c); err != nil {
				l.close()
				return nil, err
			}
		}
	}
	return l, nil
}

func (l *load) close() {
	for _, w := range l.works {
		for _, c := range w.conns {
			c.close()
		}
	}
	unix.Close(l.epoll)
}

func (l *load) connect(c *conn) error {
	if err := c.connect(l.addr); err != nil {
		return err
	}
	if c.fd >= len(l.conns) {
		l.conns = slices.Grow(l.conns, c.fd+1-len(l.conns))[:c.fd+1]
	}
	l.conns[c.fd] = c
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &event)
}

// run sends n more requests of the first work, while the others go on without
// end, and returns when all n are answered.
func (l *load) run(n int) error {
	for i, w := range l.works {
		w.limit = 0
		if i == 0 {
			w.limit = w.sent + n
		}
		for _, c := range w.conns {
			c.w = w
			if c.busy || c.closing && c.fd >= 0 {
				continue // it goes on when the answer, or the end, is there
			}
			if err := l.next(c); err != nil {
				return err
			}
		}
	}
	events := make([]unix.EpollEvent, 256)
	last := time.Now()
	for w := l.works[0]; w.done < w.limit; {
		ready, err := epollWait(l.epoll, events)
		if err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
		if ready == 0 && time.Since(last) > stalled {
			return fmt.Errorf("no answer for %v, after %d of %d", stalled, w.done, w.limit)
		}
		if ready > 0 {
			last = time.Now()
		}
		for _, e := range events[:ready] {
			if err := l.readable(l.conns[e.Fd]); err != nil {
				return fmt.Errorf("after %d answers: %w", w.done, err)
			}
		}
	}
	return l.works[0].verdict()
}

func (l *load) readable(c *conn) error {
	event, err := c.receive(l.buf, unix.MSG_DONTWAIT)
	if err != nil || event == more {
		return err
	}
	if event == answered {
		c.w.count(c)
		if c.closing {
			return nil // the server closes; its end is waited for
		}
		return l.next(c)
	}
	c.close()
	return l.next(c)
}

// next sends the work's next request on c, if there is one to send.
func (l *load) next(c *conn) error {
	w := c.w
	if w.limit > 0 && w.sent == w.limit {
		return nil
	}
	if c.fd < 0 {
		if err := l.connect(c); err != nil {
			return err
		}
	}
	if w.timed {
		c.began = time.Now()
	}
	request := w.pick()
	w.sent++
	return c.send(request)
}

func (w *work) pick() []byte {
	switch {
	case len(w.requests) == 1:
		return w.requests[0]
	case w.inOrder:
		return w.requests[w.sent%len(w.requests)]
	}
	return w.requests[w.random.IntN(len(w.requests))]
}

func (w *work) count(c *conn) {
	w.done++
	if w.timed {
		w.latency = append(w.latency, time.Since(c.began))
	}
	if wrong := w.want.check(c.status, c.length); wrong != "" {
		w.wrong[wrong]++
	}
}

// check returns what is wrong with an answer, or "".
func (e expectation) check(status int, length int64) string {
	if slices.Contains(e.statuses, status) && (e.length < 0 || e.length == length) {
		return ""
	}
	return fmt.Sprintf("status %d with %d bytes", status, length)
}

// verdict is an error if any answer was not as expected.
func (w *work) verdict() error {
	if len(w.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("wrong answers, by kind: %v of %d; want status %v with %d bytes", w.wrong, w.done, w.want.statuses, w.want.length)
}

// percentile returns the latency that a share p of the answers did not exceed.
func (w *work) percentile(p float64) time.Duration {
	slices.Sort(w.latency)
	return w.latency[min(int(p*float64(len(w.latency))), len(w.latency)-1)]
}

// conn is one connection. It reads answers to the end and keeps nothing of
// them but status and length.
type conn struct {
	fd      int // -1: not open
	w       *work
	busy    bool // a request is under way
	closing bool // the answer said that the connection ends
	head    []byte
	left    int64 // of the body
	status  int
	length  int64
	began   time.Time
}

// event is what became of a read.
type event int

const (
	more     event = iota // the answer is not whole yet
	answered              // it is
	ended                 // the server closed, as it had said
)

func (c *conn) connect(addr *unix.SockaddrInet4) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, addr); err != nil {
		unix.Close(fd)
		return fmt.Errorf("connect: %w", err)
	}
	*c = conn{fd: fd, w: c.w}
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

func (c *conn) close() {
	if c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
}

// send writes a request. It is smaller than any send buffer and the buffer is
// empty, so that it goes out whole.
func (c *conn) send(request []byte) error {
	c.busy = true
	n, err := unix.Write(c.fd, request)
	if err != nil || n != len(request) {
		return fmt.Errorf("%d of %d bytes of a request sent: %w", n, len(request), err)
	}
	return nil
}

// receive reads once, into buf where it must and to nowhere where it need not.
func (c *conn) receive(buf []byte, flags int) (event, error) {
	if c.left > 0 {
		n, err := recvDiscard(c.fd, min(c.left, discard), flags)
		if err != nil {
			return more, again(err)
		}
		if n == 0 {
			return more, fmt.Errorf("the server closed with %d bytes of %d unsent", c.left, c.length)
		}
		c.left -= int64(n)
		return c.progress(), nil
	}
	n, err := recv(c.fd, buf, flags)
	switch {
	case err != nil:
		return more, again(err)
	case n == 0 && c.closing && !c.busy:
		return ended, nil
	case n == 0:
		return more, errors.New("the server closed the connection without an answer")
	case !c.busy:
		return more, fmt.Errorf("%d bytes that nobody asked for", n)
	}
	return c.parse(buf[:n])
}

// parse reads the head of an answer and counts what has come of its body.
func (c *conn) parse(data []byte) (event, error) {
	if len(c.head) > 0 {
		c.head = append(c.head, data...)
		data = c.head
	}
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		if len(c.head) == 0 {
			c.head = append(c.head, data...)
		}
		return more, nil
	}
	a, err := parseHead(data[:end+2])
	if err != nil {
		return more, err
	}
	c.head = c.head[:0]
	c.status, c.length, c.closing = a.status, a.length, a.closing
	c.left = a.length - int64(len(data)-end-4)
	if c.left < 0 {
		return more, fmt.Errorf("status %d: %d bytes more than its Content-Length", a.status, -c.left)
	}
	return c.progress(), nil
}

func (c *conn) progress() event {
	if c.left > 0 {
		return more
	}
	c.busy = false
	return answered
}

func again(err error) error {
	if err == unix.EAGAIN || err == unix.EINTR {
		return nil
	}
	return err
}
