package confine

import "slices"

// Policy is what this process needs from the moment it serves. Descriptors that are open, listening sockets among them,
// stay open and need no rule.
type Policy struct {
	// Read holds files and directories whose content may be read and listed, Write those that may also be written, made,
	// renamed and removed. Remove holds directories in which files may be removed.
	Read, Write, Remove []string
	// Connect are TCP ports that may be connected to. Without any no TCP socket can be made.
	Connect []uint16
	// Unix lets Unix sockets be made, Datagrams UDP sockets (for DNS).
	Unix, Datagrams bool
	// Abstract leaves the abstract Unix sockets of other processes within reach.
	Abstract bool
	// Temporary is a directory that may be written to until Self returns; "" is none.
	Temporary string
}

// Parts are what a process can be held to, in the order in which people are told.
var Parts = []string{"files", "tcp", "system-calls", "sockets", "no-new-privileges", "no-core-dumps"}

// Enforced says what the kernel holds this process to, as it was found by trying once it did.
type Enforced struct {
	// ABI is the number that Landlock gives itself, 0 without Landlock.
	ABI int
	// On holds those of Parts that are enforced.
	On []string
	// Missing says of each other part why it is not, a sentence each.
	Missing []string
}

// Has says whether a part is enforced.
func (e *Enforced) Has(part string) bool { return e != nil && slices.Contains(e.On, part) }
