package rootbound

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

// tailSize is how much of a body is held back until the descriptor was asked once more whether the file changed.
const tailSize = 64 << 10

var tails = sync.Pool{New: func() any { b := make([]byte, tailSize); return &b }}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// Send carries the plan out through net/http and returns how many body bytes it handed over. The last bytes of the
// file are read first and written only after fstat(2) says that size and modification time are still what the
// headers promised; otherwise the answer ends short, with an error.
//
// What the kernel has taken by then counts as sent. It lies in the connection's buffers until the client takes it, and
// after sendfile(2) as the file's own pages: somebody who writes into the file that late changes what is on its way.
func (a *Answer) Send(w http.ResponseWriter) (int64, error) {
	n, _, err := a.send(w)
	return n, err
}

// send is Send. started says whether the header was handed over.
func (a *Answer) send(w http.ResponseWriter) (sent int64, started bool, err error) {
	segs := a.Plan.Segments
	last := -1
	for i, s := range segs {
		if s.Text == "" && s.Len > 0 && a.body != nil {
			last = i
		}
	}
	var tail []byte
	if last >= 0 && segs[last].Len <= tailSize && last == firstFile(a) {
		// All that is sent of the file fits: read it before the headers go out.
		buf := tails.Get().(*[]byte)
		defer tails.Put(buf)
		if tail, err = a.readTail(readPatience, (*buf)[:segs[last].Len], segs[last].Off); err != nil {
			return 0, false, refusal("send", a.name.String(), err)
		}
	}
	writeHeader(w, &a.Plan)
	for i, s := range segs {
		n, err := a.writeSegment(w, i == last, tail)(s.Text, s.Off, s.Len)
		sent += n
		if err != nil {
			return sent, true, refusal("send", a.name.String(), err)
		}
	}
	return sent, true, nil
}

func firstFile(a *Answer) int {
	for i, s := range a.Plan.Segments {
		if s.Text == "" {
			return i
		}
	}
	return -1
}

// writeSegment returns the function that writes one segment; the last one of the file ends with the held-back tail.
func (a *Answer) writeSegment(w io.Writer, last bool, tail []byte) func(text string, off, n int64) (int64, error) {
	return func(text string, off, n int64) (int64, error) {
		switch {
		case text != "":
			m, err := io.WriteString(w, text)
			return int64(m), err
		case a.body == nil:
			m, err := w.Write(a.content[off : off+n])
			return int64(m), err
		case !last:
			return a.copy(w, off, n)
		case tail != nil:
			m, err := w.Write(tail)
			return int64(m), err
		}
		hold := min(n, tailSize)
		sent, err := a.copy(w, off, n-hold)
		if err != nil {
			return sent, err
		}
		buf := tails.Get().(*[]byte)
		defer tails.Put(buf)
		held, err := a.readTail(sendPatience, (*buf)[:hold], off+n-hold)
		if err != nil {
			return sent, err
		}
		m, err := w.Write(held)
		return sent + int64(m), err
	}
}

// copy hands n bytes over; net/http uses sendfile(2) for them where the connection allows it.
func (a *Answer) copy(w io.Writer, off, n int64) (int64, error) {
	if n <= 0 {
		return 0, nil
	}
	remote, err := a.body.remote()
	if err != nil {
		return 0, systemReason(err)
	}
	if remote {
		return a.copyThrough(w, off, n)
	}
	if _, err := a.body.f.Seek(off, io.SeekStart); err != nil {
		return 0, systemReason(err)
	}
	sent, err := io.CopyN(w, a.body.f, n)
	if errors.Is(err, io.EOF) { // shorter than it was
		return sent, reason.New(reason.ChangedWhileSent, nil)
	}
	if errnoReason(err) == reason.InputOutput { // the file's doing: no connection answers EIO
		return sent, reason.New(reason.InputOutput, nil)
	}
	return sent, err
}

// copyThrough hands n bytes over by way of memory, so that no more than the base's share of reads is ever blocked.
func (a *Answer) copyThrough(w io.Writer, off, n int64) (sent int64, err error) {
	buf := tails.Get().(*[]byte)
	defer tails.Put(buf)
	for sent < n {
		part := (*buf)[:min(n-sent, tailSize)]
		got, err := a.body.readAt(sendPatience, part, off+sent)
		if got < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				return sent, reason.New(reason.ChangedWhileSent, nil)
			}
			return sent, systemReason(err)
		}
		m, err := w.Write(part)
		sent += int64(m)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// readTail reads the last bytes and then asks whether the file is still what it was.
func (a *Answer) readTail(patience time.Duration, buf []byte, off int64) ([]byte, error) {
	n, err := a.body.readAt(patience, buf, off)
	if n < len(buf) {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, reason.New(reason.ChangedWhileSent, nil)
		}
		return nil, systemReason(err)
	}
	changed := false
	err = a.body.waiting(patience, func() (err error) {
		changed, err = a.body.Changed()
		return err
	})
	if err != nil {
		return nil, err
	}
	if changed {
		return nil, reason.New(reason.ChangedWhileSent, nil)
	}
	return buf, nil
}
