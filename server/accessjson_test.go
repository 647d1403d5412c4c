package server

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// FuzzAccessJSON: our own line is byte for byte the one of slog.JSONHandler.
func FuzzAccessJSON(f *testing.F) {
	f.Add("abc", "GET", "/a.txt", "", "192.0.2.1", "missing", int64(12), int64(345), 0)
	f.Add("", "G\"T", "/ü\\\x00\n%41\"", "someone else", "fe80::1%eth0", "", int64(-1), int64(-5), 1)
	f.Add("\u2028<&>", "HEAD", "/\xff", "\x7f", "::ffff:1.2.3.4", "not-a-code\"", int64(0), int64(1<<62), 2)
	f.Add("x", "GET", "/", "", "fe80::1%a\"b\\c\xff<é", "", int64(0), int64(0), 0)
	f.Fuzz(func(t *testing.T, id, method, target, subject, client, code string, n, nanos int64, result int) {
		addr, _ := netip.ParseAddr(client)
		facts := &request.Facts{
			ID: id, Method: method, Target: target, Proto: "HTTP/1.1", Lane: request.LaneFast, Client: addr,
			Received: time.Unix(1e9+nanos%1e9, n%1e9), Peer: netip.MustParseAddr("192.0.2.7"),
		}
		who := request.Subject{ID: subject}
		out := request.Outcome{Status: 200 + result, Bytes: n, Reason: reason.Code(code), Result: request.Sent}
		if result > 0 {
			out.Result, out.Cause = request.Aborted, []error{errSlow, errors.New("other")}[result&1]
		}
		took := time.Duration(nanos)
		var want, got bytes.Buffer
		s := &Server{cfg: Config{Access: slog.New(slog.NewJSONHandler(&want, nil)), Log: slog.New(slog.DiscardHandler)}}
		s.logAccess(facts, who, out, took)
		s.cfg.AccessJSON = &got
		s.logAccess(facts, who, out, took)
		if want.Len() == 0 || want.String() != got.String() {
			t.Errorf("got  %q\nwant %q", got.String(), want.String())
		}
	})
}

func TestAccessJSONAllocatesNothing(t *testing.T) {
	f := &request.Facts{ID: "abcdefgh", Method: "GET", Target: "/a/b.txt", Proto: "HTTP/1.1", Lane: request.LaneFast, Client: netip.MustParseAddr("2001:db8::1")}
	out, b, now := request.Outcome{Status: 404, Reason: reason.Missing, Result: request.Sent}, make([]byte, 0, 1<<10), time.Now()
	if n := testing.AllocsPerRun(100, func() { b = appendAccess(b[:0], now, f, &request.Subject{ID: "someone"}, &out, time.Second) }); n > 0 {
		t.Errorf("%v allocations for a line", n)
	}
}
