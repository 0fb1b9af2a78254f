package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// recoverWait bounds how long opening waits for another process that is just
// recovering the same store.
const recoverWait = 30 * time.Second

// recoverIfNeeded replays the journal if the machine was started anew since
// the journal was: what was not synced may be lost then, and only then.
func (s *Storage) recoverIfNeeded() error {
	if fresh, err := s.journal.ofThisBoot(); err != nil || fresh {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), recoverWait)
	defer cancel()
	unlock, err := s.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if fresh, err := s.journal.ofThisBoot(); err != nil || fresh {
		return err
	}
	if err := s.clearLocks(); err != nil {
		return err
	}
	if err := s.reap(0); err != nil { // whoever read them went down with the machine
		return err
	}
	return s.replay()
}

// replay brings packs and refs to where the journal says they were. It is
// idempotent, and a crash in the middle of it loses nothing.
func (s *Storage) replay() error {
	records, err := s.journal.records()
	if err != nil {
		return err
	}
	for i := range records {
		if err := s.restorePack(&records[i]); err != nil {
			return err
		}
	}
	if _, err := s.checkIndexes(); err != nil {
		return err
	}
	if _, err := s.packs.rescan(); err != nil {
		return err
	}
	if err := s.journal.catchUp(); err != nil {
		return err
	}
	for _, name := range refsOf(records) {
		want, err := s.lastValue(name, records)
		if err != nil {
			return err
		}
		if err := s.settle(name, want, valuesOf(name, records)); err != nil {
			return err
		}
		s.journal.tips[name] = want
	}
	return s.checkpoint()
}

func refsOf(records []record) []plumbing.ReferenceName {
	var names []plumbing.ReferenceName
	for _, r := range records {
		for _, m := range r.moves {
			if !slices.Contains(names, m.ref) {
				names = append(names, m.ref)
			}
		}
	}
	return names
}

// valuesOf returns every value that the journal has for a ref, oldest first.
func valuesOf(name plumbing.ReferenceName, records []record) []plumbing.Hash {
	var all []plumbing.Hash
	for _, r := range records {
		for _, m := range r.moves {
			if m.ref == name {
				all = append(all, m.old, m.new)
			}
		}
	}
	return all
}

// lastValue returns what the journal moved a ref to last. A value behind a
// hole in the journal counts if the objects that lead to it are there all the
// same; if they are not, going on would lose what was acknowledged.
func (s *Storage) lastValue(name plumbing.ReferenceName, records []record) (plumbing.Hash, error) {
	hole := slices.IndexFunc(records, func(r record) bool { return r.stray })
	if hole < 0 {
		hole = len(records)
	}
	var last, behind plumbing.Hash
	if whole := valuesOf(name, records[:hole]); len(whole) > 0 {
		last = whole[len(whole)-1]
	}
	if stray := valuesOf(name, records[hole:]); len(stray) > 0 {
		behind = stray[len(stray)-1]
	}
	switch {
	case behind.IsZero() || s.order(behind, last) < 0:
		return last, nil
	case s.order(last, behind) < 0 || last.IsZero() && s.rooted(behind):
		return behind, nil
	}
	return last, fmt.Errorf("%s is damaged in the middle, and of what it held for %s something is nowhere else; "+
		"restore the store from a backup or from another clone, or remove that file to go on with what is left", s.journal.path, name)
}

