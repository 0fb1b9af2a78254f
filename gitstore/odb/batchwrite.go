package odb

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
)

// batchWrite is the files of a batch on their way.
type batchWrite struct {
	s     *Storage
	moves []move

	base        string // path of the pack without its ending; "": no objects
	data, index []byte
	temp        string   // the index before its rename
	created     []string // files of the pack that were not there before
	locks       []*refLock
	record      []byte // of the journal; nil: none was written, not even in part
	moved       bool   // one ref at least has its new value
}

// run takes the batch from memory to where everybody sees it. The pack is
// written while the refs are locked and the journal is flushed, since none of
// these needs the others: before publish nobody finds any of them.
func (w *batchWrite) run() error {
	packed := make(chan error, 1)
	pack := func() { packed <- w.writePack() }
	if w.s.opts.NoSync {
		pack() // there is no flush to hide it behind, and a goroutine costs more than it saves
	} else {
		go pack()
	}
	err := w.lockRefs()
	if err == nil {
		err = w.keepRecord()
	}
	if err = errors.Join(err, <-packed); err != nil {
		return w.undo(err)
	}
	if err := w.publish(); err != nil {
		return w.failed(err)
	}
	if w.record != nil {
		w.s.journal.step(w.moves, recordSum(w.record), int64(len(w.record)))
	}
	if w.base != "" {
		w.s.packs.add(newPack(w.base, w.data, w.index))
	}
	w.s.retract()
	return nil
}

// failed undoes a batch whose renames failed. Once one of several refs has
// moved there is no way back: the journal's record stays, and the next writer
// moves the others.
func (w *batchWrite) failed(cause error) error {
	if w.moved {
		w.abandon()
		return &UnknownOutcomeError{cause}
	}
	return w.undo(cause)
}

// undo voids the journal's record, so that no recovery brings the batch back,
// and removes what else was written.
func (w *batchWrite) undo(cause error) error {
	if w.record != nil {
		if err := w.s.journal.void(); err != nil {
			cause = &UnknownOutcomeError{errors.Join(cause, err)}
		}
	}
	w.abandon()
	return cause
}

// lockRefs takes the refs' locks with the new values, and checks that the refs
// are where the batch starts from.
func (w *batchWrite) lockRefs() error {
	if err := w.s.announce(w.moves); err != nil {
		return err
	}
	for _, m := range w.moves {
		lock, err := w.s.lockRef(m)
		if err != nil {
			return err
		}
		w.locks = append(w.locks, lock)
		if err := lock.check(); err != nil {
			return err
		}
	}
	return nil
}

// keepRecord makes the batch durable by a record in the journal.
func (w *batchWrite) keepRecord() (err error) {
	if w.s.opts.NoSync {
		return nil
	}
	w.record, err = w.s.journal.append(w.moves, w.data)
	return err
}

// writePack writes pack and index, the index under a temporary name: without
// it nobody finds the pack. An empty .keep file marks our own small packs: git
// leaves packs that have one alone, so a repack that runs beside us cannot drop
// objects whose ref has not moved yet.
func (w *batchWrite) writePack() error {
	if w.base == "" {
		return nil
	}
	if err := w.create(w.base+".keep", 0o600, nil); err != nil {
		return err
	}
	if err := w.create(w.base+".pack", packMode, w.data); err != nil {
		return err
	}
	w.temp = tempName(w.base + ".idx")
	return writeFile(w.s.fs(), w.temp, packMode, false, w.index)
}

// create writes a file that may be there already, from a batch of the same
// objects: one that was cut short, or one that counts and must survive us.
func (w *batchWrite) create(name string, perm fs.FileMode, data []byte) error {
	err := writeFile(w.s.fs(), name, perm, false, data)
	if err == nil {
		w.created = append(w.created, name)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if there, err := os.ReadFile(name); err == nil && bytes.Equal(there, data) {
		return nil
	}
	return writeAtomic(w.s.fs(), name, perm, false, data)
}

// publish lets everybody see the batch: first the objects, then the refs.
func (w *batchWrite) publish() error {
	if w.base != "" {
		if err := w.s.fs().Rename(w.temp, w.base+".idx"); err != nil {
			return err
		}
		w.temp = ""
	}
	for len(w.locks) > 0 {
		if err := w.locks[0].publish(); err != nil {
			return err
		}
		w.locks = w.locks[1:]
		w.moved = true
	}
	return nil
}

// abandon removes what was written, unless a ref needs it, or others have seen
// it: a git repack may rely on an object of ours already. What is left is
// garbage that merging takes along or Maintain clears.
func (w *batchWrite) abandon() {
	var err error
	for _, lock := range w.locks {
		err = errors.Join(err, lock.abandon())
	}
	if err == nil {
		w.s.retract()
	}
	if w.temp != "" {
		_ = w.s.fs().Remove(w.temp)
	}
	if w.moved || w.base == "" || exists(w.base+".idx") {
		return
	}
	for _, name := range slices.Backward(w.created) {
		_ = w.s.fs().Remove(name)
	}
}
