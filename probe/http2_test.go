package probe

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestEndlessHead: a head that never ends is given up after a bounded part of it, not when time runs out: until then a server
// on the same machine would send gigabytes.
func TestEndlessHead(t *testing.T) {
	var fields bytes.Buffer
	e := hpack.NewEncoder(&fields)
	e.SetMaxDynamicTableSizeLimit(0)
	for range 500 {
		if err := e.WriteField(hpack.HeaderField{Name: "x-again", Value: "a value", Sensitive: true}); err != nil {
			t.Fatal(err)
		}
	}
	oneString := append([]byte{0x10, 1, 'x', 0x7f, 0x80, 0x80, 0x80, 0x80, 0x04}, make([]byte, 8000)...) // RFC 7541 section 6.2.3: a value of a gigabyte
	for name, part := range map[string]struct{ first, rest []byte }{
		"fields": {fields.Bytes(), fields.Bytes()}, "a string": {oneString, make([]byte, 16000)},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			const most = 64 << 20 // a thousand times the bound
			sent := make(chan int, 1)
			go func() {
				defer server.Close()
				n := 0
				defer func() { sent <- n }()
				go func() { _, _ = io.Copy(io.Discard, server) }() // until it is closed
				f := http2.NewFramer(server, nil)
				if f.WriteSettings() != nil || f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: part.first}) != nil {
					return
				}
				for n < most && f.WriteContinuation(1, false, part.rest) == nil {
					n += len(part.rest)
				}
			}()
			x := &http2Conn{dial: func(context.Context) (net.Conn, error) { return client, nil }, scheme: "http", authority: "x", timeout: time.Minute}
			a, err := x.do(context.Background(), &request{method: "GET", target: "/"})
			x.close()
			if n := <-sent; n >= most {
				t.Errorf("%d bytes of a head were taken (status %d, error %v)", n, a.status, err)
			}
		})
	}
}
