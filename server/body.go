package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
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
}

func (b *bodyPace) Read(p []byte) (int, error) {
	if now := time.Now(); now.After(b.end) || b.got >= b.pace.quota() {
		b.got, b.end = 0, now.Add(b.pace.window)
		_ = b.ctl.SetReadDeadline(b.end) // fails only on a connection that is gone
	}
	n, err := b.ReadCloser.Read(p)
	b.got += int64(n)
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = reason.New(reason.BodySlow, nil)
	default:
		_ = b.ctl.SetReadDeadline(time.Time{}) // net/http goes on reading, to learn that the client went away
	}
	return n, err
}
