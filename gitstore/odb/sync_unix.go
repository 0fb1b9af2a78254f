//go:build unix

package odb

import "os"

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
