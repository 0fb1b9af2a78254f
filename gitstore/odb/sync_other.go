//go:build !linux

package odb

import "os"

// datasync is Sync: on macOS that is F_FULLFSYNC, on Windows FlushFileBuffers.
func datasync(f *os.File) error { return f.Sync() }

func reserve(*os.File, int64) {}
