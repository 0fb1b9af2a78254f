package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/gofrs/flock"

	"skein/gitstore/remote"
)

// SyncOptions say how to sync.
type SyncOptions struct {
	// DryRun fetches and says what would be done, and changes nothing.
	DryRun bool
	// NoWait returns ErrSyncing at once if another process is syncing.
	NoWait bool
	// Restore puts branches back onto a remote that has lost them.
	Restore bool
	// Repair replaces a branch of the remote that holds what skein refuses.
	Repair bool
	// Retry tries again now what the remote's rules have refused before.
	Retry bool
	// Fold takes in what waits in the inboxes of machines that may not push to
	// main or agents, and pushes it there.
	Fold bool
	// Depth, if not 0, leaves all but so many commits of each branch at the
	// remote, with older versions of directories. Messages, receipts and
	// whatever else is read all come. Only the first sync with a remote can do
	// so; later it is ErrHasHistory.
	Depth int
	// Unshallow brings what Depth has left away.
	Unshallow bool
	// Progress, if not nil, is told in a few words what is going on.
	Progress func(text string)

	pause func(context.Context, time.Duration) error // before another attempt; nil: pause
}

// ErrSyncing says that another process is syncing this store.
var ErrSyncing = errors.New("another process is syncing this store")

const (
	maxAttempts = 20 // that lose a race each
	maxUnknown  = 3  // whose answer gets lost; a line that is dead is for the next sync
	syncPoll    = 50 * time.Millisecond
)

// Sync makes this store and its remote hold the same events in one linear
// history: what the remote has is fetched, checked and taken over, what only
// this store has is committed again on top of it, and pushed. It may be cut
// short at any point and repeated. Nothing is lost by that, and nothing done
// twice. No lock that a post needs is held while the network is used; one
// process a store syncs at a time.
//
// The report is of use together with an error, too. An error about the remote
// is a *remote.Error.
func (s *Store) Sync(ctx context.Context, o SyncOptions) (*SyncReport, error) {
	address, err := s.RemoteURL()
	if err != nil {
		return nil, err
	}
	if address == "" {
		return nil, ErrNoRemote
	}
	unlock, err := s.lockSync(ctx, o)
	if err != nil {
		return nil, err
	}
	defer unlock()
	w := s.newGitWire(address, o.Progress)
	defer w.r.Close()
	report, err := s.syncOver(ctx, w, o)
	report.Remote = remote.Redact(address)
	if report.Moved = w.r.Moved(); report.Moved != "" {
		report.Notes = append(report.Notes, MovedSentence(report.Moved))
	}
	if !o.DryRun && ctx.Err() == nil {
		s.noteSync(address, report, err)
	}
	return report, err
}

// lockSync takes the lock of whoever syncs.
func (s *Store) lockSync(ctx context.Context, o SyncOptions) (unlock func(), err error) {
	lock := flock.New(filepath.Join(s.db.StateDir(), "sync.lock"), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		if o.NoWait {
			return nil, ErrSyncing
		}
		o.tell("waiting for another process that is syncing")
		_, err = lock.TryLockContext(ctx, syncPoll)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the store for syncing: %w", err)
	}
	return func() { _ = lock.Unlock() }, nil
}

func (o SyncOptions) tell(text string) {
	if o.Progress != nil {
		o.Progress(text)
	}
}

// syncRun is a sync under way.
type syncRun struct {
	s      *Store
	w      wire
	o      SyncOptions
	report *SyncReport
	done   done
	holds  *holds
	id     string // of this replica, by which its inboxes are named
}

