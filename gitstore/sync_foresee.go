package gitstore

import (
	"context"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/event"
)

// foresee tells what a sync would do.
func (r *syncRun) foresee(ctx context.Context, a *arrival, branches []*replica) error {
	coming := map[event.ID]bool{}
	for _, b := range branches {
		if err := r.foreseeFetch(b, coming); err != nil {
			return err
		}
		r.noteOlder(b)
		r.noteFuture(b)
		if err := r.foreseePush(ctx, b); err != nil {
			return err
		}
	}
	if r.o.Fold {
		if err := r.foreseeFold(ctx, a, coming); err != nil {
			return err
		}
	}
	r.noteHeld()
	return nil
}

// foreseeFetch counts the events that would come of a branch, and adds them to
// what is coming.
func (r *syncRun) foreseeFetch(b *replica, coming map[event.ID]bool) error {
	n, err := len(b.events), error(nil)
	if b.clean() {
		for _, e := range b.events {
			coming[e.id] = true
		}
	} else {
		n, err = r.lacks(b.inspection, coming)
	}
	r.report.Fetched += n
	return err
}

// foreseeFold tells what would be taken in.
func (r *syncRun) foreseeFold(ctx context.Context, a *arrival, coming map[event.ID]bool) error {
	for _, ref := range r.inboxesOf(a) {
		in, err := r.lookInto(ctx, a, ref)
		if err != nil {
			return err
		}
		n, err := r.lacks(in, coming)
		if err != nil {
			return fmt.Errorf("look into branch %s: %w", ref.Short(), err)
		}
		r.report.Fetched += n
		r.report.Pushed += n
		if n > 0 {
			r.note(fmt.Sprintf("%d of it waits in branch %s", n, ref.Short()))
		}
	}
	return nil
}

// lacks counts the events that were looked at and are neither here nor coming, to
// which it adds them.
func (r *syncRun) lacks(in *inspection, coming map[event.ID]bool) (n int, err error) {
	tip, err := r.s.tip(in.ref)
	if err != nil {
		return 0, err
	}
	tree, err := r.s.rootTree(tip)
	if err != nil {
		return 0, err
	}
	root, err := rootDir(r.s.treeOnce, tree)
	if err != nil {
		return 0, err
	}
	grafts, err := in.grafts()
	if err != nil {
		return 0, err
	}
	for i, g := range grafts {
		there, err := holdsEvent(root, g.home, g.event, in.events[i].hash)
		if err != nil {
			return 0, err
		}
		if id := g.event.ID; !there && !coming[id] {
			coming[id] = true
			n++
		}
	}
	return n, nil
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
	replaced, err := b.rewritten(ctx)
	if err != nil {
		return err
	}
	if replaced {
		r.note(fmt.Sprintf("the history of the remote's branch %s was rewritten; what it lacks is put back on top", b.ref.Short()))
	}
	return r.foreseeReplay(ctx, b)
}

// foreseeReplay counts the events that would be pushed to a branch, and those of
// them that would be put on top of what came.
func (r *syncRun) foreseeReplay(ctx context.Context, b *replica) error {
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
