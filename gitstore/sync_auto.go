package gitstore

import (
	"context"
	"errors"
	"time"
)

// Pace says how often KeepSynced syncs. The zero value is what servers use.
type Pace struct {
	Debounce time.Duration // from an event to its push, for others to come along; 0: 2 s
	Gap      time.Duration // between two pushes, and between two looks, at least; 0: 10 s
	Every    time.Duration // between two looks while something is wrong, at least; 0: 1 min
	Idle     time.Duration // between two looks at most, after a long silence; 0: 5 min
	AtEnd    time.Duration // that the last push may take when ctx has ended; 0: 5 s, less: there is none
}

func (p Pace) withDefaults() Pace {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&p.Debounce, 2*time.Second)
	set(&p.Gap, 10*time.Second)
	set(&p.Every, time.Minute)
	set(&p.Idle, 5*time.Minute)
	set(&p.AtEnd, 5*time.Second)
	return p
}

const (
	// mostBetween is how long a remote that fails is left alone.
	mostBetween = 10 * time.Minute
	// partOfSilence is how many times longer than its delay a silence was: whoever
	// breaks it is heard after a twentieth of it.
	partOfSilence = 20
)

// KeepSynced syncs until ctx ends: at once, soon after each event, and now and
// then to see what others have pushed; and once more at the end if something is
// not pushed yet. How often it looks follows the conversation: every Gap while
// somebody waits (AwaitInbox, Follow, Expect) or has just written, on whatever
// machine, and the less often the longer nobody has. A look that finds nothing
// new is one request.
//
// It does so only while the store has a remote, and leaves it to another process
// that is at it, or that has just looked: all processes of a machine look as
// often as the most curious of them. A failure is logged and noted
// (RemoteState), and tried again less and less often. Nothing waits for
// KeepSynced but its caller.
func (s *Store) KeepSynced(ctx context.Context, p Pace) {
	k := &keeper{s: s, pace: p.withDefaults(), starts: true}
	defer k.forgetWire()
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
			k.noteChange(s.now())
		case <-s.expected.begun:
		case <-timer.C:
			k.run(ctx)
			if k.watch(ctx) {
				k.noteChange(s.now()) // of what came before it was watched
			}
		}
		timer.Reset(k.due(s.now()))
	}
}

// keeper is KeepSynced under way.
type keeper struct {
	s        *Store
	pace     Pace
	starts   bool      // it has not looked yet
	remote   bool      // there was one when it last looked
	tried    time.Time // when its last sync or look ended
	after    time.Time // it does nothing before
	failures int       // since a sync was good
	unpushed bool      // there is something that no sync has seen
	since    time.Time // since when; zero: since before this process began

	wire    *gitWire // for looks, with what is open to the remote
	address string   // of the wire

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

// noteChange notes that there may be something to push, and since when. Of
// commits that a sync itself has brought there is nothing.
func (k *keeper) noteChange(since time.Time) {
	if done, err := k.s.allPushed(); (err != nil || !done) && !k.unpushed {
		k.unpushed, k.since = true, since
	}
}

// due returns how long to wait until the next sync or look.
func (k *keeper) due(now time.Time) time.Duration {
	address, err := k.s.RemoteURL()
	if err != nil || address == "" {
		return k.pace.Every
	}
	state := k.s.readSyncState(address)
	next := later(state.LastTry, k.tried).Add(k.between(now, state))
	if k.unpushed {
		push := later(k.since.Add(k.pace.Debounce), state.LastPush.Add(k.pace.Gap))
		next = now.Add(min(next.Sub(now), push.Sub(now)))
	}
	wait := later(next, later(k.after, state.NotSoon)).Sub(now)
	return min(max(wait, 0), longest) // however the clock was set meanwhile
}

// between is the time from one look to the next.
func (k *keeper) between(now time.Time, state *RemoteState) time.Duration {
	silence := now.Sub(state.LastNews).Abs()
	d := min(max(k.pace.Gap, silence/partOfSilence), max(k.pace.Gap, k.pace.Idle))
	if k.starts || k.s.expected.somebody() {
		d = k.pace.Gap
	}
	if state.Problem != "" { // what it takes to see that it has passed is more than a look
		d = max(d, k.pace.Every)
	}
	return d
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// run syncs, or looks, if it is time for that.
func (k *keeper) run(ctx context.Context) {
	address, err := k.s.RemoteURL()
	if k.remote = err == nil && address != ""; !k.remote {
		return
	}
	if k.starts {
		k.noteChange(time.Time{})
	}
	if k.due(k.s.now()) > 0 {
		return // another process has just looked
	}
	k.starts = false
	if k.nothingNew(ctx, address) {
		k.tried = k.s.now()
		return
	}
	err = k.sync(ctx)
	k.tried = k.s.now()
	switch {
	case errors.Is(err, ErrSyncing):
		k.after = k.tried.Add(k.pace.Gap)
	case err != nil:
		k.failures++
		k.after = k.tried.Add(max(k.pace.Every, k.wait()))
	default:
		k.failures, k.after, k.unpushed = 0, time.Time{}, false
	}
}

// wait is how long a remote that fails is left alone at least.
func (k *keeper) wait() time.Duration {
	return min(mostBetween, k.pace.Gap<<min(k.failures, 10))
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
	if err != nil || address == "" || k.pace.AtEnd < 0 {
		return
	}
	if done, err := k.s.allPushed(); err != nil || done {
		return
	}
	ctx, stop := context.WithTimeout(ctx, k.pace.AtEnd)
	defer stop()
	_ = k.sync(ctx) // it is logged, and the next start goes on
}
