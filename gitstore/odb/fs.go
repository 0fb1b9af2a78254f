package odb

import (
	"io"
	"io/fs"
	"os"
)

// FS is every call by which this package changes the disk. There are two
// implementations: OS, and the one in the tests that loses, tears and reorders
// what was not yet synced. Reading goes to the operating system directly.
type FS interface {
	// OpenFile opens as os.OpenFile does; flag includes os.O_WRONLY or os.O_RDWR.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	// SyncFile makes the data of an existing file durable, also of one that
	// may not be written.
	SyncFile(name string) error
	// SyncDir makes the entries of a directory durable: names made, renamed
	// and removed in it so far.
	SyncDir(name string) error
}

// File is an open file of an FS.
type File interface {
	io.Writer
	io.WriterAt
	// Reserve asks for the space of the file's first bytes at once. It changes
	// nothing that can be read, and where it is not possible it does nothing.
	// ext4 writes a new file out when it is renamed over another one, unless it
	// has its space; that would make every move of a ref wait for the disk.
	Reserve(size int64)
	// Sync makes data and metadata durable.
	Sync() error
	// Datasync makes the data durable, and of the metadata what is needed to
	// read it back; it is cheaper than Sync where nothing was allocated.
	Datasync() error
	Close() error
}

// OS is the file system of the operating system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := openFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }
func (osFS) Rename(from, to string) error              { return rename(from, to) }
func (osFS) Remove(name string) error                  { return remove(name) }
func (osFS) SyncFile(name string) error                { return syncFile(name) }
func (osFS) SyncDir(name string) error                 { return syncDir(name) }

type osFile struct{ *os.File }

func (f osFile) Datasync() error    { return datasync(f.File) }
func (f osFile) Reserve(size int64) { reserve(f.File, size) }

// writeFile makes a file that must not exist yet and writes it whole. With
// sync it is durable on return, but for its name (SyncDir).
func writeFile(fsys FS, name string, perm fs.FileMode, sync bool, data []byte) error {
	return createFile(fsys, name, perm, func(f File) error {
		if len(data) > 0 {
			if _, err := f.Write(data); err != nil {
				return err
			}
		}
		if sync {
			return f.Sync()
		}
		return nil
	})
}

// createFile makes a file that must not exist yet. If it cannot be filled it
// is removed again.
func createFile(fsys FS, name string, perm fs.FileMode, fill func(File) error) error {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	err = fill(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = fsys.Remove(name)
	}
	return err
}
