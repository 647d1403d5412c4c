//go:build linux && !amd64

package confine

// oldCalls are calls that only amd64 has.
var oldCalls map[uint32]call
