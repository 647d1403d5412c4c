//go:build unix

package readfile

import (
	"os"
	"syscall"
)

// flags open for reading, never wait for the other end of a FIFO, and never make a terminal ours.
const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
