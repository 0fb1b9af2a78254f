package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"
)

// SQLite cannot tell whether another program wrote into its file: noise within
// a page of the full-text index just makes it find less. A stamp beside the
// file says when and how large the file was when this package last wrote into
// it; a file that is not as its stamp says is damaged, and one look per view
// tells. In WAL mode SQLite writes into the file only at a checkpoint, so
// those are never left to it: see checkpoint.

const stampSuffix = ".stamp"

// writing is the stamp of a file that is being written. Whoever finds it takes
// the file for sound: a crash leaves it until the next checkpoint.
const writing = "writing"

// stampOf returns the stamp that fits a file.
func stampOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes, %d", info.Size(), info.ModTime().UnixNano()), nil
}

func stampPath(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) + stampSuffix }

// copyingPath is the file that is locked during a checkpoint.
func copyingPath(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".copying"
}

// writeStamp replaces the stamp of a file, whole.
func writeStamp(path, stamp string) error {
	draft := stampPath(path) + draftSuffix
	if err := os.WriteFile(draft, []byte(stamp), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, stampPath(path))
}

// stampless tells whether the system says too late when a file was written:
// on Windows that may be when the last process closes it.
const stampless = runtime.GOOS == "windows"

// checkStamp tells whether the file is as this package left it. It reads the
// stamp only when the file has changed.
func (f *file) checkStamp() error {
	if stampless {
		return nil
	}
	const tries = 4 // another process may write both meanwhile
	var is, want string
	for range tries {
		var err error
		if is, err = stampOf(f.path); err != nil {
			return damaged("%w", err)
		}
		if sound := f.sound.Load(); sound != nil && *sound == is {
			return nil
		}
		b, err := os.ReadFile(stampPath(f.path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		switch want = string(b); want {
		case is:
			f.sound.Store(&is)
			return nil
		case writing:
			return nil
		}
	}
	return damaged("%s has %s, its stamp says %q", f.name, is, want)
}

const (
	beginSQL    = `BEGIN IMMEDIATE`
	rollbackSQL = `ROLLBACK`
	// lookSQL and copySQL return whether another connection was in the way,
	// how many pages the log holds, and how many of them are in the file.
	lookSQL = `PRAGMA wal_checkpoint(NOOP)`
	copySQL = `PRAGMA wal_checkpoint(PASSIVE)`
)

// due tells whether the write-ahead log holds at least so many pages that are
// not in the file yet. c must be outside a transaction.
func (f *file) due(c *conn, pages int) bool {
	var busy, logged, copied int
	_, err := c.row(lookSQL, nil, &busy, &logged, &copied)
	return err == nil && logged-copied >= pages
}

// checkpoint copies the write-ahead log into the file and stamps the file. One
// process does so at a time; if another is at it, nothing is done. Nobody who
// writes waits for it, as it flushes the file to the disk.
func (f *file) checkpoint() error {
	lock := flock.New(copyingPath(f.path), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return err
	}
	defer func() { _ = lock.Unlock() }() // closing the descriptor unlocks
	if err := f.checkStamp(); err != nil {
		return err // a new stamp would hide it
	}
	c, err := f.dial()
	if err != nil {
		return err
	}
	if err = writeStamp(f.path, writing); err == nil {
		var busy, logged, copied int
		_, err = c.row(copySQL, nil, &busy, &logged, &copied)
	}
	if stamp, e := stampOf(f.path); err == nil && e == nil {
		err = writeStamp(f.path, stamp)
	}
	return errors.Join(err, c.hangUp())
}
