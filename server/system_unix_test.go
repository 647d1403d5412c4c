//go:build unix

package server

import "syscall"

func setReceiveBuffer(fd uintptr, bytes int) error {
	return syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)
}

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o644) }
