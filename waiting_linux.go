package rootbound

import "golang.org/x/sys/unix"

// remoteTypes are the file systems of statfs(2) whose reads wait for another program or machine, for as long as that
// likes.
var remoteTypes = map[uint32]bool{
	unix.FUSE_SUPER_MAGIC: true, unix.NFS_SUPER_MAGIC: true, unix.SMB_SUPER_MAGIC: true, unix.SMB2_SUPER_MAGIC: true,
	unix.CIFS_SUPER_MAGIC: true, unix.CEPH_SUPER_MAGIC: true, unix.V9FS_MAGIC: true, unix.AFS_SUPER_MAGIC: true,
	unix.AFS_FS_MAGIC: true, unix.CODA_SUPER_MAGIC: true,
}

// remote says whether reading the file may wait for more than a disk. Then the system is not asked to carry it to a
// connection: a call that waits for both would hold its share for as long as the client likes.
func (f *File) remote() (is bool, err error) {
	err = f.waiting(sendPatience, func() error {
		return control(f.f, func(fd int) error {
			var st unix.Statfs_t
			err := unix.Fstatfs(fd, &st)
			for err == unix.EINTR {
				err = unix.Fstatfs(fd, &st)
			}
			is = remoteTypes[uint32(st.Type)]
			return err
		})
	})
	return is, err
}
