package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/lane"
)

// handshakes brings TLS connections to those who answer: HTTP/2 to net/http, all else to the fast lane.
type handshakes struct {
	f   *fast
	cfg *tls.Config
	mu  sync.Mutex
	// conns are those whose hands are being shaken; nil when no more may begin.
	conns map[*conn]struct{}
	wg    sync.WaitGroup
}

func newHandshakes(f *fast) *handshakes {
	h := &handshakes{f: f, conns: map[*conn]struct{}{}}
	if f.s.files.TLSConfig != nil {
		h.cfg = f.s.files.TLSConfig.Clone()
	}
	return h
}

// serve accepts connections until the endpoint's listener is closed.
func (h *handshakes) serve(e *endpoint, listener int) error {
	s := h.f.s
	l := s.newLimiter(e, h.f.room)
	defer l.spare.giveAll()
	var pause time.Duration
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
		case s.draining.Load():
			return http.ErrServerClosed
		case shortOfDescriptors(err): // as net/http does
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.cfg.Log.Error("a connection could not be taken", "cause", printableError(err))
			time.Sleep(pause)
			continue
		default:
			return e.failed(err)
		}
		c := nc.(*conn)
		if !h.begin(c) {
			_ = c.Close()
			continue
		}
		go func() {
			defer h.end(c)
			h.shake(c, listener)
		}()
	}
}

func (h *handshakes) begin(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil {
		return false
	}
	h.conns[c] = struct{}{}
	h.wg.Add(1)
	return true
}

func (h *handshakes) end(c *conn) {
	h.mu.Lock()
	delete(h.conns, c)
	h.mu.Unlock()
	h.wg.Done()
}

// stop ends what has begun, and lets nothing more begin.
func (h *handshakes) stop() {
	h.mu.Lock()
	for c := range h.conns {
		_ = c.Conn.Close() // shake takes note
	}
	h.conns = nil
	h.mu.Unlock()
	h.wg.Wait()
}

// shake shakes hands, and gives the connection away.
func (h *handshakes) shake(c *conn, listener int) {
	tc, wire := lane.Server(c, h.cfg)
	_ = c.SetDeadline(time.Now().Add(readHeaderTimeout))
	if err := tc.Handshake(); err != nil {
		h.failed(c, err)
		return
	}
	_ = c.SetDeadline(time.Time{})
	if tc.ConnectionState().NegotiatedProtocol == "h2" {
		h.f.feed.give(tc)
		return
	}
	if err := h.f.lane.Adopt(c.Conn, peerOf(c.RemoteAddr().String()), listener, wire); err != nil {
		h.f.s.cfg.Log.Error("a connection could not be taken", "cause", printableError(err))
		_ = c.Close()
	}
}

// failed answers what net/http does.
func (h *handshakes) failed(c *conn, err error) {
	var he tls.RecordHeaderError
	if errors.As(err, &he) && he.Conn != nil && looksLikeHTTP(he.RecordHeader) {
		_, _ = io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n") // Write counts it
	} else if !h.f.s.draining.Load() {
		h.f.s.files.ErrorLog.Printf("http: TLS handshake error from %s: %v", c.RemoteAddr(), err)
	}
	_ = c.Close()
}

// looksLikeHTTP says whether a TLS record header is the start of a request.
func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}

// tlsRest is a connection that the lane handed over, with what it had read and not answered. It is no *tls.Conn: net/http
// asks that type of its state alone, which we know.
type tlsRest struct {
	*tls.Conn
	unread unread
}

func (t *tlsRest) Read(b []byte) (int, error) { return t.unread.before(t.Conn, b) }
