package gitstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/gofrs/flock"

	"skein/gitstore/index"
)

// projection keeps a store's index (package index) at the tips of both
// branches. It never fails a call: whatever is wrong with the index, the
// answer comes from the tree. Only readers bring the index up to date, so no
// post waits for it.
//
// A small difference is caught up with inside the call that finds it. A large
// one, such as that of a store which has no index yet, is taken in stretches
// of commits, each a transaction, so that a build which is interrupted goes on
// where it was: in the background where Options.Resident says that the process
// stays, else one stretch a call.
type projection struct {
	s   *Store
	dir string

	most int // files that a call catches up with
	step int // commits that a build takes in one transaction

	mu sync.Mutex
	x  *index.Index // nil: not open

	turn     chan struct{} // holds a token while this process writes the index
	building atomic.Bool   // in the background
	resting  atomic.Int64  // Unix milliseconds until which nobody tries to catch up
	plan     plan          // of a build; guarded by turn
	second   atomic.Bool   // what could not be read was looked at a second time

	life context.Context // of the build in the background
	end  context.CancelFunc
}

func newProjection(s *Store) *projection {
	p := &projection{s: s, dir: filepath.Join(s.db.StateDir(), "index"), most: mostInCall, step: buildStep, turn: make(chan struct{}, 1)}
	if s.opts.Resident {
		p.most = mostInResident
	}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// stop ends a build in the background, which goes on when the store is open
// again. Nothing is done without an index.
func (p *projection) stop() {
	if p != nil {
		p.end()
	}
}

// close lets go of the files, once nobody uses them.
func (p *projection) close() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.x == nil {
		return nil
	}
	return p.x.Close()
}

// open returns the index, which it opens when it is first asked for.
func (p *projection) open() (*index.Index, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.x != nil {
		return p.x, nil
	}
	x, err := index.Open(p.dir, index.Options{Now: p.s.now})
	if err == nil {
		p.x = x
	}
	return x, err
}

// errBehind says that the index is too far behind for a call to wait, and
// errResting that it was locked a moment ago.
var (
	errBehind  = errors.New("the index is behind; it is being built")
	errResting = errors.New("the index was locked a moment ago")
)

// fromIndex lets answer read the index, as it is at the tips or later; ok is
// false if the answer must come from the tree. What answer returns as an error
// is taken for one of the index, unless ctx has ended.
func (s *Store) fromIndex(ctx context.Context, answer func(v *index.View) error) (ok bool, err error) {
	if s.projection == nil {
		return false, nil
	}
	err = s.askIndex(ctx, answer)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return err == nil, nil
}

// askIndex is fromIndex where it counts why the index does not answer.
func (s *Store) askIndex(ctx context.Context, answer func(v *index.View) error) error {
	v, err := s.projection.view(ctx)
	if err == nil {
		if err = answer(v); err == nil {
			err = v.Sound()
		}
		v.Close()
	}
	if err == nil {
		s.read.release()
	} else if ctx.Err() == nil {
		s.projection.failed(ctx, err)
	}
	return err
}

// failed sees to what kept the index from answering.
func (p *projection) failed(ctx context.Context, err error) {
	switch {
	case errors.Is(err, errResting):
		return
	case errors.Is(err, errBehind):
	case errors.Is(err, index.ErrDamaged):
		p.s.log.Info("the index is damaged and is built anew", "err", err)
		if err := p.reset(ctx); err != nil {
			p.s.log.Info("the index cannot be built anew", "err", err)
			return
		}
	default:
		p.s.log.Info("the index cannot be used; reading the tree", "err", err)
		return
	}
	if p.s.opts.Resident {
		p.buildSoon()
	}
}

func (p *projection) reset(ctx context.Context) error {
	if err := p.takeTurn(ctx); err != nil {
		return err
	}
	defer p.endTurn()
	x, err := p.open()
	if err != nil {
		return err
	}
	return x.Reset()
}

func (p *projection) takeTurn(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *projection) endTurn() { <-p.turn }

// view returns the index at the tips, or later.
func (p *projection) view(ctx context.Context) (*index.View, error) {
	x, err := p.open()
	if err != nil {
		return nil, err
	}
	v, tips, err := p.look(ctx, x)
	if err == nil && !p.second.Swap(true) {
		if err = p.s.stillBroken(ctx, v); err != nil {
			v.Close()
		}
	}
	if err != nil || v.State() == tips {
		return v, err
	}
	had := v.State()
	v.Close()
	switch {
	case p.building.Load():
		return nil, errBehind
	case time.Now().UnixMilli() < p.resting.Load():
		return nil, errResting
	}
	v, err = p.inTurn(ctx, x, had, tips)
	if errors.Is(err, errBehind) && !p.s.opts.Resident {
		if err = p.stretchOnce(ctx); err == nil {
			v, err = p.inTurn(ctx, x, had, tips)
		}
	}
	if errors.Is(err, index.ErrBusy) {
		p.resting.Store(time.Now().Add(rest).UnixMilli())
	}
	return v, err
}

