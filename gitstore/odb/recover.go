package odb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	if stale, err := s.journal.startedBeforeBoot(); err != nil || !stale {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), recoverWait)
	defer cancel()
	unlock, err := s.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if stale, err := s.journal.startedBeforeBoot(); err != nil || !stale {
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
	if err := s.packs.rescan(); err != nil {
		return err
	}
	for _, ref := range refsOf(records) {
		if err := s.replayRef(ref, records); err != nil {
			return err
		}
	}
	if err := s.journal.catchUp(); err != nil {
		return err
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

// restorePack writes a record's pack and index again unless both are as they
// were. A pack that was merged meanwhile comes back as well, which is harmless.
func (s *Storage) restorePack(r *record) error {
	name := r.packName()
	if name == "" {
		return nil
	}
	base := filepath.Join(s.packDir(), name)
	data, err := os.ReadFile(base + ".pack")
	if err == nil && bytes.Equal(data, r.pack) && soundIndex(base+".idx") {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.opts.Logger.Info("restoring a pack from the journal", "pack", name)
	if err := writeAtomic(s.fs(), base+".pack", 0o444, true, r.pack); err != nil {
		return err
	}
	return s.rebuildIndex(base)
}

// replayRef sets a ref to its last value in the journal, if it has an earlier
// one, or none that can be read. A value that the journal does not know was
// put there by another program since, and stays if the journal's is in its
// history; otherwise both are kept.
func (s *Storage) replayRef(name plumbing.ReferenceName, records []record) error {
	var known []plumbing.Hash
	for _, r := range records {
		for _, m := range r.moves {
			if m.ref == name {
				known = append(known, m.old, m.new)
			}
		}
	}
	want := known[len(known)-1]
	current, err := s.readRef(name)
	if errors.Is(err, plumbing.ErrReferenceNotFound) || errors.Is(err, errBadRef) {
		current, err = plumbing.ZeroHash, nil
	}
	if err != nil || current == want || want.IsZero() {
		return err
	}
	if current.IsZero() || slices.Contains(known, current) {
		return s.setRef(name, want)
	}
	newer, err := s.isAncestor(want, current)
	if err != nil || newer {
		return err
	}
	return s.rescue(name, want)
}

// rescue keeps a value that a ref should have had under a name of its own.
func (s *Storage) rescue(name plumbing.ReferenceName, value plumbing.Hash) error {
	s.opts.Logger.Warn("another program moved a ref while the machine was down; what it had is kept",
		"ref", name, "kept", rescueRef(value))
	return s.setRef(rescueRef(value), value)
}

func rescueRef(value plumbing.Hash) plumbing.ReferenceName {
	return plumbing.ReferenceName("refs/skein/rescue/" + value.String())
}

// setRef writes a ref whatever it holds, durably. The caller holds the store's
// lock.
func (s *Storage) setRef(name plumbing.ReferenceName, value plumbing.Hash) error {
	if err := s.announce([]move{{ref: name, new: value}}); err != nil {
		return err
	}
	path := s.refPath(name)
	if err := s.createRefLock(path, value); err != nil {
		return err
	}
	l := &refLock{s: s, name: name, path: path}
	if err := l.publish(); err != nil {
		l.abandon()
		return err
	}
	return s.syncRef(name)
}

// restoreRef puts back an update that another program lost, and has the caller
// start again from there.
func (s *Storage) restoreRef(name plumbing.ReferenceName, current, known plumbing.Hash) error {
	s.opts.Logger.Warn("another program moved a ref backwards; putting it back", "ref", name, "to", known)
	lock, err := s.lockRef(move{ref: name, old: current, new: known})
	if err != nil {
		return err
	}
	if err := lock.publish(); err != nil {
		lock.abandon()
		return err
	}
	return fmt.Errorf("%s %w", name, errRefRace)
}

// journalled returns the value that the journal has for a ref, zero if none.
func (s *Storage) journalled(name plumbing.ReferenceName) (value plumbing.Hash, err error) {
	records, err := s.journal.records()
	for _, r := range records {
		for _, m := range r.moves {
			if m.ref == name {
				value = m.new
			}
		}
	}
	return value, err
}

// repairRef writes a ref that is missing or damaged again, from the journal.
func (s *Storage) repairRef(name plumbing.ReferenceName) (plumbing.Hash, error) {
	ctx, cancel := context.WithTimeout(context.Background(), recoverWait)
	defer cancel()
	unlock, err := s.Lock(ctx)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer unlock()
	return s.repairRefLocked(name)
}

func (s *Storage) repairRefLocked(name plumbing.ReferenceName) (plumbing.Hash, error) {
	if h, err := s.readRef(name); err == nil {
		return h, nil
	}
	value, err := s.journalled(name)
	if err != nil {
		return value, err
	}
	if there, err := s.Has(value); err != nil || !there {
		return plumbing.ZeroHash, errors.Join(err, fmt.Errorf("%s is damaged, and so is what the journal has for it; see git fsck --lost-found", name))
	}
	s.opts.Logger.Warn("a ref was missing or damaged; restored from the journal", "ref", name, "to", value)
	return value, s.setRef(name, value)
}

// maxHistory bounds how far back isAncestor looks, in commits.
const maxHistory = 20000

// isAncestor says whether a is in the first-parent history of b.
func (s *Storage) isAncestor(a, b plumbing.Hash) (bool, error) {
	for range maxHistory {
		if a == b || b.IsZero() {
			return a == b, nil
		}
		_, data, err := s.Get(b)
		if err != nil {
			return false, err
		}
		b = firstParent(data)
	}
	return false, nil
}

func firstParent(commit []byte) plumbing.Hash {
	for line := range bytes.Lines(commit) {
		if id, ok := bytes.CutPrefix(line, []byte("parent ")); ok {
			return plumbing.NewHash(string(bytes.TrimSuffix(id, []byte("\n"))))
		}
		if len(line) == 1 {
			break
		}
	}
	return plumbing.ZeroHash
}
