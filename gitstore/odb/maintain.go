package odb

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

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
func (s *Storage) MaintenanceDue() bool { return s.packs.fullTier() != nil }

// Maintain merges small packs and makes durable what only the journal held. It
// may run beside readers, writers and git, in any number of processes: all but
// one return at once. It takes the store's lock, twice, for a few flushes at
// most. Interrupted by ctx it leaves everything as it was.
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
	if err := s.markPublished(ctx); err != nil {
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

// markPublished finds the packs that may be merged. While we hold the lock no
// writer is between publishing a pack and moving its refs; a pack merged in
// that moment would lose its .keep file, and a gc of git's could drop it.
func (s *Storage) markPublished(ctx context.Context) error {
	unlock, err := s.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.packs.rescan(); err != nil {
		return err
	}
	s.packs.mu.RLock()
	defer s.packs.mu.RUnlock()
	for _, p := range s.packs.packs {
		p.published.Store(true)
	}
	return nil
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
		if t := p.tier(); t >= 0 && p.published.Load() {
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
