package odb

import (
	"errors"
	"io/fs"
)

var errKilled = errors.New("killed")

// outcome is what becomes of a call that changes the disk.
type outcome struct {
	err   error // nil: it is done
	short bool  // of a write, the first half is done
	late  bool  // it is done, and reported as failed all the same
}

// hookFS asks hook before every call that changes the disk. What it is told is
// the name of the call.
type hookFS struct {
	FS
	hook func(call string) outcome
}

func (h hookFS) do(name string, call func() error) error {
	o := h.hook(name)
	if o.err == nil {
		return call()
	}
	if o.late {
		_ = call()
	}
	return o.err
}

func (h hookFS) OpenFile(name string, flag int, perm fs.FileMode) (f File, err error) {
	err = h.do("open", func() error { f, err = h.FS.OpenFile(name, flag, perm); return err })
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, err
	}
	return hookFile{f, h}, nil
}

func (h hookFS) Mkdir(name string, perm fs.FileMode) error {
	return h.do("mkdir", func() error { return h.FS.Mkdir(name, perm) })
}

func (h hookFS) Rename(from, to string) error {
	return h.do("rename", func() error { return h.FS.Rename(from, to) })
}

func (h hookFS) Remove(name string) error {
	return h.do("remove", func() error { return h.FS.Remove(name) })
}

func (h hookFS) SyncFile(name string) error {
	return h.do("sync", func() error { return h.FS.SyncFile(name) })
}

func (h hookFS) SyncDir(name string) error {
	return h.do("sync directory", func() error { return h.FS.SyncDir(name) })
}

type hookFile struct {
	File
	h hookFS
}

func (f hookFile) write(b []byte, call func([]byte) (int, error)) (int, error) {
	o := f.h.hook("write")
	switch {
	case o.err == nil:
		return call(b)
	case o.late:
		n, _ := call(b)
		return n, o.err
	case o.short:
		n, _ := call(b[:len(b)/2])
		return n, o.err
	}
	return 0, o.err
}

func (f hookFile) Write(b []byte) (int, error) { return f.write(b, f.File.Write) }

func (f hookFile) WriteAt(b []byte, off int64) (int, error) {
	return f.write(b, func(b []byte) (int, error) { return f.File.WriteAt(b, off) })
}

func (f hookFile) Sync() error     { return f.h.do("sync", f.File.Sync) }
func (f hookFile) Datasync() error { return f.h.do("sync", f.File.Datasync) }
