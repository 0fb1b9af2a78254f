//go:build unix

package odb

import "golang.org/x/sys/unix"

// dropPages gives back the memory of a mapping; what is read again comes from
// the page cache. It is advice: a system that does not take it has lost nothing.
func dropPages(mapping []byte) { _ = unix.Madvise(mapping, unix.MADV_DONTNEED) }
