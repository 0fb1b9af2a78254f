package gitstore

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/remote"
)

// A look asks a remote where its branches are and nothing else. If that is where
// they were, and there is nothing to push, a sync would do nothing.

// expected counts who waits for what comes, so that it is looked for more often.
type expected struct {
	n     atomic.Int64
	begun chan struct{} // has a value when somebody has begun to wait
}

func (e *expected) somebody() bool { return e.n.Load() > 0 }

// Expect has KeepSynced look at the remote often, until ctx ends: somebody waits
// for what comes. AwaitInbox and Follow do so by themselves.
func (s *Store) Expect(ctx context.Context) {
	context.AfterFunc(ctx, s.expect())
}

// expect is Expect until done is called.
func (s *Store) expect() (done func()) {
	s.expected.n.Add(1)
	wake(s.expected.begun)
	return sync.OnceFunc(func() { s.expected.n.Add(-1) })
}

// nothingNew looks at the remote, and notes that it has if there is nothing new.
// Whatever else it finds is for a sync, which says so better.
func (k *keeper) nothingNew(ctx context.Context, address string) bool {
	state := k.s.readSyncState(address)
	if k.failures > 0 || state.Problem != "" || state.LastSync.IsZero() || k.unpushed {
		return false
	}
	if done, err := k.s.allPushed(); err != nil || !done {
		return false
	}
	unlock, err := k.s.lockSync(ctx, SyncOptions{NoWait: true})
	if err != nil {
		return false
	}
	defer unlock()
	same, err := k.look(ctx, address)
	if err != nil {
		k.forgetWire()
		k.s.log.Debug("a look at the remote failed", "err", err)
	}
	if err != nil || !same {
		return false
	}
	k.s.noteLook()
	return true
}

// look tells whether the remote's branches are where they were.
func (k *keeper) look(ctx context.Context, address string) (same bool, err error) {
	if k.address != address {
		k.forgetWire()
		k.wire, k.address = k.s.newGitWire(address, nil), address
	}
	holds, err := k.s.openHolds(SyncOptions{})
	if err != nil {
		return false, err
	}
	id, err := k.s.replicaID()
	if err != nil {
		return false, err
	}
	run := &syncRun{s: k.s, holds: holds, id: id}
	branches := run.fetched()
	there, err := k.wire.look(ctx, branches...)
	if err != nil {
		return false, err
	}
	for _, ref := range branches {
		known, err := k.s.refOrZero(trackingRef(ref))
		if err != nil || there[ref] != known {
			return false, err
		}
	}
	return true, nil
}

// forgetWire closes what is open to the remote.
func (k *keeper) forgetWire() {
	if k.wire != nil {
		k.wire.r.Close()
	}
	k.wire, k.address = nil, ""
}

// look returns where branches of the remote are.
func (w *gitWire) look(ctx context.Context, branches ...plumbing.ReferenceName) (remote.Tips, error) {
	return w.r.List(ctx, w.s.quarantineDir(), branches...)
}
