//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package rootbound

import (
	"errors"
	"os"
)

// lockFile: the standard library knows no locks here, so age alone tells a left-over.
func lockFile(*os.File) error { return errors.ErrUnsupported }
