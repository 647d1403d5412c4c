//go:build unix && !linux

package tree

import (
	"fmt"
	"net"
	"runtime"
	"syscall"
)

func makeFIFO(path string) error { return syscall.Mkfifo(path, 0o644) }

func makeSocket(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l.Close()
}

func makeDevice(string) error {
	return fmt.Errorf("devices are made on Linux only, not on %s", runtime.GOOS)
}
