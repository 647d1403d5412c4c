package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/attack/plant"
)

// h2Client sends :path as bytes, which no client does that knows what a path is. One stream at a time.
type h2Client struct {
	addr   string
	conn   *tls.Conn
	framer *http2.Framer
	enc    *hpack.Encoder
	buf    bytes.Buffer
	stream uint32
}

func (c *h2Client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *h2Client) connect() error {
	if c.conn != nil {
		return nil
	}
	conn, err := tls.Dial("tcp", c.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return err
	}
	c.conn, c.stream = conn, 1
	c.framer = http2.NewFramer(conn, conn)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.buf.Reset()
	c.enc = hpack.NewEncoder(&c.buf)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return err
	}
	return errors.Join(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}), c.framer.WriteWindowUpdate(0, 1<<30))
}

// get answers with status 0 where the server resets the stream or the connection: how it refuses what is malformed.
func (c *h2Client) get(path string, fields ...hpack.HeaderField) (*attack.Answer, error) {
	if err := c.connect(); err != nil {
		return nil, err
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	id := c.stream
	c.stream += 2
	if err := c.request(id, path, fields); err != nil {
		return c.broken(err)
	}
	a := &attack.Answer{Header: http.Header{}}
	for {
		f, err := c.framer.ReadFrame()
		if err != nil {
			return c.broken(err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				if err := c.framer.WriteSettingsAck(); err != nil {
					return c.broken(err)
				}
			}
		case *http2.MetaHeadersFrame:
			for _, h := range f.Fields {
				if h.Name == ":status" {
					if a.Status, err = strconv.Atoi(h.Value); err != nil {
						return nil, err
					}
					continue
				}
				a.Header.Add(h.Name, h.Value)
			}
			if f.StreamEnded() {
				return a, nil
			}
		case *http2.DataFrame:
			a.Body = append(a.Body, f.Data()...)
			if f.StreamEnded() {
				return a, c.framer.WriteWindowUpdate(0, uint32(len(a.Body)+1))
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == id {
				return &attack.Answer{Header: http.Header{}}, nil
			}
		case *http2.GoAwayFrame:
			return c.broken(io.EOF)
		}
	}
}

func (c *h2Client) broken(err error) (*attack.Answer, error) {
	c.close()
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil, err
	}
	return &attack.Answer{Header: http.Header{}}, nil
}

func (c *h2Client) request(id uint32, path string, fields []hpack.HeaderField) error {
	c.buf.Reset()
	all := append([]hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: c.addr}, {Name: ":path", Value: path},
	}, fields...)
	for _, f := range all {
		f.Sensitive = true // not into the shared table, which long paths would fill
		if err := c.enc.WriteField(f); err != nil {
			return err
		}
	}
	const frame = 16 << 10 // SETTINGS_MAX_FRAME_SIZE, unless said otherwise
	block := c.buf.Bytes()
	first := block[:min(frame, len(block))]
	block = block[len(first):]
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: true, EndHeaders: len(block) == 0})
	for err == nil && len(block) > 0 {
		part := block[:min(frame, len(block))]
		block = block[len(part):]
		err = c.framer.WriteContinuation(id, len(block) == 0, part)
	}
	return err
}

// The corpus over HTTP/2, with :path as bytes.
func TestCorpusHTTP2(t *testing.T) {
	t.Parallel()
	certs := newCertificate(t, t.TempDir(), "first")
	l := plant.New(t)
	s := serveLayout(t, l, func(u *setup) { u.cfg.Certificates = certs.open(t) })
	c := &h2Client{addr: s.addr}
	defer c.close()
	ok, err := c.get("/" + l.File)
	if err != nil || ok.Status != 200 || string(ok.Body) != l.Body {
		t.Fatalf("an honest request: %+v, %v", ok, err)
	}
	resets, answers := 0, 0
	n := attackCorpus(t, l, func(target string, _ ...string) *attack.Answer {
		a, err := c.get(target)
		if err != nil {
			t.Fatalf("%.100q: %v", target, err)
		}
		if a.Status == 0 {
			a.Status = 400
			resets++
		} else {
			answers++
		}
		return a
	})
	t.Logf("%d requests: %d answered, %d reset", n, answers, resets)
	if answers < resets {
		t.Error("most requests did not arrive")
	}
	if s.metric(t, `rootbound_refusals_total{reason="malformed-http"}`) == "0" {
		t.Error("no reset was counted")
	}
}

func TestHTTP2Host(t *testing.T) {
	certs := newCertificate(t, t.TempDir(), "first")
	s := serve(t, smallTree, func(u *setup) { u.cfg.Certificates = certs.open(t) })
	c := &h2Client{addr: s.addr}
	defer c.close()
	for _, tt := range []struct {
		path   string
		fields []hpack.HeaderField
		want   int
	}{
		{"/a.txt", nil, 200},
		{"/a.txt", []hpack.HeaderField{{Name: "x-forwarded-for", Value: "192.0.2.1"}}, 421},
		{"/../a.txt", nil, 403},
		{"/a.txt#x", nil, 400},
		{"//a.txt", nil, 403},
		{"/nothing", nil, 404},
	} {
		a, err := c.get(tt.path, tt.fields...)
		if err != nil {
			t.Fatal(err)
		}
		if a.Status != tt.want {
			t.Errorf("%s %v = %d, want %d", tt.path, tt.fields, a.Status, tt.want)
		}
	}
	if a := s.metric(t, `rootbound_requests_total{lane="net/http",method="GET",status="421"}`); a != "1" {
		t.Errorf("421 counted %s times", a)
	}
}
