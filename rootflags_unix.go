//go:build unix

package rootbound

import (
	"os"
	"syscall"
)

// rootFlags never block on a FIFO and never make a terminal ours.
const rootFlags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
