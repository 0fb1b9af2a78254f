package odb

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Batch is a set of objects and the ref moves that make them reachable. It
// becomes durable as a whole or not at all. It is used under the store's lock
// by one goroutine, and committed once.
type Batch struct {
	s     *Storage
	pack  *packWriter
	moves []move
}

// NewBatch begins a batch. The caller holds the store's lock.
func (s *Storage) NewBatch() *Batch { return &Batch{s: s, pack: newPackWriter()} }

// Add puts an object into the batch and returns its id. data is copied.
func (b *Batch) Add(t plumbing.ObjectType, data []byte) plumbing.Hash { return b.pack.add(t, data) }

// Move has the batch move a ref from old to new; old is zero for a ref that
// must not exist yet. new is in the batch or in the store already.
func (b *Batch) Move(ref plumbing.ReferenceName, old, new plumbing.Hash) {
	b.moves = append(b.moves, move{ref, old, new})
}

// Size returns how many bytes the batch's pack has so far.
func (b *Batch) Size() int { return len(b.pack.buf) }

// MaxBatch is the size in bytes up to which a batch is sure to be accepted.
const MaxBatch = journalSize - 64<<10

// UnknownOutcomeError says that a batch may or may not have become durable:
// its journal record could be neither completed nor taken back.
type UnknownOutcomeError struct{ Err error }

func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("whether it was kept is unknown until the disk works again: %v", e.Err)
}

func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// IsRace says whether a commit failed because another program moved the ref;
// the batch can be built again on the new value.
func IsRace(err error) bool { return errors.Is(err, errRefRace) }

// Commit writes the batch and moves the refs. On return without error all of
// it is durable (but for Options.NoSync) and visible to every process,
// including git. On error nothing has moved, but for *UnknownOutcomeError.
//
// The order is what makes it safe. The journal's record, which makes the batch
// durable, is written once the refs' locks are held with the new values; pack
// and index are written meanwhile, under names that nobody finds. When all that
// is done only renames are left.
func (b *Batch) Commit() error {
	if err := b.check(); err != nil {
		return err
	}
	w := &batchWrite{s: b.s, moves: b.moves}
	if len(b.pack.entries) > 0 {
		w.data, w.index, w.base = b.pack.finish()
		w.base = b.s.packPath(w.base)
	}
	if b.s.opts.NoSync {
		return w.run()
	}
	if err := b.s.prepareJournal(w); err != nil {
		return err
	}
	return w.run()
}

// check refuses what could not be kept, before anything is written.
func (b *Batch) check() error {
	if size := recordSize(b.moves, b.pack.buf) + packTrailer; size > journalSize-maxCheckpoint {
		return fmt.Errorf("a batch of %d bytes is more than the %d that can be kept at once; commit it in parts", size, MaxBatch)
	}
	for i, m := range b.moves {
		if err := m.ref.Validate(); err != nil || !strings.HasPrefix(m.ref.String(), "refs/") {
			return fmt.Errorf("%q is not a ref below refs/", m.ref)
		}
		if slices.ContainsFunc(b.moves[:i], func(o move) bool { return o.ref == m.ref }) {
			return fmt.Errorf("%s is moved twice in a batch", m.ref)
		}
		if b.pack.have[m.new] {
			continue
		}
		if there, err := b.s.Has(m.new); err != nil || !there {
			return errors.Join(err, fmt.Errorf("%s cannot be moved to %s, which is not in the store", m.ref, m.new))
		}
	}
	return nil
}

// prepareJournal makes room for the batch's record, and settles it when a ref
// is not where the journal has it: a writer was killed before it moved the
// ref, or another program moved it.
func (s *Storage) prepareJournal(w *batchWrite) error {
	if err := s.journal.catchUp(); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if s.journal.knows(w.moves) && s.journal.fits(w.moves, w.data) {
		return nil
	}
	if err := s.checkpoint(); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
