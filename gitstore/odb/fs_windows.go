package odb

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// packMode is not read-only as elsewhere: Windows neither flushes nor replaces
// a file with that attribute.
const packMode fs.FileMode = 0o600

// A file cannot be replaced or removed while another process has it open, be
// it a virus scanner; both last for moments. git waits in the same way.
const (
	busyTries = 10
	busyWait  = time.Millisecond
)

func retry(call func() error) error {
	wait := busyWait
	for range busyTries {
		err := call()
		if !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
			return err
		}
		time.Sleep(wait)
		wait *= 2
	}
	return call()
}

func readFile(name string) (data []byte, err error) {
	err = retry(func() error { data, err = os.ReadFile(name); return err })
	return data, err
}

func openFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}

func rename(from, to string) error { return retry(func() error { return os.Rename(from, to) }) }
func remove(name string) error     { return retry(func() error { return os.Remove(name) }) }

// syncDir does nothing: Windows offers no flush of a directory, and NTFS
// journals names itself.
func syncDir(string) error { return nil }

// syncFile makes a file durable. FlushFileBuffers needs a handle for writing.
func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
