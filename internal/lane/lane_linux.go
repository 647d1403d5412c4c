package lane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Config says where connections come from and who answers. All of it is needed.
type Config struct {
	// Listeners must be syscall.Conn, as those of package net are. They stay the caller's to close, after Stop. One that is
	// nil has a place, for what is adopted.
	Listeners []net.Listener
	// NewHandler is called once for each loop.
	NewHandler func() Handler
	// HeaderTimeout is how long a request's header may take, from the connection's or the header's first moment;
	// IdleTimeout how long a connection may wait between requests.
	HeaderTimeout, IdleTimeout time.Duration
	// MinRate, in bytes a second over Window, is the progress a client must make while an answer waits for it.
	MinRate int64
	Window  time.Duration
	// Place takes a place for a connection, or says that there is none; Opened and Closed count those that have one.
	Place          func() bool
	Opened, Closed func()
	// TurnAway is what a client without a place reads; TurnedAway is told of each.
	TurnAway   string
	TurnedAway func()
	// Failed is told when descriptors or memory run short, at most once a second.
	Failed func(error)
	// Loops is how many there are; 0 is one for each core.
	Loops int
}

// Handler answers the requests of one loop.
type Handler interface {
	// Request is called on the loop and must not block. It appends an answer to the reply, or returns a Task that
	// will give it. The request's strings may be kept for as long as they are needed; they keep some 64 KiB alive.
	Request(c *Conn, r *Request, to *Reply) Task
	// HandOver takes over a connection that sent what this lane does not understand, with the bytes that were read
	// and not answered. It must not block.
	HandOver(h Handed)
	// Tick is called before the loop waits, with nothing left to do, and when it ends.
	Tick()
}

// Handed is a connection that is the lane's no more. Its place goes with it.
type Handed struct {
	Conn     net.Conn
	Wire     *Wire // beneath its TLS, to be released; nil where there is none
	Listener int   // index into Config.Listeners
	Unread   []byte
}

// Reply is where a Handler puts an answer that is at hand. Answers of pipelined requests gather in it.
type Reply struct {
	// Buf is appended to.
	Buf []byte
	// Body follows Buf and is not copied. It is nobody's to change afterwards.
	Body []byte
	// Close says that the connection will be closed after this answer.
	Close bool
}

// Lane is a set of running loops.
type Lane struct {
	cfg   Config
	next  atomic.Uint32 // loop to adopt
	loops []*loop
	wg    sync.WaitGroup
	told  atomic.Int64 // when Failed was told last, in Unix seconds
}

// Start begins to accept. An error is that of a listener.
func Start(cfg Config) (*Lane, error) {
	if cfg.Loops == 0 {
		cfg.Loops = runtime.GOMAXPROCS(0)
	}
	l := &Lane{cfg: cfg}
	for range cfg.Loops {
		lo, err := newLoop(l)
		if err == nil {
			l.loops = append(l.loops, lo)
			err = lo.listen()
		}
		if err != nil {
			for _, lo := range l.loops {
				lo.release()
			}
			return nil, err
		}
	}
	for _, lo := range l.loops {
		l.wg.Add(1)
		go func() {
			defer l.wg.Done()
			lo.run()
		}()
	}
	return l, nil
}

// Adopt takes over a connection whose hands were shaken: its place, its count and its descriptor. w is what Server gave,
// and c, which must be a syscall.Conn, what that began with; listener is what Conn.Listener says of it. On an error the
// connection stays the caller's. No call may come after Drain.
func (l *Lane) Adopt(c net.Conn, peer netip.Addr, listener int, w *Wire) error {
	fd, err := duplicate(c)
	if err != nil {
		return err
	}
	_ = c.Close() // its descriptor was duplicated
	w.fd, w.mine = fd, true
	lo := l.loops[int(l.next.Add(1))%len(l.loops)]
	lo.post(mail{what: mailAdopt, conn: &Conn{fd: int32(fd), listener: uint16(listener), peer: peer, wire: w}})
	return nil
}

// Drain stops accepting and closes what waits. Connections that are being answered are closed when they were.
func (l *Lane) Drain() {
	for _, lo := range l.loops {
		lo.post(mail{what: mailDrain})
	}
}

// Cut closes every connection; tasks are told with ErrCut.
func (l *Lane) Cut() {
	for _, lo := range l.loops {
		lo.post(mail{what: mailCut})
	}
}

// Wait returns when every loop has ended: after Drain or Cut, and when no connection is left.
func (l *Lane) Wait() { l.wg.Wait() }

// fail tells of a shortage, now and then.
func (l *Lane) fail(err error) {
	now := time.Now().Unix()
	if old := l.told.Load(); old != now && l.told.CompareAndSwap(old, now) {
		l.cfg.Failed(err)
	}
}

// duplicate gives what has a descriptor another one.
func duplicate(v any) (int, error) {
	sc, ok := v.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("lane: %T has no descriptor", v)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dupErr error
	err = raw.Control(func(s uintptr) { fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, dupErr)
}

// descriptor duplicates a listener's, so that closing the listener elsewhere cannot make it another file's.
func descriptor(l net.Listener) (int, error) {
	fd, err := duplicate(l)
	if err != nil {
		return -1, err
	}
	if l.Addr().Network() == "tcp" { // what is accepted takes these over, as package net sets them
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		for _, opt := range []int{unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL} {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, opt, 15)
		}
	}
	return fd, nil
}
