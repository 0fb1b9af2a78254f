package odb

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

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
	// Config, index, shallow and module files are go-git's own: nothing on the
	// way of a message depends on them.
	filesystem.ConfigStorage
	filesystem.IndexStorage
	filesystem.ShallowStorage
	filesystem.ModuleStorage

	dir  string
	opts Options

	packs   packSet
	lock    storeLock
	journal journal

	maintaining sync.Mutex
	repair      sync.Once
}

var _ storage.Storer = (*Storage)(nil)

// Open opens the git directory dir. After a power loss it first replays the
// journal, which takes the store's lock. It fails if dir is no git directory,
// or one of a kind that this package cannot keep (SHA-256, worktrees of its
// own configuration).
func Open(dir string, o Options) (*Storage, error) {
	o = o.withDefaults()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Storage{dir: dir, opts: o}
	files := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault())
	s.ConfigStorage, s.IndexStorage = files.ConfigStorage, files.IndexStorage
	s.ShallowStorage, s.ModuleStorage = files.ShallowStorage, files.ModuleStorage
	if err := s.checkConfig(); err != nil {
		return nil, err
	}
	s.packs.init(s.packDir(), o.Logger)
	s.lock.init(filepath.Join(s.StateDir(), "lock"))
	s.journal.init(filepath.Join(s.StateDir(), "journal"), o)
	if err := s.recoverIfNeeded(); err != nil {
		return nil, fmt.Errorf("replay the journal of %s: %w", dir, err)
	}
	return s, nil
}

// Close makes what was written durable without the journal and lets go of
// files and mappings. The Storage must not be used afterwards.
func (s *Storage) Close() error {
	return errors.Join(s.journal.close(), s.packs.close())
}

// Dir returns the git directory as an absolute path.
func (s *Storage) Dir() string { return s.dir }

// StateDir returns the directory of files that belong to this machine and are
// never committed: the lock, the journal.
func (s *Storage) StateDir() string { return filepath.Join(s.dir, "skein") }

func (s *Storage) packDir() string { return filepath.Join(s.dir, "objects", "pack") }

func (s *Storage) fs() FS { return s.opts.FS }

// checkConfig refuses repositories whose objects or refs this package would
// misread.
func (s *Storage) checkConfig() error {
	path := filepath.Join(s.dir, "config")
	cfg, err := s.Config()
	if err != nil {
		return fmt.Errorf("%s cannot be read (%w); restore it, or remove it and skein writes a new one", path, err)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return writeConfig(s.fs(), s.dir)
	}
	version := cfg.Raw.Section("core").Option("repositoryformatversion")
	if version != "" && version != "0" {
		return fmt.Errorf("%s asks for repository format %s; skein keeps format 0", path, version)
	}
	if format := cfg.Raw.Section("extensions").Option("objectformat"); format != "" && format != "sha1" {
		return fmt.Errorf("%s asks for %s objects; skein keeps sha1", path, format)
	}
	return nil
}

// Get returns an object's type and bytes after checking that they hash to h.
// It returns plumbing.ErrObjectNotFound if there is none, and a *DamagedError
// if every copy is damaged. The bytes must not be modified.
func (s *Storage) Get(h plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	t, data, err := s.packs.get(h)
	if err == nil {
		return t, data, nil
	}
	damaged := err
	if t, data, err = s.readLoose(h); err == nil {
		return t, data, nil
	}
	if !errors.Is(err, plumbing.ErrObjectNotFound) {
		damaged = err
	}
	if err := s.packs.rescan(); err != nil {
		return plumbing.InvalidObject, nil, err
	}
	if t, data, err = s.packs.get(h); err == nil {
		return t, data, nil
	}
	if s.repairOnce(); errors.Is(err, plumbing.ErrObjectNotFound) {
		if t, data, err = s.packs.get(h); err == nil {
			return t, data, nil
		}
	}
	if errors.Is(damaged, plumbing.ErrObjectNotFound) {
		damaged = err
	}
	return plumbing.InvalidObject, nil, damaged
}

// repairOnce looks, at the first object that is nowhere, whether an index is
// damaged and hides it.
func (s *Storage) repairOnce() {
	s.repair.Do(func() {
		repaired, err := s.repairIndexes()
		if err != nil {
			s.opts.Logger.Error("the packs' indexes cannot be checked", "error", err)
		}
		if repaired {
			_ = s.packs.close()
			_ = s.packs.rescan()
		}
	})
}

// Has says whether the object is there, without reading it.
func (s *Storage) Has(h plumbing.Hash) (bool, error) {
	if s.packs.has(h) || s.hasLoose(h) {
		return true, nil
	}
	if err := s.packs.rescan(); err != nil {
		return false, err
	}
	return s.packs.has(h) || s.hasLoose(h), nil
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
