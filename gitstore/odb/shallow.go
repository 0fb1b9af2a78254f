package odb

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// A repository may lack the older part of its history. The commits at which
// what is there begins, which git calls shallow, stand in the file shallow
// (gitrepository-layout): whoever walks through history stops at them, since
// their parents are not there.

// shallowList is the file shallow as it was last read. Its zero value is ready.
type shallowList struct {
	mu      sync.Mutex
	read    stamp
	commits map[plumbing.Hash]bool
}

func (s *Storage) shallowPath() string { return filepath.Join(s.dir, "shallow") }

// IsShallow tells whether the parents of a commit count as not there, though it
// names them.
func (s *Storage) IsShallow(commit plumbing.Hash) (bool, error) {
	set, err := s.ShallowSet()
	return set[commit], err
}

// ShallowSet returns the commits of Shallow, for a walk to ask of many. It is
// looked whether the list is still the one that was read, and no more than that
// if it is. The caller must not change the set, and nobody else does.
func (s *Storage) ShallowSet() (map[plumbing.Hash]bool, error) {
	s.shallow.mu.Lock()
	defer s.shallow.mu.Unlock()
	is := stampOf(s.shallowPath())
	if is != s.shallow.read {
		commits, err := s.Shallow()
		if err != nil {
			return nil, err
		}
		s.shallow.read, s.shallow.commits = is, make(map[plumbing.Hash]bool, len(commits))
		for _, h := range commits {
			s.shallow.commits[h] = true
		}
	}
	return s.shallow.commits, nil
}

// Shallow returns the commits at which the history that is there begins; none
// if all of it is.
func (s *Storage) Shallow() ([]plumbing.Hash, error) {
	text, err := readFile(s.shallowPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var commits []plumbing.Hash
	for line := range bytes.Lines(text) {
		h, ok := parseHash(string(bytes.TrimSpace(line)))
		if !ok {
			return nil, fmt.Errorf("%s names %q, which is no commit; restore the file from another clone", s.shallowPath(), line)
		}
		commits = append(commits, h)
	}
	return commits, nil
}

// SetShallow says durably at which commits the history that is there begins. It
// must be called before a ref needs it, and after what it does not name any
// more has its parents.
func (s *Storage) SetShallow(commits []plumbing.Hash) error {
	return s.ChangeShallow(func([]plumbing.Hash) []plumbing.Hash { return commits })
}

// ChangeShallow is SetShallow with what is to become of the commits that are
// shallow now. Neither git nor another process changes the list meanwhile.
func (s *Storage) ChangeShallow(change func([]plumbing.Hash) []plumbing.Hash) error {
	lock := s.shallowPath() + ".lock"
	if err := s.createLock(s.shallowPath(), nil); err != nil {
		return err
	}
	is, err := s.Shallow()
	if err != nil {
		return errors.Join(err, s.fs().Remove(lock))
	}
	commits := change(slices.Clone(is))
	switch {
	case slices.Equal(is, commits):
		return s.fs().Remove(lock)
	case len(commits) == 0:
		err = s.fs().Remove(s.shallowPath()) // git would keep no empty file either
		err = errors.Join(err, s.fs().Remove(lock))
	default:
		err = s.writeShallow(lock, commits)
	}
	return errors.Join(err, s.fs().SyncDir(s.dir))
}

// writeShallow fills the lock of the list, and makes it the list.
func (s *Storage) writeShallow(lock string, commits []plumbing.Hash) error {
	f, err := s.fs().OpenFile(lock, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return errors.Join(err, s.fs().Remove(lock))
	}
	for _, h := range commits {
		if _, err = f.Write([]byte(h.String() + "\n")); err != nil {
			break
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = s.fs().Rename(lock, s.shallowPath())
	}
	if err != nil {
		err = errors.Join(err, s.fs().Remove(lock))
	}
	return err
}
