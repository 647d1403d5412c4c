//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package durable

import (
	"errors"
	"os"
)

// Lock: the standard library knows no locks here, so age alone tells a left-over.
func Lock(*os.File) error { return errors.ErrUnsupported }
