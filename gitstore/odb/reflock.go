package odb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Refs are changed under git's own locks (gitrepository-layout: <ref>.lock),
// which every git command honours.

const (
	refWait    = 10 * time.Second       // how long another program may hold a ref's lock
	refPoll    = 100 * time.Microsecond // how soon a ref's lock is asked for again
	maxRefPoll = 5 * time.Millisecond   // and how soon at the latest
	staleRef   = time.Minute            // a ref's lock older than this was left by a killed program
	staleEmpty = 3 * time.Second        // an empty one: git holds it for a few system calls
	staleOurs  = 100 * time.Millisecond // an empty one that a killed writer of ours had announced

	announceFile = "moving" // in StateDir: what the locks of the last batch hold
	announced    = "moving\n"
	retracted    = "moved \n"
)

var errRefRace = errors.New("was moved by another program meanwhile")

// refLock is a held <ref>.lock with the new value in it.
type refLock struct {
	s    *Storage
	move move
	path string // of the ref
}

// lockRef takes the ref's lock with the new value. The caller holds the
// store's lock, so whoever has the ref's lock is another program, or dead.
func (s *Storage) lockRef(m move) (*refLock, error) {
	l := &refLock{s: s, move: m, path: s.refPath(m.ref)}
	return l, s.createRefLock(l.path, m.new)
}

// check says whether the ref still has the old value (zero: none).
func (l *refLock) check() error {
	current, err := l.s.refOrTip(l.move.ref)
	if err == nil && current != l.move.old {
		err = fmt.Errorf("%s %w", l.move.ref, errRefRace)
	}
	return err
}

// refOrTip returns a ref's value, that of the journal if it is damaged or
// gone, and zero if it is nowhere.
func (s *Storage) refOrTip(name plumbing.ReferenceName) (plumbing.Hash, error) {
	current, err := s.readRef(name)
	tip := s.journal.tips[name]
	if errors.Is(err, plumbing.ErrReferenceNotFound) || errors.Is(err, errBadRef) && !tip.IsZero() {
		return tip, nil
	}
	return current, err
}

// createRefLock writes path.lock for a ref, waiting while another program holds
// it.
func (s *Storage) createRefLock(path string, value plumbing.Hash) error {
	return s.createLock(path, []byte(value.String()+"\n"))
}

// createLock is createRefLock for any file that git locks so.
func (s *Storage) createLock(path string, data []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), refWait)
	defer cancel()
	for wait := refPoll; ; wait = min(2*wait, maxRefPoll) {
		err := writeLock(s.fs(), path+".lock", data)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := s.mkdirs(filepath.Dir(path)); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrExist):
			return err
		case s.removeStale(path + ".lock"):
			continue
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s.lock is held by another program; if none is running, remove that file", path)
		case <-time.After(wait):
		}
	}
}

func writeLock(fsys FS, name string, data []byte) error {
	return createFile(fsys, name, 0o600, func(f File) error {
		f.Reserve(int64(len(data)))
		_, err := f.Write(data)
		return err
	})
}

// mkdirs makes the directories of a ref below refs/.
func (s *Storage) mkdirs(dir string) error {
	if _, err := os.Stat(dir); err == nil || len(dir) <= len(s.dir) {
		return err
	}
	if err := s.mkdirs(filepath.Dir(dir)); err != nil {
		return err
	}
	return mkdir(s.fs(), dir)
}

// removeStale removes a ref's lock that another program left when it was
// killed, and says whether it did.
func (s *Storage) removeStale(lock string) bool {
	info, err := os.Lstat(lock)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	limit := staleRef
	if info.Size() == 0 {
		limit = staleEmpty
	}
	if time.Since(info.ModTime()).Abs() < limit {
		return false
	}
	s.opts.Logger.Warn("removing a ref lock left by a killed process", "lock", lock)
	return s.fs().Remove(lock) == nil
}