// restorePack writes a record's pack and index again unless both are as they
// were. A pack that was merged meanwhile comes back as well, which is harmless.
// The .keep file comes first: the ref that needs the pack may still have to move.
func (s *Storage) restorePack(r *record) error {
	name := r.packName()
	if name == "" {
		return nil
	}
	base := s.packPath(name)
	if err := s.writeKeep(base); err != nil {
		return err
	}
	data, err := os.ReadFile(base + ".pack")
	if err == nil && bytes.Equal(data, r.pack) && soundIndex(base+".idx") {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.opts.Logger.Info("restoring a pack from the journal", "pack", name)
	if !bytes.Equal(data, r.pack) {
		if err := writeAtomic(s.fs(), base+".pack", packMode, true, r.pack); err != nil {
			return err
		}
	}
	s.packs.forget(base)
	return s.rebuildIndex(base)
}

// settle sets a ref to its last value in the journal if it has an earlier one,
// or none that can be used. A later value was put there by another program,
// and stays; of unrelated ones both are kept. lost are values that the ref is
// known to have had before.
func (s *Storage) settle(name plumbing.ReferenceName, want plumbing.Hash, lost []plumbing.Hash) error {
	current, err := s.readRef(name)
	if err == nil && current == want || want.IsZero() {
		return nil
	}
	if err != nil && !brokenRef(err) {
		return err
	}
	// Get, and not Has, finds the pack of a writer that was killed before it
	// published it.
	switch _, _, err := s.Get(want); {
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return fmt.Errorf("%s should be at %s, %w", name, want, errDangling)
	case err != nil:
		return fmt.Errorf("%s should be at %s: %w", name, want, err)
	}
	if err != nil || slices.Contains(lost, current) {
		return s.putBack(name, current, want)
	}
	_, _, err = s.Get(current)
	switch missing := errors.Is(err, plumbing.ErrObjectNotFound); {
	case err != nil && !missing:
		return err
	case missing || s.order(current, want) < 0:
		return s.putBack(name, current, want)
	case s.order(want, current) < 0:
		return nil
	default:
		return s.rescue(name, want)
	}
}

func (s *Storage) putBack(name plumbing.ReferenceName, current, want plumbing.Hash) error {
	s.opts.Logger.Warn("a ref was not where the journal has it; putting it back", "ref", name, "from", current, "to", want)
	return s.setRef(name, want)
}

// rescue keeps a value that a ref should have had under a name of its own.
func (s *Storage) rescue(name plumbing.ReferenceName, value plumbing.Hash) error {
	kept := plumbing.ReferenceName("refs/skein/rescue/" + value.String())
	s.opts.Logger.Warn("another program replaced a ref; what it had is kept", "ref", name, "kept", kept)
	return s.setRef(kept, value)
}

// journalled returns the value that the journal has for a ref, zero if none.
func (s *Storage) journalled(name plumbing.ReferenceName) (plumbing.Hash, error) {
	records, err := s.journal.records()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if values := valuesOf(name, records); len(values) > 0 {
		return values[len(values)-1], nil
	}
	return plumbing.ZeroHash, nil
}

// mendRef returns the journal's value of a ref that is missing or damaged, and
// writes the ref again unless somebody holds the store's lock: the holder, who
// may be our caller, does that when it moves the ref.
func (s *Storage) mendRef(name plumbing.ReferenceName, cause error) (plumbing.Hash, error) {
	unlock, locked, err := s.TryLock()
	if err == nil && locked {
		defer unlock()
	}
	current, err := s.readRef(name)
	if err == nil && s.checkTip(name, current) == nil {
		return current, nil
	}
	value, err := s.journalled(name)
	if err != nil || value.IsZero() {
		return plumbing.ZeroHash, errors.Join(cause, err)
	}
	if _, _, err := s.Get(value); err != nil { // which has the journal's packs written again
		return plumbing.ZeroHash, fmt.Errorf("%w; and what the journal has for it: %w", cause, err)
	}
	if !locked || current == value {
		return value, nil
	}
	return value, s.putBack(name, current, value)
}

// maxHistory bounds how far back order looks, in commits.
const maxHistory = 20000

// order says how two commits lie to each other by first parents: negative if a
// is before b, positive if b is before a, 0 if neither or too far. It looks
// from both sides in step, so the cost is that of the distance.
func (s *Storage) order(a, b plumbing.Hash) int {
	for x, y, n := a, b, 0; n < maxHistory && !(x.IsZero() && y.IsZero()); n++ {
		switch {
		case y == a:
			return -1
		case x == b:
			return 1
		}
		x, _ = s.parent(x) // one that cannot be read ends that side
		y, _ = s.parent(y)
	}
	return 0
}

// rooted says whether a commit's history can be read to its beginning.
func (s *Storage) rooted(commit plumbing.Hash) bool {
	var err error
	for n := 0; n < maxHistory && !commit.IsZero() && err == nil; n++ {
		commit, err = s.parent(commit)
	}
	return err == nil
}

// parent returns a commit's first parent, zero if it has none that is there.
func (s *Storage) parent(commit plumbing.Hash) (plumbing.Hash, error) {
	if commit.IsZero() {
		return commit, nil
	}
	if first, err := s.IsShallow(commit); err != nil || first {
		return plumbing.ZeroHash, err
	}
	_, data, err := s.Get(commit)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	for line := range bytes.Lines(data) {
		if id, ok := bytes.CutPrefix(line, []byte("parent ")); ok {
			return plumbing.NewHash(string(bytes.TrimSuffix(id, []byte("\n")))), nil
		}
		if len(line) == 1 {
			break
		}
	}
	return plumbing.ZeroHash, nil
}