// inTurn is advance when it is this call's turn.
func (p *projection) inTurn(ctx context.Context, x *index.Index, had, wanted index.State) (*index.View, error) {
	leave, err := p.awaitTurn(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return p.advance(ctx, x, had, wanted)
}

// awaitTurn waits until it is this call's turn to catch up, among all calls of
// all processes: so each finds what those before it have done, and none does
// the same work beside another. It is index.ErrBusy when that takes too long.
// It polls, since waiting in the kernel cannot be ended.
func (p *projection) awaitTurn(ctx context.Context) (leave func(), err error) {
	ctx, stop := context.WithTimeoutCause(ctx, busyWait, index.ErrBusy)
	defer stop()
	if err := p.takeTurn(ctx); err != nil {
		return nil, err
	}
	lock := flock.New(p.dir+".turn", flock.SetPermissions(0o600))
	for wait := busyPoll; ; wait = min(2*wait, maxBusyPoll) {
		ok, err := lock.TryLock()
		if err == nil && !ok {
			err = pause(ctx, rand.N(wait))
		}
		if err != nil {
			p.endTurn()
			return nil, err
		}
		if ok {
			return func() { _ = lock.Unlock(); p.endTurn() }, nil // closing the descriptor unlocks
		}
	}
}

// stretchOnce brings a build further in a process that does not stay. It is not
// done in turn: a stretch takes a second, and the others need not wait for it.
func (p *projection) stretchOnce(ctx context.Context) error {
	unlock, err := p.lockBuild()
	if err != nil {
		return err
	}
	if unlock == nil {
		return errBehind
	}
	defer unlock()
	_, err = p.buildOn(ctx)
	return err
}

// look returns the index as it is, and the tips. These are looked up last, so
// that they are never behind the index.
func (p *projection) look(ctx context.Context, x *index.Index) (*index.View, index.State, error) {
	v, err := x.View(ctx)
	if err != nil {
		return nil, index.State{}, err
	}
	main, err := p.s.tip(mainRef)
	if err != nil {
		v.Close()
		return nil, index.State{}, err
	}
	agents, err := p.s.tip(agentsRef)
	if err != nil {
		v.Close()
		return nil, index.State{}, err
	}
	return v, index.State{Main: main, Agents: agents}, nil
}

const (
	// busyWait is how long a call waits for others that are catching up, each
	// for some milliseconds: it has to be their turn for all, since walking the
	// tree instead takes the processor from those who would be done.
	busyWait = 2 * time.Second
	// busyPoll is within what time it looks again, maxBusyPoll at the latest.
	busyPoll    = 2 * time.Millisecond
	maxBusyPoll = 8 * time.Millisecond
	// rest is how long nobody tries again where that was in vain.
	rest = time.Second
)

// advance catches up with a small difference and returns the index once it has
// what the wanted tips have. The turn must have been taken; before it, the
// index was at had.
func (p *projection) advance(ctx context.Context, x *index.Index, had, wanted index.State) (*index.View, error) {
	for deadline := time.Now().Add(busyWait); ; {
		v, tips, err := p.look(ctx, x)
		if err != nil || v.State() == tips || p.s.covers(v.State(), had, wanted) {
			return v, err
		}
		at, most := v.State(), p.bound(v)
		v.Close()
		err = p.update(ctx, x, at, tips, most)
		switch {
		case err == nil:
			return x.View(ctx) // wherever it is now, the tips are in it
		case errors.Is(err, index.ErrMoved):
		case errors.Is(err, index.ErrBusy) && time.Now().Before(deadline):
			if err := pause(ctx, maxBusyPoll); err != nil { // of somebody who takes no turns, such as a build
				return nil, err
			}
		default:
			return nil, err
		}
	}
}

// covers tells whether an index that has come from one state to another has all
// that is wanted. Who waited for its turn is served by what the others did
// meanwhile, also if newer commits have come: else each of many processes would
// catch up once for every post.
func (s *Store) covers(state, had, wanted index.State) bool {
	return s.within(state.Main, had.Main, wanted.Main) && s.within(state.Agents, had.Agents, wanted.Agents)
}

// within tells whether a commit is among those behind a tip, down to one that
// is known. One that cannot be read says no: then the index is updated.
func (s *Store) within(tip, known, commit plumbing.Hash) bool {
	for range maxCovered {
		if tip == commit {
			return true
		}
		if tip == known || tip.IsZero() {
			return false
		}
		c, err := s.commitInfo(tip)
		if err != nil {
			return false
		}
		tip = c.parent
	}
	return false
}

// maxCovered is how many commits others may add while a call waits.
const maxCovered = 1 << 10

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A call catches up with as many files as take it less than about a second, if
// it is all that the process does, and less than about 50 ms in one that
// stays; but in both with a sixteenth of what the index holds, because that is
// faster than reading the tree.
const (
	mostInCall     = 20_000
	mostInResident = 1_000
	mostShare      = 16
)

func (p *projection) bound(v *index.View) int {
	return max(p.most, v.Messages()/mostShare)
}
