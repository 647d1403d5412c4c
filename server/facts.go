package server

import (
	"crypto/rand"
	"encoding/base32"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/request"
)

// facts takes from a request what the stages decide on. Its name is the NAME stage's to fill in.
func (s *Server) facts(r *http.Request, at *endpoint) *request.Facts {
	f := &request.Facts{
		ID:            newID(),
		Lane:          request.LaneNetHTTP,
		Received:      time.Now(),
		Method:        r.Method,
		Target:        r.RequestURI,
		Host:          r.Host,
		Proto:         r.Proto,
		Peer:          peerOf(r.RemoteAddr),
		Forwarded:     forwarded(r.Header),
		TLS:           at.tls || r.TLS != nil,
		Authorization: strings.Join(r.Header["Authorization"], ", "),
		Cookie:        strings.Join(r.Header["Cookie"], "; "),
		Origin:        strings.Join(r.Header["Origin"], ", "),
		FetchSite:     strings.Join(r.Header["Sec-Fetch-Site"], ", "),
		FetchMode:     strings.Join(r.Header["Sec-Fetch-Mode"], ", "),
		Agent:         strings.Join(r.Header["User-Agent"], ", "),
		Plan:          request.Plan(r),
		Accept:        strings.Join(r.Header["Accept"], ", "),
	}
	f.Plan.Now = f.Received
	s.clientCertificate(f, r)
	f.ByProxy = f.ByProxy || s.trusted(f.Peer, at)
	f.Client = s.clientOf(f, at, r.Header["X-Forwarded-For"], r.Header["Forwarded"])
	f.Word = s.proxyWord(r.Header)
	return f
}

var idEncoding = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// newID returns a request id: 80 random bits in 16 characters that are safe anywhere.
func newID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return idEncoding.EncodeToString(b[:])
}

// peerOf is the address of a socket's other end; invalid for Unix sockets.
func peerOf(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
