package odb

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Options says how a Storage writes. The zero value is right for everything
// but tests and benchmarks.
type Options struct {
	FS     FS           // nil: OS
	NoSync bool         // leave flushing to the operating system: a power cut may lose what was acknowledged
	Logger *slog.Logger // nil: discards
	Boot   string       // names the time since the machine was started; "": asked of the system
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = OS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Boot == "" {
		o.Boot = bootID()
	}
	return o
}

// Storage is a git directory, opened. It implements storage.Storer of go-git
// and is safe for concurrent use.
type Storage struct {
	// Config, index and module files are go-git's own: nothing on the way of a
	// message depends on them.
	filesystem.ConfigStorage
	filesystem.IndexStorage
	filesystem.ModuleStorage

	dir  string
	opts Options
	now  func() time.Time

	packs   packSet
	lock    storeLock
	journal journal
	shallow shallowList

	tips sync.Map // ref → its value, once that is known to be an object

	maintaining sync.Mutex
	healing     sync.Mutex
	checked     map[string][2]stamp // packs whose index heal has looked at
}

var _ storage.Storer = (*Storage)(nil)

// Open opens the git directory dir. After a power loss it first replays the
// journal, which takes the store's lock. It fails if dir is no git directory,
// or one of a kind that this package cannot keep (SHA-256, objects borrowed
// from another repository).
func Open(dir string, o Options) (*Storage, error) {
	o = o.withDefaults()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Storage{dir: dir, opts: o, now: time.Now, checked: map[string][2]stamp{}}
	files := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault())
	s.ConfigStorage, s.IndexStorage = files.ConfigStorage, files.IndexStorage
	s.ModuleStorage = files.ModuleStorage
	if err := s.check(); err != nil {
		return nil, err
	}
	s.packs.init(s.packDir(), o.Logger)
	s.lock.init(filepath.Join(s.StateDir(), "lock"))
	s.journal.init(filepath.Join(s.StateDir(), "journal"), o)
	if err := s.recoverIfNeeded(); err != nil {
		return nil, errors.Join(fmt.Errorf("replay the journal of %s: %w", dir, err), s.Close())
	}
	return s, nil
}

// Close lets go of files and mappings; what was committed is durable already.
// The Storage must not be used afterwards.
func (s *Storage) Close() error {
	return errors.Join(s.journal.close(), s.packs.close())
}

// Dir returns the git directory as an absolute path.
func (s *Storage) Dir() string { return s.dir }

// StateDir returns the directory of files that belong to this machine and are
// never committed: the lock, the journal.
func (s *Storage) StateDir() string { return filepath.Join(s.dir, "skein") }

func (s *Storage) packDir() string { return filepath.Join(s.dir, "objects", "pack") }

func (s *Storage) packPath(name string) string { return filepath.Join(s.packDir(), name) }

func (s *Storage) fs() FS { return s.opts.FS }

// Get returns an object's type and bytes after checking that they hash to h.
// It returns plumbing.ErrObjectNotFound if there is none, and a *DamagedError
// if every copy is damaged. The bytes must not be modified.
func (s *Storage) Get(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	t, data, err := s.find(h)
	var damaged *DamagedError
	if !errors.As(err, &damaged) && !errors.Is(err, plumbing.ErrObjectNotFound) {
		return t, data, err
	}
	healed, herr := s.heal(h)
	if healed {
		t, data, err = s.find(h)
	}
	if err != nil && herr != nil {
		return t, nil, fmt.Errorf("object %s is missing or damaged and cannot be repaired: %w", h, herr)
	}
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		if suspect := s.packs.suspect(h); suspect != nil {
			err = suspect
		}
	}
	return t, data, err
}

// calm bounds how often find looks at a directory that does not stop changing.
const calm = 100

// find looks for an object until it is found, or the pack directory has stood
// still for two looks: while others merge packs, one listing may miss the old
// packs, which are gone already, and the new one, which was made behind it.
func (s *Storage) find(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	t, data, err := s.look(h)
	for looks := 1; err != nil && looks < calm; looks++ {
		changed, rerr := s.packs.rescan()
		if rerr != nil {
			return plumbing.InvalidObject, nil, rerr
		}
		if t, data, err = s.look(h); !changed && looks > 1 {
			break
		}
	}
	return t, data, err
}

// look reads an object from what is known. A damaged copy is reported only if
// there is no other.
func (s *Storage) look(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	t, data, err := s.packs.get(h)
	if err == nil {
		return t, data, nil
	}
	t, data, lerr := s.readLoose(h)
	if lerr == nil || errors.Is(err, plumbing.ErrObjectNotFound) {
		return t, data, lerr
	}
	return plumbing.InvalidObject, nil, err
}

// ReleasePages takes what was read of packs out of the process's memory. A
// caller that has just read most of a store and will now wait calls it.
func (s *Storage) ReleasePages() {
	s.packs.mu.RLock()
	defer s.packs.mu.RUnlock()
	for _, p := range s.packs.packs {
		p.dropPages()
	}
}

// Has says whether the object is there, without reading it. Where an index is
// damaged it may return a *DamagedError instead.
func (s *Storage) Has(h plumbing.Hash) (bool, error) {
	there, err := s.seek(h)
	for looks := 1; !there && looks < calm; looks++ {
		changed, rerr := s.packs.rescan()
		if rerr != nil {
			return false, rerr
		}
		if there, err = s.seek(h); !changed && looks > 1 {
			break
		}
	}
	if there {
		return true, nil
	}
	if err == nil {
		err = s.packs.suspect(h)
	}
	return false, err
}

func (s *Storage) seek(h plumbing.Hash) (bool, error) {
	there, err := s.packs.has(h)
	if there || s.hasLoose(h) {
		return true, nil
	}
	return false, err
}

// DamagedError says that an object is there and cannot be believed.
type DamagedError struct {
	Object plumbing.Hash
	Where  string // the file
	Err    error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("object %s in %s is damaged (%v); restore that file from a backup or from another clone", e.Object, e.Where, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }
