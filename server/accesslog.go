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
	"time"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// maxLogged bounds a target in the log, in bytes before escaping.
const maxLogged = 2048

// logAccess writes the one line of a request, and a second one for the operator where nobody foresaw the error.
func (s *Server) logAccess(f *request.Facts, who request.Subject, out request.Outcome, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("id", f.ID),
		slog.String("method", printable(f.Method)),
		slog.String("target", printable(f.Target)),
		slog.Int("status", out.Status),
		slog.Int64("bytes", out.Bytes),
		slog.Duration("duration", took),
		slog.String("client", address(f.Client)),
		slog.String("peer", address(f.Peer)),
		slog.String("result", string(out.Result)),
		slog.String("lane", string(f.Lane)),
		slog.String("proto", f.Proto),
	}
	if out.Reason != "" {
		attrs = append(attrs, slog.String("reason", string(out.Reason)))
	}
	if !who.Anonymous() {
		attrs = append(attrs, slog.String("subject", printable(who.ID)))
	}
	if out.Result == request.Aborted {
		attrs = append(attrs, slog.String("cause", abortCause(out.Cause)))
	}
	s.cfg.Access.LogAttrs(context.Background(), slog.LevelInfo, "request", attrs...)
	if out.Reason == reason.Unforeseen {
		s.cfg.Log.Error("refused by an error nobody foresaw", "id", f.ID, "cause", printableError(out.Cause))
	}
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return "unix"
	}
	return a.String()
}

// printable makes text from a client safe for any log, terminal and parser: every byte that is not visible ASCII is
// percent-encoded, and so are quotes and backslashes. What is very long is cut.
func printable(s string) string {
	cut := len(s) - maxLogged
	if cut > 0 {
		s = s[:maxLogged]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c > ' ' && c < 0x7f && c != '"' && c != '\\' {
			b.WriteByte(c)
			continue
		}
		const hex = "0123456789ABCDEF"
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	if cut > 0 {
		b.WriteString("...(" + strconv.Itoa(cut) + " more)")
	}
	return b.String()
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
