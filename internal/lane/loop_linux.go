package lane

import (
	"errors"
	"math"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	chunkSize   = 64 << 10 // memory that requests are read into; it is never written twice
	readSize    = 16 << 10 // one read; more than MaxHeader, so that a whole request fits
	acceptBatch = 64
	lingerTime  = 500 * time.Millisecond
	lateTime    = 5 * time.Second // for a worker to begin, where none moves
	awayTime    = 50 * time.Millisecond
	forever     = time.Duration(math.MaxInt64)
)

// loop owns connections. One goroutine runs it.
type loop struct {
	lane    *Lane
	handler Handler
	epoll   *os.File // in the runtime's poller too, so that waiting costs no thread
	raw     syscall.RawConn
	epfd    int
	wakefd  int
	spare   int           // a descriptor to give up when there are no more; -1: none
	away    time.Duration // when to look at the listeners again; 0: they are looked at
	listens []int         // by index of Config.Listeners; -1 when closed

	conns    []*Conn // by descriptor
	count    int
	draining bool
	events   [128]unix.EpollEvent
	ready    int
	pollFunc func(uintptr) bool
	armed    time.Duration // when the poller will wake us

	begun                      time.Time
	now                        time.Duration // since begun
	idle, header, pace, linger deadlines
	late, stuck                deadlines // waiting for a worker: to begin, and to go on

	chunk   []byte
	req     Request
	reply   Reply
	workers bool    // a task was given away since the last wait
	turns   []*Conn // whose tasks have yielded
	again   []*Conn // there may be more to read of these

	mu         sync.Mutex
	mails      []mail
	spareMails []mail // the slice that mails was before, empty
}

// mail is what others tell a loop.
type mail struct {
	what  mailKind
	conn  *Conn
	state State
}

type mailKind uint8

const (
	mailTask mailKind = iota
	mailAdopt
	mailDrain
	mailCut
)

func newLoop(l *Lane) (*loop, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(epfd, true); err != nil { // so that os.NewFile registers it
		closeFD(epfd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	lo := &loop{
		lane: l, handler: l.cfg.NewHandler(), epfd: epfd, wakefd: -1, spare: -1, begun: time.Now(), armed: forever,
		idle: deadlines{after: l.cfg.IdleTimeout}, header: deadlines{after: l.cfg.HeaderTimeout},
		pace: deadlines{after: l.cfg.Window}, linger: deadlines{after: lingerTime},
		late: deadlines{after: lateTime}, stuck: deadlines{after: max(lateTime, l.cfg.Window)},
	}
	lo.epoll = os.NewFile(uintptr(epfd), "epoll")
	if lo.raw, err = lo.epoll.SyscallConn(); err != nil {
		return nil, errors.Join(err, lo.epoll.Close())
	}
	lo.pollFunc = func(uintptr) bool {
		lo.ready = epollWait(lo.epfd, lo.events[:])
		return lo.ready > 0
	}
	if lo.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), lo.epoll.Close())
	}
	lo.takeSpare()
	return lo, lo.add(lo.wakefd, unix.EPOLLIN)
}

func (l *loop) add(fd int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(l.epfd), unix.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if e != 0 {
		return os.NewSyscallError("epoll_ctl", e)
	}
	return nil
}

