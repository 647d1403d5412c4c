package tree

import "golang.org/x/sys/unix"

func makeFIFO(path string) error { return unix.Mkfifo(path, 0o644) }

// makeSocket uses mknod(2), which has no limit of 107 bytes as bind(2) has.
func makeSocket(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o644, 0) }

func makeDevice(path string) error {
	return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
}
