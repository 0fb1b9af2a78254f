package odb

import (
	"context"
	"fmt"
	"time"
)

// garbageAge is how old temporary files are that belong to nobody.
const garbageAge = time.Hour

// MaintenanceDue says, from what this process has seen, whether Maintain has
// something to do. It costs nothing.
func (s *Storage) MaintenanceDue() bool { return s.packs.toCopy() != nil }

// Maintain merges small packs, makes durable what only the journal held, and
// removes packs that were replaced a while ago. It may run beside readers,
// writers and git, in any number of processes: all but one return at once. It
// takes the store's lock for a few flushes at most. Interrupted by ctx it leaves
// everything as it was.
func (s *Storage) Maintain(ctx context.Context) error {
	if !s.maintaining.TryLock() {
		return nil
	}
	defer s.maintaining.Unlock()
	lock := s.maintenanceLock()
	if ok, err := lock.TryLock(); err != nil || !ok {
		return err
	}
	defer func() { _ = lock.Unlock() }() // closing the descriptor unlocks
	if err := s.merge(ctx); err != nil {
		return fmt.Errorf("merge packs: %w", err)
	}
	if err := s.checkpointIfHalfFull(ctx); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := s.reap(grace); err != nil {
		return fmt.Errorf("remove replaced packs: %w", err)
	}
	return s.clearGarbage()
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
