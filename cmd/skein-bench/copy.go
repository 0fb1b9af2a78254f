package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// copyStore copies a store. Packs and their indexes are never changed once they
// are written, so those are linked, which makes a copy of any size in a moment.
func copyStore(from, to string) error {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		source, target := filepath.Join(from, f.Name()), filepath.Join(to, f.Name())
		if err := copyEntry(f, source, target); err != nil {
			return err
		}
	}
	return nil
}

func copyEntry(f os.DirEntry, from, to string) error {
	if f.IsDir() {
		return copyStore(from, to)
	}
	if ext := filepath.Ext(from); (ext == ".pack" || ext == ".idx") && os.Link(from, to) == nil {
		return nil
	}
	return copyFile(from, to)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), keepTime(in, to))
}

// keepTime gives a copy its original's time: the index is known by it.
func keepTime(original *os.File, name string) error {
	info, err := original.Stat()
	if err != nil {
		return err
	}
	return os.Chtimes(name, info.ModTime(), info.ModTime())
}
