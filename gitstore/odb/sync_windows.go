package odb

import "os"

// syncDir does nothing: Windows offers no flush of a directory, and NTFS
// journals names itself.
func syncDir(string) error { return nil }

// syncFile makes a file durable. FlushFileBuffers needs a handle for writing,
// so the read-only attribute of a pack is lifted meanwhile.
func syncFile(name string) error {
	if err := os.Chmod(name, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if cerr := os.Chmod(name, 0o444); err == nil {
		err = cerr
	}
	return err
}
