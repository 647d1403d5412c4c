package confine

import (
	"errors"

	"golang.org/x/sys/unix"
)

// dropped are the capabilities that reach past every rule: with them a command of root's could load a module, mount, look
// into other processes, open files by their number, or speak on the wire without a port. What root may do with files and
// users stays.
var dropped = []int{
	unix.CAP_SYS_ADMIN, unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO, unix.CAP_SYS_PTRACE, unix.CAP_SYS_BOOT, unix.CAP_SYS_CHROOT, unix.CAP_SYS_TIME,
	unix.CAP_DAC_READ_SEARCH, unix.CAP_MKNOD, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_MAC_ADMIN, unix.CAP_MAC_OVERRIDE, unix.CAP_SYSLOG,
	unix.CAP_AUDIT_CONTROL, unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_CHECKPOINT_RESTORE, unix.CAP_LINUX_IMMUTABLE, unix.CAP_SYS_TTY_CONFIG,
	unix.CAP_SETPCAP,
}

type capabilities [2]unix.CapUserData

func readCapabilities() (c capabilities, err error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return c, unix.Capget(&hdr, &c[0])
}

func (c *capabilities) has(n int) bool { return c[n/32].Effective&(1<<(n%32)) != 0 }

func (c *capabilities) drop(n int) {
	mask := ^uint32(1 << (n % 32))
	c[n/32].Effective &= mask
	c[n/32].Permitted &= mask
	c[n/32].Inheritable &= mask
}

// canMount says whether a mount namespace can be made without a user namespace around it.
func canMount() bool {
	c, err := readCapabilities()
	return err == nil && c.has(unix.CAP_SYS_ADMIN)
}

// dropCapabilities takes dropped from the calling thread and from everything it will execute. What is not permitted any
// more leaves the ambient set by itself, capabilities(7).
func dropCapabilities() error {
	c, err := readCapabilities()
	if err != nil {
		return err
	}
	for _, n := range dropped {
		// A kernel may not know the newest of them. Without CAP_SETPCAP the bounding set stays as it is; no_new_privs
		// keeps what is not permitted from coming back either way.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0); err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
			return err
		}
		c.drop(n)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return unix.Capset(&hdr, &c[0])
}
