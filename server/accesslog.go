package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// maxLogged bounds a target in the log, in bytes before escaping.
const maxLogged = 2048

// logAccess writes the one line of a request, and a second one for the operator where nobody foresaw the error.
func (s *Server) logAccess(f *request.Facts, who request.Subject, out request.Outcome, took time.Duration) {
	end := f.Received.Add(took)
	switch {
	case s.cfg.AccessJSON != nil:
		b := accessLines.Get().(*[]byte)
		*b = appendAccess((*b)[:0], end, f, &who, &out, took)
		_, _ = s.cfg.AccessJSON.Write(*b) // nobody is left to be told
		accessLines.Put(b)
	case s.cfg.Access.Enabled(context.Background(), slog.LevelInfo):
		s.logAttrs(end, f, who, out, took)
	}
	if out.Reason == reason.Unforeseen {
		s.cfg.Log.Error("refused by an error nobody foresaw", "id", f.ID, "cause", printableError(out.Cause))
	}
}

var accessLines = sync.Pool{New: func() any { return new([]byte) }}

func (s *Server) logAttrs(end time.Time, f *request.Facts, who request.Subject, out request.Outcome, took time.Duration) {
	r := slog.NewRecord(end, slog.LevelInfo, "request", 0)
	r.AddAttrs(
		slog.String("id", f.ID),
		slog.String("method", printable(f.Method)),
		slog.String("target", printable(f.LogTarget())),
		slog.Int("status", out.Status),
		slog.Int64("bytes", out.Bytes),
		slog.Duration("duration", took),
		slog.String("client", clientText(f)),
		slog.String("peer", address(f.Peer)),
		slog.String("result", string(out.Result)),
		slog.String("lane", string(f.Lane)),
		slog.String("proto", f.Proto),
	)
	if out.Reason != "" {
		r.AddAttrs(slog.String("reason", string(out.Reason)))
	}
	if !who.Anonymous() {
		r.AddAttrs(slog.String("subject", printable(who.ID)))
	}
	if out.Result == request.Aborted {
		r.AddAttrs(slog.String("cause", abortCause(out.Cause)))
	}
	_ = s.cfg.Access.Handler().Handle(context.Background(), r) // as slog.Logger does
}

// clientText is address for a client, whom a trusted proxy may leave in doubt.
func clientText(f *request.Facts) string {
	if !f.Client.IsValid() && f.ByProxy {
		return "unknown"
	}
	return address(f.Client)
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return "unix"
	}
	return a.String()
}

// printable makes text from a client safe for any log, terminal and parser: every byte that is not visible ASCII is
// percent-encoded, and so are quotes and backslashes. What is very long is cut.
func printable(s string) string { return string(appendPrintable(nil, s)) }

func appendPrintable(b []byte, s string) []byte {
	cut := len(s) - maxLogged
	if cut > 0 {
		s = s[:maxLogged]
	}
	for i := range len(s) {
		c := s[i]
		if c > ' ' && c < 0x7f && c != '"' && c != '\\' {
			b = append(b, c)
			continue
		}
		const hex = "0123456789ABCDEF"
		b = append(b, '%', hex[c>>4], hex[c&15])
	}
	if cut > 0 {
		b = append(b, "...("...)
		b = strconv.AppendInt(b, int64(cut), 10)
		b = append(b, " more)"...)
	}
	return b
}

// printableError keeps what an error says on one line of plain characters.
func printableError(err error) string {
	if err == nil {
		return ""
	}
	q := strconv.QuoteToASCII(err.Error())
	return q[1 : len(q)-1]
}

// abortCause says why an answer ended early.
func abortCause(err error) string {
	var ne *net.OpError
	switch {
	case errors.Is(err, errSlow), errors.Is(err, os.ErrDeadlineExceeded):
		return causeSlow
	case reason.Of(err) == reason.ChangedWhileSent:
		return causeChanged
	case reason.Of(err) != reason.Unforeseen && !errors.As(err, &ne):
		return causeFailed
	}
	return causeClient
}

// abortReason is the reason code of an answer that ended early; none where it was the client's doing.
func abortReason(err error) reason.Code {
	if c := reason.Of(err); c != reason.Unforeseen {
		return c
	}
	return ""
}

// errorLog takes what net/http has to say. Most of it is the doing of clients, so it is shown on request only.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	level := slog.LevelDebug
	if strings.HasPrefix(text, "http: Accept error") || strings.HasPrefix(text, "http: panic") {
		level = slog.LevelError
	}
	q := strconv.QuoteToASCII(text)
	l.log.Log(context.Background(), level, "net/http", "text", q[1:len(q)-1])
	return len(b), nil
}