// syncOver syncs until the remote has taken what there is, or refuses it.
func (s *Store) syncOver(ctx context.Context, w wire, o SyncOptions) (*SyncReport, error) {
	if o.pause == nil {
		o.pause = pause
	}
	report := &SyncReport{}
	holds, err := s.openHolds(o)
	if err != nil {
		return report, err
	}
	id, err := s.replicaID()
	if err != nil {
		return report, err
	}
	run := &syncRun{s: s, w: w, o: o, report: report, holds: holds, id: id}
	if err := run.checkDepth(); err != nil {
		return report, err
	}
	if done, err := run.pushFirst(ctx); done || err != nil {
		return report, err
	}
	unknown := 0
	for attempts := 1; ; attempts++ {
		began := time.Now()
		again, err := run.once(ctx)
		if again && isUnknown(err) {
			unknown++
		}
		if !again || attempts == maxAttempts || unknown >= maxUnknown {
			return report, err
		}
		o.tell("the push did not get through; trying again")
		if err := o.pause(ctx, rand.N(spread(attempts, time.Since(began)))); err != nil {
			return report, err
		}
	}
}

// isUnknown tells whether a push may or may not have arrived.
func isUnknown(err error) bool {
	var e *remote.Error
	return errors.As(err, &e) && e.Kind == remote.Network
}

// syncBranches are what is synced, in this order: profiles before the messages
// of their agents would be no better, since either may come first anyway.
var syncBranches = []plumbing.ReferenceName{mainRef, agentsRef}

// once fetches, converges and pushes once; again tells that it was of no use
// because of a race, or of an answer that got lost.
func (r *syncRun) once(ctx context.Context) (again bool, err error) {
	r.o.tell("fetching")
	depth, err := r.depth()
	if err != nil {
		return false, err
	}
	a, err := r.w.fetch(ctx, depth, r.fetched()...)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	a.tell = r.o.Progress
	if r.o.Fold {
		a.packs = nil // inboxes are not taken over as they are
	}
	r.beginReport()
	branches, err := r.inspectAll(ctx, a)
	if err == nil {
		err = r.inspectOlder(ctx, a, branches)
	}
	if err != nil {
		return false, err
	}
	if r.o.DryRun {
		return false, r.foresee(ctx, a, branches)
	}
	if err := r.accept(ctx, a, branches); err != nil {
		return false, err
	}
	if r.o.Fold {
		if err := r.fold(ctx, a); err != nil {
			return false, err
		}
	}
	again, err = r.push(ctx, a, branches)
	r.noteHeld()
	return again, err
}

// inspectAll looks at all branches of the remote.
func (r *syncRun) inspectAll(ctx context.Context, a *arrival) ([]*replica, error) {
	var branches []*replica
	for _, ref := range syncBranches {
		tracked, known, err := r.s.knownTip(ref)
		if err != nil {
			return nil, err
		}
		if !known.IsZero() && a.tips[ref].IsZero() && !r.o.Restore {
			return nil, fmt.Errorf("the remote has lost its branch %s; sync with --restore to put it back from this store, or skein remote remove to leave it so", ref.Short())
		}
		in, err := r.s.inspect(ctx, a, ref, r.o.Repair)
		if err != nil {
			return nil, err
		}
		r.noteRefused(in)
		branches = append(branches, &replica{inspection: in, tracked: tracked, known: known})
	}
	return branches, nil
}

// accept takes over what came and puts ours on top of it.
func (r *syncRun) accept(ctx context.Context, a *arrival, branches []*replica) error {
	rescued, err := r.s.takeOver(ctx, a, branches)
	if err != nil {
		return err
	}
	for _, name := range rescued {
		r.report.Rescued = append(r.report.Rescued, name)
		r.noteDone("the remote's history was rewritten: ours as it was is kept in " + name + ", and what the remote lacked is back on top")
	}
	for _, b := range branches {
		r.noteOlder(b)
		if err := r.unite(ctx, b); err != nil {
			return fmt.Errorf("bring branch %s together with the remote's: %w", b.ref.Short(), err)
		}
		r.noteFuture(b)
		if err := r.s.follow(ctx, b); err != nil {
			return err
		}
	}
	r.s.exportSoon()
	r.s.committed()
	return nil
}

// unite makes the branch of this store hold what it may of the remote's.
func (r *syncRun) unite(ctx context.Context, b *replica) error {
	if !b.clean() {
		n, err := r.s.pick(ctx, b)
		r.report.Fetched += n
		return err
	}
	r.report.Fetched += len(b.events)
	n, err := r.converge(ctx, b)
	r.noteReplayed(b.ref, n)
	return err
}
