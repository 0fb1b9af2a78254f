//go:build !linux

package gitstore

import "testing"

// full skips: only Linux has disks in memory that a test can make.
func full(t *testing.T, _ string) {
	t.Helper()
	t.Skip("a small disk is made on Linux only")
}
