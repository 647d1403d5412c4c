package audit

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// sendPatience is how long a receiver may take for one batch.
const sendPatience = 30 * time.Second

// syslogPriority is facility 13, "log audit", and severity 6, "informational" (RFC 5424 6.2.1).
const syslogPriority = "<110>1 "

// Syslog sends records as syslog messages (RFC 5424) whose text is the record's line: over TCP with counted octets (RFC 6587
// 3.4.1), the same over TLS (RFC 5425), or one datagram each to a Unix socket such as /dev/log.
//
// Syslog acknowledges nothing. Send returns when the system has the messages; what is on its way when the connection breaks is
// lost without anybody noticing, and the receiver finds the gap by the numbers of the records.
type Syslog struct {
	network, address string
	tls              *tls.Config
	host             string
	conn             net.Conn
	w                *bufio.Writer
}

// NewSyslog makes a Syslog that connects when it first sends. The network is "tcp", "tls" or "unix"; config may be nil, and is
// for "tls".
func NewSyslog(network, address string, config *tls.Config) *Syslog {
	host, err := os.Hostname()
	if err != nil {
		host = "-"
	}
	return &Syslog{network: network, address: address, tls: config, host: printUSASCII(host, 255)}
}

// printUSASCII is what a field of a header may hold (RFC 5424 6).
func printUSASCII(s string, longest int) string {
	s = strings.Map(func(r rune) rune {
		if r < 33 || r > 126 {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), longest)]
}

// Send implements Sink.
func (s *Syslog) Send(ctx context.Context, batch []Exported) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	err := s.conn.SetDeadline(time.Now().Add(sendPatience))
	for i := range batch {
		if err != nil {
			break
		}
		err = s.message(&batch[i])
	}
	if err == nil && s.w != nil {
		err = s.w.Flush()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("syslog: %w", err), s.Close())
	}
	return nil
}

func (s *Syslog) message(e *Exported) error {
	var b strings.Builder
	b.WriteString(syslogPriority)
	b.WriteString(e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"))
	b.WriteString(" " + s.host + " rootbound - " + string(e.Kind) + " - ")
	b.WriteString(e.Line) // plain ASCII, so that no byte order mark is needed (RFC 5424 6.4)
	if s.w == nil {
		_, err := s.conn.Write([]byte(b.String()))
		return err
	}
	_, err := s.w.WriteString(strconv.Itoa(b.Len()) + " " + b.String())
	return err
}

func (s *Syslog) connect(ctx context.Context) (err error) {
	if s.conn != nil && s.gone() {
		err = s.Close()
	}
	if s.conn != nil || err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	switch s.network {
	case "unix":
		s.conn, err = new(net.Dialer).DialContext(ctx, "unixgram", s.address)
	case "tls":
		s.conn, err = (&tls.Dialer{Config: s.tls}).DialContext(ctx, "tcp", s.address)
	default:
		s.conn, err = new(net.Dialer).DialContext(ctx, "tcp", s.address)
	}
	if err != nil {
		s.conn = nil
		return fmt.Errorf("syslog: %w", err)
	}
	if s.network != "unix" {
		s.w = bufio.NewWriterSize(s.conn, 64<<10)
	}
	return nil
}

// gone says whether the receiver has closed the connection, which a write would notice too late: it sends nothing else.
func (s *Syslog) gone() bool {
	if s.network != "tcp" {
		return false
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return true
	}
	_, err := s.conn.Read(make([]byte, 1))
	return err == nil || !errors.Is(err, os.ErrDeadlineExceeded)
}

// Close ends the connection. Send makes another.
func (s *Syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn, s.w = nil, nil
	return err
}
