package main

import "net"

// listenUnix refuses: sockets have no mode on Windows, and so nothing that keeps others out.
func listenUnix(what, _ string, _ *identity) (net.Listener, error) {
	return nil, usage(what, "Unix sockets are not served on this system", "Use HOST:PORT, such as 127.0.0.1:8080")
}
