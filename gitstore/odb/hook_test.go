package odb

import (
	"errors"
	"io/fs"
	"sync"
)

var errKilled = errors.New("killed")

// outcome is what becomes of a call that changes the disk.
type outcome struct {
	err   error // nil: it is done
	short bool  // of a write, the first half is done
	late  bool  // it is done, and reported as failed all the same
}

// hookFS asks hook before every call that changes the disk, one call at a time.
// It is told the name of the call and of the file.
type hookFS struct {
	FS
	hook func(call, name string) outcome
}

func hooked(fsys FS, hook func(call, name string) outcome) hookFS {
	var asking sync.Mutex
	return hookFS{fsys, func(call, name string) outcome {
		asking.Lock()
		defer asking.Unlock()
		return hook(call, name)
	}}
}

func (h hookFS) do(kind, name string, call func() error) error {
	o := h.hook(kind, name)
	if o.err == nil {
		return call()
	}
	if o.late {
		_ = call()
	}
	return o.err
}

func (h hookFS) OpenFile(name string, flag int, perm fs.FileMode) (f File, err error) {
	err = h.do("open", name, func() error { f, err = h.FS.OpenFile(name, flag, perm); return err })
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, err
	}
	return hookFile{f, h, name}, nil
}

func (h hookFS) Mkdir(name string, perm fs.FileMode) error {
	return h.do("mkdir", name, func() error { return h.FS.Mkdir(name, perm) })
}

func (h hookFS) Rename(from, to string) error {
	return h.do("rename", to, func() error { return h.FS.Rename(from, to) })
}

func (h hookFS) Remove(name string) error {
	return h.do("remove", name, func() error { return h.FS.Remove(name) })
}

func (h hookFS) SyncFile(name string) error {
	return h.do("sync", name, func() error { return h.FS.SyncFile(name) })
}

func (h hookFS) SyncDir(name string) error {
	return h.do("sync directory", name, func() error { return h.FS.SyncDir(name) })
}

type hookFile struct {
	File
	h    hookFS
	name string
}

func (f hookFile) write(b []byte, call func([]byte) (int, error)) (int, error) {
	o := f.h.hook("write", f.name)
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

func (f hookFile) Sync() error     { return f.h.do("sync", f.name, f.File.Sync) }
func (f hookFile) Datasync() error { return f.h.do("sync", f.name, f.File.Datasync) }
