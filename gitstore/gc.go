package gitstore

import (
	"context"

	"skein/gitstore/odb"
)

// Size is how much the objects of a store take.
type Size = odb.Size

// Compacted says what Compact found and what it left.
type Compacted = odb.Compacted

// Compact makes the repository as small as it can be: all objects in one pack,
// with deltas. Others may read and write meanwhile. Interrupted by ctx it leaves
// everything as it was. What was replaced stays for a grace period of ten
// minutes, for git commands that are reading it. progress, if not nil, is told
// how many objects of how many are done; calls do not overlap.
func (s *Store) Compact(ctx context.Context, progress func(done, total int)) (*Compacted, error) {
	return s.db.Compact(ctx, progress)
}

// maintainEvery is how many groups are committed before maintenance is asked
// for whatever this process knows: other processes make small packs too.
const maintainEvery = 8

// committed counts a group that was committed, and starts maintenance when it
// is due.
func (s *Store) committed() {
	if s.groups.Add(1) >= maintainEvery || s.db.MaintenanceDue() {
		s.maintainSoon()
	}
}

// maintainSoon merges small packs in the background. One run at a time is
// enough: another group asks again.
func (s *Store) maintainSoon() {
	s.soon(s.upkeep, func() {
		s.groups.Store(0)
		if err := s.db.Maintain(context.Background()); err != nil {
			s.log.Warn("packs could not be merged; it is tried again after a while", "err", err)
		}
		if s.db.CompactionDue() {
			s.compactSoon()
		}
	})
}

// compactSoon compacts larger packs in the background, unless Close comes
// first. It is apart from maintenance, which must not wait for it.
func (s *Store) compactSoon() {
	s.soon(s.compacting, func() {
		if err := s.db.CompactSome(s.closes); err != nil && s.closes.Err() == nil {
			s.log.Warn("packs could not be compacted; it is tried again after a while", "err", err)
		}
	})
}

// soon does some work in the background unless it is being done.
func (s *Store) soon(turn chan struct{}, work func()) {
	select {
	case turn <- struct{}{}:
	default:
		return
	}
	s.background.Go(func() {
		defer func() { <-turn }()
		work()
	})
}
