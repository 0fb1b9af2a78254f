package gitstore

import (
	"context"
	"path/filepath"
	"strings"
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
// whatever process; several moves may be one value. The channel is closed when
// ctx ends. A caller that reads the store after Watch has returned, and again
// after each value, misses nothing.
func (s *Store) Watch(ctx context.Context) (<-chan struct{}, error) {
	w := &watcher{s: s, out: make(chan struct{}, 1), every: safetyInterval}
	files, err := watchRefs(s.db.Dir())
	if err != nil {
		s.log.Info("the system does not tell of changes; looking for them instead", "err", err)
		w.every = pollInterval
	}
	if w.last, err = s.heads(); err != nil {
		if files != nil {
			_ = files.Close()
		}
		return nil, err
	}
	go w.run(ctx, files)
	return w.out, nil
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
	select {
	case w.out <- struct{}{}:
	default: // one is waiting
	}
}