// clearLocks removes the refs' locks that were there when the machine went
// down: those that are older than a restart can be quick.
func (s *Storage) clearLocks() error {
	return s.walkRefs(func(path string) error {
		info, err := os.Lstat(path)
		if err != nil || !strings.HasSuffix(path, ".lock") || time.Since(info.ModTime()).Abs() < staleEmpty {
			return nil
		}
		s.opts.Logger.Warn("removing a ref lock left when the machine went down", "lock", path)
		return s.fs().Remove(path)
	})
}

// announce notes the values that the refs' locks are about to hold, so that
// the next writer knows them for ours if this process is killed.
func (s *Storage) announce(moves []move) error {
	if err := s.journal.openNote(); err != nil {
		return err
	}
	if err := s.clearLeft(); err != nil {
		return err
	}
	note := []byte(announced)
	for _, m := range moves {
		note = append(note, m.ref.String()+".lock\n"+m.new.String()+"\n"...)
	}
	_, err := s.journal.note.WriteAt(append(note, '\n'), 0) // an older and longer one may lie behind
	return err
}

// retract says that no lock is left. Without it the next lock of another
// program might be taken for ours.
func (s *Storage) retract() {
	if s.journal.note != nil {
		_, _ = s.journal.note.WriteAt([]byte(retracted), 0) // at worst that lock is waited for
	}
}

// clearLeft removes the locks that the last writer announced and did not
// retract. The caller holds the store's lock, so that writer is dead.
func (s *Storage) clearLeft() error {
	note := make([]byte, 4096)
	n, err := s.journal.noteRead.ReadAt(note, 0)
	if err != nil && err != io.EOF {
		return err
	}
	text, left := strings.CutPrefix(string(note[:n]), announced)
	if !left {
		return nil
	}
	text, _, _ = strings.Cut(text, "\n\n")
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		if err := s.clearLock(filepath.Join(s.dir, filepath.FromSlash(lines[i])), lines[i+1]+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// clearLock removes a lock that has the announced value. An empty one may also
// be git's, which holds it for moments; ours is left empty only by a writer
// that was killed between two system calls.
func (s *Storage) clearLock(lock, value string) error {
	for {
		there, err := os.ReadFile(lock)
		info, serr := os.Lstat(lock)
		if err != nil || serr != nil || !strings.HasPrefix(value, string(there)) {
			return nil
		}
		if len(there) > 0 || time.Since(info.ModTime()).Abs() > staleOurs {
			s.opts.Logger.Warn("removing a ref lock left by a killed writer", "lock", lock)
			return s.fs().Remove(lock)
		}
		time.Sleep(staleOurs / 10)
	}
}

// publish moves the ref. After it the new value is what everybody reads.
func (l *refLock) publish() error {
	err := l.s.fs().Rename(l.path+".lock", l.path)
	if err != nil && isDirectory(l.path) { // empty: git leaves it where longer names were
		if err = l.s.fs().Remove(l.path); err == nil {
			err = l.s.fs().Rename(l.path+".lock", l.path)
		}
	}
	if err == nil {
		return nil
	}
	// A network file system may report that a rename failed which it has done.
	if now, rerr := l.s.readRef(l.move.ref); rerr == nil && now == l.move.new {
		return nil
	}
	return err
}

// abandon lets go of the lock; the ref keeps its value.
func (l *refLock) abandon() error { return l.s.fs().Remove(l.path + ".lock") }

// setRef writes a ref whatever it holds, durably. Before that it flushes the
// journal, which vouches for the objects and for the other refs of a batch: the
// writer may have been killed before it did. The caller holds the store's lock.
func (s *Storage) setRef(name plumbing.ReferenceName, value plumbing.Hash) error {
	if err := s.fs().SyncFile(s.journal.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.announce([]move{{ref: name, new: value}}); err != nil {
		return err
	}
	l, err := s.lockRef(move{ref: name, new: value})
	if err != nil {
		return err
	}
	if err := l.publish(); err != nil {
		return errors.Join(err, l.abandon())
	}
	s.retract()
	return s.syncRef(name)
}
