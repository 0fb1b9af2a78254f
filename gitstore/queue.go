package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// queue holds the events that wait for whoever leads. In this process that is
// a list. For other processes, while one of them holds the store's lock, it is
// a directory of request files, so that the holder commits them in its next
// group:
//
//	<id>.tmp   being written
//	<id>.req   waits; its owner may still withdraw it by removing it
//	<id>.take  taken by a leader, which removes it after the commit
//	<id>.bad   refused by a leader; kept for a person to look at
//	answers    what the last group has made of other processes' requests
//
// The leader holds the lock from taking to removing. If it dies in between,
// the next one finds the .take file and commits it, or finds that it has been
// committed. The owner needs none of this to be safe: when it gets the lock it
// commits its event itself unless the event is there.
type queue struct {
	dir     string
	fs      odb.FS
	log     *slog.Logger
	leading chan struct{} // holds a token while a goroutine of this process leads

	mu      sync.Mutex
	waiting []*request
}

const (
	queueTemp    = ".tmp"
	queueRequest = ".req"
	queueTaken   = ".take"
	queueBad     = ".bad"
	queueAnswers = "answers"

	staleTemp    = time.Minute // age at which a .tmp file was left by a killed process
	withdrawWait = time.Second // how long a cancelled call waits to learn what became of its event
)

func (q *queue) init(stateDir string, o Options) {
	q.dir = filepath.Join(stateDir, "queue")
	q.fs, q.log = o.FS, o.Logger
	q.leading = make(chan struct{}, 1)
}

func (q *queue) path(id event.ID, state string) string {
	return filepath.Join(q.dir, id.String()+state)
}

func (q *queue) add(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, r)
}

// take empties the list of this process.
func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := q.waiting
	q.waiting = nil
	return own
}

// spool copies what waits into the directory. A copy only makes things faster,
// so one that cannot be written is done without.
func (q *queue) spool() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.waiting {
		if r.spooled {
			continue
		}
		if err := q.write(r); err != nil {
			q.log.Debug("no request left for the process that holds the lock", "err", err)
			return
		}
		r.spooled = true
	}
}

// reclaim takes back copies that no leader has taken, so that their ids may
// still change. The caller holds the lock.
func (q *queue) reclaim(own []*request) {
	for _, r := range own {
		if r.spooled && q.fs.Remove(q.path(r.event.ID, queueRequest)) == nil {
			r.spooled = false
		}
	}
}

// write puts a request into the directory under its name when it is whole.
func (q *queue) write(r *request) error {
	temp := q.path(r.event.ID, queueTemp)
	f, err := q.create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(encodeRequest(r))
	if err = errors.Join(err, f.Close()); err == nil {
		err = q.fs.Rename(temp, q.path(r.event.ID, queueRequest))
	}
	if err != nil {
		_ = q.fs.Remove(temp)
	}
	return err
}

// create makes a file, and the directory the first time.
func (q *queue) create(name string) (odb.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := q.fs.OpenFile(name, flags, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := q.fs.Mkdir(q.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return q.fs.OpenFile(name, flags, 0o600)
}

// settle reports a request's outcome and clears its copy. After a failure the
// copy of one of our own goes too, because its caller is told that nothing was
// posted; that of another process stays for its owner to decide.
func (q *queue) settle(r *request, err error) {
	if r.err != nil {
		err = r.err
	}
	switch foreign := r.done == nil; {
	case foreign && r.err != nil:
		q.refuse(r.event.ID.String(), r.claimed, r.err)
	case foreign && err == nil:
		q.remove(r.claimed)
	case !foreign && r.spooled:
		q.remove(q.path(r.event.ID, queueTaken))
	}
	r.finish(err)
}

func (q *queue) remove(name string) {
	if err := q.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.log.Warn("a request that is done could not be removed", "file", name, "err", err)
	}
}

// refuse puts a request aside.
func (q *queue) refuse(id, name string, reason error) {
	q.log.Warn("a request in the queue was refused", "file", name, "err", reason)
	if err := q.fs.Rename(name, filepath.Join(q.dir, id+queueBad)); err != nil {
		q.remove(name)
	}
}

// readQueue takes the requests of other processes, oldest first and no more
// than about a group, leaving out those of this process: they are in memory.
func (s *Store) readQueue(own []*request) []*request {
	q := &s.queue
	entries, err := os.ReadDir(q.dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			q.log.Warn("the queue cannot be read; each process commits its own", "err", err)
		}
		return nil
	}
	var found []*request
	for size := 0; len(entries) > 0 && size < maxGroup; entries = entries[1:] {
		if r := s.readRequest(entries[0], own); r != nil {
			found = append(found, r)
			size += len(r.file)
		}
	}
	return found
}

// readRequest takes one file of the queue; nil if it holds nothing to commit.
func (s *Store) readRequest(file os.DirEntry, own []*request) *request {
	q := &s.queue
	name := filepath.Join(q.dir, file.Name())
	base, state := strings.TrimSuffix(file.Name(), filepath.Ext(name)), filepath.Ext(name)
	switch {
	case state == queueTemp:
		q.clearTemp(name, file)
		return nil
	case state != queueRequest && state != queueTaken:
		return nil
	case slices.ContainsFunc(own, func(r *request) bool { return r.event.ID.String() == base }):
		return nil
	}
	claimed := filepath.Join(q.dir, base+queueTaken)
	if state == queueRequest {
		if err := q.fs.Rename(name, claimed); err != nil {
			return nil // withdrawn
		}
	}
	r, err := s.loadRequest(claimed, base)
	if err != nil {
		q.refuse(base, claimed, err)
		return nil
	}
	return r
}

func (q *queue) clearTemp(name string, file os.DirEntry) {
	if info, err := file.Info(); err == nil && time.Since(info.ModTime()) > staleTemp {
		q.remove(name)
	}
}

func (s *Store) loadRequest(name, id string) (*request, error) {
	info, err := os.Lstat(name)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxRequest) {
		err = fmt.Errorf("it is no regular file of at most %d bytes", maxRequest)
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r, err := decodeRequest(data)
	if err != nil {
		return nil, err
	}
	if r.event.ID.String() != id {
		return nil, fmt.Errorf("its event has the id %s", r.event.ID)
	}
	r.claimed = name
	return r, s.clock.Observe(r.event.ID)
}

// withdraw takes back a request whose caller gives up, for which cause is the
// reason. It returns nil if the event was committed all the same.
func (s *Store) withdraw(r *request, cause error) error {
	if !s.queue.drop(r) {
		<-r.done // a leader has it
		return r.err
	}
	if !r.spooled || s.queue.fs.Remove(s.queue.path(r.event.ID, queueRequest)) == nil {
		return cause
	}
	return s.findOut(r, cause)
}

// drop takes a request off the list of this process, if it is still there.
func (q *queue) drop(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, r)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// findOut says what became of a request that a leader of another process took.
func (s *Store) findOut(r *request, cause error) error {
	ctx, stop := context.WithTimeout(context.Background(), withdrawWait)
	defer stop()
	unlock, err := s.db.Lock(ctx)
	if err != nil {
		return fmt.Errorf("%w; another process has taken event %s and may still commit it", cause, r.event.ID.Short())
	}
	defer unlock()
	s.queue.remove(s.queue.path(r.event.ID, queueTaken))
	d := s.newDraft()
	if err := d.add(r); err != nil {
		return err
	}
	if r.commit.IsZero() {
		return nil
	}
	return cause
}
