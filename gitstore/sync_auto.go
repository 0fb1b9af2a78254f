package gitstore

import (
	"context"
	"errors"
	"time"
)

// Pace says how often KeepSynced syncs. The zero value is what servers use.
type Pace struct {
	Debounce time.Duration // from an event to its push, for others to come along; 0: 2 s
	Gap      time.Duration // between two syncs, at least; 0: 10 s, so no more than 6 a minute
	Every    time.Duration // without any event of ours, to see what others have pushed; 0: 1 min
	AtEnd    time.Duration // that the last push may take when ctx has ended; 0: 5 s
}

func (p Pace) withDefaults() Pace {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&p.Debounce, 2*time.Second)
	set(&p.Gap, 10*time.Second)
	set(&p.Every, time.Minute)
	set(&p.AtEnd, 5*time.Second)
	return p
}

// mostBetween is how long a remote that fails is left alone.
const mostBetween = 10 * time.Minute

// KeepSynced syncs until ctx ends: at once, soon after each event, and now and
// then; and once more at the end if something is not pushed yet. It does so
// only while the store has a remote, and leaves it to another process that is
// at it. A failure is logged and noted (RemoteState), and tried again less and
// less often. Nothing waits for KeepSynced but its caller.
func (s *Store) KeepSynced(ctx context.Context, p Pace) {
	k := &keeper{s: s, pace: p.withDefaults()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			k.last(context.WithoutCancel(ctx))
			return
		case _, open := <-k.changes:
			if !open {
				k.changes = nil
				continue
			}
			timer.Reset(k.soon(time.Now()))
		case <-timer.C:
			wait := k.run(ctx)
			if k.watch(ctx) {
				wait = min(wait, k.soon(time.Now())) // for what came before it was watched
			}
			timer.Reset(wait)
		}
	}
}

// keeper is KeepSynced under way.
type keeper struct {
	s        *Store
	pace     Pace
	remote   bool      // there was one when it last looked
	ended    time.Time // when the last sync did
	failures int       // since one was good

	changes <-chan struct{}    // nil without a remote: then events cost nothing
	stop    context.CancelFunc // ends the watching; nil: nothing is watched
}

// watch follows the store's events as long as there is a remote; begun tells
// that it has just begun to.
func (k *keeper) watch(ctx context.Context) (begun bool) {
	switch {
	case k.remote == (k.stop != nil):
		return false
	case !k.remote:
		k.stop()
		k.changes, k.stop = nil, nil
		return false
	}
	var err error
	ctx, k.stop = context.WithCancel(ctx)
	if k.changes, err = k.s.Watch(ctx); err != nil {
		k.s.log.Warn("changes cannot be watched; they are pushed now and then only", "err", err)
	}
	return true
}

// soon returns how long to wait after an event. Commits that a sync itself has
// brought need no push, so they wait for the next look.
func (k *keeper) soon(now time.Time) time.Duration {
	if done, err := k.s.allPushed(); err == nil && done {
		return k.pace.Every
	}
	return max(k.pace.Debounce, k.ended.Add(k.wait()).Sub(now))
}

// wait is the least time between two syncs.
func (k *keeper) wait() time.Duration {
	if k.failures == 0 {
		return k.pace.Gap
	}
	return min(mostBetween, k.pace.Gap<<min(k.failures, 10))
}

// run syncs if there is something to sync, and returns when to look again.
func (k *keeper) run(ctx context.Context) time.Duration {
	address, err := k.s.RemoteURL()
	if k.remote = err == nil && address != ""; !k.remote {
		return k.pace.Every
	}
	done, err := k.s.allPushed()
	state := k.s.readSyncState(address)
	if err == nil && done && k.s.now().Sub(state.LastTry).Abs() < k.pace.Every/2 {
		return k.pace.Every // another process has just looked
	}
	if left := state.NotSoon.Sub(k.s.now()); left > 0 {
		return min(left, longest)
	}
	err = k.sync(ctx)
	k.ended = time.Now()
	switch {
	case errors.Is(err, ErrSyncing):
		return k.pace.Gap
	case err != nil:
		k.failures++
		return max(k.pace.Every, k.wait())
	}
	k.failures = 0
	return k.pace.Every
}

func (k *keeper) sync(ctx context.Context) error {
	report, err := k.s.Sync(ctx, SyncOptions{NoWait: true})
	if err != nil {
		if !errors.Is(err, ErrSyncing) && ctx.Err() == nil {
			k.s.log.Info("syncing failed; it is tried again", "err", err)
		}
		return err
	}
	for _, refused := range report.Refused {
		k.s.log.Warn("the remote sent what is not believed", "what", refused)
	}
	for _, held := range report.Held {
		k.s.log.Warn("not everything is pushed", "why", held)
	}
	for _, held := range report.HeldBack {
		k.s.log.Warn("the remote refuses an event, and the rest is pushed without it", "event", held.ID.Short(), "what", held.What, "why", held.Reason)
	}
	return nil
}

// last pushes what is left, within its bound.
func (k *keeper) last(ctx context.Context) {
	address, err := k.s.RemoteURL()
	if err != nil || address == "" {
		return
	}
	if done, err := k.s.allPushed(); err != nil || done {
		return
	}
	ctx, stop := context.WithTimeout(ctx, k.pace.AtEnd)
	defer stop()
	_ = k.sync(ctx) // it is logged, and the next start goes on
}
