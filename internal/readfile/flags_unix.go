//go:build unix

package readfile

import (
	"os"
	"syscall"
)

// Flags open for reading, never wait for the other end of a FIFO, and never make a terminal ours.
const Flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
