package odb

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
)

// Batch is a set of objects and the ref moves that make them reachable. It
// becomes durable as a whole or not at all. It is used under the store's lock
// by one goroutine.
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
// must not exist yet.
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
// The order is what makes it safe. Pack and index are complete, and the refs'
// locks held with the new values, before the journal record makes the batch
// durable; after that only renames are left.
func (b *Batch) Commit() error {
	s := b.s
	if !s.opts.NoSync {
		if err := s.prepareJournal(b); err != nil {
			return err
		}
	}
	w := &batchWrite{s: s}
	if err := w.prepare(b); err != nil {
		w.abandon()
		return err
	}
	if !s.opts.NoSync {
		if err := s.journal.append(b.moves, w.data); err != nil {
			w.abandon()
			return s.takeBack(err)
		}
	}
	if err := w.publish(); err != nil {
		return s.failedToPublish(w, err)
	}
	if w.base != "" {
		s.packs.add(newPack(w.base, w.data, w.index))
	}
	return nil
}

// failedToPublish undoes a batch whose renames failed. Once one of several refs
// has moved there is no way back: the journal's record stays, and recovery
// moves the others.
func (s *Storage) failedToPublish(w *batchWrite, cause error) error {
	if w.moved {
		return &UnknownOutcomeError{cause}
	}
	if s.opts.NoSync {
		return cause
	}
	return s.takeBack(cause)
}

// prepareJournal makes room for the batch's record and notices when a ref has
// been moved back behind what the journal knows, which no append-only writer
// does: an outside program lost our update.
func (s *Storage) prepareJournal(b *Batch) error {
	if err := s.journal.catchUp(); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	for _, m := range b.moves {
		if known := s.journal.tips[m.ref]; known != m.old && !known.IsZero() {
			if lost, err := s.isAncestor(m.old, known); err != nil || lost {
				return errors.Join(err, s.restoreRef(m.ref, m.old, known))
			}
		}
	}
	if s.journal.end == 0 || !s.journal.fits(b.moves, b.pack.buf) {
		return s.checkpoint()
	}
	return nil
}

// takeBack voids the journal record of a batch that failed after it was
// written, so that no recovery brings it back.
func (s *Storage) takeBack(cause error) error {
	if err := s.journal.void(); err != nil {
		return &UnknownOutcomeError{errors.Join(cause, err)}
	}
	return cause
}

// batchWrite is the files of a batch on their way.
type batchWrite struct {
	s           *Storage
	base        string // path of the pack without its ending
	data, index []byte
	temp        string // the index before its rename
	locks       []*refLock
	moved       bool // one ref at least has its new value
}

// keepNote marks our own small packs: git leaves packs with a .keep file
// alone, so a repack that runs beside us cannot drop objects whose ref has not
// moved yet. Merging writes packs without it.
const keepNote = "skein\n"

// prepare does everything that can fail for want of space or rights.
func (w *batchWrite) prepare(b *Batch) error {
	if err := w.writePack(b.pack); err != nil {
		return err
	}
	if err := w.s.announce(b.moves); err != nil {
		return err
	}
	for _, m := range b.moves {
		lock, err := w.s.lockRef(m)
		if err != nil {
			return err
		}
		w.locks = append(w.locks, lock)
	}
	return nil
}

// writePack writes pack and index, the index under a temporary name: without
// it nobody finds the pack.
func (w *batchWrite) writePack(pack *packWriter) error {
	if len(pack.entries) == 0 {
		return nil
	}
	var name string
	w.data, w.index, name = pack.finish()
	w.base = filepath.Join(w.s.packDir(), name)
	w.temp = tempName(w.base + ".idx")
	if err := w.s.replaceFile(w.base+".keep", 0o600, []byte(keepNote)); err != nil {
		return err
	}
	if err := w.s.replaceFile(w.base+".pack", 0o444, w.data); err != nil {
		return err
	}
	return writeFile(w.s.fs(), w.temp, 0o444, false, w.index)
}

// replaceFile writes a file that may be there already: a batch that was cut
// short and is tried again has the same contents, and so the same names.
func (s *Storage) replaceFile(name string, perm fs.FileMode, data []byte) error {
	err := writeFile(s.fs(), name, perm, false, data)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := s.fs().Remove(name); err != nil {
		return err
	}
	return writeFile(s.fs(), name, perm, false, data)
}

// publish lets everybody see the batch: first the objects, then the refs.
func (w *batchWrite) publish() error {
	if w.base != "" {
		if err := w.s.fs().Rename(w.temp, w.base+".idx"); err != nil {
			w.abandon()
			return err
		}
		w.temp = w.base + ".idx"
	}
	for i, lock := range w.locks {
		if err := lock.publish(); err != nil {
			w.locks = w.locks[i:]
			w.abandon()
			return err
		}
		w.moved = true
	}
	return nil
}

// abandon removes what was written, unless a ref needs it; what cannot be removed is garbage that
// Maintain clears.
func (w *batchWrite) abandon() {
	for _, lock := range w.locks {
		lock.abandon()
	}
	if w.moved || w.base == "" {
		return
	}
	for _, name := range []string{w.temp, w.base + ".pack", w.base + ".keep"} {
		_ = w.s.fs().Remove(name)
	}
}
