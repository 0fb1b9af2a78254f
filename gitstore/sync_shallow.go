package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/remote"
)

// A first sync may leave older commits at the remote, and a later one may bring
// them after all. What comes of a branch is looked at in the same way as ever:
// a commit without its parent for all that it holds, and older commits up to
// the one that they belong before.

// ErrHasHistory says that it is too late to leave older commits away.
var ErrHasHistory = errors.New("this store has history of its remote already: only its first sync can leave older commits away")

// checkDepth refuses what cannot be asked of a sync.
func (r *syncRun) checkDepth() error {
	switch {
	case r.o.Depth < 0 || r.o.Depth > int(remote.Whole):
		return fmt.Errorf("a depth of %d is none; give the number of commits, from 1", r.o.Depth)
	case r.o.Depth > 0 && r.o.Unshallow:
		return errors.New("older commits are either left away or brought; give a depth, or ask for all of them")
	}
	known, err := r.s.knowsRemote()
	if err == nil && known && r.o.Depth > 0 {
		err = ErrHasHistory
	}
	return err
}

// knowsRemote tells whether the store has ever had history of a remote.
func (s *Store) knowsRemote() (bool, error) {
	for _, ref := range syncBranches {
		if tracked, err := s.refOrZero(trackingRef(ref)); err != nil || !tracked.IsZero() {
			return true, err
		}
	}
	return false, nil
}

// depth is how much of the history the next fetch is to bring.
func (r *syncRun) depth() (remote.Depth, error) {
	if r.o.Unshallow {
		shallow, err := r.s.Shallow()
		if err != nil || !shallow {
			return 0, err
		}
		return remote.Whole, nil
	}
	known, err := r.s.knowsRemote() // also after an attempt of this sync that was of no use otherwise
	if err != nil || known {
		return 0, err
	}
	return remote.Depth(r.o.Depth), nil
}

// inspectOlder looks at what came from before the commits with which the
// branches began here.
func (r *syncRun) inspectOlder(ctx context.Context, a *arrival, branches []*replica) (err error) {
	if !r.o.Unshallow {
		return nil
	}
	if shallow, err := r.s.Shallow(); err != nil || !shallow {
		if r.report.Older == 0 {
			r.note("there is nothing older to bring: all of the history is here")
		}
		return err
	}
	nothing := r.report.Older == 0
	for _, b := range branches {
		if b.older, err = r.s.inspectOlder(ctx, a, b.ref); err != nil {
			return err
		}
		nothing = nothing && b.older == nil
	}
	if nothing {
		r.note("there is nothing older to bring: the remote lacks it too")
	}
	return nil
}

// inspectOlder is nil if nothing older of the branch came.
func (s *Store) inspectOlder(ctx context.Context, a *arrival, ref plumbing.ReferenceName) (*inspection, error) {
	h, first, err := s.first(ctx, ref)
	if err != nil || !first.cut || slices.Contains(a.shallow, h) {
		return nil, err
	}
	_, raw, err := s.db.Get(h)
	if err != nil {
		return nil, err
	}
	named, err := parseCommit(raw)
	if err != nil {
		return nil, err
	}
	in := newInspection(s, a, ref, ref, named.parent)
	in.until = h
	before, err := in.run(ctx)
	if err != nil {
		return nil, err
	}
	in.commit = h
	if err := in.compare("", before, first.tree); err != nil {
		return nil, err
	}
	if !in.clean() {
		return nil, fmt.Errorf("what is older of branch %s stays at the remote, because it holds what skein refuses (%s)", ref.Short(), in.refused[0])
	}
	if in.base.IsZero() {
		return in, nil
	}
	_, err = s.distance(ctx, in.base, plumbing.ZeroHash) // an earlier attempt has brought it
	return in, err
}

// cutOlder has git and everybody else know, before a ref needs it, at which
// commits of what came the history begins.
func (s *Store) cutOlder(branches []*replica) error {
	var cut []plumbing.Hash
	for _, b := range branches {
		if b.clean() && !b.cutAt.IsZero() {
			cut = append(cut, b.cutAt)
		}
	}
	if len(cut) == 0 {
		return nil
	}
	return s.db.ChangeShallow(func(is []plumbing.Hash) []plumbing.Hash {
		return append(slices.DeleteFunc(is, func(h plumbing.Hash) bool { return slices.Contains(cut, h) }), cut...)
	})
}

// joinOlder has the history go on behind the commits with which it began: what is
// older is here by now.
func (s *Store) joinOlder(branches []*replica) error {
	var joined []plumbing.Hash
	for _, b := range branches {
		if b.older != nil {
			joined = append(joined, b.older.until)
		}
	}
	if len(joined) == 0 {
		return nil
	}
	return s.db.ChangeShallow(func(is []plumbing.Hash) []plumbing.Hash {
		return slices.DeleteFunc(is, func(h plumbing.Hash) bool { return slices.Contains(joined, h) })
	})
}

// cutOff tells whether a branch cannot be pushed because its older commits are
// neither here nor there.
func (r *syncRun) cutOff(ctx context.Context, b *replica) (bool, error) {
	if !b.tip.IsZero() {
		return false, nil
	}
	_, first, err := r.s.first(ctx, b.ref)
	if err == nil && first.cut {
		r.report.Held = append(r.report.Held, fmt.Sprintf("branch %s: nothing is pushed, because its older commits are neither here nor at the remote; push them from a machine that has all of them", b.ref.Short()))
	}
	return first.cut, err
}
