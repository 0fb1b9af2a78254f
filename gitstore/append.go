package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
	"skein/gitstore/odb"
)

// request is an event that waits to be committed. The writer fills in home,
// event and lifetime; whoever leads fills in the outcome and then closes done.
type request struct {
	home     home
	event    *event.Event
	lifetime time.Duration // of a message that expires; 0: for ever
	file     []byte        // the event's file

	spooled bool   // a copy is in the queue for other processes: the id stays
	claimed string // the copy's file, once a leader has taken it

	path   string
	commit plumbing.Hash // zero if another leader committed it
	err    error
	done   chan struct{} // nil: another process waits for it
}

func newRequest(h home, e *event.Event) *request {
	return &request{home: h, event: e, done: make(chan struct{})}
}

func (r *request) blobHash() plumbing.Hash {
	return plumbing.ComputeHash(plumbing.BlobObject, r.file)
}

// settled tells whether a request of this process is done.
func (r *request) settled() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *request) finish(err error) {
	r.err = err
	if r.done != nil {
		close(r.done)
	}
}

// stamp gives a request its id and its time, and checks the event: an error
// means that nothing was written.
func (s *Store) stamp(r *request) error {
	id, err := s.clock.Next()
	if err != nil {
		return err
	}
	r.event.ID, r.event.At = id, id.Time()
	if r.lifetime > 0 {
		r.event.Expires = r.event.At.Add(r.lifetime).Truncate(time.Millisecond)
	}
	r.file, err = r.event.Marshal()
	return err
}

// observe keeps the clock ahead of an id that was read. An id of a far future
// was made by a machine whose clock was wrong; following it would spread that
// for ever, so that the order of ids is given up instead.
func (s *Store) observe(id event.ID) {
	if err := s.clock.Observe(id); err != nil {
		s.log.Warn("the newest event lies in the future; new ones sort before it", "err", err)
	}
}

// append commits one event and returns when it is durable. Events that wait at
// the same time, in this process or another, are committed together: whoever
// gets the lock leads and takes everybody's.
//
// When ctx ends the event is withdrawn; if that comes too late it was
// committed, and append returns nil.
func (s *Store) append(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.file == nil {
		if err := s.stamp(r); err != nil {
			return err
		}
	}
	s.queue.add(r)
	select {
	case <-r.done:
		return r.err
	case s.queue.leading <- struct{}{}:
	case <-ctx.Done():
		return s.withdraw(r, context.Cause(ctx))
	}
	err := s.leadUnlessDone(ctx, r)
	<-s.queue.leading
	if err != nil {
		return s.withdraw(r, err)
	}
	<-r.done
	return r.err
}

func (s *Store) leadUnlessDone(ctx context.Context, r *request) error {
	if r.settled() {
		return nil
	}
	return s.lead(ctx, r)
}

// lead takes the store's lock and commits what waits in this process, unless
// another leader commits r before that. On success r is done.
func (s *Store) lead(ctx context.Context, r *request) error {
	unlock, err := s.awaitTurn(ctx, r)
	if err != nil || unlock == nil {
		return err
	}
	moved := s.commitWaiting()
	unlock()
	if moved {
		s.exportSoon()
		s.committed()
	}
	return nil
}

// awaitTurn takes the store's lock; unlock is nil if another process has
// committed r by then. While somebody holds the lock, a copy of what waits here
// lies in the queue. When the holder lets go, all who wait look for its answers
// at once and need not have the lock in turn to learn that they are done. Those
// who came too late for it try for the lock; one of them will lead the others.
func (s *Store) awaitTurn(ctx context.Context, r *request) (unlock func(), err error) {
	for {
		if unlock, ok, err := s.tryTurn(ctx); ok || err != nil {
			return unlock, err
		}
		if unlock, err = s.db.RLock(ctx); err != nil {
			return nil, err
		}
		s.queue.settleWaiting()
		unlock()
		if r.settled() {
			return nil, nil
		}
	}
}

// A holder of the RLock has it for moments, but keeps others from the lock.
const (
	turnTries = 3
	turnPause = 200 * time.Microsecond // at most; chance decides who leads
)

// tryTurn takes the store's lock unless somebody has it.
func (s *Store) tryTurn(ctx context.Context) (unlock func(), ok bool, err error) {
	for i := 0; i < turnTries && ctx.Err() == nil; i++ {
		if unlock, ok, err = s.db.TryLock(); ok || err != nil {
			return unlock, ok, err
		}
		s.queue.spool()
		select {
		case <-time.After(rand.N(turnPause)):
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("another process is writing to the store: %w", context.Cause(ctx))
	}
	return nil, false, err
}

// commitWaiting commits everything that waits in this process and in the
// queue. It tells whether it committed anything.
//
// A process whose events another leader has taken only looks what became of
// them. It leaves the queue alone, so that it lets go of the lock at once and
// the requests gather into a large group for the next who has to lead anyway.
func (s *Store) commitWaiting() (moved bool) {
	own := s.queue.take()
	s.queue.reclaim(own)
	own = s.queue.settleAnswered(own)
	all := own
	if slices.ContainsFunc(own, func(r *request) bool { return !r.spooled }) {
		all = slices.Concat(own, s.readQueue(own))
	}
	slices.SortStableFunc(all, func(a, b *request) int { return a.event.ID.Compare(b.event.ID) })
	for len(all) > 0 {
		n, err := s.commitGroup(all)
		for i := 0; errors.Is(err, errRaced) && i < maxRaces; i++ {
			n, err = s.commitGroup(all)
		}
		if err == nil {
			s.queue.leaveAnswers(all[:n])
		}
		for _, r := range all[:n] {
			moved = moved || r.err == nil && !r.commit.IsZero()
			s.queue.settle(r, err)
		}
		all = all[n:]
	}
	return moved
}

const (
	maxGroup = 2 << 20 // bytes of new data after which a group is committed
	maxRaces = 10      // how often git may move a branch under us before we give up
)

var errRaced = errors.New("git commands beside skein keep moving the branch; try again")

// commitGroup commits the first n requests, as many as make a group. The error
// is all of theirs; that of one alone is left in the request.
func (s *Store) commitGroup(all []*request) (n int, err error) {
	d := s.newDraft()
	for n < len(all) && d.batch.Size() < maxGroup {
		r := all[n]
		r.path, r.commit = "", plumbing.ZeroHash
		r.err = s.addTo(d, r)
		n++
	}
	if err = d.commit(); err != nil && odb.IsRace(err) {
		return n, fmt.Errorf("%w: %w", errRaced, err)
	}
	return n, err
}

// addTo adds a request with an id later than all others, unless the id is known
// to others already.
func (s *Store) addTo(d *draft, r *request) error {
	h, err := d.head(r.home.ref())
	if err != nil {
		return err
	}
	if !r.spooled && (r.event.ID.Compare(h.id) <= 0 || s.belowHighWater(r.event.ID)) {
		s.observe(h.id)
		if err := s.stamp(r); err != nil {
			return err
		}
	}
	return d.add(r)
}
