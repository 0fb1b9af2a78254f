package odb

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Refs are files under refs/, or lines of packed-refs, as git keeps them. They
// are changed under git's own locks (gitrepository-layout: <ref>.lock), which
// every git command honours.

const (
	refWait    = 10 * time.Second // how long another program may hold a ref's lock
	staleRef   = time.Minute      // a ref's lock older than this was left by a killed program
	staleEmpty = 3 * time.Second  // an empty one: git holds it for a few system calls

	announceFile = "moving" // in StateDir: the values in the locks of the last batch
)

var (
	errBadRef  = errors.New("holds no object id")
	errRefRace = errors.New("was moved by another program meanwhile")
)

// Ref returns the object id of a ref below refs/. It returns
// plumbing.ErrReferenceNotFound only when the ref really is nowhere: one whose
// file is damaged or gone, but which the journal knows, is put back first.
func (s *Storage) Ref(name plumbing.ReferenceName) (plumbing.Hash, error) {
	h, err := s.readRef(name)
	if err == nil || !errors.Is(err, plumbing.ErrReferenceNotFound) && !errors.Is(err, errBadRef) {
		return h, err
	}
	if known, jerr := s.journalled(name); jerr != nil || known.IsZero() {
		return h, errors.Join(err, jerr)
	}
	return s.repairRef(name)
}

// readRef reads a ref as it stands: the loose file, else packed-refs.
func (s *Storage) readRef(name plumbing.ReferenceName) (plumbing.Hash, error) {
	data, err := os.ReadFile(s.refPath(name))
	if err == nil {
		h, ok := parseHash(strings.TrimSuffix(string(data), "\n"))
		if !ok {
			return h, fmt.Errorf("%s %w", s.refPath(name), errBadRef)
		}
		return h, nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !isDirectory(s.refPath(name)) {
		return plumbing.ZeroHash, err
	}
	// git writes packed-refs before it removes the loose file, so a ref that
	// was loose a moment ago is in it now.
	packed, err := s.packedRefs()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	h, ok := packed[name]
	if !ok {
		return h, fmt.Errorf("%s: %w", name, plumbing.ErrReferenceNotFound)
	}
	return h, nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (s *Storage) refPath(name plumbing.ReferenceName) string {
	return filepath.Join(s.dir, filepath.FromSlash(name.String()))
}

// parseHash accepts 40 lower-case hexadecimal digits and nothing else.
func parseHash(s string) (plumbing.Hash, bool) {
	h := plumbing.NewHash(s)
	return h, len(s) == 40 && h.String() == s && !h.IsZero()
}

// packedRefs reads the packed-refs file; damaged lines are refused, since a ref
// left out would look deleted.
func (s *Storage) packedRefs() (map[plumbing.ReferenceName]plumbing.Hash, error) {
	path := filepath.Join(s.dir, "packed-refs")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[plumbing.ReferenceName]plumbing.Hash{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "^") {
			continue
		}
		id, name, _ := strings.Cut(line, " ")
		h, ok := parseHash(id)
		if !ok || !strings.HasPrefix(name, "refs/") {
			return nil, fmt.Errorf("%s %w in line %q", path, errBadRef, line)
		}
		all[plumbing.ReferenceName(name)] = h
	}
	return all, lines.Err()
}

// refLock is a held <ref>.lock with the new value in it.
type refLock struct {
	s    *Storage
	name plumbing.ReferenceName
	path string // of the ref
}

// lockRef takes the ref's lock with the new value and checks that the ref
// still has the old one (zero: none). The caller holds the store's lock, so
// whoever has the ref's lock is another program, or dead.
func (s *Storage) lockRef(m move) (*refLock, error) {
	l := &refLock{s: s, name: m.ref, path: s.refPath(m.ref)}
	if err := s.createRefLock(l.path, m.new); err != nil {
		return nil, err
	}
	current, err := s.readRef(m.ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		current, err = plumbing.ZeroHash, nil
	}
	if err == nil && current != m.old {
		err = fmt.Errorf("%s %w", m.ref, errRefRace)
	}
	if err != nil {
		l.abandon()
		return nil, err
	}
	return l, nil
}

// createRefLock writes path.lock, waiting while another program holds it.
func (s *Storage) createRefLock(path string, value plumbing.Hash) error {
	ctx, cancel := context.WithTimeout(context.Background(), refWait)
	defer cancel()
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := writeFile(s.fs(), path+".lock", 0o600, false, []byte(value.String()+"\n"))
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

// removeStale removes a ref's lock whose holder is dead, and says whether it
// did. A lock with the value that the last writer of this store announced is
// one, since the caller holds the store's lock. An empty one is git's for the
// moment in which it packs the ref, or that of a writer killed between making
// and writing it.
func (s *Storage) removeStale(lock string) bool {
	info, err := os.Lstat(lock)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	age := time.Since(info.ModTime())
	ours := info.Size() > 0 && s.announced(lock)
	if !ours && age < staleRef && (info.Size() > 0 || age < staleEmpty) {
		return false
	}
	s.opts.Logger.Warn("removing a ref lock left by a killed process", "lock", lock)
	return s.fs().Remove(lock) == nil
}

// announce notes the values that the refs' locks are about to hold, so that
// the next writer knows them for ours if this process is killed.
func (s *Storage) announce(moves []move) error {
	note := make([]byte, 0, 41*len(moves))
	for _, m := range moves {
		note = append(append(note, m.new.String()...), '\n')
	}
	return s.journal.announce(note)
}

func (s *Storage) announced(lock string) bool {
	value, err := os.ReadFile(lock)
	if err != nil {
		return false
	}
	note, err := os.ReadFile(filepath.Join(s.StateDir(), announceFile))
	return err == nil && bytes.Contains(note, value)
}

// publish moves the ref. After it the new value is what everybody reads.
func (l *refLock) publish() error { return l.s.fs().Rename(l.path+".lock", l.path) }

// abandon lets go of the lock; the ref keeps its value.
func (l *refLock) abandon() { _ = l.s.fs().Remove(l.path + ".lock") }

// syncRef makes a ref's value durable, wherever it is kept.
func (s *Storage) syncRef(name plumbing.ReferenceName) error {
	err := s.fs().SyncFile(s.refPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.fs().SyncFile(filepath.Join(s.dir, "packed-refs")); err == nil {
			err = s.fs().SyncDir(s.dir)
		}
	}
	if err != nil {
		return err
	}
	return s.fs().SyncDir(filepath.Dir(s.refPath(name)))
}
