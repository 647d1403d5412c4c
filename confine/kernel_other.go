//go:build !linux

package confine

// Kernel returns the zero value: only Linux has what this package asks for.
func Kernel() (Support, error) { return Support{}, ErrUnsupported }
