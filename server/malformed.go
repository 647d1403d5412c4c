package server

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/rootbound/rootbound/internal/reason"
)

// net/http refuses malformed HTTP before any handler, and tells nobody but the client. What it writes shows on the
// connection: an answer to a request that no handler saw.

// tlsAlertMax is more than a TLS alert record has, and less than any answer in one (RFC 8446 5.1).
const tlsAlertMax = 64

// noteMalformed looks at bytes on their way out. Under TLS they are encrypted, but their record type is not.
func (c *conn) noteMalformed(b []byte) {
	switch c.state.Load() {
	case connHandled:
		return
	case connFresh: // plain HTTP on a TLS port is answered so
		if !bytes.HasPrefix(b, []byte("HTTP/1.")) {
			return
		}
	case connReading:
		const applicationData = 23 // TLS ContentType
		if c.at.tls && (len(b) <= tlsAlertMax || b[0] != applicationData) {
			return
		}
	}
	c.state.Store(connHandled)
	c.metrics.refusal(reason.MalformedHTTP)
}

// connState follows net/http through the life of a connection.
func connState(nc net.Conn, st http.ConnState) {
	c := watched(nc)
	if c == nil || st != http.StateActive && st != http.StateIdle { // a pipelined request is read while idle
		return
	}
	if t, ok := nc.(*tls.Conn); ok && t.ConnectionState().NegotiatedProtocol == "h2" {
		c.state.Store(connHandled) // HTTP/2 counts its own, see http2Error
		return
	}
	c.state.Store(connReading)
}

// watched finds our own connection beneath net/http's.
func watched(nc net.Conn) *conn {
	for {
		above, ok := nc.(interface{ NetConn() net.Conn }) // TLS, and what is beneath it in the fast lane
		if !ok {
			break
		}
		nc = above.NetConn()
	}
	c, _ := nc.(*conn)
	return c
}
