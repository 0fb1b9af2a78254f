package odb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/gofrs/flock"
)

// Packs are merged in tiers, as in a log-structured merge tree: 32 small new
// ones into one, then 16 of a size into one of the next. So there are never
// more than about 90, and an object is copied once a tier.
const (
	smallPacks = 32
	tierPacks  = 16

	garbageAge = time.Hour // temporary files older than this belong to nobody
)

// tierLimits are the numbers of objects up to which a merged pack belongs to a
// tier. Packs beyond the last are left as they are.
var tierLimits = []int{4 << 10, 64 << 10, 1 << 20}

// MaintenanceDue says, from what this process has seen, whether Maintain has
// something to do. It costs nothing.
func (s *Storage) MaintenanceDue() bool { return s.packs.countKept() >= smallPacks }

// Maintain merges small packs and makes durable what only the journal held. It
// may run beside readers, writers and git, in any number of processes: all but
// one return at once. It holds the store's lock for a few flushes at most.
// Interrupted by ctx it leaves everything as it was.
func (s *Storage) Maintain(ctx context.Context) error {
	if !s.maintaining.TryLock() {
		return nil
	}
	defer s.maintaining.Unlock()
	lock := flock.New(filepath.Join(s.StateDir(), "maintain.lock"), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return err
	}
	defer func() { _ = lock.Unlock() }() // closing the descriptor unlocks
	if err := s.packs.rescan(); err != nil {
		return err
	}
	if err := s.mergeAll(ctx); err != nil {
		return fmt.Errorf("merge packs: %w", err)
	}
	if err := s.checkpointIfHalfFull(ctx); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return s.clearGarbage()
}

// mergeAll merges tier by tier until none is full.
func (s *Storage) mergeAll(ctx context.Context) error {
	for {
		sources := s.packs.fullTier()
		if len(sources) == 0 || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		merged, err := s.merge(ctx, sources)
		if err != nil || !merged {
			return err
		}
	}
}

// fullTier returns the packs of the lowest tier that has enough to merge.
func (s *packSet) fullTier() []*pack {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tiers := make([][]*pack, 1+len(tierLimits))
	for _, p := range s.packs {
		if t := p.tier(); t >= 0 {
			tiers[t] = append(tiers[t], p)
		}
	}
	for t, packs := range tiers {
		if t == 0 && len(packs) >= smallPacks || t > 0 && len(packs) >= tierPacks {
			return packs
		}
	}
	return nil
}

func (p *pack) tier() int {
	switch i, _ := slices.BinarySearch(tierLimits, p.count); {
	case p.foreign.Load():
		return -1
	case p.kept:
		return 0
	case i == len(tierLimits):
		return -1
	default:
		return 1 + i
	}
}

func (s *packSet) countKept() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, p := range s.packs {
		if p.kept {
			n++
		}
	}
	return n
}

// checkpointIfHalfFull keeps writers from meeting a full journal.
func (s *Storage) checkpointIfHalfFull(ctx context.Context) error {
	if s.opts.NoSync {
		return nil
	}
	unlock, err := s.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.journal.catchUp(); err != nil || s.journal.end < journalSize/2 {
		return err
	}
	return s.checkpoint()
}

// checkpoint makes durable by themselves all packs and refs that so far only
// the journal vouches for, then starts the journal afresh. The caller holds
// the store's lock and has caught up with the journal.
func (s *Storage) checkpoint() error {
	if err := s.syncKept(); err != nil {
		return err
	}
	refs, err := s.looseRefs()
	if err != nil {
		return err
	}
	var moves []move
	for name, value := range refs {
		if err := s.syncRef(name); err != nil {
			return err
		}
		moves = append(moves, move{ref: name, new: value})
	}
	for name, value := range s.journal.tips {
		if _, loose := refs[name]; !loose {
			moves = append(moves, move{ref: name, new: value})
		}
	}
	return s.journal.restart(moves)
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
		if !ok {
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

// looseRefs returns the refs that have a file of their own.
func (s *Storage) looseRefs() (map[plumbing.ReferenceName]plumbing.Hash, error) {
	all := map[plumbing.ReferenceName]plumbing.Hash{}
	root := filepath.Join(s.dir, "refs")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while walking
		}
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		rel, err := filepath.Rel(s.dir, path)
		if err != nil {
			return err
		}
		name := plumbing.ReferenceName(filepath.ToSlash(rel))
		value, err := s.readRef(name)
		if err == nil {
			all[name] = value
		}
		if errors.Is(err, errBadRef) || errors.Is(err, plumbing.ErrReferenceNotFound) {
			err = nil
		}
		return err
	})
	return all, err
}

// clearGarbage removes temporary files that nobody can still be writing.
func (s *Storage) clearGarbage() error {
	files, err := os.ReadDir(s.packDir())
	if err != nil {
		return err
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || time.Since(info.ModTime()) < garbageAge {
			continue
		}
		if strings.Contains(f.Name(), ".tmp-") || s.orphan(f.Name()) {
			_ = s.fs().Remove(filepath.Join(s.packDir(), f.Name())) // tried again next time
		}
	}
	return nil
}

// orphan says whether a file is what a killed writer left of a small pack: a
// note without its pack, or a torn pack without an index.
func (s *Storage) orphan(file string) bool {
	if base, ok := strings.CutSuffix(file, ".keep"); ok {
		note, err := os.ReadFile(s.packPath(file))
		return err == nil && string(note) == keepNote && !exists(s.packPath(base)+".pack")
	}
	base, ok := strings.CutSuffix(file, ".pack")
	if !ok || exists(s.packPath(base)+".idx") || !exists(s.packPath(base)+".keep") {
		return false
	}
	data, err := os.ReadFile(s.packPath(file))
	return err == nil && (len(data) < packHeader+packTrailer || !soundSum(data))
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
