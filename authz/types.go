package authz

import "github.com/rootbound/rootbound/internal/request"

// The types that are decided about, for programs of one's own.
type (
	// Subject is who asks: its ID, "" being anonymous, the groups that it is known to belong to, and how that was found out.
	Subject = request.Subject
	// Right is what may be allowed.
	Right = request.Right
	// Decision is the answer. The zero Decision allows nothing.
	Decision = request.Decision
)

// The rights.
const (
	Read    = request.Read
	List    = request.List
	Create  = request.Create
	Replace = request.Replace
	Delete  = request.Delete
	Share   = request.Share
)
