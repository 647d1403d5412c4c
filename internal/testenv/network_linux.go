package testenv

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func canBeAlone() bool { return os.Geteuid() == 0 }

// ownNetwork moves the calling thread, and what it starts, into a new network
// namespace (network_namespaces(7)) and brings its loopback interface up.
func ownNetwork() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback interface up: %w", err)
	}
	return nil
}
