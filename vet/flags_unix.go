//go:build unix

package vet

import (
	"os"
	"syscall"
)

// openFlags never wait for the other end of a FIFO, and never make a terminal ours.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
