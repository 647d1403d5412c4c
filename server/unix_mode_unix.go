//go:build unix

package server

import "golang.org/x/sys/unix"

func ownerOnly(fd uintptr) error { return unix.Fchmod(int(fd), 0o600) }
