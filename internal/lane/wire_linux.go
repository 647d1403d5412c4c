package lane

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// Wire is what lies beneath the TLS of a connection: at first a net.Conn, on which hands are shaken; then, once a lane
// has adopted it, the lane's descriptor, where nothing waits; and a net.Conn again when the lane has handed it over. It
// is used by one goroutine at a time for reading, and by one for writing.
type Wire struct {
	net.Conn
	tls *tls.Conn

	fd   int
	mine bool // the lane's
	// Of the loop's: dry says that all was read that had come, ended that no event will tell of more.
	dry, ended bool

	out    *[]byte // records that are not sent yet, from sent on; nil where there are none
	sent   int
	filled bool // the socket took not all of it the last time
}

const (
	// wireTurn is how much is encrypted at once, and so about how much of a client that takes nothing is held.
	wireTurn = 64 << 10
	// wireJoin is what header and body may have together to be one record (RFC 8446 5.1).
	wireJoin = 16 << 10
	// wireMost is how much may wait to be sent of what was not asked for: answers to key updates.
	wireMost = 8 << 10
)

// outs has memory for records, and for what is read of a file to be encrypted.
var outs = sync.Pool{New: func() any { b := make([]byte, 0, wireTurn+wireTurn/8); return &b }}

// Server begins TLS on a connection as its server.
func Server(c net.Conn, cfg *tls.Config) (*tls.Conn, *Wire) {
	w := &Wire{Conn: c}
	w.tls = tls.Server(w, cfg)
	return w.tls, w
}

// TLS is what lies on it.
func (w *Wire) TLS() *tls.Conn { return w.tls }

// NetConn is what is beneath it now.
func (w *Wire) NetConn() net.Conn { return w.Conn }

// Release gives it to a net.Conn again.
func (w *Wire) Release(c net.Conn) { w.Conn, w.mine = c, false }

// wouldBlock makes a tls.Conn go on later where it stopped: an error that is temporary leaves it as it was.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "nothing to read yet" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

var errWouldBlock net.Error = wouldBlock{}

func (w *Wire) Read(b []byte) (int, error) {
	if !w.mine {
		return w.Conn.Read(b)
	}
	if w.dry {
		return 0, errWouldBlock
	}
	n, err := recv(w.fd, b)
	switch {
	case err == unix.EAGAIN:
		w.dry = true
		return 0, errWouldBlock
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	w.dry = n < len(b) && !w.ended
	return n, nil
}

// Write keeps records until they are flushed.
func (w *Wire) Write(b []byte) (int, error) {
	if !w.mine {
		if w.out != nil { // of the lane's time
			rest := *w.out
			if _, err := w.Conn.Write(rest[w.sent:]); err != nil {
				return 0, err
			}
			w.free()
		}
		return w.Conn.Write(b)
	}
	if w.out == nil {
		w.out = outs.Get().(*[]byte)
	}
	*w.out = append(*w.out, b...)
	return len(b), nil
}

func (w *Wire) free() {
	if cap(*w.out) <= 4*wireTurn {
		*w.out = (*w.out)[:0]
		outs.Put(w.out)
	}
	w.out, w.sent, w.filled = nil, 0, false
}

// Close leaves the lane's descriptor to the lane.
func (w *Wire) Close() error {
	if !w.mine {
		return w.Conn.Close()
	}
	return nil
}

// pending is how many bytes wait to be sent.
func (w *Wire) pending() int {
	if w == nil || w.out == nil {
		return 0
	}
	return len(*w.out) - w.sent
}

// flush sends what waits; EAGAIN says that it was not all.
func (w *Wire) flush() error {
	for w.pending() > 0 {
		n, err := send(w.fd, (*w.out)[w.sent:], 0)
		w.sent += n
		if err != nil {
			w.filled = err == unix.EAGAIN
			return err
		}
	}
	if w.out != nil {
		w.free()
	}
	return nil
}

// recv is recv of what the records hold.
func (w *Wire) recv(b []byte) (int, error) {
	n, err := w.tls.Read(b)
	if w.out != nil { // it answered something of TLS's own
		if ferr := w.flush(); ferr != nil && (ferr != unix.EAGAIN || w.pending() > wireMost) {
			return 0, ferr
		}
	}
	switch {
	case n > 0:
		return n, nil // an error comes again
	case err == error(errWouldBlock):
		return 0, unix.EAGAIN
	case errors.Is(err, io.EOF):
		return 0, nil
	}
	return 0, err
}

// write encrypts some of b, and sends it unless more is to follow. EAGAIN says that nothing was taken.
func (w *Wire) write(b []byte, more bool) (int, error) {
	if w.filled {
		if err := w.flush(); err != nil {
			return 0, err
		}
	}
	n := min(len(b), wireTurn)
	if _, err := w.tls.Write(b[:n]); err != nil {
		return 0, err
	}
	if more && w.pending() < wireJoin {
		return n, nil
	}
	if err := w.flush(); err != nil && err != unix.EAGAIN {
		return n, err
	}
	return n, nil
}

// write2 is write of two pieces, as far as they are taken.
func (w *Wire) write2(a, b []byte) (n int, err error) {
	for _, part := range [][]byte{a, b} {
		for len(part) > 0 {
			m, err := w.write(part, false)
			n += m
			if err != nil {
				return n, err
			}
			part = part[m:]
		}
	}
	return n, nil
}

// sendFile encrypts some of a file, where the socket has room. With now it does not wait for a disk: sure is false, and
// nothing was sent, where it would have to.
func (w *Wire) sendFile(from int, off int64, max int, now bool) (n int, again, sure bool, err error) {
	if w.filled {
		if err := w.flush(); err != nil {
			return 0, err == unix.EAGAIN, true, noAgain(err)
		}
	}
	buf := outs.Get().(*[]byte)
	defer outs.Put(buf)
	b := (*buf)[:min(max, wireTurn)]
	if now {
		if ReadNow(from, b, off) < len(b) {
			return 0, false, false, nil
		}
		n = len(b)
	} else if n, err = pread(from, b, off); n == 0 || err != nil {
		return 0, false, true, err
	}
	if _, err := w.write(b[:n], false); err != nil {
		return 0, err == unix.EAGAIN, true, noAgain(err)
	}
	return n, false, true, nil
}

func noAgain(err error) error {
	if err == unix.EAGAIN {
		return nil
	}
	return err
}

// end says that nothing more will come, as far as there is room to say it.
func (w *Wire) end() {
	_ = w.tls.CloseWrite() // it is written to memory
	_ = w.flush()          // nobody is left to be told
}

// drop lets go of its memory, when its descriptor is about to be closed.
func (w *Wire) drop() {
	w.end()
	if w.out != nil {
		w.free()
	}
}

func pread(fd int, b []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(fd, b, off)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// ReadNow reads of a file what is in the system's memory (preadv2(2), RWF_NOWAIT). File systems that may wait for others do
// not know that flag: then it is nothing.
func ReadNow(fd int, b []byte, off int64) int {
	n, err := unix.Preadv2(fd, [][]byte{b}, off, unix.RWF_NOWAIT)
	if err != nil {
		return 0
	}
	return n
}
