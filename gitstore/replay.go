package gitstore

import (
	"context"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
)

// scratchRef is where a long replay is kept on its way, so that it may be made
// in several batches.
func scratchRef(ref plumbing.ReferenceName) plumbing.ReferenceName {
	return plumbing.ReferenceName("refs/skein/replay/" + ref.Short())
}

// replay puts the events of a branch that another commit lacks on top of that
// commit, and then the branch there. The same branch, the same commit and the
// same choice of what comes last give the same commits.
type replay struct {
	s    *Store
	ref  plumbing.ReferenceName
	last func(graft) bool // it comes after all others
	base plumbing.Hash    // where it has got to
	tip  plumbing.Hash    // of the branch, when rest was made
	rest []graft          // that base lacks
}

// run returns how many events were committed again. Others may post meanwhile:
// what they add comes on top as well. The store's lock is taken for one batch
// at a time.
func (r *replay) run(ctx context.Context) (n int, err error) {
	tip, err := r.s.tip(r.ref)
	if err != nil {
		return 0, err
	}
	if err := r.list(ctx, tip); err != nil {
		return 0, err
	}
	for races := 0; ; {
		done, added, err := r.batch(ctx)
		n += added
		switch {
		case odb.IsRace(err) && races < maxRaces:
			races++
		case err != nil || done:
			return n, err
		}
	}
}

// list finds what is to be put on top.
func (r *replay) list(ctx context.Context, tip plumbing.Hash) (err error) {
	if r.rest, err = r.s.missing(ctx, r.ref, tip, r.base); err != nil {
		return err
	}
	r.tip = tip
	slices.SortStableFunc(r.rest, func(a, b graft) int { return order(r.last(a)) - order(r.last(b)) })
	return nil
}

// order sorts what is not last before what is.
func order(last bool) int {
	if last {
		return 1
	}
	return 0
}

// batch does as much as makes a batch; done tells whether that was all, and
// the branch has moved.
func (r *replay) batch(ctx context.Context) (done bool, n int, err error) {
	unlock, err := r.s.db.Lock(ctx)
	if err != nil {
		return false, 0, err
	}
	defer unlock()
	tip, err := r.s.tip(r.ref)
	if err != nil {
		return false, 0, err
	}
	if tip != r.tip {
		if err := r.list(ctx, tip); err != nil {
			return false, 0, err
		}
	}
	info, err := r.s.commitInfo(r.base)
	if err != nil {
		return false, 0, err
	}
	d, h := r.s.newDraft(), &draftHead{old: tip, tipState: tipState{r.base, info}}
	for n < len(r.rest) && d.batch.Size() < maxGroup {
		if err := d.graft(h, r.rest[n]); err != nil {
			return false, 0, err
		}
		n++
	}
	done = n == len(r.rest)
	if err := r.keep(d, h, done); err != nil {
		return false, 0, err
	}
	r.base, r.rest = h.commit, r.rest[n:]
	return done, n, nil
}

// keep commits a batch: the last one to the branch, others to a ref of their own.
func (r *replay) keep(d *draft, h *draftHead, done bool) (err error) {
	if done {
		d.heads[r.ref] = h
		return d.commit()
	}
	scratch := scratchRef(r.ref)
	if h.old, err = r.s.refOrZero(scratch); err != nil {
		return err
	}
	d.heads[scratch] = h
	return d.commit()
}
