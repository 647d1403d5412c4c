package server

import (
	"net"
	"testing"
)

// Spare descriptors that somebody else got are there again before the next client is let in: whoever stays without them
// could be the last who is answered for as long as the shortage lasts.
func TestSpareIsFilledFirst(t *testing.T) {
	s := serve(t, smallTree, nil)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &limiter{Listener: inner, at: s.endpoints[0], places: &places{max: 1}, server: s.Server, metrics: s.metrics}
	defer l.spare.giveAll()
	defer inner.Close()
	for range spares + 1 {
		l.spare.give() // as lost to a file that was opened at that moment
	}
	if l.spare.give() {
		t.Fatal("there are spare descriptors left")
	}
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range spares {
		if !l.spare.give() {
			t.Error("a client was let in while spare descriptors were missing")
		}
	}
}
