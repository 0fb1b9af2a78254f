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
	// Progress, if not nil, is told in a few words what is going on.
	Progress func(text string)

	pause func(context.Context, time.Duration) error // before another attempt; nil: pause
}

// SyncReport says what a sync has done.
type SyncReport struct {
	Remote   string    // the address, without a password
	Fetched  int       // events that came
	Replayed int       // events of this store that were committed again on top of them
	Pushed   int       // events that the remote has now and had not before
	Pushes   int       // attempts
	Refused  []Refusal // what came and is not believed
	Held     []string  // sentences: what was not pushed, and why
	Notes    []string  // sentences: what else there is to know
	Rescued  []string  // refs that keep what a rewritten history has replaced
}

// ErrSyncing says that another process is syncing this store.
var ErrSyncing = errors.New("another process is syncing this store")

const (
	maxAttempts = 20 // that lose a race each, so that fifty machines at once get through
	maxUnknown  = 3  // whose answer gets lost; a line that is dead is for the next sync
	syncPoll    = 50 * time.Millisecond
	backoffUnit = 100 * time.Millisecond
	backoffMost = 10 * time.Second
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
	report, err := s.syncOver(ctx, s.newGitWire(address, o.Progress), o)
	report.Remote = remote.Redact(address)
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

// syncOver syncs until the remote has taken what there is, or refuses it.
func (s *Store) syncOver(ctx context.Context, w wire, o SyncOptions) (*SyncReport, error) {
	report := &SyncReport{}
	if o.pause == nil {
		o.pause = pause
	}
	for unknown := 0; ; {
		began := time.Now()
		again, err := s.syncOnce(ctx, w, o, report)
		if again && isUnknown(err) {
			unknown++
		}
		if !again || report.Pushes >= maxAttempts || unknown >= maxUnknown {
			return report, err
		}
		o.tell("the push did not get through; trying again")
		// Full jitter: any time up to a bound that doubles, beginning with what
		// an attempt takes, since that is how long others are in the way.
		unit := max(backoffUnit, time.Since(began))
		most := min(max(backoffMost, 4*unit), unit<<min(report.Pushes, 10))
		if err := o.pause(ctx, rand.N(most)); err != nil {
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

// syncOnce fetches, converges and pushes once; again tells that it was of no
// use because of a race, or of an answer that got lost.
func (s *Store) syncOnce(ctx context.Context, w wire, o SyncOptions, report *SyncReport) (again bool, err error) {
	o.tell("fetching")
	a, err := w.fetch(ctx, syncBranches...)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	report.Held, report.Refused, report.Notes = nil, nil, nil
	branches, err := s.inspectAll(ctx, a, o, report)
	if err != nil {
		return false, err
	}
	if o.DryRun {
		return false, s.foresee(ctx, branches, report)
	}
	if err := s.accept(ctx, a, branches, report); err != nil {
		return false, err
	}
	updates, counts, err := s.updates(ctx, branches, o, report)
	if err != nil || len(updates) == 0 {
		return false, err
	}
	o.tell("pushing")
	report.Pushes++
	outcome, err := w.push(ctx, a, updates)
	return s.settleUp(ctx, updates, counts, outcome, err, report)
}

// inspectAll looks at all branches of the remote.
func (s *Store) inspectAll(ctx context.Context, a *arrival, o SyncOptions, report *SyncReport) ([]*replica, error) {
	var branches []*replica
	for _, ref := range syncBranches {
		tracked, known, err := s.knownTip(ref)
		if err != nil {
			return nil, err
		}
		if !known.IsZero() && a.tips[ref].IsZero() && !o.Restore {
			return nil, fmt.Errorf("the remote has lost its branch %s; sync with --restore to put it back from this store, or skein remote remove to leave it so", ref.Short())
		}
		in, err := s.inspect(ctx, a, ref)
		if err != nil {
			return nil, err
		}
		if in.future > 0 {
			report.Notes = append(report.Notes, fmt.Sprintf("%d events of branch %s come from a machine whose clock is more than a day ahead; they are taken, and sort after what is written now", in.future, ref.Short()))
		}
		report.Refused = append(report.Refused, in.refused...)
		if in.more > 0 {
			report.Notes = append(report.Notes, fmt.Sprintf("%d more refusals are not listed", in.more))
		}
		branches = append(branches, &replica{in, tracked, known})
	}
	return branches, nil
}

// foresee tells what a sync would do.
func (s *Store) foresee(ctx context.Context, branches []*replica, report *SyncReport) error {
	for _, r := range branches {
		report.Fetched += len(r.events)
		ours, err := s.tip(r.ref)
		if err != nil {
			return err
		}
		shared := r.tip
		if len(r.commits) > 0 {
			shared = r.base
		}
		n, err := s.ahead(ctx, ours, shared)
		if err != nil {
			return err
		}
		switch {
		case !r.clean():
			report.Held = append(report.Held, heldSentence(r))
		case n < 0: // what is ours since the histories parted
			return s.foreseeParted(ctx, r, ours, report)
		case len(r.commits) > 0:
			report.Replayed += n
			report.Pushed += n
		default:
			report.Pushed += n
		}
	}
	return nil
}

func (s *Store) foreseeParted(ctx context.Context, r *replica, ours plumbing.Hash, report *SyncReport) error {
	report.Notes = append(report.Notes, fmt.Sprintf("the history of the remote's branch %s was rewritten; what it lacks is put back on top", r.ref.Short()))
	if r.fresh(r.tip) {
		return nil
	}
	lacks, err := s.missing(ctx, r.ref, ours, r.tip)
	report.Replayed += len(lacks)
	report.Pushed += len(lacks)
	return err
}

// accept takes over what came and puts ours on top of it.
func (s *Store) accept(ctx context.Context, a *arrival, branches []*replica, report *SyncReport) error {
	rescued, err := s.takeOver(ctx, a, branches)
	if err != nil {
		return err
	}
	for _, name := range rescued {
		report.Rescued = append(report.Rescued, name)
		report.Notes = append(report.Notes, "the remote's history was rewritten: ours as it was is kept in "+name+", and what the remote lacked is back on top")
	}
	for _, r := range branches {
		var n int
		if r.clean() {
			report.Fetched += len(r.events)
			n, err = s.converge(ctx, r)
			report.Replayed += n
		} else {
			n, err = s.pick(ctx, r)
			report.Fetched += n
		}
		if err != nil {
			return fmt.Errorf("bring branch %s together with the remote's: %w", r.ref.Short(), err)
		}
		if !r.newest.IsZero() {
			s.observe(r.newest)
		}
	}
	s.exportSoon()
	s.committed()
	return nil
}

// ahead counts the events from an older commit, or the beginning if that is
// zero, to a newer one; -1 if the older one is not in its history.
func (s *Store) ahead(ctx context.Context, newer, older plumbing.Hash) (int, error) {
	n, err := s.distance(ctx, newer, older)
	if older.IsZero() {
		n-- // the root is no event
	}
	return n, err
}

func heldSentence(r *replica) string {
	return fmt.Sprintf("branch %s: nothing is pushed, because the remote holds what skein refuses (%s); update skein if a newer one wrote it, take it off the remote, or sync with --repair to replace the remote's branch", r.ref.Short(), r.refused[0])
}

// updates says what is to be pushed, and how many events each update brings.
func (s *Store) updates(ctx context.Context, branches []*replica, o SyncOptions, report *SyncReport) (updates []remote.Update, counts map[plumbing.ReferenceName]int, err error) {
	counts = map[plumbing.ReferenceName]int{}
	for _, r := range branches {
		ours, err := s.tip(r.ref)
		if err != nil {
			return nil, nil, err
		}
		if ours == r.tip {
			continue
		}
		u := remote.Update{Branch: r.ref, New: ours}
		if !r.clean() {
			if !o.Repair {
				report.Held = append(report.Held, heldSentence(r))
				continue
			}
			u.Lease = r.tip
		} else if counts[r.ref], err = s.ahead(ctx, ours, r.tip); err != nil {
			return nil, nil, err
		}
		updates = append(updates, u)
	}
	return updates, counts, nil
}

// settleUp notes what became of a push.
func (s *Store) settleUp(ctx context.Context, updates []remote.Update, counts map[plumbing.ReferenceName]int,
	outcome map[plumbing.ReferenceName]error, err error, report *SyncReport) (again bool, _ error) {
	for _, u := range updates {
		refused, told := outcome[u.Branch]
		if !told {
			continue // err says why
		}
		var e *remote.Error
		switch {
		case refused == nil:
			if nerr := s.pushed(ctx, u); nerr != nil {
				return false, nerr
			}
			report.Pushed += counts[u.Branch]
		case errors.As(refused, &e) && e.Kind == remote.Race:
			again = true
		default:
			report.Held = append(report.Held, refused.Error())
		}
	}
	again = again || isUnknown(err)
	if again && err == nil {
		err = fmt.Errorf("others kept pushing first, %d times; sync again", report.Pushes)
	}
	return again, err
}
