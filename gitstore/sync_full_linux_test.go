package gitstore

import (
	"syscall"
	"testing"
)

// full makes a directory a small disk of its own.
func full(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("skein-test", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("a disk that is full takes the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}
