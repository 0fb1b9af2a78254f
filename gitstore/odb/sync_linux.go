package odb

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync leaves out the inode's times, so a write into space that is already
// allocated costs one flush and no transaction of the file system.
func datasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

func reserve(f *os.File, size int64) {
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size) // at worst the rename takes longer
}
