package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// pacedBody is the body of a request that somebody reads, held to the pace that answers are held to.
func (s *Server) pacedBody(w http.ResponseWriter, r *http.Request) io.ReadCloser {
	if r.Body == nil || r.Body == http.NoBody {
		return r.Body
	}
	return &bodyPace{ReadCloser: r.Body, ctl: http.NewResponseController(w), pace: pace{s.cfg.MinRate, s.cfg.MinRateWindow}}
}

// bodyPace ends a read when the client has sent less than the pace over a whole window of waiting for it.
type bodyPace struct {
	io.ReadCloser
	ctl  *http.ResponseController
	pace pace
	got  int64     // in this window
	end  time.Time // of this window; zero where none runs

	// An http.Transport may go on reading when the request was answered, even when its handler has returned.
	mu   sync.Mutex
	over bool // it was read to its end, or broke
	left bool // the handler is through: the connection's deadline is the next request's
}

// deadline sets that of the connection, as long as it is this request's.
func (b *bodyPace) deadline(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.left {
		_ = b.ctl.SetReadDeadline(t) // fails only on a connection that is gone
	}
}

// leave sets the deadline that whoever still reads keeps to, and says whether there is nothing left to read.
func (b *bodyPace) leave(t time.Time) (over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = true
	_ = b.ctl.SetReadDeadline(t)
	return b.over
}

func (b *bodyPace) Read(p []byte) (int, error) {
	if now := time.Now(); now.After(b.end) || b.got >= b.pace.quota() {
		b.got, b.end = 0, now.Add(b.pace.window)
		b.deadline(b.end)
	}
	n, err := b.ReadCloser.Read(p)
	b.got += int64(n)
	if err == nil {
		return n, nil
	}
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = reason.New(reason.BodySlow, nil)
	default:
		b.deadline(time.Time{}) // net/http goes on reading, to learn that the client went away
	}
	return n, err
}

// endBody takes what an application left of a body, as far as that is little, so that the connection can be used again.
//
// net/http does so itself, but after it has stopped looking for the client's end. With full duplex (which the gate
// asks for) it has not read the rest before the answer, finds the end of the body then, begins to look again, and panics at
// the next request. Within the handler it closes the body before. What was answered goes first: a client may wait for
// it with the rest of its body, or for good.
func endBody(w http.ResponseWriter, r *http.Request, out *request.Outcome) {
	ctl, end := http.NewResponseController(w), time.Now().Add(readHeaderTimeout)
	b, ok := r.Body.(*bodyPace)
	if !ok {
		_ = ctl.SetReadDeadline(end)
		return
	}
	switch over := b.leave(end); {
	case over || r.ProtoMajor != 1:
		return
	case out.Status == http.StatusSwitchingProtocols, out.Result == request.Aborted: // the connection is another's, or over
		return
	}
	_ = ctl.Flush()
	_ = b.Close()
}
