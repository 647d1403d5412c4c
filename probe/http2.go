package probe

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Conn sends requests over HTTP/2 with the bytes of :path as they are; net/http's client refuses or changes some.
type http2Conn struct {
	dial      func(ctx context.Context) (net.Conn, error)
	scheme    string
	authority string
	timeout   time.Duration

	conn    net.Conn
	framer  *http2.Framer
	encoded bytes.Buffer
	encoder *hpack.Encoder
	decoder *hpack.Decoder
	answer  *answer // which the decoder fills
	size    int     // of its header, in bytes
	taken   uint32  // of bodies, that the connection's window was not opened again for
	next    uint32
}

func (c *http2Conn) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *http2Conn) do(ctx context.Context, r *request) (*answer, error) {
	kept := c.conn != nil
	a, err := c.exchange(ctx, r)
	if err == nil && a.status == 0 && kept && c.conn == nil {
		a, err = c.exchange(ctx, r)
	}
	if err != nil || a.cut {
		c.close()
	}
	return a, err
}

func (c *http2Conn) exchange(ctx context.Context, r *request) (*answer, error) {
	if c.conn == nil {
		if err := c.connect(ctx); err != nil {
			return nil, err
		}
	}
	conn := c.conn
	if err := conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		c.close()
		return &answer{}, nil
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	stream := c.next
	c.next += 2
	c.answer, c.size = &answer{proto: "HTTP/2.0"}, 0
	if err := c.send(stream, r); err != nil {
		return c.ended(err)
	}
	for {
		f, err := c.framer.ReadFrame()
		if err != nil {
			return c.ended(err)
		}
		if done, err := c.take(f, stream); err != nil || done {
			if err != nil {
				return c.ended(err)
			}
			return c.answer, nil
		}
	}
}

// ended makes of a broken connection what it says about the request: nothing, unless time ran out.
func (c *http2Conn) ended(err error) (*answer, error) {
	c.close()
	if timedOut(err) {
		return nil, err
	}
	a := c.answer
	a.cut = a.status != 0
	return a, nil
}

func (c *http2Conn) connect(ctx context.Context) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	c.conn, c.next = conn, 1
	c.framer = http2.NewFramer(conn, conn)
	c.framer.SetMaxReadFrameSize(1 << 20)
	c.encoded.Reset()
	c.encoder = hpack.NewEncoder(&c.encoded)
	c.decoder = hpack.NewDecoder(4096, c.field)
	c.decoder.SetMaxStringLength(maxHeadBytes) // what does not end would be kept until it does
	c.taken = 0
	if err := conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		return err
	}
	if err := c.framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: 2 * maxBody},
	); err != nil {
		return err
	}
	return c.framer.WriteWindowUpdate(0, window)
}

// speaksHTTP2 says whether the server's first frame is what RFC 9113 section 3.4 asks for.
func (c *http2Conn) speaksHTTP2(ctx context.Context) bool {
	defer c.close()
	if err := c.connect(ctx); err != nil {
		return false
	}
	f, err := c.framer.ReadFrame()
	return err == nil && f.Header().Type == http2.FrameSettings
}

func (c *http2Conn) field(f hpack.HeaderField) {
	if c.size += len(f.Name) + len(f.Value); c.size > maxHeadBytes || len(c.answer.header) >= maxHeadLines {
		c.answer.cut = true
		return
	}
	if f.Name == ":status" {
		c.answer.status, _ = strconv.Atoi(f.Value) // 0 is no answer
		return
	}
	c.answer.header = append(c.answer.header, field{f.Name, f.Value})
}

// window is how much a server may send on a connection until it hears more, RFC 9113 section 6.9.
const window = 1 << 30

// maxFrame is the largest frame that every server takes, RFC 9113 section 4.2.
const maxFrame = 16384

func (c *http2Conn) send(stream uint32, r *request) error {
	c.encoded.Reset()
	fields := []hpack.HeaderField{
		{Name: ":method", Value: r.method},
		{Name: ":scheme", Value: c.scheme},
		{Name: ":authority", Value: c.authority},
		{Name: ":path", Value: r.target},
	}
	for _, h := range r.headers {
		name, value, _ := strings.Cut(h, ":")
		fields = append(fields, hpack.HeaderField{Name: strings.ToLower(name), Value: strings.TrimSpace(value)})
	}
	if r.body != nil {
		fields = append(fields, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(len(r.body))})
	}
	for _, f := range fields {
		if err := c.encoder.WriteField(f); err != nil {
			return err
		}
	}
	block := c.encoded.Bytes()
	first := block[:min(len(block), maxFrame)]
	block = block[len(first):]
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: first, EndStream: r.body == nil, EndHeaders: len(block) == 0,
	})
	for err == nil && len(block) > 0 {
		part := block[:min(len(block), maxFrame)]
		block = block[len(part):]
		err = c.framer.WriteContinuation(stream, len(block) == 0, part)
	}
	for body := r.body; err == nil && len(body) > 0; { // ours are far below the first window of 65,535 bytes
		part := body[:min(len(body), maxFrame)]
		body = body[len(part):]
		err = c.framer.WriteData(stream, len(body) == 0, part)
	}
	return err
}

// take handles one frame, and says whether it ends the answer.
func (c *http2Conn) take(f http2.Frame, stream uint32) (done bool, err error) {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return false, nil
		}
		return false, c.framer.WriteSettingsAck()
	case *http2.PingFrame:
		if f.IsAck() {
			return false, nil
		}
		return false, c.framer.WritePing(true, f.Data)
	case *http2.GoAwayFrame:
		if f.LastStreamID < stream {
			return false, fmt.Errorf("GOAWAY: %v", f.ErrCode)
		}
	case *http2.RSTStreamFrame:
		if f.StreamID == stream {
			c.answer.cut = c.answer.status != 0
			return true, nil
		}
	case *http2.HeadersFrame:
		return c.headers(f.StreamID == stream, f.HeaderBlockFragment(), f.HeadersEnded(), f.StreamEnded())
	case *http2.ContinuationFrame:
		return c.headers(f.StreamID == stream, f.HeaderBlockFragment(), f.HeadersEnded(), false)
	case *http2.DataFrame:
		if c.taken += f.Length; c.taken > window/2 {
			if err := c.framer.WriteWindowUpdate(0, c.taken); err != nil {
				return false, err
			}
			c.taken = 0
		}
		if f.StreamID != stream {
			return false, nil
		}
		c.answer.body = append(c.answer.body, f.Data()...)
		if len(c.answer.body) > maxBody {
			c.answer.cut = true
			return true, nil
		}
		return f.StreamEnded(), nil
	}
	return false, nil
}

// headers decodes a part of a header block; interim answers (1xx) are forgotten.
func (c *http2Conn) headers(ours bool, block []byte, ended, last bool) (bool, error) {
	if _, err := c.decoder.Write(block); err != nil {
		return false, err
	}
	if c.size > maxHeadBytes || len(c.answer.header) >= maxHeadLines {
		return false, fmt.Errorf("%w: its head is longer than %d bytes or %d lines", errGarbage, maxHeadBytes, maxHeadLines)
	}
	if !ended {
		return false, nil
	}
	if err := c.decoder.Close(); err != nil {
		return false, err
	}
	if c.answer.status >= 100 && c.answer.status < 200 {
		c.answer.status, c.answer.header = 0, nil
	}
	return ours && last, nil
}
