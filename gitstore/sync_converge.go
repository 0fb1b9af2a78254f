package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
	"skein/gitstore/remote"
)

// This file brings a branch of this store and the same branch of a remote to
// one line of commits.

// replica is one branch during a sync.
type replica struct {
	*inspection
	tracked plumbing.Hash // what stands in our ref for it
	known   plumbing.Hash // where the remote's branch was when we last knew; zero: never
	older   *inspection   // of what came from before its first commit here; nil: nothing did
}

// knownTip returns what stands in our ref for a branch of the remote, and where
// the remote's branch was when we last knew. A root stands for nothing known:
// every remote has it, and a ref in a store is never taken away.
func (s *Store) knownTip(ref plumbing.ReferenceName) (tracked, known plumbing.Hash, err error) {
	tracked, err = s.refOrZero(trackingRef(ref))
	if err != nil || tracked.IsZero() {
		return tracked, tracked, err
	}
	c, err := s.commitInfo(tracked)
	if err != nil || c.root() {
		return tracked, plumbing.ZeroHash, err
	}
	return tracked, tracked, nil
}

// rewritten tells whether the remote's branch is not built on what it was.
func (r *replica) rewritten(ctx context.Context) (bool, error) {
	if r.known.IsZero() || r.tip.IsZero() || r.known == r.base || r.known == r.tip {
		return false, nil
	}
	if r.base.IsZero() {
		return true, nil
	}
	built, err := r.s.isAncestor(ctx, r.known, r.base)
	return !built, err
}

// takeOver brings the objects of clean branches into the store, and notes where
// the remote is, and where its history begins here. A branch of ours whose
// history the remote has replaced is kept under a name of its own, which is
// returned.
func (s *Store) takeOver(ctx context.Context, a *arrival, branches []*replica) (rescued []string, err error) {
	needed, allClean := neededOf(branches)
	release := func() error { return nil }
	if allClean && len(a.packs) > 0 && s.inspected(a, branches) {
		if release, err = s.adopt(a); err != nil {
			return nil, fmt.Errorf("take over what was fetched: %w", err)
		}
		needed = nil
	}
	unlock, err := s.db.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b, err := s.copyObjects(a, needed)
	if err == nil {
		err = s.cutOlder(branches)
	}
	if err != nil {
		return nil, fmt.Errorf("take over what was fetched: %w", err)
	}
	due := len(needed) > 0
	for _, r := range branches {
		names, err := s.noteRemote(ctx, b, r)
		if err != nil {
			return nil, err
		}
		rescued = append(rescued, names...)
		due = due || r.clean() && !r.tip.IsZero() && r.tip != r.tracked
	}
	if due {
		err = b.Commit()
	}
	if err == nil {
		err = s.joinOlder(branches)
	}
	return rescued, errors.Join(err, release())
}

// neededOf lists the objects of clean branches; allClean tells that all are.
func neededOf(branches []*replica) (needed []plumbing.Hash, allClean bool) {
	allClean = true
	for _, r := range branches {
		allClean = allClean && r.clean()
		if r.clean() {
			needed = append(needed, r.needed...)
		}
		if r.older != nil {
			needed = append(needed, r.older.needed...)
		}
	}
	return needed, allClean
}

// inspected tells whether everything that came was looked at, or was here
// before. Packs that hold more, such as a branch that is not taken over or what
// a hostile remote adds, are not taken as they are: what is in the store counts
// as looked at when a branch comes to it later.
func (s *Store) inspected(a *arrival, branches []*replica) bool {
	looked := func(h plumbing.Hash) bool {
		return slices.ContainsFunc(branches, func(r *replica) bool { return r.seen[h] || r.older != nil && r.older.seen[h] })
	}
	return !slices.ContainsFunc(a.came, func(h plumbing.Hash) bool { return !looked(h) && s.db.HasEncodedObject(h) != nil })
}

// adopt takes over whole packs.
func (s *Store) adopt(a *arrival) (release func() error, err error) {
	if err := a.release(); err != nil {
		return nil, err
	}
	var releases []func() error
	for _, pack := range a.packs {
		one, err := s.db.Adopt(pack)
		if err != nil {
			return nil, err
		}
		releases = append(releases, one)
	}
	return func() (err error) {
		for _, one := range releases {
			err = errors.Join(err, one())
		}
		return err
	}, nil
}

// copyObjects adds objects to a batch; what does not fit is committed before.
func (s *Store) copyObjects(a *arrival, needed []plumbing.Hash) (*odb.Batch, error) {
	b := s.db.NewBatch()
	for _, h := range needed {
		t, data, err := a.objects.Get(h)
		if err != nil {
			return nil, err
		}
		if b.Size() > maxGroup {
			if err := b.Commit(); err != nil {
				return nil, err
			}
			b = s.db.NewBatch()
		}
		b.Add(t, data)
	}
	return b, nil
}

// noteRemote has a batch note where the remote's branch is.
func (s *Store) noteRemote(ctx context.Context, b *odb.Batch, r *replica) (rescued []string, err error) {
	if !r.clean() || r.tip.IsZero() || r.tip == r.tracked {
		return nil, nil
	}
	b.Move(trackingRef(r.ref), r.tracked, r.tip)
	replaced, err := r.rewritten(ctx)
	if err != nil || !replaced {
		return nil, err
	}
	ours, err := s.tip(r.ref)
	if err != nil {
		return nil, err
	}
	name := plumbing.ReferenceName("refs/skein/rescue/" + s.now().UTC().Format("20060102T150405.000Z") + "-" + r.ref.Short())
	b.Move(name, plumbing.ZeroHash, ours)
	return []string{name.String()}, nil
}

// converge makes the branch of this store hold everything that the remote's
// holds, and returns how many events of ours were committed again.
func (r *syncRun) converge(ctx context.Context, b *replica) (replayed int, err error) {
	ours, err := r.s.tip(b.ref)
	if err != nil || b.tip.IsZero() || b.tip == ours {
		return 0, err
	}
	if !b.fresh(b.tip) {
		behind, err := r.s.isAncestor(ctx, b.tip, ours)
		if err != nil || behind {
			return 0, err
		}
	}
	return r.replay(ctx, b.ref, b.tip)
}

// replay puts our events that a commit lacks on top of it: last, those that are
// held back, so that all the others can be pushed without them.
func (r *syncRun) replay(ctx context.Context, ref plumbing.ReferenceName, on plumbing.Hash) (n int, err error) {
	again := &replay{s: r.s, ref: ref, base: on, last: func(g graft) bool { return r.holds.has(g.event.ID) }}
	return again.run(ctx)
}

// pick puts the events of a branch that is not clean on top of ours.
func (s *Store) pick(ctx context.Context, r *replica) (n int, err error) {
	grafts, err := r.grafts()
	if err != nil {
		return 0, err
	}
	return s.graftForeign(ctx, r.ref, grafts)
}

// grafts are the events that came, in the order of in.events.
func (in *inspection) grafts() (all []graft, err error) {
	for _, e := range in.events {
		data, err := in.read(e.hash, plumbing.BlobObject)
		if err != nil {
			return nil, err
		}
		g, err := parseGraft(in.ref, e.leaf, data)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

// pushed notes that the remote has a branch as we have it.
func (s *Store) pushed(ctx context.Context, u remote.Update) error {
	unlock, err := s.db.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	known, err := s.refOrZero(trackingRef(u.Branch))
	if err != nil || known == u.New {
		return err
	}
	b := s.db.NewBatch()
	b.Move(trackingRef(u.Branch), known, u.New)
	return b.Commit()
}

// follow keeps the clock, also of other processes, ahead of what came.
func (s *Store) follow(ctx context.Context, b *replica) error {
	if b.newest.IsZero() {
		return nil
	}
	unlock, err := s.db.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.noteHighWater(b.newest)
	return nil
}
