// Package lane is the mechanism of the server's fast lane: event loops that own connections while they wait, a strict
// parser of plain GET and HEAD requests, and workers for what may block. It knows nothing of files or of policy: a
// Handler answers, and takes over each connection that sent what the parser does not understand.
//
// Connections with TLS are adopted once hands were shaken: Wire lies beneath their tls.Conn.
//
// A waiting connection has no goroutine and no buffer. Everything that one loop owns is touched by that loop alone; a
// connection passes to a worker and back as a whole.
package lane
