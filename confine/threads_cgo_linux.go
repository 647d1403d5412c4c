//go:build cgo

package confine

// withCgo says that C may have made threads that the runtime does not know. There is no call that has all of them enter
// Landlock; libpsx, which has each do so by a signal, does not come to an end where one does not answer.
const withCgo = true
