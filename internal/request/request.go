// Package request holds the facts of one request that the stages decide on. They are plain values, not an
// *http.Request, so that every lane of the server asks the same stages.
package request

import (
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
	Host   string
	Proto  string // "HTTP/1.1", "HTTP/2.0"

	Peer      netip.Addr // the socket's other end; invalid for Unix sockets
	Client    netip.Addr // the client: Peer, unless a trusted proxy said otherwise
	Forwarded bool       // a proxy's header (Forwarded, X-Forwarded-For) was there
	TLS       bool

	// Name is what was asked for. Where NameErr is set, it is the refusal, held back until WHO has answered.
	Name    name.Name
	NameErr error

	Authorization string // credentials as sent; never logged
	Cookie        string

	Plan   plan.Request // validators, ranges, codings
	Accept string
}

// Subject is who asks. The zero Subject is anonymous.
type Subject struct {
	ID     string   // stable id; "" is anonymous
	Groups []string // groups the subject belongs to
	Method string   // how it was authenticated: "", "basic", "session", "token", "link", ...
}

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
}

// Result says how the sending ended.
type Result string

// The results.
const (
	Sent    Result = "sent"    // all of the answer was handed over
	Aborted Result = "aborted" // the client went away, or the file changed while it was sent
)
