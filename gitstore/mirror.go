package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/gofrs/flock"
)

// mirror keeps the Markdown files beside .git up to date, off the path of a
// post. One process does so at a time, under a lock of its own; it looks at
// the tip again after letting go, so the others need not wait for it.
//
// The file exported in .git/skein names the commit up to which everything is
// there. What a crash left out lies between that commit and the tip, and the
// next export brings it.
type mirror struct {
	s      *Store
	lock   string
	marker string

	mu      sync.Mutex
	running bool
	again   bool
	hurry   chan struct{} // closed when the store is closed

	// Of the goroutine that runs.
	base    plumbing.Hash // the commit tried last, if it failed in part
	retryAt time.Time     // when to try again what failed
}

const (
	exportDelay = 20 * time.Millisecond // in which more may come, to be exported at once
	exportRetry = time.Minute           // how often a failed export is tried again
	exportPoll  = 10 * time.Millisecond // how often Export asks for the lock
)

func newMirror(s *Store) *mirror {
	state := s.db.StateDir()
	return &mirror{s: s, lock: filepath.Join(state, "export.lock"), marker: filepath.Join(state, "exported"),
		hurry: make(chan struct{})}
}

// exportSoon brings the files up to date in the background.
func (s *Store) exportSoon() {
	if s.mirror == nil {
		return
	}
	m := s.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	m.again = true
	if !m.running {
		m.running = true
		s.background.Go(m.run)
	}
}

func (m *mirror) run() {
	for m.next() {
		m.gather()
		if err := m.catchUp(); err != nil {
			m.s.log.Warn("the files beside .git are not up to date; it is tried again later", "err", err)
		}
	}
}

func (m *mirror) next() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running = m.again
	m.again = false
	return m.running
}

// gather waits for what comes soon, so that it is exported at once.
func (m *mirror) gather() {
	select {
	case <-time.After(exportDelay):
	case <-m.hurry:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.again = false
}

// catchUp exports what is new, unless another process is at it.
func (m *mirror) catchUp() error {
	lock := flock.New(m.lock, flock.SetPermissions(0o600))
	for {
		ok, err := lock.TryLock()
		if err != nil || !ok {
			return err
		}
		tip, err := m.exportNew()
		_ = lock.Unlock()
		if err != nil {
			return err
		}
		if now, err := m.s.tip(mainRef); err != nil || now == tip {
			return err
		}
		m.gather()
	}
}

// exportNew brings the files from the exported commit to the tip and returns
// the tip. It goes on after a file that cannot be written; then the marker
// stays, and only now and then is everything since the marker tried again.
func (m *mirror) exportNew() (tip plumbing.Hash, err error) {
	tip, err = m.s.tip(mainRef)
	if err != nil {
		return tip, err
	}
	from, failing := m.readMarker(), !m.base.IsZero()
	if failing && m.s.now().Before(m.retryAt) {
		from = m.base
	} else {
		failing = false
	}
	if from == tip {
		return tip, nil
	}
	x, err := newExporter(m.s, false)
	if err != nil {
		return tip, err
	}
	defer x.close()
	err = x.commit(context.Background(), from, tip)
	switch {
	case err == nil && !failing:
		m.base = plumbing.ZeroHash
		return tip, m.writeMarker(tip)
	case err != nil && !failing:
		m.retryAt = m.s.now().Add(exportRetry)
	}
	m.base = tip
	return tip, err
}

// readMarker returns the commit up to which everything is exported; zero if
// that is not known.
func (m *mirror) readMarker() plumbing.Hash {
	text, err := os.ReadFile(m.marker)
	if err != nil || !plumbing.IsHash(strings.TrimSpace(string(text))) {
		return plumbing.ZeroHash
	}
	h := plumbing.NewHash(strings.TrimSpace(string(text)))
	if _, err := m.s.rootTree(h); err != nil {
		return plumbing.ZeroHash
	}
	return h
}

func (m *mirror) writeMarker(h plumbing.Hash) error {
	return writeWhole(m.marker, []byte(h.String()+"\n"))
}

// Export rebuilds the files beside .git from the messages: missing and changed
// ones are written, files of messages that are not in the store are removed,
// and whatever else lies there is left alone. progress, if not nil, is told
// how many of how many messages are done.
func (s *Store) Export(ctx context.Context, progress func(done, total int)) error {
	m := newMirror(s)
	lock := flock.New(m.lock, flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, exportPoll); err != nil {
		return fmt.Errorf("another process is writing the files beside .git: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	tip, err := s.tip(mainRef)
	if err != nil {
		return err
	}
	x, err := newExporter(s, true)
	if err != nil {
		return err
	}
	defer x.close()
	if x.progress = progress; progress != nil {
		if err := x.countAll(tip); err != nil {
			return err
		}
	}
	if err := x.commit(ctx, plumbing.ZeroHash, tip); err != nil {
		return err
	}
	return m.writeMarker(tip)
}

// isNotThere tells whether an error says that a file does not exist.
func isNotThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }
