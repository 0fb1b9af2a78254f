package gitstore

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/gofrs/flock"

	"skein/gitstore/index"
)

// buildStep is how many commits a build takes in one transaction: less than a
// second's work.
const buildStep = 20_000

// plan is the states that a build goes through, from the one that it began
// with to what were the tips then.
type plan []index.State

// after returns the state that follows; ok is false if the plan has none.
func (p plan) after(at index.State) (next index.State, ok bool) {
	i := slices.Index(p, at)
	if i < 0 || i+1 == len(p) {
		return next, false
	}
	return p[i+1], true
}

// planned plans the way from one state to another: first the conversation, then
// the receipts.
func (p *projection) planned(ctx context.Context, from, to index.State) (plan, error) {
	all := plan{from}
	at := from
	for _, b := range []struct {
		from, to plumbing.Hash
		part     *[20]byte
	}{{from.Main, to.Main, &at.Main}, {from.Agents, to.Agents, &at.Agents}} {
		stops, err := p.stops(ctx, b.from, b.to)
		if err != nil {
			return nil, err
		}
		for _, commit := range stops {
			*b.part = commit
			all = append(all, at)
		}
	}
	return all, nil
}

// stops returns every p.step-th commit of a branch between two, and the last
// one. If history has been rewritten, so that it does not lead from one
// to the other, that is the only one.
func (p *projection) stops(ctx context.Context, from, to plumbing.Hash) ([]plumbing.Hash, error) {
	if from == to {
		return nil, nil
	}
	past, err := p.s.ancestry()
	if err != nil {
		return nil, err
	}
	var stops []plumbing.Hash
	n := 0
	h := to
	for ; h != from && !h.IsZero(); n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if n%p.step == 0 {
			stops = append(stops, h)
		}
		c, err := past.info(h)
		if err != nil {
			return nil, err
		}
		h = c.parent
	}
	if h != from {
		return stops[:1], nil
	}
	slices.Reverse(stops)
	return stops, nil
}

// stretch takes the index one transaction further on its way to the tips;
// there is true if it was there already. The turn must have been taken.
func (p *projection) stretch(ctx context.Context, x *index.Index) (there bool, err error) {
	v, tips, err := p.look(ctx, x)
	if err != nil {
		return false, err
	}
	at := v.State()
	v.Close()
	if at == tips {
		return true, nil
	}
	next, ok := p.plan.after(at)
	if !ok {
		if p.plan, err = p.planned(ctx, at, tips); err != nil {
			return false, err
		}
		next, _ = p.plan.after(at)
	}
	err = p.update(ctx, x, at, next, 0)
	if errors.Is(err, errGone) {
		// Perhaps a directory of an earlier commit is damaged and that of the
		// tip is not: after the reset go there in one step.
		p.plan = plan{{}, tips}
	}
	p.s.db.ReleasePages()
	return false, err
}

// buildSoon brings the index to the tips in the background, whoever has it
// locked meanwhile.
func (p *projection) buildSoon() {
	if !p.building.CompareAndSwap(false, true) {
		return
	}
	p.s.background.Go(func() {
		defer p.building.Store(false)
		err := p.build(p.life)
		for errors.Is(err, index.ErrBusy) && pause(p.life, busyBuild) == nil {
			err = p.build(p.life)
		}
		switch {
		case err == nil:
			p.giveBack()
		case p.life.Err() == nil:
			p.s.log.Warn("the index could not be built; reading the tree", "err", err)
		}
	})
}

// giveBack returns to the system what answers from the tree and the build have
// taken. Nobody else does if no call follows.
func (p *projection) giveBack() {
	p.s.read.release()
	p.s.db.ReleasePages()
	debug.FreeOSMemory()
}

const (
	busyBuild = 250 * time.Millisecond // how often a build tries that finds the index locked
	maxResets = 2                      // of one build; a disk that damages more is not worth it
)

// lockBuild makes sure that one process builds at a time. It is not held by
// those who catch up with a few messages. unlock is nil if another has it.
func (p *projection) lockBuild() (unlock func(), err error) {
	lock := flock.New(p.dir+".lock", flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, err
	}
	return func() { _ = lock.Close() }, nil // closing the descriptor unlocks
}

// build takes the index to the tips, unless another process is doing so. It is
// index.ErrBusy at once if another process has it locked for something else.
func (p *projection) build(ctx context.Context) error {
	unlock, err := p.lockBuild()
	if err != nil || unlock == nil {
		return err
	}
	defer unlock()
	for resets := 0; ; {
		there, err := p.buildOn(ctx)
		switch {
		case there:
			return nil
		case errors.Is(err, index.ErrMoved):
			err = nil
		case errors.Is(err, index.ErrDamaged) && resets < maxResets:
			resets++
			err = p.reset(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (p *projection) buildOn(ctx context.Context) (there bool, err error) {
	if err := p.takeTurn(ctx); err != nil {
		return false, err
	}
	defer p.endTurn()
	x, err := p.open()
	if err != nil {
		return false, err
	}
	return p.stretch(ctx, x)
}
