package odb

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// adoptedKeep is what the .keep file of a pack says that was taken over whole
// and whose refs have not moved yet. It is not empty, so that nothing here
// takes the pack for one of its own small ones.
const adoptedKeep = "skein: taken over, its refs are about to move\n"

// Adopt moves a pack with its index, base being their path without ending, from
// another repository on the same file system into this one, durably. The pack
// must be complete and checked: nothing in it is looked at here. git leaves it
// alone until release is called, once refs need its objects. A caller that dies
// before that leaves a pack which git never repacks, until the same pack is
// adopted again; nothing else comes of it.
func (s *Storage) Adopt(base string) (release func() error, err error) {
	to := s.packPath(filepath.Base(base))
	if err := writeFile(s.fs(), to+".keep", 0o600, false, []byte(adoptedKeep)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	for _, ending := range []string{".pack", ".idx"} {
		if err := s.fs().SyncFile(base + ending); err != nil {
			return nil, err
		}
		if err := s.fs().Rename(base+ending, to+ending); err != nil {
			return nil, err
		}
	}
	if err := s.fs().SyncDir(s.packDir()); err != nil {
		return nil, err
	}
	_, err = s.packs.rescan()
	return func() error { return s.fs().Remove(to + ".keep") }, err
}
