package gitstore

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/storage"

	"skein/gitstore/event"
	"skein/gitstore/odb"
	"skein/gitstore/remote"
)

// Options says which store to open, and how.
type Options struct {
	Dir      string   // the store's directory; made on first use, mode 0700
	NoSync   bool     // leave flushing to the operating system: a power cut may lose what was acknowledged
	NoMirror bool     // do not keep Markdown files beside .git
	NoIndex  bool     // answer from the tree alone, and leave the index as it is
	Resident bool     // the process stays: a large catch-up of the index runs in the background
	Roster   []string // the only names to which messages may go; nil: those of all who have joined
	// PairLimit is how many messages two agents may exchange in one thread in
	// ten minutes while no person writes there; 0: as many as they like. What
	// they write to everyone counts as long as they do half of the talking.
	// People are not limited, and are told.
	PairLimit int
	// Duplicates is the time in which a message that says exactly what its
	// sender has just said is taken for the same one; 0: none is.
	Duplicates time.Duration
	Person     bool             // whoever writes through this Store is a person, and their profile says so
	Now        func() time.Time // nil: time.Now
	Logger     *slog.Logger     // nil: discards
	FS         odb.FS           // nil: the operating system
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = odb.OS
	}
	return o
}

func (o Options) storage() odb.Options {
	return odb.Options{FS: o.FS, NoSync: o.NoSync, Logger: o.Logger}
}

// Store is an open store. It is safe for concurrent use, also by any number of
// processes that have the same directory open.
type Store struct {
	dir   string
	opts  Options
	now   func() time.Time
	log   *slog.Logger
	db    *odb.Storage
	clock *event.Clock

	highWater highWater

	trees     treeCache
	tips      tipCache
	queue     queue
	watches   watches
	waits     waits
	expected  expected
	guard     guard
	transport remote.Transport // what remotes are reached with

	redactions redactions
	joins      joins
	mirror     *mirror // nil: no files are kept beside .git
	read       reader

	projection *projection // nil: answers come from the tree

	groups     atomic.Int64    // committed by this process since it last asked for maintenance
	upkeep     chan struct{}   // holds a token while maintenance runs
	compacting chan struct{}   // holds one while packs are compacted
	closes     context.Context // ends when Close begins
	beginClose context.CancelFunc
	background sync.WaitGroup // export and maintenance
	closing    sync.Once
	closed     error
}

// Open opens the store in o.Dir and creates it if there is nothing yet. It
// refuses a directory that holds anything else, a store of a newer format
// (*FormatError), and one whose branches cannot be read. Any number of
// processes may open the same missing store at once.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	dir, err := prepareDir(ctx, o)
	if err != nil {
		return nil, err
	}
	db, err := odb.Open(gitDir(dir), o.storage())
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opts: o, now: o.Now, log: o.Logger, db: db}
	s.clock = event.NewClock(o.Now)
	s.upkeep, s.compacting = make(chan struct{}, 1), make(chan struct{}, 1)
	s.closes, s.beginClose = context.WithCancel(context.WithoutCancel(ctx))
	s.joins.turn = make(chan struct{}, 1)
	s.expected.begun = make(chan struct{}, 1)
	s.queue.init(db.StateDir(), o)
	if err := s.checkBranches(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if !o.NoIndex {
		s.projection = newProjection(s)
	}
	if !o.NoMirror {
		s.mirror = newMirror(s)
		s.exportSoon()
	}
	return s, nil
}

// ReleaseMemory gives back to the system what was read of the store's packs. A
// process that will wait for a while calls it; the next read costs little more.
func (s *Store) ReleaseMemory() { s.db.ReleasePages() }

// Close finishes the export and whatever maintenance is due, but for
// compaction, which it interrupts, and lets go of the files. Closing twice is
// harmless; any other use afterwards is not.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.beginClose()
		if s.mirror != nil {
			close(s.mirror.hurry)
		}
		if s.groups.Load() > 0 {
			s.maintainSoon()
		}
		s.projection.stop()
		s.background.Wait()
		s.closed = errors.Join(s.projection.close(), s.db.Close())
	})
	return s.closed
}

// Dir returns the store's directory as an absolute path.
func (s *Store) Dir() string { return s.dir }

// Storer returns the repository for go-git: git.Open(s.Storer(), nil). What is
// written through it bypasses the store's rules.
func (s *Store) Storer() storage.Storer { return s.db }