// listen takes a descriptor of each listener. A connection wakes one loop of those that wait (EPOLLEXCLUSIVE).
func (l *loop) listen() error {
	for _, nl := range l.lane.cfg.Listeners {
		if nl == nil {
			l.listens = append(l.listens, -1)
			continue
		}
		fd, err := descriptor(nl)
		if err != nil {
			return err
		}
		l.listens = append(l.listens, fd)
		if err := l.add(fd, unix.EPOLLIN|unix.EPOLLEXCLUSIVE); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) stopListening() {
	for i, fd := range l.listens {
		if fd >= 0 {
			closeFD(fd)
		}
		l.listens[i] = -1
	}
}

func (l *loop) release() {
	l.stopListening()
	closeFD(l.wakefd)
	l.giveSpare()
	_ = l.epoll.Close() // nothing is lost with it
}

func (l *loop) run() {
	defer l.release()
	for !l.draining || l.count > 0 {
		l.wait()
		l.now = time.Since(l.begun)
		for i := range l.ready {
			l.event(int(l.events[i].Fd), l.events[i].Events)
		}
		l.expire()
		l.readAgain()
	}
	l.handler.Tick() // the last requests came after the last wait
}

// readAgain goes on with tasks of the loop's own that yielded, and reads once more of those that may have sent more
// than one read takes: each in its turn.
func (l *loop) readAgain() {
	turns := l.turns
	l.turns = nil
	for _, c := range turns {
		if c.state == working {
			l.dispatch(c)
		}
	}
	cs := l.again
	l.again = nil
	for _, c := range cs {
		if c.state == waiting {
			l.read(c)
		}
	}
}

// wait fills events. Where there are none it parks in the runtime's poller, until the next deadline at the latest.
func (l *loop) wait() {
	if l.workers { // let them begin: on one core they would wait for a preemption
		l.workers = false
		runtime.Gosched()
	}
	l.ready = epollWait(l.epfd, l.events[:])
	if l.ready > 0 || len(l.again)+len(l.turns) > 0 {
		return
	}
	l.handler.Tick()
	if next := l.deadline(); next != l.armed && (next < l.armed || l.armed <= l.now) {
		l.armed = next
		at := time.Time{}
		if next != forever {
			at = l.begun.Add(next)
		}
		_ = l.epoll.SetReadDeadline(at) // it is open
	}
	if err := l.raw.Read(l.pollFunc); err != nil { // the deadline
		l.ready = 0
		l.armed = forever
		_ = l.epoll.SetReadDeadline(time.Time{})
	}
}

// deadline is when the next connection's time comes.
func (l *loop) deadline() time.Duration {
	next := forever
	if l.away != 0 {
		next = l.away
	}
	for _, li := range []*deadlines{&l.idle, &l.header, &l.pace, &l.linger, &l.late, &l.stuck} {
		if li.first != nil {
			next = min(next, li.first.since+li.after)
		}
	}
	return next
}

func (l *loop) event(fd int, ev uint32) {
	if fd < len(l.conns) && l.conns[fd] != nil {
		l.connEvent(l.conns[fd], ev)
		return
	}
	if fd == l.wakefd {
		l.readMail()
		return
	}
	for i, listen := range l.listens {
		if fd == listen {
			l.accept(i)
			return
		}
	}
}

// post leaves a mail and wakes the loop.
func (l *loop) post(m mail) {
	l.mu.Lock()
	first := len(l.mails) == 0
	l.mails = append(l.mails, m)
	l.mu.Unlock()
	if first {
		one := [8]byte{1}
		_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(l.wakefd), uintptr(unsafe.Pointer(&one)), 8)
	}
}

func (l *loop) readMail() {
	var b [8]byte
	_, _ = recv(l.wakefd, b[:])
	l.mu.Lock()
	mails := l.mails
	l.mails = l.spareMails[:0]
	l.mu.Unlock()
	for i := range mails {
		m := &mails[i]
		switch m.what {
		case mailTask:
			l.ran(m.conn, m.state)
		case mailAdopt:
			l.take(m.conn)
		case mailDrain:
			l.drain()
		case mailCut:
			l.drain()
			l.cutAll()
		}
	}
	clear(mails)
	l.spareMails = mails
}

// expire ends what took too long.
func (l *loop) expire() {
	l.lookAgain()
	for c := l.idle.due(l.now); c != nil; c = l.idle.due(l.now) {
		l.drop(c)
	}
	for c := l.header.due(l.now); c != nil; c = l.header.due(l.now) {
		l.drop(c)
	}
	for c := l.linger.due(l.now); c != nil; c = l.linger.due(l.now) {
		l.drop(c)
	}
	for c := l.pace.due(l.now); c != nil; c = l.pace.due(l.now) {
		l.judge(c)
	}
	for _, li := range []*deadlines{&l.late, &l.stuck} {
		for c := li.due(l.now); c != nil; c = li.due(l.now) {
			l.tooLate(c)
		}
	}
}

func text2bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
