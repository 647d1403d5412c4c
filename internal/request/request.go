// Package request holds the facts of one request that the stages decide on. They are plain values, not an
// *http.Request, so that every lane of the server asks the same stages.
package request

import (
	"crypto/x509"
	"net/netip"
	"time"

	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
)

// Lane says which part of the server read the request.
type Lane string

// The lanes.
const (
	LaneNetHTTP Lane = "net/http"
	LaneFast    Lane = "fast"
)

// Facts are what the stages know of a request. They are filled in before the first stage and not changed later.
type Facts struct {
	ID       string // request id, fixed length, safe in headers and logs
	Lane     Lane
	Received time.Time

	Method string
	Target string // the request target as it was sent; quote it before it reaches a log
	Shown  string // the target for the log, where it holds what is not for the log
	Host   string
	Proto  string // "HTTP/1.1", "HTTP/2.0"

	Peer      netip.Addr // the socket's other end; invalid for Unix sockets
	Client    netip.Addr // the client: Peer, unless a trusted proxy said otherwise; invalid where what it said is in doubt
	Forwarded bool       // a proxy's header (Forwarded, X-Forwarded-For) was there
	ByProxy   bool       // the peer is a trusted proxy
	TLS       bool

	// Name is what was asked for. Where NameErr is set, it is the refusal, held back until WHO has answered.
	Name    name.Name
	NameErr error

	// Of Name, for the record.
	Mount string // the mount that it is beneath; "" is the base
	Asked string // the text that was to be a name, where only a part of the target was; as it was sent
	File  string // behind a gate: the file that the request led to
	Own   bool   // one of the server's own pages, which are answered whether there is a record or not

	Authorization string // credentials as sent; never logged
	Cookie        string
	Origin        string // of the page that asks, as browsers say it (RFC 6454 7); read by the net/http lane alone
	FetchSite     string // Sec-Fetch-Site, likewise
	FetchMode     string // Sec-Fetch-Mode: whether a browser goes there; read for links alone by the fast lane
	Agent         string // User-Agent, likewise

	// SetCookie is the Set-Cookie field that WHO has go with the answer; "" is none.
	SetCookie string
	// Certificate is the client's, as far as it holds. CertificateErr says why it does not; both are nil where there is none, or
	// where it is that of a trusted proxy.
	Certificate    *x509.Certificate
	CertificateErr error
	// Word is what a proxy says of who asks; nil where it says nothing. Whoever is not ByProxy may have written it.
	Word *ProxyWord

	Plan   plan.Request // validators, ranges, codings
	Accept string
}

// NetworkOf is where a client can choose its own address: an IPv6 host has a /64 to itself. It is the zero Prefix where there is no
// address: a Unix socket's peer, or a client in doubt.
func NetworkOf(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	bits := client.BitLen()
	if client.Is6() {
		bits = 64
	}
	p, _ := client.Prefix(bits)
	return p
}

// ProxyWord holds the fields in which a proxy says who asks, line by line.
type ProxyWord struct {
	User, Groups []string
	// Twin says that there was a field that some would take for one of these: X_User for X-User.
	Twin bool
}

// LogTarget is the target as the log may have it.
func (f *Facts) LogTarget() string {
	if f.Shown != "" {
		return f.Shown
	}
	return f.Target
}

// Subject is who asks. The zero Subject is anonymous.
type Subject struct {
	ID     string   // stable id; "" is anonymous
	Groups []string // groups the subject belongs to
	Method string   // how it was authenticated: "", "basic", "session", "token", "link", ...
	Limits *Limits  // of the credential; nil is none. They are not changed
}

// BearerChallenge is what a 401 says (RFC 6750 3) where there are no passwords, or where a browser is not to ask for one.
const BearerChallenge = `Bearer realm="rootbound"`

// Anonymous says whether nobody is known to ask.
func (s Subject) Anonymous() bool { return s.ID == "" }

// Right is what a grant may allow.
type Right string

// The rights.
const (
	Read    Right = "read"
	List    Right = "list"
	Create  Right = "create"
	Replace Right = "replace"
	Delete  Right = "delete"
	Share   Right = "share"
)

// Decision is the answer of WHO and MAY. The zero Decision allows nothing.
type Decision struct {
	Allowed bool
	Reason  reason.Code // of a refusal; "" when allowed
	Policy  string      // id of the policy or link that decided
	Right   Right       // that was asked for, where that does not show in the method
	// Private says that the answer depended on the subject or a link: shared caches must not keep it.
	Private bool
}

// Outcome is what became of a request, for the record.
type Outcome struct {
	Status int
	Reason reason.Code
	Cause  error // for the operator's log only
	Bytes  int64 // body bytes handed to the system
	Result Result
	// Watched says which rules only looked on, where they are being tried.
	Watched Watched
}

// Watched is a set of rules that would have changed an answer and did not.
type Watched uint8

// The rules that can be tried.
const (
	WatchedTake    Watched = 1 << iota // a route would have been answered without the application
	WatchedUniform                     // an error would have been made the uniform 404
)

// Result says how the sending ended.
type Result string

// The results.
const (
	Sent    Result = "sent"    // all of the answer was handed over
	Aborted Result = "aborted" // the client went away, or the file changed while it was sent
)

// Recorder is told twice of each request.
type Recorder interface {
	// Decided comes before the first byte; refusal is nil where the answer is about to be sent. An error stops that answer,
	// unless it is one of the server's own pages.
	Decided(at time.Time, f *Facts, who Subject, d Decision, refusal error) error
	// Done comes after the last.
	Done(at time.Time, f *Facts, who Subject, out Outcome)
}

// Gatherer is told of the requests that one goroutine answers, and hands all of it over together.
type Gatherer interface {
	Recorder
	// Flush comes before the goroutine waits, and before another tells the record of one of its requests.
	Flush()
}

// RecordStats are counts of a record since the process began.
type RecordStats struct {
	Records uint64 // taken up
	Lost    uint64 // that found no room
	Failing bool   // nothing can be written
}
