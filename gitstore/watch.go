package gitstore

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-git/go-git/v5/plumbing"
)

const (
	// pollInterval is how often the branches are looked at where the system
	// does not tell of changes.
	pollInterval = 250 * time.Millisecond
	// safetyInterval is how often they are looked at where it does: some file
	// systems tell only of this machine's changes, and a directory that is
	// removed and made again is not watched any more.
	safetyInterval = 2 * time.Second
)

// Watch returns a channel that receives a value after a branch has moved, by
// whatever process; several moves may be one value, and a move just before the
// call may be the first. The channel is closed when ctx ends. A caller that reads
// the store after Watch has returned, and again after each value, misses nothing.
func (s *Store) Watch(ctx context.Context) (<-chan struct{}, error) {
	return s.watches.join(ctx, s)
}

// watches lets any number of callers watch a store with one watcher: the system
// has few of them. Its zero value is ready.
type watches struct {
	mu  sync.Mutex
	to  map[chan struct{}]bool
	end context.CancelFunc
}

// join begins to watch; the watcher runs until the last caller's ctx has ended.
func (w *watches) join(ctx context.Context, s *Store) (<-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.to) == 0 {
		if err := w.start(s); err != nil {
			return nil, err
		}
	}
	out := make(chan struct{}, 1)
	w.to[out] = true
	context.AfterFunc(ctx, func() { w.leave(out) })
	return out, nil
}

func (w *watches) start(s *Store) error {
	one := &watcher{s: s, out: make(chan struct{}, 1), every: safetyInterval}
	files, err := watchRefs(s.db.Dir())
	if err != nil {
		s.log.Info("the system does not tell of changes; looking for them instead", "err", err)
		one.every = pollInterval
	}
	if one.last, err = s.heads(); err != nil {
		if files != nil {
			_ = files.Close()
		}
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	w.to, w.end = make(map[chan struct{}]bool), end
	go one.run(ctx, files)
	go w.tell(one.out)
	return nil
}

func (w *watches) leave(out chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.to, out)
	close(out)
	if len(w.to) == 0 {
		w.end()
	}
}

// tell passes each value on to everybody.
func (w *watches) tell(moved <-chan struct{}) {
	for range moved {
		w.mu.Lock()
		for out := range w.to {
			wake(out)
		}
		w.mu.Unlock()
	}
}

// wake leaves a value for a reader, if none is waiting for it.
func wake(out chan<- struct{}) {
	select {
	case out <- struct{}{}:
	default:
	}
}

// watchRefs watches the files that hold the branches: refs/heads/*, and
// packed-refs, into which git may put them.
func watchRefs(gitDir string) (*fsnotify.Watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{gitDir, filepath.Join(gitDir, "refs", "heads")} {
		if err := files.Add(dir); err != nil {
			_ = files.Close()
			return nil, err
		}
	}
	return files, nil
}

// heads returns where the branches are.
func (s *Store) heads() (heads [2]plumbing.Hash, err error) {
	for i, ref := range []plumbing.ReferenceName{mainRef, agentsRef} {
		if heads[i], err = s.db.Ref(ref); err != nil {
			return heads, s.explainMissingRef(ref, err)
		}
	}
	return heads, nil
}

type watcher struct {
	s     *Store
	out   chan struct{}
	every time.Duration
	last  [2]plumbing.Hash
}

func (w *watcher) run(ctx context.Context, files *fsnotify.Watcher) {
	defer close(w.out)
	var events chan fsnotify.Event // nil without a watcher: never ready
	var errs chan error
	if files != nil {
		defer files.Close()
		events, errs = files.Events, files.Errors
	}
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			// A branch is written to main.lock, which then becomes main.
			if strings.HasSuffix(e.Name, ".lock") {
				continue
			}
		case err := <-errs: // such as more events than the system keeps
			w.s.log.Debug("watching for changes", "err", err)
		case <-tick.C:
		}
		w.compare()
	}
}

// compare tells of a move since the last look.
func (w *watcher) compare() {
	now, err := w.s.heads()
	if err != nil {
		w.s.log.Warn("a branch cannot be read", "err", err)
		return
	}
	if now == w.last {
		return
	}
	w.last = now
	wake(w.out)
}
