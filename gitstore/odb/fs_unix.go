//go:build unix

package odb

import (
	"io/fs"
	"os"
)

// packMode is that of git's own packs and objects: nobody changes them.
const packMode fs.FileMode = 0o444

func readFile(name string) ([]byte, error) { return os.ReadFile(name) }
func rename(from, to string) error         { return os.Rename(from, to) }
func remove(name string) error             { return os.Remove(name) }

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
