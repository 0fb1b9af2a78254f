package main

import (
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"

	"skein/gitstore/odb"
)

// meter counts what the merging of packs writes. A merged pack begins as a
// pair of files "compact…"; everything else is written by the posts themselves.
type meter struct {
	odb.FS
	merged atomic.Int64 // bytes
}

// OpenFile opens as odb.FS does, and counts what is written to merged packs.
func (m *meter) OpenFile(name string, flag int, perm fs.FileMode) (odb.File, error) {
	f, err := m.FS.OpenFile(name, flag, perm)
	if err != nil || !strings.HasPrefix(filepath.Base(name), "compact") {
		return f, err
	}
	return &meteredFile{File: f, bytes: &m.merged}, nil
}

type meteredFile struct {
	odb.File
	bytes *atomic.Int64
}

func (f *meteredFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.bytes.Add(int64(n))
	return n, err
}
