//go:build unix

package odb

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// packMode is that of git's own packs and objects: nobody changes them.
const packMode fs.FileMode = 0o444

func remove(name string) error { return os.Remove(name) }

// openFile is os.OpenFile without the five system calls by which that finds
// out that a regular file cannot be polled.
func openFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	fd, err := uninterrupted(func() (int, error) { return unix.Open(name, flag|unix.O_CLOEXEC, uint32(perm.Perm())) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func readFile(name string) ([]byte, error) {
	f, err := openFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

// rename is os.Rename without its look at what is there; nothing is ever
// renamed to a directory, which the system call refuses too.
func rename(from, to string) error {
	_, err := uninterrupted(func() (int, error) { return 0, unix.Rename(from, to) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func uninterrupted(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// syncDir makes a directory's entries durable.
func syncDir(name string) error { return syncFile(name) }

// syncFile makes a file durable. A descriptor for reading is enough on unix,
// and packs are read-only.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
