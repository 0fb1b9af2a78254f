package odb

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// checkpoint makes durable by themselves all packs and refs that so far only
// the journal vouches for, then starts the journal afresh. Before that it
// finishes what a killed writer left half done: refs that are behind the
// journal are moved. The caller holds the store's lock and has caught up with
// the journal.
func (s *Storage) checkpoint() error {
	tips := maps.Clone(s.journal.tips)
	for _, name := range slices.Sorted(maps.Keys(tips)) {
		if err := s.settle(name, tips[name], nil); err != nil {
			return err
		}
	}
	if err := s.syncKept(); err != nil {
		return err
	}
	refs, err := s.refsToKeep(tips)
	if err != nil {
		return err
	}
	for _, m := range refs {
		if err := s.syncRef(m.ref); err != nil {
			return err
		}
	}
	return s.journal.restart(refs)
}

// refsToKeep returns the branches, and the other refs that the journal knows,
// as they stand.
func (s *Storage) refsToKeep(tips map[plumbing.ReferenceName]plumbing.Hash) ([]move, error) {
	refs, err := s.looseRefs()
	if err != nil {
		return nil, err
	}
	for name, tip := range tips {
		if _, loose := refs[name]; loose {
			continue
		}
		value, err := s.readRef(name)
		if brokenRef(err) {
			value, err = tip, nil
		}
		if err != nil {
			return nil, err
		}
		refs[name] = value
	}
	var kept []move
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		if _, known := tips[name]; known || name.IsBranch() {
			kept = append(kept, move{ref: name, new: refs[name]})
		}
	}
	return kept, nil
}

// syncKept syncs every pack that has a .keep file: merged ones were synced
// when they were written.
func (s *Storage) syncKept() error {
	files, err := os.ReadDir(s.packDir())
	if err != nil {
		return err
	}
	for _, f := range files {
		base, ok := strings.CutSuffix(f.Name(), ".keep")
		if !ok || !ourKeep(s.packPath(f.Name())) {
			continue
		}
		for _, ending := range []string{".pack", ".idx"} {
			if err := s.fs().SyncFile(s.packPath(base) + ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return s.fs().SyncDir(s.packDir())
}
