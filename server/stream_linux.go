package server

import (
	"errors"
	"io"
	"io/fs"
	"sync"
	"syscall"
	"unsafe"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/lane"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

const (
	// tailSize is how much of a file is held back until the descriptor was asked once more whether it changed, as in
	// the library's own writer.
	tailSize = 64 << 10
	// holdSize is how much of it is enough behind what sendfile(2) sent.
	holdSize = 8 << 10
	// turn is how much one client is sent before others have their turn, sendfileSize how much in one call.
	turn         = 4 << 20
	loopTurn     = 512 << 10 // on the loop, where all others wait
	sendfileSize = 1 << 20
)

var tails = sync.Pool{New: func() any { b := make([]byte, tailSize); return &b }}

// stream carries the segments of a plan out, as far as the client takes them, again and again. Between two times it
// holds no memory: what was read and not taken is read again.
type stream struct {
	file *rootbound.File
	raw  syscall.RawConn
	segs []plan.Segment // still to be sent
	sent int64          // body bytes handed to the system
	loop bool           // nothing may wait for a disk
}

// errElsewhere says that a stream of the loop's would have to wait.
var errElsewhere = errors.New("to be sent by a worker")

func newStream(a *rootbound.Answer) *stream {
	return &stream{file: a.Body(), segs: append([]plan.Segment(nil), a.Plan.Segments...)}
}

// memoryStream is one of pieces that nobody changes.
func memoryStream(pieces [][]byte) *stream {
	st := &stream{}
	for _, p := range pieces {
		st.segs = append(st.segs, plan.Segment{Text: unsafe.String(unsafe.SliceData(p), len(p))})
	}
	return st
}

// send goes on where it stopped.
func (st *stream) send(k *lane.Socket) (lane.State, error) {
	budget := turn
	if st.loop {
		budget = loopTurn
	}
	for len(st.segs) > 0 {
		if budget <= 0 {
			return lane.Yield, nil
		}
		n, again, err := st.step(k)
		st.sent += int64(n)
		budget -= n
		switch {
		case err == errElsewhere:
			st.loop = false
			return lane.Yield, err
		case err != nil:
			return lane.Broken, st.failed(err)
		case again:
			return lane.Blocked, nil
		}
	}
	return lane.Done, nil
}

// toLoop says that a stream of a worker's may go on on the loop: where it stopped, the file is in the system's memory, and
// its file system knows how not to wait.
func (st *stream) toLoop() bool {
	if st == nil || st.file == nil || len(st.segs) == 0 || st.segs[0].Text != "" || st.control() != nil {
		return false
	}
	var b [1]byte
	st.loop = st.readNow(b[:], st.segs[0].Off)
	return st.loop
}

// control makes the descriptor known.
func (st *stream) control() (err error) {
	if st.raw == nil {
		st.raw, err = st.file.SyscallConn()
	}
	return err
}

func (st *stream) failed(err error) error {
	if err = writeError(err); st.file != nil {
		return &fs.PathError{Op: "send", Path: st.file.Name().String(), Err: err}
	}
	return err
}

// step sends some of the first segment.
func (st *stream) step(k *lane.Socket) (n int, again bool, err error) {
	seg := &st.segs[0]
	if seg.Text != "" {
		n, again, err = k.Send(st.text(), len(st.segs) > 1)
		if seg.Text = seg.Text[n:]; seg.Text == "" {
			st.segs = st.segs[1:]
		}
		return n, again, err
	}
	if hold := st.hold(); seg.Len > hold {
		size := int(min(seg.Len-hold, sendfileSize))
		if st.loop {
			size = min(size, loopTurn)
		}
		n, again, err = st.sendfile(k, size)
	} else {
		var tail []byte
		if tail, err = st.tail(); err != nil {
			return 0, false, err
		}
		n, again, err = k.Send(tail, len(st.segs) > 1)
		st.release(tail)
	}
	seg.Off += int64(n)
	if seg.Len -= int64(n); seg.Len == 0 {
		st.segs = st.segs[1:]
	}
	return n, again, err
}

// text is the first segment, where that is in memory.
func (st *stream) text() []byte {
	t := st.segs[0].Text
	return unsafe.Slice(unsafe.StringData(t), len(t))
}

// skip takes note of n bytes of it that were sent by others.
func (st *stream) skip(n int) {
	st.segs[0].Text = st.segs[0].Text[n:]
	st.sent += int64(n)
}

// hold is how much of the first segment is held back: something of the last one of the file.
func (st *stream) hold() int64 {
	for _, s := range st.segs[1:] {
		if s.Text == "" {
			return 0
		}
	}
	return holdSize
}

func (st *stream) sendfile(k *lane.Socket, max int) (n int, again bool, err error) {
	if err := st.control(); err != nil {
		return 0, false, err
	}
	sure := true
	ctlErr := st.raw.Control(func(fd uintptr) {
		if st.loop {
			n, again, sure, err = k.SendResident(int(fd), st.segs[0].Off, max)
			return
		}
		n, again, err = k.SendFile(int(fd), st.segs[0].Off, max)
	})
	switch {
	case ctlErr != nil:
		return 0, false, ctlErr
	case !sure:
		return 0, false, errElsewhere
	}
	if err == nil && !again && n == 0 { // shorter than it was
		err = reason.New(reason.ChangedWhileSent, nil)
	}
	return n, again, err
}

// tail reads the rest of the first segment and then asks whether the file is still what it was. Release gives the
// memory back.
func (st *stream) tail() ([]byte, error) {
	seg := st.segs[0]
	buf := *tails.Get().(*[]byte)
	b := buf[:min(seg.Len, tailSize)]
	if st.loop && !st.readNow(b, seg.Off) {
		st.release(buf)
		return nil, errElsewhere
	}
	n, err := st.file.ReadAt(b, seg.Off)
	if n < len(b) {
		st.release(buf)
		if err == nil || errors.Is(err, io.EOF) {
			return nil, reason.New(reason.ChangedWhileSent, nil)
		}
		return nil, err
	}
	changed, err := st.file.Changed()
	if err == nil && changed {
		err = reason.New(reason.ChangedWhileSent, nil)
	}
	if err != nil {
		st.release(buf)
		return nil, err
	}
	return b, nil
}

// readNow says whether a read would be answered from the system's memory, by one that is.
func (st *stream) readNow(b []byte, off int64) bool {
	n := 0
	err := st.raw.Control(func(fd uintptr) { n = lane.ReadNow(int(fd), b, off) })
	return err == nil && n == len(b)
}

func (st *stream) release(b []byte) {
	b = b[:cap(b)]
	tails.Put(&b)
}
