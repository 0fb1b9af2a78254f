package gitstore

import (
	"context"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// foresee tells what a sync would do.
func (r *syncRun) foresee(ctx context.Context, branches []*replica) error {
	for _, b := range branches {
		r.report.Fetched += len(b.events)
		r.noteOlder(b)
		r.noteFuture(b)
		if err := r.foreseePush(ctx, b); err != nil {
			return err
		}
	}
	r.noteHeld()
	return nil
}

// foreseePush tells what would be pushed of a branch, or why nothing would be.
func (r *syncRun) foreseePush(ctx context.Context, b *replica) error {
	if cut, err := r.cutOff(ctx, b); err != nil || cut {
		return err
	}
	if !b.clean() && r.o.Repair {
		r.note(fmt.Sprintf("the remote's branch %s is replaced by this store's", b.ref.Short()))
		return nil
	}
	if !b.clean() {
		r.report.Held = append(r.report.Held, heldSentence(b))
		return nil
	}
	ours, err := r.s.tip(b.ref)
	if err != nil {
		return err
	}
	shared := b.tip
	if len(b.commits) > 0 {
		shared = b.base
	}
	n, err := r.s.ahead(ctx, ours, shared)
	if err != nil {
		return err
	}
	if n < 0 { // what is ours since the histories parted
		return r.foreseeParted(ctx, b, ours)
	}
	n = max(0, n-r.holds.count(b.ref))
	r.report.Pushed += n
	if len(b.commits) > 0 {
		r.report.Replayed += n
	}
	return nil
}

func (r *syncRun) foreseeParted(ctx context.Context, b *replica, ours plumbing.Hash) error {
	r.note(fmt.Sprintf("the history of the remote's branch %s was rewritten; what it lacks is put back on top", b.ref.Short()))
	if b.fresh(b.tip) {
		return nil
	}
	lacks, err := r.s.missing(ctx, b.ref, ours, b.tip)
	r.report.Replayed += len(lacks)
	r.report.Pushed += len(lacks)
	return err
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
