//go:build !cgo

package confine

// withCgo says that C may have made threads that the runtime does not know.
const withCgo = false
