package lane

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// accept takes the connections that wait.
func (l *loop) accept(listener int) {
	for range acceptBatch {
		fd, peer, err := accept(l.listens[listener])
		if err != nil {
			if err != unix.EAGAIN {
				l.cannotAccept(listener, err)
			}
			return
		}
		if !l.takeSpare() { // whoever stays without one being held could be the last who is answered
			l.turnAway(fd)
			l.takeSpare()
			continue
		}
		if !l.lane.cfg.Place() {
			l.turnAway(fd)
			continue
		}
		l.lane.cfg.Opened()
		l.take(&Conn{fd: int32(fd), listener: uint16(listener), peer: peer})
	}
}

// take makes a connection, which has its place, the loop's.
func (l *loop) take(c *Conn) {
	fd := int(c.fd)
	if err := l.add(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET&math.MaxUint32); err != nil {
		l.lane.fail(err)
		l.lane.cfg.Closed()
		closeFD(fd)
		return
	}
	for fd >= len(l.conns) {
		l.conns = append(l.conns, make([]*Conn, max(64, len(l.conns)))...)
	}
	l.conns[fd] = c
	l.count++
	c.put(&l.header, l.now)
	l.read(c) // most have sent their request by now
}

// cannotAccept turns a client away with the spare descriptor, so that the queue of those who wait does not keep the
// loop busy. Where even that cannot be had, the loop does not look at that queue for a moment.
func (l *loop) cannotAccept(listener int, err error) {
	l.lane.fail(os.NewSyscallError("accept", err))
	if err == unix.EMFILE || err == unix.ENFILE {
		if l.spare >= 0 {
			l.giveSpare()
			if fd, _, err := accept(l.listens[listener]); err == nil {
				l.turnAway(fd)
			}
		}
		if l.takeSpare() {
			return
		}
	}
	l.lookAway()
}

func (l *loop) giveSpare() {
	if l.spare >= 0 {
		closeFD(l.spare)
		l.spare = -1
	}
}

// takeSpare says whether there is a spare descriptor.
func (l *loop) takeSpare() bool {
	if l.spare >= 0 {
		return true
	}
	fd, err := unix.FcntlInt(uintptr(l.wakefd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return false
	}
	l.spare = fd
	return true
}

// lookAway takes the listeners out of the poll for awayTime: they would be reported again and again.
func (l *loop) lookAway() {
	if l.away != 0 {
		return
	}
	l.away = l.now + awayTime
	for _, fd := range l.listens {
		if fd >= 0 {
			_ = unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, fd, nil) // it is there
		}
	}
}

// lookAgain undoes lookAway when its time has come. The poll takes memory and may fail: then it is tried once more.
func (l *loop) lookAgain() {
	if l.away == 0 || l.now < l.away {
		return
	}
	l.away = 0
	l.takeSpare()
	for _, fd := range l.listens {
		if fd < 0 {
			continue
		}
		if err := l.add(fd, unix.EPOLLIN|unix.EPOLLEXCLUSIVE); err != nil && !errors.Is(err, unix.EEXIST) {
			l.away = l.now + awayTime
		}
	}
}

func (l *loop) turnAway(fd int) {
	l.lane.cfg.TurnedAway()
	_, _ = send(fd, text2bytes(l.lane.cfg.TurnAway), 0) // an empty socket buffer takes these few bytes
	closeFD(fd)
}
