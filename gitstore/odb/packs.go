package odb

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
)

// packSet is the packs of a repository as this process last saw them. Others
// add and remove packs at any time, so a miss is believed only after a rescan.
type packSet struct {
	dir string
	log *slog.Logger

	mu    sync.RWMutex // held for reading while a pack's bytes are in use
	packs []*pack
	bad   map[string]string // base name → why it could not be opened
	last  atomic.Int64      // position of the pack that had the last object
}

func (s *packSet) init(dir string, log *slog.Logger) {
	s.dir, s.log = dir, log
	s.bad = map[string]string{}
}

func (s *packSet) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, p := range s.packs {
		err = errors.Join(err, p.close())
	}
	s.packs = nil
	return err
}

// get reads an object from the packs known so far. It returns
// plumbing.ErrObjectNotFound, or a *DamagedError when no copy can be believed.
func (s *packSet) get(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.getLocked(h, 0)
}

func (s *packSet) getLocked(h plumbing.Hash, depth int) (plumbing.ObjectType, []byte, error) {
	if depth > maxChain {
		return plumbing.InvalidObject, nil, fmt.Errorf("%w: a delta chain without end", errDamaged)
	}
	result := plumbing.ErrObjectNotFound
	lookup := func(base plumbing.Hash) (plumbing.ObjectType, []byte, error) { return s.getLocked(base, depth+1) }
	for i := range s.packs {
		at := s.nth(i)
		p := s.packs[at]
		t, data, found, err := p.read(h, lookup)
		if !found && err == nil {
			continue
		}
		if err == nil && hashObject(t, data) != h {
			err = fmt.Errorf("%w: it hashes to something else", errDamaged)
		}
		if err == nil {
			s.last.Store(int64(at))
			return t, data, nil
		}
		result = &DamagedError{Object: h, Where: p.path + ".pack", Err: err}
	}
	return plumbing.InvalidObject, nil, result
}

// nth orders the search: the pack that had the last object, then the newest.
func (s *packSet) nth(i int) int {
	last := min(int(s.last.Load()), len(s.packs)-1)
	switch {
	case i == 0:
		return last
	case len(s.packs)-i > last:
		return len(s.packs) - i
	default:
		return len(s.packs) - i - 1
	}
}

func (s *packSet) has(h plumbing.Hash) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.packs {
		if _, ok := s.packs[s.nth(i)].findSafely(h); ok {
			return true
		}
	}
	return false
}

// read finds and reads an object. A mapping whose file was cut short behind
// our back faults; that is an error of this pack, not the end of the process.
func (p *pack) read(h plumbing.Hash, lookup lookup) (t plumbing.ObjectType, data []byte, found bool, err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	i, found := p.find(h)
	if !found {
		return 0, nil, false, nil
	}
	t, data, err = p.object(i, lookup)
	return t, data, true, err
}

func (p *pack) findSafely(h plumbing.Hash) (i int, ok bool) {
	var err error
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	return p.find(h)
}

// recoverFault turns the fault of reading a mapping whose file was cut short
// behind our back into an error.
func recoverFault(before bool, err *error) {
	debug.SetPanicOnFault(before)
	r := recover()
	if r == nil {
		return
	}
	if fault, ok := r.(interface{ Addr() uintptr }); ok {
		*err = fmt.Errorf("the file ends early: fault at %#x", fault.Addr())
		return
	}
	panic(r)
}

// rescan looks at the pack directory again: packs that came are added, packs
// that went are dropped.
func (s *packSet) rescan() error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	there, kept := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		if base := packBaseName(f.Name()); base != "" {
			there[filepath.Join(s.dir, base)] = true
		}
		if base, ok := strings.CutSuffix(f.Name(), ".keep"); ok {
			kept[filepath.Join(s.dir, base)] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs = slices.DeleteFunc(s.packs, func(p *pack) bool {
		known := there[p.path]
		delete(there, p.path)
		if !known {
			_ = p.close() // a mapping that cannot be unmapped costs address space only
		}
		return !known
	})
	return s.openAll(there, kept)
}

// openAll opens the packs at these paths. One that is damaged is reported once
// and left out: its objects are then missing, never wrong.
func (s *packSet) openAll(paths, kept map[string]bool) error {
	for path := range paths {
		p, err := openPack(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since the directory was read
		}
		if err != nil {
			s.report(path, err)
			continue
		}
		delete(s.bad, path)
		p.kept = kept[path]
		s.packs = append(s.packs, p)
	}
	return nil
}

func (s *packSet) report(path string, err error) {
	if s.bad[path] != err.Error() {
		s.bad[path] = err.Error()
		s.log.Error("a pack cannot be read", "pack", path, "error", err)
	}
}

// add makes a pack known that this process has just written.
func (s *packSet) add(p *pack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.packs, func(q *pack) bool { return q.path == p.path }) {
		s.packs = append(s.packs, p)
	}
}

// damaged returns the packs whose index could not be read, with the reason.
func (s *packSet) damaged() map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := map[string]string{}
	for path, why := range s.bad {
		all[path] = why
	}
	return all
}
