package server

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/request"
)

// appendAccess appends the line of a request as slog.JSONHandler writes that of logAccess, and allocates nothing. end
// is when the request ended.
func appendAccess(b []byte, end time.Time, f *request.Facts, who *request.Subject, out *request.Outcome, took time.Duration) []byte {
	b = append(b, `{"time":"`...)
	b = end.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"INFO","msg":"request","id":`...)
	b = appendJSON(b, f.ID)
	b = append(b, `,"method":"`...)
	b = appendPrintable(b, f.Method)
	b = append(b, `","target":"`...)
	b = appendPrintable(b, f.LogTarget())
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(out.Status), 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, out.Bytes, 10)
	b = append(b, `,"duration":`...)
	b = strconv.AppendInt(b, int64(took), 10)
	b = append(b, `,"client":`...)
	if !f.Client.IsValid() && f.ByProxy {
		b = appendJSON(b, clientText(f))
	} else {
		b = appendAddress(b, f.Client)
	}
	b = append(b, `,"peer":`...)
	b = appendAddress(b, f.Peer)
	b = append(b, `,"result":`...)
	b = appendJSON(b, string(out.Result))
	b = append(b, `,"lane":`...)
	b = appendJSON(b, string(f.Lane))
	b = append(b, `,"proto":`...)
	b = appendJSON(b, f.Proto)
	if out.Reason != "" {
		b = append(b, `,"reason":`...)
		b = appendJSON(b, string(out.Reason))
	}
	if !who.Anonymous() {
		b = append(b, `,"subject":"`...)
		b = appendPrintable(b, who.ID)
		b = append(b, '"')
	}
	if out.Result == request.Aborted {
		b = append(b, `,"cause":`...)
		b = appendJSON(b, abortCause(out.Cause))
	}
	return append(b, '}', '\n')
}

// appendJSON appends a string of JSON (RFC 8259 7).
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return appendOddJSON(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendOddJSON escapes what slog's handler escapes, in the same way.
func appendOddJSON(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ', r == 0x2028, r == 0x2029:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"): // no UTF-8
			b = append(b, `\ufffd`...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

func appendAddress(b []byte, a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return append(b, `"unix"`...)
	case a.Zone() != "":
		return appendJSON(b, a.String())
	}
	b = append(b, '"')
	b = a.AppendTo(b)
	return append(b, '"')
}
