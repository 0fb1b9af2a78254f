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
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
)

// packSet is the packs of a repository as this process last saw them. Others
// add and remove packs at any time, so a miss is believed only after a rescan.
type packSet struct {
	dir string
	log *slog.Logger

	mu    sync.RWMutex // held for reading while a pack's bytes are in use
	packs []*pack
	bad   map[string]error // path → why it could not be opened
	last  atomic.Int64     // position of the pack that had the last object
	bases *baseCache
}

func (s *packSet) init(dir string, log *slog.Logger) {
	s.dir, s.log = dir, log
	s.bad, s.bases = map[string]error{}, newBaseCache()
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
// plumbing.ErrObjectNotFound, or a *DamagedError when no copy can be believed,
// or the error of reading the only one.
func (s *packSet) get(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.getLocked(h, 0)
}

func (s *packSet) getLocked(h plumbing.Hash, depth int) (plumbing.ObjectType, []byte, error) {
	if depth > maxBorrow {
		return plumbing.InvalidObject, nil, fmt.Errorf("%w: a delta chain through too many packs", errDamaged)
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
		result = objectError(h, p.path+".pack", err)
	}
	return plumbing.InvalidObject, nil, result
}

// objectError tells a damaged object from one that cannot be read just now.
func objectError(h plumbing.Hash, file string, err error) error {
	if systemError(err) {
		return fmt.Errorf("read object %s: %w", h, err)
	}
	return &DamagedError{Object: h, Where: file, Err: err}
}

// systemError says whether a call to the operating system failed, other than
// for want of the file.
func systemError(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && !errors.Is(err, fs.ErrNotExist)
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

func (s *packSet) has(h plumbing.Hash) (bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var failed error
	for i := range s.packs {
		p := s.packs[s.nth(i)]
		_, ok, err := p.findSafely(h)
		if ok && (p.loaded.Load() || exists(p.path+".pack")) {
			return true, nil
		}
		if ok {
			err = errors.New("the pack is gone")
		}
		if err != nil {
			failed = &DamagedError{Object: h, Where: p.path + ".idx", Err: err}
		}
	}
	return false, failed
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

func (p *pack) findSafely(h plumbing.Hash) (i int, ok bool, err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	i, ok = p.find(h)
	return i, ok, nil
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
// that went are dropped. It says whether there were any.
func (s *packSet) rescan() (changed bool, err error) {
	// The listing is made under the lock: one made before would drop a pack that
	// another goroutine has added since.
	s.mu.Lock()
	defer s.mu.Unlock()
	there, err := s.list()
	if err != nil {
		return false, err
	}
	s.packs = slices.DeleteFunc(s.packs, func(p *pack) bool {
		_, known := there[p.path]
		delete(there, p.path)
		if !known {
			_ = p.close() // a mapping that cannot be unmapped costs address space only
			changed = true
		}
		return !known
	})
	clear(s.bad)
	for path, endings := range there {
		added, err := s.open(path, endings)
		if err != nil {
			return changed, err
		}
		changed = changed || added
	}
	return changed, nil
}

// list returns the packs that have an index and are not replaced, each with
// the endings of its files. Every process does so after every commit, so it
// asks for names alone, in no order.
func (s *packSet) list() (map[string][]string, error) {
	dir, err := os.Open(s.dir)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, err
	}
	all := make(map[string][]string, len(names)/2)
	for _, name := range names {
		if base, ending, _ := strings.Cut(name, "."); strings.HasPrefix(base, "pack-") {
			all[base] = append(all[base], ending)
		}
	}
	packs := make(map[string][]string, len(all))
	for base, endings := range all {
		marked := func(ending string) bool { return strings.HasPrefix(ending, retiredMark) }
		if slices.Contains(endings, "idx") && !slices.ContainsFunc(endings, marked) {
			packs[filepath.Join(s.dir, base)] = endings
		}
	}
	return packs, nil
}

// open opens a pack. One that is damaged is left out and noted: what it may
// hold is then not called missing. Packs that git treats apart are not replaced.
func (s *packSet) open(path string, endings []string) (changed bool, err error) {
	p, err := openPack(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // removed since the directory was read
	}
	if errors.Is(err, errDamaged) {
		s.bad[path] = err
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.bases = s.bases
	if slices.Contains(endings, "keep") {
		p.keep = keepOf(path)
	}
	apart := func(ending string) bool { return ending == "promisor" || ending == "mtimes" }
	p.foreign.Store(p.keep == otherKeep || slices.ContainsFunc(endings, apart) || !slices.Contains(endings, "pack"))
	s.packs = append(s.packs, p)
	return true, nil
}

// add makes a pack known that this process has just written.
func (s *packSet) add(p *pack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.packs, func(q *pack) bool { return q.path == p.path }) {
		s.packs = append(s.packs, p)
	}
}

// forget closes a pack whose files are about to be written again.
func (s *packSet) forget(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs = slices.DeleteFunc(s.packs, func(p *pack) bool {
		if p.path == path {
			_ = p.close() // a mapping that cannot be unmapped costs address space only
		}
		return p.path == path
	})
}

// suspect returns an error that names a pack which may hold h, as far as can
// be told from an index that is damaged; nil if there is none.
func (s *packSet) suspect(h plumbing.Hash) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for path, err := range s.bad {
		return &DamagedError{Object: h, Where: path + ".idx", Err: err}
	}
	return nil
}
